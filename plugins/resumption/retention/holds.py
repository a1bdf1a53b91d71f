"""Legal holds: ``include/retention/holds.yaml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resumption import settings
from resumption.contracts import FeedContract, feed_names, table_names

EXCEPTED = "contract"
"""Stands for the reference of a hold where it is the feed's own contract that spares rows of the lake."""


class HoldError(ValueError):
    """Legal holds that cannot be used; the message names the file and the hold. Nothing is deleted meanwhile."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hold(_Strict):
    """What retention must not delete for a while, who asked for it, and where that was ordered."""

    subject: str
    """A feed, or a table of the warehouse."""
    first: date | None = None
    last: date | None = None
    """Business dates, both included; without them all."""
    delivery: str | None = None
    """Of a feed: this delivery only."""
    reference: str = Field(min_length=3)
    who: str = Field(min_length=3)
    why: str = Field(min_length=3)
    since: date
    until: date
    """The last day of the hold."""

    @model_validator(mode="after")
    def _sound(self) -> Hold:
        if self.subject not in {*feed_names(), *table_names()}:
            raise ValueError(f"hold {self.reference}: there is no feed or table of the name {self.subject}")
        if self.delivery and self.subject not in feed_names():
            raise ValueError(f"hold {self.reference}: a table has no deliveries")
        if self.until < self.since or (self.first and self.last and self.last < self.first):
            raise ValueError(f"hold {self.reference}: expected first days before last ones")
        return self

    def covers(self, business_date: date, delivery_id: str | None = None) -> bool:
        """Whether it holds what belongs to a business date and a delivery."""
        return (
            (self.first is None or self.first <= business_date)
            and (self.last is None or business_date <= self.last)
            and self.delivery in (None, delivery_id)
        )


class _Holds(_Strict):
    holds: tuple[Hold, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> _Holds:
        double = [reference for reference, count in Counter(h.reference for h in self.holds).items() if count > 1]
        if double:
            raise ValueError(f"references stand twice: {', '.join(sorted(double))}")
        return self


def load_holds(path: Path | None = None) -> tuple[Hold, ...]:
    """Return all holds, lapsed ones too.

    Raises:
        HoldError: unreadable, no reference, no end, or of something that does not exist.
    """
    path = path or settings.project_root() / "include" / "retention" / "holds.yaml"
    try:
        return _Holds.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).holds
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise HoldError(f"include/retention/{path.name}: {error}") from error


@dataclass(frozen=True)
class Held:
    """The holds of one feed or table as of a day: those in force, and the references of those that have lapsed."""

    holds: Sequence[Hold] = ()
    lapsed: Sequence[str] = ()

    @classmethod
    def of(cls, subject: str, holds: Iterable[Hold], as_of: date) -> Held:
        """Return those of a subject."""
        mine = [hold for hold in holds if hold.subject == subject]
        return cls(
            [hold for hold in mine if hold.since <= as_of <= hold.until],
            [hold.reference for hold in mine if hold.until < as_of],
        )

    def and_excepted(self, feed: FeedContract, as_of: date) -> Held:
        """Return the same and what the feed's contract spares until its purpose ends, told like a hold."""
        purpose, spared = feed.purpose, feed.purpose.excepted
        end = date.max if purpose.purpose_end == "open" else purpose.purpose_end
        if spared is None or as_of > end:
            return self
        contract = Hold(
            subject=feed.name, first=spared.first, last=spared.last, reference=EXCEPTED, who=feed.owner,
            why=spared.why, since=spared.first, until=end,
        )  # fmt: skip
        return Held([*self.holds, contract], self.lapsed)

    def by(self, business_date: date, delivery_id: str | None = None) -> str | None:
        """Return the reference of a hold that covers it; None: it is not held."""
        return next((h.reference for h in self.holds if h.covers(business_date, delivery_id)), None)

    def told(self, kept: Counter[str]) -> dict[str, int | None]:
        """Return reference → how much it keeps, null where it has lapsed."""
        return {h.reference: kept[h.reference] for h in self.holds} | dict.fromkeys(self.lapsed)
