"""Catalogue of what goes wrong with whole files, how often, and what must come of it.

The damage to single cells stands with each feed (`Feed.defects`); this module has the files and the interface. Every
rate is multiplied by the district's `rates`. Beside the chances, one fault that rejects a file and one that does not
come round every day in turn, so that a short run of a small district meets them too.
"""

from dataclasses import dataclass

from simulator.rng import chance

REJECTED_AS = {
    "empty": "EMPTY",
    "header_only": "HEADER_ONLY",
    "truncated_rows": "TRUNCATED",
    "truncated_line": "TRUNCATED",
    "wrong_encoding": "WRONG_ENCODING",
    "wrong_sha256": "WRONG_SHA256",
    "missing_column": "MISSING_COLUMN",
    "unreadable": "UNREADABLE",
}
"""Faults for which a file must be rejected whole, and the reason to give."""


@dataclass(frozen=True)
class FileDefect:
    """A kind of fault of a file, its rate per file, and the feeds or layouts that cannot have it."""

    name: str
    rate: float
    not_for: frozenset[str] = frozenset()


_WORKBOOKS = frozenset(("xlsx", "xls"))
_BINARY = _WORKBOOKS | {"parquet"}
_TEXTS = frozenset(("csv", "jsonl"))

FILE_DEFECTS = (
    FileDefect("empty", 0.005),
    FileDefect("header_only", 0.005, frozenset(("jsonl",))),
    FileDefect("truncated_rows", 0.005),
    FileDefect("truncated_line", 0.005, _BINARY),
    FileDefect("unreadable", 0.01, _TEXTS),
    FileDefect("wrong_encoding", 0.01, _BINARY),
    FileDefect("wrong_sha256", 0.003),
    FileDefect("missing_column", 0.003),
    FileDefect("extra_column", 0.003),
    FileDefect("alias", 0.004, frozenset(("jsonl",))),
    FileDefect("reordered", 0.004),
    FileDefect("mixed_newlines", 0.01, _BINARY),
    FileDefect("repeat", 0.03),
    FileDefect("renamed_repeat", 0.01),
    FileDefect("corrected", 0.01),
    FileDefect("sequel", 0.01),
    FileDefect("late", 0.04),
    FileDefect("missing_ok", 0.01, frozenset(("module",))),
)
"""Rates are assumptions; they follow a survey of such feeds (repeats 3 %, renamed 1 %, encodings 2 %, drift 1 % of
days).
"""

_REJECTING_TURN = (
    ("checkins", "truncated_rows"), ("self_reports", "wrong_encoding"), ("enterprise_power", "wrong_sha256"),
    ("carrier_mobile", "missing_column"), ("approvals", "truncated_line"), ("checkins", "empty"),
    ("enterprise_power", "header_only"), ("self_reports", "missing_column"), ("carrier_mobile", "wrong_encoding"),
    ("approvals", "wrong_sha256"), ("checkins", "missing_column"), ("enterprise_power", "truncated_line"),
    ("self_reports", "truncated_rows"), ("carrier_mobile", "empty"), ("approvals", "wrong_encoding"),
    ("checkins", "wrong_encoding"), ("enterprise_power", "empty"), ("self_reports", "wrong_sha256"),
    ("carrier_mobile", "truncated_rows"), ("approvals", "missing_column"), ("checkins", "header_only"),
    ("enterprise_power", "missing_column"), ("self_reports", "truncated_line"), ("carrier_mobile", "wrong_sha256"),
    ("approvals", "empty"), ("checkins", "truncated_line"), ("enterprise_power", "wrong_encoding"),
    ("self_reports", "empty"), ("carrier_mobile", "truncated_line"), ("approvals", "truncated_rows"),
    ("checkins", "wrong_sha256"), ("enterprise_power", "truncated_rows"), ("carrier_mobile", "header_only"),
)  # fmt: skip
_HARMLESS_TURN = (
    ("enterprise_power", "sequel"), ("checkins", "alias"), ("carrier_mobile", "repeat"), ("self_reports", "late"),
    ("approvals", "renamed_repeat"), ("enterprise_power", "missing_ok"), ("checkins", "reordered"),
    ("carrier_mobile", "sequel"), ("self_reports", "extra_column"), ("approvals", "mixed_newlines"),
    ("enterprise_power", "corrected"), ("checkins", "renamed_repeat"), ("carrier_mobile", "late"),
    ("self_reports", "sequel"), ("approvals", "repeat"), ("enterprise_power", "repeat"), ("checkins", "extra_column"),
    ("carrier_mobile", "missing_ok"), ("self_reports", "corrected"), ("approvals", "reordered"),
    ("enterprise_power", "alias"), ("checkins", "mixed_newlines"), ("carrier_mobile", "alias"),
    ("enterprise_power", "late"),
    ("self_reports", "renamed_repeat"), ("approvals", "extra_column"), ("enterprise_power", "extra_column"),
    ("checkins", "late"), ("carrier_mobile", "corrected"), ("enterprise_power", "reordered"),
)  # fmt: skip
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


def turn(feed: str, position: int, slots: list[int]) -> dict[int, str]:
    """Return the faults whose turn it is, by slot; `position` counts the feed's days from the start."""
    if not slots:
        return {}
    if feed in _SPARSE_TURN:
        return {slots[0]: _SPARSE_TURN[feed][position % len(_SPARSE_TURN[feed])]}
    chosen: dict[int, str] = {}
    for place, (whose, fault) in enumerate(
        (_HARMLESS_TURN[position % len(_HARMLESS_TURN)], _REJECTING_TURN[position % len(_REJECTING_TURN)])
    ):
        if whose == feed:
            chosen[slots[(len(slots) // 2 + place + position) % len(slots)]] = fault
    return chosen


def drawn(seed: int, feed: str, kinds: frozenset[str], slot: int, day: int, rates: float) -> str:
    """Return the fault that chance gives a file, or nothing; `kinds` are the feed's layout and transport."""
    luck = chance(seed, f"file:{feed}", slot, day)
    for defect in FILE_DEFECTS:
        rate = 0.0 if defect.not_for & kinds else defect.rate * rates
        if luck < rate:
            return defect.name
        luck -= rate
    return ""
