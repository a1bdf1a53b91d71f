"""The briefing: given published figures, what the page, the file and the workbook show."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from resumption import ops, warehouse
from resumption.briefing.picture import picture
from resumption.contracts import load_table
from resumption.ui import document
from resumption.warehouse import schema

DAY = dt.date(2020, 2, 25)
BUILT = dt.datetime(2020, 2, 26, 2, 3, tzinfo=dt.UTC)
FILLER = {"text": "x", "text[]": [], "bigint": 0, "double precision": 0.0, "boolean": False, "numeric(18,4)": 0}
FILLER |= {"date": DAY, "timestamptz": BUILT}

Client = Callable[..., TestClient]


def fill(conn: sa.Connection, name: str, *rows: dict[str, Any]) -> None:
    contract = load_table(name)
    blank = {column.name: FILLER[column.type] if column.required else None for column in contract.columns}
    conn.execute(schema.mart_table(contract).insert(), [blank | row for row in rows])


def firms(scope: str, denominator: int, resumed: int, **changes: Any) -> dict[str, Any]:
    rates = {"official_rate": resumed / denominator, "corroborated_rate": 0.5, "reporting": denominator}
    return {"scope": scope, "level": "district", "unit": "330108", "denominator": denominator} | {
        "resumed": resumed, "business_date": DAY, **rates, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def day(warehouse_url: str) -> sa.Engine:
    engine = ops.engine(warehouse_url)
    warehouse.create_all(engine)
    with engine.begin() as conn:
        fill(
            conn,
            "resumption_summary",
            firms("statistical", 23000, 21137),
            firms("services", 1024, 993),
            firms("real_estate", 300, 280),
            firms("construction", 3, 2, suppressed=True),
            firms("statistical", 22000, 20200, business_date=DAY - dt.timedelta(days=1)),
        )
        account = {"n": 1000, "n_resumed": 602, "kwh_resumed": 4727, "baseline_kwh": 10000, "index": 53.71}
        fill(conn, "power_index_summary", {"level": "district", "unit": "330108", "coverage": 0.4, **account})
        conn.execute(
            ops.table_build.insert(),
            [{"table_name": "resumption_summary", "business_date": DAY, "inputs": {}, "outcome": "published"}
             | {"rule_versions": "x@1", "rows": 4, "built_at": BUILT, "run_id": "r"}],
        )  # fmt: skip
    return engine


def test_the_latest_built_day_is_shown_in_both_languages(client: Client) -> None:
    chinese, english = (client("viewer", lang).get("/resumption/") for lang in ("zh", "en"))
    assert chinese.status_code == english.status_code == 200
    for text in ("2020-02-25", "91.9%", "23,000"):
        assert text in chinese.text
        assert text in english.text
    assert "统计在库企业复工率" in chinese.text
    assert "Resumption rate, statistical scope" in english.text


def test_what_is_hidden_is_hidden(client: Client) -> None:
    shown = client("viewer", "en").get("/resumption/?date=2020-02-25").text
    (row,) = re.findall(r"<tr><th scope=\"row\">Construction</th>.*?</tr>", shown)
    assert row.count("hidden") >= 4
    assert "66.7%" not in row


def test_a_day_that_was_not_built_has_no_figures(client: Client) -> None:
    shown = client("viewer", "en").get("/resumption/?date=2020-02-20")
    assert shown.status_code == 200
    assert "not consolidated yet" in shown.text
    assert "No figures for this day" in shown.text


def test_a_date_that_is_none_is_refused_in_words(client: Client) -> None:
    answer = client("viewer", "en").get("/resumption/?date=yesterday")
    assert answer.status_code == 422
    assert "A date is written 2020-02-25" in answer.text


def outside(page: str) -> list[str]:
    return [found for found in re.findall(r"(?:https?:)?//[\w.]+", page) if "www.w3.org" not in found]


def test_page_and_file_name_no_outside_address_and_no_script(client: Client, day: sa.Engine) -> None:
    with day.connect() as conn:
        file = document.html(picture(conn, DAY))
    for shown in (client("viewer").get("/resumption/").text, file):
        assert outside(shown) == []
        assert not re.search(r"<script|\sstyle=|@import", shown)
    assert 'lang="zh-CN"' in file
    assert 'lang="en"' in file
    assert "<link" not in file


def test_the_workbook_holds_the_figures_under_heads_in_both_languages(day: sa.Engine) -> None:
    with day.connect() as conn:
        book = load_workbook(io.BytesIO(document.workbook(picture(conn, DAY))))
    rows = [list(row) for row in book["口径"].iter_rows(values_only=True)]
    assert rows[0][:3] == ["口径", "企业数", "已复工"]
    assert rows[1][:3] == ["Scope", "Enterprises", "Resumed"]
    assert rows[2][:3] == ["统计在库企业 Statistical scope", 23000, 21137]
    assert [row[1] for row in rows if row[0] == "建筑业 Construction"] == ["不公开 hidden"]
    assert all(cell.data_type != "f" for sheet in book for line in sheet.iter_rows() for cell in line)
