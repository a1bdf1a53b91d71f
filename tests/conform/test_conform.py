"""A delivery's rows go in, accepted and quarantined rows come out: none is lost, each says what became of it."""

import json
import re
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumption.conform import Conformation, conform
from resumption.contracts import feed_names, load_feed
from tests.conform.rows import CODE, DAY, KEY, Row, conform_rows, origin

CHECKIN: Row = {
    "uscc": CODE,
    "employee_no": "7",
    "phone_token": "15401234567",
    "code_colour": "绿",
    "temperature_c": "36.5",
    "measured_at": "2020-02-25 08:30:00",
    "place": "厂区",
    "symptomatic": "无",
}


def test_a_clean_row_is_accepted_typed_and_unmarked() -> None:
    (row,) = conform_rows("checkins", [CHECKIN]).accepted.to_pylist()
    assert row["code_colour"] == "green"
    assert row["temperature_c"] == 36.5
    assert row["measured_at"] == datetime(2020, 2, 25, 0, 30, tzinfo=UTC)
    assert row["symptomatic"] is False
    assert row["repaired"] == []
    assert re.fullmatch("[0-9a-f]{64}", row["phone_token"])
    assert row["business_date"] == row["delivered_for"] == DAY
    assert "employee_no" not in row


@pytest.mark.parametrize(
    ("column", "sent", "reasons"),
    [
        ("uscc", None, ["USCC_MISSING"]),
        ("uscc", "91110000600037341M", ["USCC_INVALID"]),
        ("phone_token", "154****4567", ["PHONE_MASKED"]),
        ("phone_token", None, ["REQUIRED_MISSING"]),
        ("measured_at", "2.2", ["DATE_AMBIGUOUS"]),
        ("measured_at", "昨天", ["DATE_INVALID"]),
    ],
)
def test_a_bad_key_or_decision_column_quarantines(column: str, sent: str | None, reasons: list[str]) -> None:
    verdict = conform_rows("checkins", [CHECKIN, {**CHECKIN, column: sent}])
    assert verdict.accepted["row_number"].to_pylist() == [1]
    (refused,) = verdict.quarantined.to_pylist()
    assert (refused["row_number"], refused["reasons"]) == (2, reasons)


def test_all_reasons_of_a_row_are_given_sorted() -> None:
    verdict = conform_rows("checkins", [{**CHECKIN, "uscc": "x", "phone_token": "1", "measured_at": "x"}])
    assert verdict.quarantined["reasons"].to_pylist() == [["DATE_INVALID", "PHONE_INVALID", "USCC_INVALID"]]


@pytest.mark.parametrize(
    ("column", "sent", "mark"),
    [
        ("temperature_c", "正常", "temperature_invalid"),
        ("temperature_c", "45.0", "temperature_invalid"),
        ("temperature_c", "36,5", "temperature_reformatted"),
        ("code_colour", "蓝", "code_colour_invalid"),
        ("phone_token", "+8615401234567", "phone_reformatted"),
        ("uscc", "９１１１００００６０００３７３４１Ｌ", "uscc_folded"),
    ],
)
def test_a_repair_or_a_lost_value_is_marked(column: str, sent: str, mark: str) -> None:
    (row,) = conform_rows("checkins", [{**CHECKIN, column: sent}]).accepted.to_pylist()
    assert row["repaired"] == [mark]


def test_a_check_in_without_a_reading_still_tells_where_the_person_was() -> None:
    (row,) = conform_rows("checkins", [{**CHECKIN, "temperature_c": None, "measured_at": None}]).accepted.to_pylist()
    assert (row["place"], row["temperature_c"], row["measured_at"], row["repaired"]) == ("厂区", None, None, [])


