"""Work lists: who sees which rows, in which order, and what an export leaves behind."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from resumption import ops, warehouse
from resumption.contracts import load_table
from resumption.ui import access, texts
from resumption.ui.guard import csrf_token
from resumption.ui.queries.lists import LISTS, Source, Wanted
from resumption.ui.workbook import Sheet, workbook
from resumption.warehouse import mart_table, roles

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, 2, tzinfo=dt.UTC)
OURS, THEIRS = "330108001001", "330108002002"
FIRM, OTHER = "91330108Y00000001A", "91330108Y00000002B"
PERSON, STRANGER = "a1" * 32, "b2" * 32

MEMBERS = {
    "zhang": ("community_worker", OURS, None),
    "li": ("enterprise_officer", None, FIRM),
    "wang": ("economy_bureau", None, None),
}


def put(conn: sa.Connection, table: str, **values: Any) -> None:
    """Insert a row; what is not given is filled in by its type."""
    target = mart_table(load_table(table))
    plain: dict[str, Any] = {
        "TEXT": "x", "BOOLEAN": False, "BIGINT": 0, "DOUBLE PRECISION": 0.5, "DATE": DAY, "DOUBLE_PRECISION": 0.5,
    }  # fmt: skip
    row = {}
    for column in target.columns:
        if column.name in values or column.nullable:
            row[column.name] = values.get(column.name)
        elif isinstance(column.type, sa.ARRAY):
            row[column.name] = []
        else:
            row[column.name] = NOW if isinstance(column.type, sa.DateTime) else plain[str(column.type)]
    conn.execute(target.insert().values(row))


def home(conn: sa.Connection, meter: str, community: str, action: str, confidence: float = 1.0) -> None:
    put(
        conn, "household_power_screening", meter_token=meter, community_code=community, scenario="RETURNED",
        suggested_action=action, confidence=confidence, baseline_kwh=7.25,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def marts(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = ops.engine(warehouse_url)
    warehouse.create_all(engine)
    access._engine.cache_clear()
    with engine.begin() as conn:
        for login, (role, community, uscc) in MEMBERS.items():
            conn.execute(
                roles.member_table.insert().values(login=login, role=role, community_code=community, uscc=uscc)
            )
        for meter, community, action in (
            ("OURS-CHECK", OURS, "check"), ("OURS-VISIT", OURS, "visit"), ("OURS-NONE", OURS, "none"),
            ("THEIRS-VISIT", THEIRS, "visit"),
        ):  # fmt: skip
            home(conn, meter, community, action)
        for person, uscc, decision in ((PERSON, FIRM, "check"), (STRANGER, OTHER, "do_not_admit")):
            put(
                conn, "employee_screening", person_token=person, phone_token="f" * 64, uscc=uscc, decision=decision,
                max_temperature_c=36.87, reasons=["symptoms"],
            )  # fmt: skip
        for person, community in ((PERSON, OURS), (STRANGER, THEIRS), ("c3" * 32, None)):
            put(
                conn, "returnee_screening", person_token=person, community_code=community, key_level="high",
                state="open", uscc=FIRM, origins=["420100"],
            )  # fmt: skip
        put(conn, "enterprise", uscc=FIRM, name='=HYPERLINK("http://x")', subdistrict_code="330108002")
        put(conn, "approval_reference", application_id="AP-1", uscc=FIRM, advice="hold")
        for case, reason, due, closed in (
            ("1", "NO_DATA", 26, None), ("2", "UNAPPROVED_RESUMPTION", 27, None),
            ("3", "UNAPPROVED_RESUMPTION", 26, None),
            ("4", "UNAPPROVED_RESUMPTION", 20, DAY),
        ):  # fmt: skip
            put(
                conn, "enterprise_followup", case_id=f"case-{case}", uscc=FIRM, reason=reason, owner_unit="330108002",
                due_on=dt.date(2020, 2, due), closed_on=closed, evidence=f"evidence {case}", evidence_zh=f"依据{case}",
            )  # fmt: skip
    yield engine
    access.engine().dispose()


Browser = Callable[..., TestClient]


@pytest.fixture
def browse(client: Any, users: dict[str, Any]) -> Browser:
    """``browse("li")`` is that login's browser; Airflow lets it export."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def made(login: str, lang: str = "zh") -> TestClient:
        users[login] = SimpleAuthManagerUser(username=login, role="viewer")
        return client(login, lang=lang)

    return made


