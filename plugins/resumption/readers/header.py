"""From the header cells of a delivery to the columns of the contract."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resumption.contracts.reasons import FileReason
from resumption.readers.result import FileRejected

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_HINT = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_LONG_NUMBER = re.compile(r"\d{5,}")


@dataclass(frozen=True)
class HeaderMatch:
    """Which header cell carries which contract column: lake-side name → position, in the delivery's order."""

    positions: dict[str, int]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    unknown_positions: tuple[int, ...]
    fingerprint: str


def normalise(cell: str) -> str:
    """Return a header cell as it is compared: full-width folded, blanks out, case ignored."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", cell)).casefold()


def without_hints(cell: str) -> str:
    """Return a normalised header cell without what stands in brackets: ``是否接触(0是1否)`` → ``是否接触``."""
    return _HINT.sub("", cell)


def match_header(cells: Sequence[str], contract: FeedContract) -> HeaderMatch:
    """Match header cells with the contract: by the sender's name or an alias, then without hints in brackets.

    A column that stands there twice counts once; the second is unknown.
    """
    names = {
        normalise(alias): column.name
        for column in contract.columns
        for alias in (column.source_name, *column.conform.aliases)
    }
    plain = [normalise(cell) for cell in cells]
    found: dict[str, int] = {}
    for spelling in (plain, [without_hints(cell) for cell in plain]):
        for position, cell in enumerate(spelling):
            name = names.get(cell)
            if name is not None and name not in found and position not in found.values():
                found[name] = position
    taken = set(found.values())
    unknown = tuple(i for i, cell in enumerate(plain) if cell and i not in taken)
    return HeaderMatch(
        positions=dict(sorted(found.items(), key=lambda item: item[1])),
        missing=tuple(c.source_name for c in contract.columns if c.name not in found and not c.conform.optional),
        unknown=tuple(_presentable(cells[i]) for i in unknown),
        unknown_positions=unknown,
        fingerprint=hashlib.sha256("\n".join(sorted(filter(None, plain))).encode()).hexdigest()[:16],
    )


def require_columns(match: HeaderMatch) -> HeaderMatch:
    """Return ``match`` if no required column is missing.

    Raises:
        FileRejected: MISSING_COLUMN, naming the columns. What stands in their place is not repeated: in a file without
            a header it is a person's row.
    """
    if match.missing:
        raise FileRejected(
            FileReason.MISSING_COLUMN,
            f"expected the columns {', '.join(match.missing)}; the header has {len(match.positions)} columns of the "
            f"contract and {len(match.unknown)} others. Renamed by the sender? Add an alias to the contract",
        )
    return match


def refuse_unknown(match: HeaderMatch, contract: FeedContract) -> None:
    """Refuse a delivery with unknown columns where the contract's drift policy is ``freeze``.

    Raises:
        FileRejected: SCHEMA_FROZEN, naming the columns.
    """
    if match.unknown and contract.drift.columns == "freeze":
        raise FileRejected(
            FileReason.SCHEMA_FROZEN,
            f"expected the contract's columns only; also got {', '.join(match.unknown)}. Meant so by the sender? Name "
            "them in the contract",
        )


def _presentable(cell: str) -> str:
    """Return a header cell fit for a log: short, and without numbers that might be somebody's."""
    return _LONG_NUMBER.sub("#", " ".join(cell.split()))[:60]
