"""Pages of the market registry's interface, and the pulls that come back incomplete."""

import base64
import binascii
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from simulator.calendar import as_date
from simulator.defects import INCOMPLETE_PULL_EVERY
from simulator.district import District
from simulator.feeds import market_registry

MAX_LIMIT = 5_000
_LACKING_ROWS = 3


class Pull(NamedTuple):
    """All items of one question, each a JSON text."""

    items: pa.Array


class Registry:
    """Answers questions page by page. The first whole pull of every fifth day's changes lacks some rows of its last
    page.
    """

    def __init__(self, district: District) -> None:
        self.district = district
        self._pulled: set[tuple[str, int]] = set()
        self.items = lru_cache(maxsize=3)(self._items)

    def _items(self, kind: str, day: int) -> pa.Array:
        if kind == "entities":
            return market_registry.texts(market_registry.snapshot(self.district, day), market_registry.SNAPSHOT)
        return market_registry.texts(market_registry.changes(self.district, day), market_registry.CHANGES)

    def page(self, kind: str, day: int, limit: int, cursor: str | None) -> str:
        """Return one page as JSON text.

        Raises ValueError for a cursor that this interface did not give out.
        """
        items = self.items(kind, day)
        start = _offset(cursor)
        end = min(start + limit, len(items))
        shown = items.slice(start, end - start)
        if end == len(items) and self._lacks(kind, day):
            shown = shown.slice(0, max(0, len(shown) - _LACKING_ROWS))
        following = "null" if end == len(items) else f'"{_cursor(end)}"'
        body = ", ".join(shown.to_pylist())
        head = f'"business_date": "{as_date(day).isoformat()}", "total": {len(items)}'
        return f'{{{head}, "items": [{body}], "next_cursor": {following}}}'

    def _lacks(self, kind: str, day: int) -> bool:
        """Tell whether this last page belongs to an incomplete pull, and remember that it was given out."""
        first = (kind, day) not in self._pulled
        self._pulled.add((kind, day))
        return first and incomplete_first(self.district, day)


def incomplete_first(district: District, day: int) -> bool:
    """Tell whether the first pull of that day's state or changes lacks rows."""
    return district.rates > 0 and (day - district.first_day) % INCOMPLETE_PULL_EVERY == 2


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
        return int(text.removeprefix("o"))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError("cursor: expected one that this interface gave out as next_cursor") from error
