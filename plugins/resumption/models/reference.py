"""Reference data of the models: files in ``include/reference`` and the working-day calendar."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from typing import TYPE_CHECKING

from resumption import settings
from resumption.models.loader import ModelError

if TYPE_CHECKING:
    import pyarrow as pa


def read_reference(name: str, day: date) -> pa.Table:
    """Return reference ``name``: the calendar up to the end of ``day``'s year, or a CSV file with all columns text.

    Lines that begin with ``#`` name a file's source and date and are left out; an empty cell is null.

    Raises:
        ModelError: there is no such file.
    """
    import pyarrow as pa

    if name == "calendar":
        return _calendar(day)
    path = settings.project_root() / "include" / "reference" / f"{name}.csv"
    if not path.is_file():
        raise ModelError(f"no reference {name!r}: expected {path.name} in include/reference")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    header, *rows = csv.reader(lines)
    columns = {column: [row[i] or None for row in rows] for i, column in enumerate(header)}
    return pa.table(columns, schema=pa.schema([(column, pa.string()) for column in header]))


FIRST_DAY = date(2019, 1, 1)
"""The calendar's first day: no rule looks further back than the year before the emergency."""


def _calendar(day: date) -> pa.Table:
    """Return day and is_working_day (the State Council's holidays and make-up days, package chinesecalendar)."""
    import chinese_calendar
    import pyarrow as pa

    last = date(max(day.year, FIRST_DAY.year), 12, 31)
    days = [FIRST_DAY + timedelta(days=n) for n in range((last - FIRST_DAY).days + 1)]
    working = [bool(chinese_calendar.is_workday(d)) for d in days]
    return pa.table({"day": pa.array(days, pa.date32()), "is_working_day": working})
