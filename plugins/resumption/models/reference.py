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
    """Return day, is_working_day and is_public_holiday (a day off by the State Council's notice, no plain weekend).

    Source: package chinesecalendar, which holds the notices.
    """
    import chinese_calendar
    import pyarrow as pa

    last = date(max(day.year, FIRST_DAY.year), 12, 31)
    days = [FIRST_DAY + timedelta(days=n) for n in range((last - FIRST_DAY).days + 1)]
    working = [bool(chinese_calendar.is_workday(d)) for d in days]
    named = [chinese_calendar.get_holiday_detail(d) for d in days]
    holiday = [bool(is_off and name) for is_off, name in named]
    return pa.table({"day": pa.array(days, pa.date32()), "is_working_day": working, "is_public_holiday": holiday})
