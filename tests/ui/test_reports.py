"""The nightly reports: from results of checks to pages that hold nothing personal and need nothing from anywhere."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from resumption import checks, ops, settings
from resumption.ui.report_files import limits, write_reports

Client = Callable[..., TestClient]
DAY = dt.date(2020, 2, 25)
NOON = dt.datetime(2020, 2, 26, 4, tzinfo=dt.UTC)
PERSONAL = ("张三丰", "15400001234", "001234199001011234", "00123419900101123X")


def result(check: checks.Check, **changes: Any) -> Any:
    """A row of ``ops.check_result`` as a suite's check leaves it."""
    row = {
        "check_id": check.check_id, "suite": "checkins", "expectation": check.expectation,
        "column_name": check.column, "severity": check.severity, "outcome": "pass", "observed_value": "36.5",
        "unexpected_count": None, "element_count": None, "run_id": "r", "checked_at": NOON,
    }  # fmt: skip
    return row | changes


def check(kind: str, column: str) -> checks.Check:
    return next(c for c in checks.load_suite("checkins").checks if c.expectation == kind and c.column == column)


MEDIAN = check("expect_column_median_to_be_between", "temperature_c")
PLACE = check("expect_column_values_to_be_in_set", "place")


@pytest.fixture
def folder(warehouse: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPORTS_URL", str(tmp_path / "reports"))
    with warehouse.begin() as conn:
        conn.execute(sa.text("truncate ops.check_result"))
    return tmp_path / "reports"


def record(warehouse: sa.Engine, *rows: Any, subject: str = "checkins", day: dt.date = DAY) -> None:
    with warehouse.begin() as conn:
        ops.replace_checks(conn, subject, day, rows)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_day_is_an_index_and_a_page_for_each_subject(warehouse: sa.Engine, folder: Path) -> None:
    record(warehouse, result(MEDIAN, outcome="fail", observed_value="37.42"))
    record(warehouse, result(PLACE, suite="x"), subject="resumption_summary")
    assert write_reports() == {"days": 1, "written": 1, "removed": 0}
    made = files(folder)
    assert set(made) == {"index.html", *(f"{DAY}/{name}.html" for name in ("index", "checkins", "resumption_summary"))}
    page = made[f"{DAY}/checkins.html"].decode()
    for said in ("中位数在范围内", "median within bounds", "temperature_c", "37.42", "≥ 36.0; ≤ 37.0", "未通过",
                 "failed", "half of healthy people", "警告", "warning"):  # fmt: skip
        assert said in page, said
    assert '<span class="badge warn">1</span>' in made["index.html"].decode()


@pytest.mark.parametrize("subject", sorted(path.stem for path in settings.project_root().glob("expectations/*.json")))
def test_every_check_of_every_suite_can_be_told(warehouse: sa.Engine, folder: Path, subject: str) -> None:
    record(warehouse, *map(result, checks.load_suite(subject).checks), subject=subject)
    write_reports()
    assert files(folder)[f"{DAY}/{subject}.html"].count(b"<tr><td>") == 2 * len(checks.load_suite(subject).checks)


def test_pages_need_nothing_from_anywhere_and_lead_to_one_another(warehouse: sa.Engine, folder: Path) -> None:
    record(warehouse, result(MEDIAN), result(PLACE))
    write_reports()
    for name, content in files(folder).items():
        page = content.decode()
        assert not re.search(r"https?:|src=|<script|@import|url\(", page), name
        links = re.findall(r'href="([^"]+)"', page)
        assert links, name
        assert [link for link in links if not (folder / name).parent.joinpath(link).resolve().is_file()] == [], name


@pytest.mark.parametrize("column", ["observed_value", "check_id", "expectation", "column_name", "suite"])
@pytest.mark.parametrize("value", PERSONAL)
def test_a_personal_value_in_a_result_never_reaches_a_report(
    warehouse: sa.Engine, folder: Path, column: str, value: str
) -> None:
    record(warehouse, result(MEDIAN, **{column: f"of {value}"}))
    write_reports()
    page = files(folder)[f"{DAY}/checkins.html"].decode()
    assert value not in page
    assert "（已略去）" in page


def test_written_again_only_where_results_changed(warehouse: sa.Engine, folder: Path) -> None:
    record(warehouse, result(MEDIAN))
    record(warehouse, result(MEDIAN), day=DAY - dt.timedelta(days=1))
    write_reports()
    before = files(folder)
    assert write_reports() == {"days": 2, "written": 0, "removed": 0}
    assert files(folder) == before
    record(warehouse, result(MEDIAN, outcome="fail", checked_at=NOON + dt.timedelta(hours=1)))
    assert write_reports()["written"] == 1
    record(warehouse, result(MEDIAN, checked_at=NOON))
    record(warehouse, result(MEDIAN))
    write_reports()
    assert files(folder) == before


def test_a_report_goes_with_its_results(warehouse: sa.Engine, folder: Path) -> None:
    record(warehouse, result(MEDIAN))
    record(warehouse, result(PLACE), subject="resumption_summary")
    record(warehouse, result(MEDIAN), day=DAY - dt.timedelta(days=1))
    write_reports()
    record(warehouse, subject="resumption_summary")
    record(warehouse, day=DAY - dt.timedelta(days=1))
    assert write_reports() == {"days": 1, "written": 1, "removed": 1}
    assert set(files(folder)) == {"index.html", f"{DAY}/index.html", f"{DAY}/checkins.html"}


def test_what_is_silenced_says_until_when_and_why(
    warehouse: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = checks.Suppression("grid-company/17", DAY, "codes are missing")
    known = checks.Check(MEDIAN.expectation, MEDIAN.kwargs, "warning", MEDIAN.meta, silent)
    suite = checks.Suite("checkins", (known,), {}, Path("checkins.json"))
    monkeypatch.setattr("resumption.ui.report_files.load_suite", lambda subject: suite)
    record(warehouse, result(known, severity="info", outcome="fail"))
    record(warehouse, result(known, outcome="fail"), day=DAY + dt.timedelta(days=1))
    write_reports()
    pages = files(folder)
    assert (
        "known as grid-company/17, silent until 2020-02-25: codes are missing" in pages[f"{DAY}/checkins.html"].decode()
    )
    assert b"grid-company" not in pages[f"{DAY + dt.timedelta(days=1)}/checkins.html"]


def test_every_check_of_every_suite_says_what_it_asks_for() -> None:
    for subject in checks.suite_names():
        for asked in checks.load_suite(subject).checks:
            assert "{" not in limits("en", asked).replace(str(asked.kwargs.get("regex")), ""), asked.check_id
    usual = {"$PARAMETER": "usual_rows", "times": 0.5, "plus": -20, "default": 0}
    asked = checks.Check("expect_table_row_count_to_be_between", {"min_value": usual, "mostly": 0.98}, "warning", {})
    assert limits("en", asked) == "≥ usual_rows × 0.5 − 20; at least 98% of the rows"


def test_the_pages_are_served_to_who_may_see_the_board(warehouse: sa.Engine, folder: Path, client: Client) -> None:
    record(warehouse, result(MEDIAN))
    missing = client("viewer", "en").get(f"/resumption/reports/{DAY}/")
    assert (missing.status_code, "at night" in missing.text) == (404, True)
    write_reports()
    for path, name in (("", "index"), ("index.html", "index"), (f"{DAY}/", f"{DAY}/index"),
                       (f"{DAY}/checkins.html", f"{DAY}/checkins")):  # fmt: skip
        answer = client("viewer").get(f"/resumption/reports/{path}")
        assert answer.content == (folder / f"{name}.html").read_bytes()
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client(None).get(f"/resumption/reports/{path}").status_code == 401
        assert client("nobody").get(f"/resumption/reports/{path}").status_code == 403


@pytest.mark.parametrize(
    "path",
    ["../secret", "..%2Fsecret", f"{DAY}/../../secret", f"{DAY}/..%2F..%2Fsecret", f"{DAY}/....html",
     f"{DAY}/%2e%2e%2fx", "%2Fetc%2Fpasswd", f"{DAY}/checkins.html%00", "2020-02-99/"],
)  # fmt: skip
def test_nothing_else_is_served(warehouse: sa.Engine, folder: Path, client: Client, path: str) -> None:
    record(warehouse, result(MEDIAN))
    write_reports()
    secret = secrets.token_hex()
    for outside in (folder.parent / "secret.html", folder.parent / "secret", folder / "secret"):
        outside.write_text(secret)
    answer = client().get(f"/resumption/reports/{path}")
    assert answer.status_code in (404, 422)
    assert secret not in answer.text


def test_a_feeds_day_leads_to_its_report(warehouse: sa.Engine, folder: Path, client: Client) -> None:
    from resumption import warehouse as marts

    marts.create_all(warehouse)
    assert f"/resumption/reports/{DAY}/checkins.html" in client().get(f"/resumption/board/checkins/{DAY}").text


def test_a_report_that_fails_changes_nothing(warehouse: sa.Engine, folder: Path) -> None:
    record(warehouse, result(MEDIAN))
    folder.write_text("a file where a folder should be")

    def everything() -> list[Any]:
        with warehouse.connect() as conn:
            return [conn.execute(sa.select(table)).all() for table in ops.metadata.sorted_tables]

    before = everything()
    with pytest.raises(OSError, match="reports"):
        write_reports()
    assert everything() == before
