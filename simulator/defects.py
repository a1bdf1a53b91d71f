"""Catalogue of what goes wrong with whole files, how often, and what must come of it.

The damage to single cells stands with each feed (`Feed.defects`); this module has the files and the interface. Every
rate is multiplied by the district's `rates`. Beside the chances, one fault that rejects a file and one that does not
come round every day in turn, so that a short run of a small district meets them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.rng import chance

if TYPE_CHECKING:
    from simulator.feeds import Feed

BINARY = frozenset(("xlsx", "xls", "parquet"))
"""Layouts that are no text."""
_TEXTS = frozenset(("csv", "jsonl"))
_ONE_NAME = frozenset(("quarantine_register",))


@dataclass(frozen=True)
class FileDefect:
    """A kind of fault of a file and its rate per file; with rate 0 it stands only in the catalogue.

    `reason` is why the file must be rejected; otherwise `becomes` says what must come of it: accepted, repeat, late
    (accepted for its own day), replaces (an earlier file of the same name), adds (rows to an earlier file), waits
    (nothing happens before its control file comes), voids (rows of an earlier file).
    """

    name: str
    rate: float
    note: str
    reason: str = ""
    becomes: str = "accepted"
    not_for: frozenset[str] = frozenset()
    """Layouts, senders or feeds that cannot have it."""
    only: frozenset[str] = frozenset()

    def suits(self, feed: Feed) -> bool:
        """Tell whether a feed's files can have it."""
        kinds = {feed.name, feed.layout.kind, feed.sender, "alias" if feed.alias[0] else "", "voids" * feed.retracts}
        return not self.not_for & kinds and (not self.only or bool(self.only & kinds))


FILE_DEFECTS = (
    FileDefect("empty", 0.005, "No byte at all.", "EMPTY"),
    FileDefect("header_only", 0.005, "A header and no row.", "HEADER_ONLY", not_for=frozenset(("jsonl",))),
    FileDefect("truncated_rows", 0.005, "Four of ten declared rows are missing.", "TRUNCATED"),
    FileDefect("truncated_line", 0.005, "The last line breaks off in its middle.", "TRUNCATED", not_for=BINARY),
    FileDefect("unreadable", 0.01, "Four of ten bytes are missing.", "UNREADABLE", not_for=_TEXTS),
    FileDefect("wrong_encoding", 0.01, "Another encoding than agreed.", "WRONG_ENCODING", not_for=BINARY),
    FileDefect("broken_bytes", 0.003, "Bytes in the middle that are no character.", "WRONG_ENCODING", not_for=BINARY),
    FileDefect("wrong_sha256", 0.003, "Other bytes than the declared hash says.", "WRONG_SHA256"),
    FileDefect(
        "bad_control", 0.003, "A control file without a hash.", "CONTROL_FILE_INVALID", not_for=frozenset(("module",))
    ),
    FileDefect("missing_column", 0.003, "A required column is left out.", "MISSING_COLUMN"),
    FileDefect("extra_column", 0.003, "A column that the contract does not name."),
    FileDefect("alias", 0.004, "A header by another known name.", only=frozenset(("alias",))),
    FileDefect("reordered", 0.004, "Columns in another order."),
    FileDefect(
        "mixed_newlines", 0.01, "Two kinds of newlines, and a byte order mark where Unicode has one.", not_for=BINARY
    ),
    FileDefect("repeat", 0.03, "The same bytes again under the same name.", becomes="repeat"),
    FileDefect("renamed_repeat", 0.01, "The same bytes again under another name.", becomes="repeat", not_for=_ONE_NAME),
    FileDefect("corrected", 0.01, "Another version under the same name.", becomes="replaces"),
    FileDefect(
        "sequel", 0.01, "A second file with the rows that the first one lacks.", becomes="adds", not_for=_ONE_NAME
    ),
    FileDefect("late", 0.04, "The file comes up to three days late.", becomes="late"),
    FileDefect(
        "missing_ok", 0.01, "The control file does not stand beside it yet.", becomes="waits",
        not_for=frozenset(("module",)),
    ),
    FileDefect("unchanged", 0.0, "The same bytes for another business date: a check says so."),
    FileDefect("undo", 0.0, "A file that takes rows back.", becomes="voids", only=frozenset(("voids",))),
)  # fmt: skip
"""Rates are assumptions; they follow a survey of such feeds (repeats 3 %, renamed 1 %, encodings 2 %, drift 1 % of
days).
"""
REJECTED_AS = {defect.name: defect.reason for defect in FILE_DEFECTS if defect.reason}
"""Faults for which a file must be rejected whole, and the reason to give."""

_TAKING_TURNS = (
    ("enterprise_power", "self_reports", "approvals", "carrier_mobile", "checkins"),
    ("carrier_unicom", "health_codes", "health_declarations", "carrier_telecom", "carrier_wasu"),
    ("household_power", "city_cases", "quarantine_register"),
)
"""Of each group one feed a day has a fault that rejects its file and another one that does not. The order is
such that on the last day shown by default no turn costs a whole feed.
"""
_SPARSE_TURN = {
    "meter_accounts": ("truncated_rows", "alias", "wrong_encoding", "missing_ok", "missing_column", "repeat", "empty"),
    "statistical_scope": ("unreadable", "alias", "header_only", "extra_column"),
}
"""Faults of the weekly and the monthly list, one a delivery."""

INCOMPLETE_PULL_EVERY = 5
"""Every fifth day the registry's first pull of a day lacks rows although `total` counts them; the next pull is
whole.
"""
TOO_MANY_REQUESTS = 0.03
UNAVAILABLE = 0.02
TIMED_OUT = 0.005
"""Rates per request of answers 429, 503 and 504; the same request is never refused twice in a row."""


def turn(feed: Feed, position: int, slots: list[int]) -> dict[int, str]:
    """Return the faults whose turn it is, by slot; `position` counts the feed's days from the start."""
    if not slots:
        return {}
    if feed.name in _SPARSE_TURN:
        return {slots[0]: _SPARSE_TURN[feed.name][position % len(_SPARSE_TURN[feed.name])]}
    group = next((group for group in _TAKING_TURNS if feed.name in group), (feed.name,))
    suitable = [defect for defect in FILE_DEFECTS if defect.rate and defect.suits(feed)]
    chosen: dict[int, str] = {}
    for place, rejecting in enumerate((False, True)):
        turns, member = divmod(position + place * 2, len(group))
        if group[member] == feed.name:
            faults = [defect.name for defect in suitable if bool(defect.reason) == rejecting]
            chosen[slots[(len(slots) // 2 + place + position) % len(slots)]] = faults[(turns + member) % len(faults)]
    return chosen


def drawn(seed: int, feed: Feed, slot: int, day: int, rates: float) -> str:
    """Return the fault that chance gives a file, or nothing."""
    luck = chance(seed, f"file:{feed.name}", slot, day)
    for defect in FILE_DEFECTS:
        rate = defect.rate * rates if defect.suits(feed) else 0.0
        if luck < rate:
            return defect.name
        luck -= rate
    return ""