def log(engine: sa.Engine, login: str) -> list[tuple[Any, ...]]:
    c = ops.access_log.c
    with engine.connect() as conn:
        query = sa.select(c.what, c.purpose, c.found).where(c.accessed_by == login).order_by(c.access_id)
        return [tuple(row) for row in conn.execute(query)]


@pytest.mark.parametrize("name", LISTS)
def test_an_analyst_sees_no_list(browse: Browser, name: str) -> None:
    answer = browse("somebody", "en").get(f"/resumption/lists/{name}")
    assert answer.status_code == 403
    assert "Your role (analyst) may not see this list" in answer.text
    assert not any(secret in answer.text for secret in ("OURS", "THEIRS", PERSON[:12], FIRM))


@pytest.mark.parametrize("name", [name for name, one in LISTS.items() if one.personal])
def test_persons_are_for_neither_the_economy_bureau_nor_operators(client: Any, browse: Browser, name: str) -> None:
    assert browse("wang").get(f"/resumption/lists/{name}").status_code == 403
    assert client("admin").get(f"/resumption/lists/{name}").status_code == 403


def test_a_community_worker_sees_the_own_community_the_most_urgent_first(browse: Browser, marts: sa.Engine) -> None:
    shown = browse("zhang").get("/resumption/lists/households").text
    assert shown.index("OURS-VISIT") < shown.index("OURS-CHECK")
    assert "OURS-NONE" not in shown
    assert "THEIRS" not in shown
    assert THEIRS not in shown
    assert "7.25" not in shown, "readings stay out of the list"
    asked = browse("zhang").get(f"/resumption/lists/households?community_code={THEIRS}").text
    assert "THEIRS" not in asked
    assert log(marts, "zhang")[0] == ("mart_v1.household_power_screening", "work list households, page 1", 2)


def test_a_community_worker_sees_the_returnees_whom_its_register_names(browse: Browser, marts: sa.Engine) -> None:
    shown = browse("zhang").get("/resumption/lists/returnees").text
    assert PERSON[:12] in shown
    assert STRANGER[:12] not in shown
    assert "c3c3" not in shown, "no register names them"
    assert "420100" not in shown, "where they were is not told"
    assert FIRM not in shown
    assert log(marts, "zhang")[-1] == ("mart_v1.returnee_screening", "work list returnees, page 1", 1)


def test_what_is_left_out_can_be_asked_for(browse: Browser) -> None:
    assert "OURS-NONE" in browse("zhang").get("/resumption/lists/households?suggested_action=all").text
    only = browse("zhang").get("/resumption/lists/households?suggested_action=none").text
    assert "OURS-NONE" in only
    assert "OURS-VISIT" not in only


def test_an_officer_sees_the_own_staff_and_a_band_of_the_temperature(browse: Browser) -> None:
    shown = browse("li").get("/resumption/lists/employees").text
    assert PERSON[:12] in shown
    assert PERSON not in shown, "a token is told by its first digits"
    assert STRANGER[:12] not in shown
    assert "36.87" not in shown
    assert "37.3 及以下" in shown


def test_follow_up_comes_by_reason_then_by_due_day_with_the_firms_name(browse: Browser) -> None:
    shown = browse("wang").get("/resumption/lists/follow_up").text
    assert shown.index("依据3") < shown.index("依据2") < shown.index("依据1")
    assert "依据4" not in shown, "closed"
    assert "=HYPERLINK(&#34;http://x&#34;)" in shown
    assert "长河街道" in shown
    assert "evidence 3" in browse("wang", "en").get("/resumption/lists/follow_up").text
    filtered = browse("wang").get("/resumption/lists/follow_up?reason=NO_DATA").text
    assert "依据1" in filtered
    assert "依据2" not in filtered


