"""Rows of deliveries for tests of conform; nobody can own the numbers in them."""

from datetime import UTC, date, datetime

import pyarrow as pa

from resumption.conform import Conformation, Origin, conform
from resumption.contracts import FeedContract, load_feed

DAY = date(2020, 2, 25)
KEY = b"a key for tests"
CODE = "91110000600037341L"

Row = dict[str, str | None]


def origin(name: str = "am.csv") -> Origin:
    """Return a delivery of the day."""
    return Origin("d1", DAY, name, datetime(2020, 2, 25, 2, 30, tzinfo=UTC), datetime(2020, 2, 25, 3, tzinfo=UTC))


def strings(rows: list[Row]) -> pa.Table:
    """Return the cells of ``rows`` as strings."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    return pa.table({n: pa.array([row.get(n) for row in rows], pa.string()) for n in names})


def numbered(table: pa.Table) -> pa.Table:
    """Return ``table`` with row numbers from 1."""
    return table.append_column("row_number", pa.array(range(1, table.num_rows + 1), pa.int32()))


def conform_rows(
    feed: str | FeedContract,
    rows: list[Row],
    name: str = "am.csv",
    headers: dict[str, str] | None = None,
    unknown: pa.Table | None = None,
) -> Conformation:
    """Conform ``rows`` as one delivery."""
    contract = load_feed(feed) if isinstance(feed, str) else feed
    return conform(contract, numbered(strings(rows)), origin(name), KEY, headers, unknown)
