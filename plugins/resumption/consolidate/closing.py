"""Days that are closed: retention has deleted what their tables were made from, so what is published of them stays."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from resumption import ops
from resumption.contracts import TableContract, load_feed
from resumption.models.reach import reach_of


class ExpiredError(ValueError):
    """A day cannot be built any more; what is published of it stays as long as the tables' own retention says."""


class Closing:
    """From which day on a table can be built with all it looks at."""

    def __init__(self) -> None:
        with ops.engine().connect() as conn:
            before = ops.expired_before(conn)
        self._whole_from = {
            feed: kept_from + timedelta(days=load_feed(feed).purpose.looked_back_days)
            for feed, kept_from in before.items()
        }

    def lost(self, table: TableContract, day: date) -> dict[str, date]:
        """Return feed → first day that can be built, of feeds whose deleted rows the table's ``day`` rests on."""
        return {
            feed: first for feed, first in self._whole_from.items() if day < first and reach_of(table, feed) != "none"
        }

    def require_open(self, tables: Iterable[TableContract], day: date) -> None:
        """Raise ExpiredError where one of the tables cannot be built for ``day``."""
        lost: dict[str, date] = {}
        names = []
        for table in tables:
            found = self.lost(table, day)
            lost |= found
            names += [table.name] if found else []
        if names:
            since = "; ".join(f"{feed}: days from {first} on can be built" for feed, first in sorted(lost.items()))
            raise ExpiredError(
                f"{day}: {', '.join(names)}: retention has deleted rows that they are made from ({since}). Nothing was "
                "built; what is published stays. Ask for tables of later days"
            )