def test_applications_are_chosen_by_the_firms_subdistrict(browse: Browser) -> None:
    assert "AP-1" in browse("wang").get("/resumption/lists/approvals?subdistrict_code=330108002").text
    assert "AP-1" not in browse("wang").get("/resumption/lists/approvals?subdistrict_code=330108001").text


def export(browser: TestClient, login: str, name: str, **fields: str) -> Any:
    fields = {"purpose": "入户核实", "csrf_token": csrf_token(login)} | fields
    return browser.post(f"/resumption/export/{name}.xlsx", data=fields)


def test_an_export_holds_the_rows_of_the_page_under_chinese_heads(browse: Browser, marts: sa.Engine) -> None:
    from openpyxl import load_workbook

    answer = export(browse("wang"), "wang", "follow_up")
    assert answer.headers["content-disposition"] == 'attachment; filename="follow_up_2020-02-25.xlsx"'
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert sheet.freeze_panes == "A2"
    heads, *found = list(sheet.iter_rows(values_only=True))
    assert heads[:4] == ("跟进事由", "统一社会信用代码", "企业名称", "责任单位")
    assert [row[heads.index("依据（中文）")] for row in found] == ["依据3", "依据2", "依据1"]
    name = sheet.cell(2, 3)
    assert name.data_type == "s", "text, not a formula"
    assert name.value == '=HYPERLINK("http://x")'
    assert log(marts, "wang") == [("mart_v1.enterprise_followup, exported", "入户核实", 3)]


def test_an_export_says_what_for(browse: Browser, marts: sa.Engine) -> None:
    before = log(marts, "zhang")
    assert export(browse("zhang"), "zhang", "households", purpose=" ").status_code == 422
    assert export(browse("zhang"), "zhang", "households", csrf_token="forged").status_code == 403
    assert export(browse("zhang"), "zhang", "employees").status_code == 403
    assert log(marts, "zhang") == before


@pytest.mark.parametrize("login", ["somebody", "zhang", "li", "wang"])
def test_nobody_exports_what_the_role_may_not_read(browse: Browser, marts: sa.Engine, login: str) -> None:
    role = MEMBERS.get(login, ("analyst",))[0]
    closed = [name for name, one in LISTS.items() if not roles.columns(role, one.view)]  # type: ignore[arg-type]
    assert len(closed) >= 2
    before = log(marts, login)
    assert {export(browse(login), login, name).status_code for name in closed} == {403}
    assert log(marts, login) == before


def test_no_row_leaves_without_its_line_in_the_log(browse: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(ops, "record_access", broken)
    assert export(browse("zhang"), "zhang", "households").status_code == 500
    assert browse("zhang").get("/resumption/lists/households").status_code == 500


def test_the_entry_leads_to_the_first_list_of_the_role(browse: Browser) -> None:
    assert browse("zhang").get("/resumption/lists").headers["location"] == "/resumption/lists/households"


def test_pages_together_hold_every_row_once(marts: sa.Engine) -> None:
    source = Source(LISTS["follow_up"], roles.Member("wang", "economy_bureau"))
    visitor = access.Visitor("wang", "wang", may_decide=False)
    with access.connection(visitor, purpose="test") as conn:
        wanted = Wanted(values={"open": "all"})
        pages = [source.found(conn, wanted, "zh", 1, place) for place in range(4)]
    assert {page.total for page in pages} == {4}
    found = [row["evidence_zh"] for page in pages for row in page.rows]
    assert sorted(found) == ["依据1", "依据2", "依据3", "依据4"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_text_becomes_a_formula(text: str) -> None:
    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(workbook(Sheet("表", [["列"]], [[text]])))).active
    assert sheet is not None
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].quotePrefix


def test_every_list_and_filter_has_its_words() -> None:
    for name, one in LISTS.items():
        keys = [name, f"about_{name}", *(f"filter_{column}" for column in one.filters)]
        assert [key for key in keys if not texts.has(f"lists.{key}")] == []
    assert all(texts.has(f"lists.role_{role}") for role in roles.READERS)