def test_a_bad_contact_phone_does_not_throw_away_a_firms_report() -> None:
    report: dict[str, str | None] = {
        "report_id": "r1", "uscc": CODE, "name": "某某有限公司", "staff_total": "10", "staff_onsite": "3",
        "submitted_at": "2020-02-25 09:00:00", "contact_phone_token": "1540",
    }  # fmt: skip
    (row,) = conform_rows("self_reports", [report], "09.jsonl").accepted.to_pylist()
    assert row["contact_phone_token"] is None
    assert row["repaired"] == ["contact_phone_invalid"]


def test_history_rows_go_to_the_partition_of_their_own_day() -> None:
    reading: dict[str, str | None] = {
        "account_no": "1", "point_no": "1", "reading_on": "2020-01-31", "energy": "1.5", "multiplier": "40",
        "read_status": "正常",
    }  # fmt: skip
    (history,) = conform_rows("enterprise_power", [reading], "enterprise_power_history_202001.csv").accepted.to_pylist()
    (daily,) = conform_rows("enterprise_power", [reading], "enterprise_power_20200225.csv").accepted.to_pylist()
    assert (history["business_date"], history["delivered_for"]) == (date(2020, 1, 31), DAY)
    assert daily["business_date"] == DAY


def test_payloads_show_no_identity() -> None:
    row: dict[str, str | None] = {
        "uscc": "990101199001010012", "reg_no": "15401234567", "name": "某某", "status": "?", "address": "某路15号",
        "legal_representative": "欧阳某某", "contact_name": "某先生", "contact_phone_token": "15401234567",
    }  # fmt: skip
    (refused,) = conform_rows("market_registry", [row]).quarantined.to_pylist()
    payload = json.loads(refused["payload"])
    assert payload["legal_representative"] == "欧*"
    assert payload["address"] == "(5 characters)"
    assert "15401234567" not in refused["payload"]
    assert "990101199001010012" not in refused["payload"]


@pytest.mark.parametrize("feed", feed_names())
def test_an_empty_table_and_missing_optional_columns_keep_the_schema(feed: str) -> None:
    contract = load_feed(feed)
    columns = {c.name: pa.array([], pa.string()) for c in contract.required_columns()}
    empty = pa.table({**columns, "row_number": pa.array([], pa.int32())})
    assert conform(contract, empty, origin(), KEY).accepted.schema == contract.lake_schema()


CELLS = st.one_of(
    st.none(),
    st.sampled_from(sorted(filter(None, CHECKIN.values()))),
    st.text(max_size=12),
    st.from_regex(r"\d{1,14}(\.\d)?"),
)


@settings(max_examples=60)
@given(feed=st.sampled_from(feed_names()), data=st.data())
def test_no_row_is_lost_whatever_the_cells_hold(feed: str, data: st.DataObject) -> None:
    names = [c.name for c in load_feed(feed).columns]
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=5))
    verdict = conform_rows(feed, rows)
    seen = verdict.accepted["row_number"].to_pylist() + verdict.quarantined["row_number"].to_pylist()
    assert sorted(seen) == list(range(1, len(rows) + 1))
    assert all(reasons for reasons in verdict.quarantined["reasons"].to_pylist())


@settings(max_examples=30)
@given(order=st.permutations(range(6)))
def test_a_rows_verdict_does_not_depend_on_its_neighbours(order: list[int]) -> None:
    odd: list[Row] = [
        {},
        {"uscc": None},
        {"temperature_c": "365"},
        {"phone_token": "86 15401234567"},
        {"measured_at": "2.1"},
        {"code_colour": ""},
    ]
    rows = [{**CHECKIN, **odd[i]} for i in order]
    together = {tuple(sorted(str(x) for x in r.values())): 1 for r in _verdicts(conform_rows("checkins", rows))}
    alone = {
        tuple(sorted(str(x) for x in r.values())): 1 for row in rows for r in _verdicts(conform_rows("checkins", [row]))
    }
    assert together == alone


def _verdicts(verdict: Conformation) -> list[dict[str, object]]:
    rows = verdict.accepted.to_pylist() + verdict.quarantined.to_pylist()
    return [{k: v for k, v in row.items() if k != "row_number"} for row in rows]
