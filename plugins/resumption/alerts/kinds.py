"""What there is to be alerted to: the kinds, and one problem of a kind."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from resumption.contracts import feed_names, load_feed, load_table, table_names

Severity = Literal["critical", "warning"]


class Kind(StrEnum):
    """Kinds of alerts; each has its runbook, ``docs/runbooks/<kind>.md``."""

    PUBLICATION_STOPPED = "publication_stopped"
    DELIVERY_REJECTED = "delivery_rejected"
    LANDING_FAILED = "landing_failed"
    FEED_MISSING = "feed_missing"
    FEED_STALE = "feed_stale"
    FEED_LATE = "feed_late"
    TABLE_KEPT_BACK = "table_kept_back"
    RUN_FAILED = "run_failed"
    CHECK_FAILED = "check_failed"
    LAYOUT_CHANGED = "layout_changed"
    TOTALS_DIFFER = "totals_differ"
    SILENCE_LAPSED = "silence_lapsed"


WARNINGS = frozenset({Kind.FEED_LATE, Kind.CHECK_FAILED, Kind.LAYOUT_CHANGED, Kind.TOTALS_DIFFER, Kind.SILENCE_LAPSED})
"""Kinds that only warn: what was published stands. The others say that something was not published."""

ABSENT = frozenset({Kind.FEED_MISSING, Kind.FEED_STALE, Kind.FEED_LATE})
"""Kinds that say that a date's data is not there: they follow one another, so one ends silently in the next."""

EXPLAIN_ABSENCE = frozenset({Kind.PUBLICATION_STOPPED, Kind.DELIVERY_REJECTED, Kind.LANDING_FAILED, Kind.FEED_MISSING})
"""Kinds that say why a feed is stale: it is not told a second time that it is."""

OFFICE = "resumption-office-data"
"""Owner of what belongs to no contract: the DAGs that work on all feeds."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong now, as the outcome rows say.

    Attributes:
        subject: feed, table or DAG.
        item: which of the subject's problems of this kind and date: a check, a delivery's name.
        found_at: when the outcome row was written; a later one of the same problem is a repeat.
        said: what was found, without personal values.
        count, of: rows, deliveries or totals against it, and looked at.
        samples: keys to look for: deliveries, row numbers, codes; never an identity.
    """

    kind: Kind
    subject: str
    item: str = ""
    business_date: dt.date | None = None
    run_id: str | None = None
    dag_id: str | None = None
    found_at: dt.datetime | None = None
    said: str = ""
    count: int | None = None
    of: int | None = None
    samples: tuple[str, ...] = ()
    delivery_id: str | None = None
    stops: bool = False
    """Whether a check that failed was critical where it stops nothing."""

    @property
    def key(self) -> str:
        """The same problem has the same key, whoever finds it."""
        return "|".join((self.kind, self.subject, str(self.business_date or ""), self.item))

    @property
    def severity(self) -> Severity:
        """``critical`` where something was not published or could not be, else ``warning``."""
        return "warning" if self.kind in WARNINGS and not self.stops else "critical"


def owner_of(subject: str) -> tuple[str, int]:
    """Return owner and tier of a feed or table as its contract says; of a DAG, the office that runs the pipeline."""
    if subject in feed_names():
        contract = load_feed(subject)
        tiers = [int(tag.removeprefix("tier-")) for tag in contract.tags if tag.startswith("tier-")]
        return contract.owner, min(tiers, default=1)
    if subject in table_names():
        return load_table(subject).owner, 1
    return OFFICE, 1
