"""A table as it was known at a moment: ``python -m resumption.known --table … --day 2020-02-24 --at 2020-02-24T24:00``.

The warehouse is not touched. What counts is which deliveries were known by then; each is judged by the contract and
the rules of today.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from resumption import consolidate
from resumption.contracts import SHANGHAI, table_names
from resumption.settings import SettingError

if TYPE_CHECKING:
    import pyarrow as pa


def moment(text: str) -> datetime:
    """Return a moment; a date alone is its end, a time without an offset is Shanghai's."""
    found = datetime.fromisoformat(text)
    if len(text) <= len("2020-02-24"):
        found += timedelta(days=1)
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table as CSV, or write it to a file."""
    parser = argparse.ArgumentParser(prog="python -m resumption.known", description=__doc__)
    parser.add_argument("--table", required=True, choices=table_names())
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="business date, YYYY-MM-DD")
    parser.add_argument("--at", required=True, type=moment, help="moment, Shanghai time; a date alone is its end")
    parser.add_argument("--clock", choices=("received", "published"), default="received", help="what made it known")
    parser.add_argument("--out", type=Path, help="file that ends in .parquet or .csv; default: CSV on stdout")
    given = parser.parse_args(arguments)
    if given.out and given.out.suffix not in (".parquet", ".csv"):
        parser.error(f"--out: expected a file that ends in .parquet or .csv, got {given.out.name!r}")
    try:
        rows = consolidate.as_known(given.table, given.day, given.at, given.clock)
    except SettingError as error:
        sys.exit(str(error))
    _write(rows, given.out)


def _write(rows: pa.Table, out: Path | None) -> None:
    import pyarrow.parquet as pq

    if out and out.suffix == ".parquet":
        pq.write_table(rows, out)
    else:
        _harmless(rows).to_pandas().to_csv(out or sys.stdout, index=False, quoting=csv.QUOTE_NONNUMERIC)


def _harmless(rows: pa.Table) -> pa.Table:
    """Put an apostrophe before each text that a spreadsheet would take for a formula."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, column in enumerate(rows.columns):
        if pa.types.is_string(column.type):
            shown = pc.replace_substring_regex(column, r"^([=+\-@\t\r])", r"'\1")
            rows = rows.set_column(place, rows.field(place), shown)
    return rows


if __name__ == "__main__":
    main()
