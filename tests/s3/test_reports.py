"""The nightly reports in an object store, as the pages serve them from there."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from resumption import ops, settings
from resumption.ui import reports
from resumption.ui.access import Visitor
from resumption.ui.errors import PageError
from resumption.ui.report_files import write_reports

DAY = dt.date(2020, 2, 25)
VISITOR = Visitor("viewer-1", "viewer", may_decide=False)


def test_reports_are_written_served_and_removed(
    warehouse: sa.Engine, in_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTS_URL", f"{in_store}/reports")
    with warehouse.begin() as conn:
        ops.replace_checks(conn, "resolve", DAY, [ops.own_check("ABSENT_FROM_SNAPSHOT", 3, 3, None)])
    assert write_reports() == {"days": 1, "written": 1, "removed": 0}
    assert write_reports() == {"days": 1, "written": 0, "removed": 0}
    assert "entities missing from the full list" in bytes(reports.report(VISITOR, DAY, "resolve").body).decode()
    assert str(DAY) in bytes(reports.days(VISITOR).body).decode()
    with warehouse.begin() as conn:
        ops.replace_checks(conn, "resolve", DAY, [])
    assert write_reports() == {"days": 0, "written": 0, "removed": 1}
    with pytest.raises(PageError):
        reports.report(VISITOR, DAY, "resolve")
    assert [path.name for path in settings.reports_path().iterdir()] == ["index.html"]
