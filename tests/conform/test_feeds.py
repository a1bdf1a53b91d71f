"""What the contracts of persons, homes and cities make of a row, and what must never be made of it."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from resumption.conform import Conformation, conform
from resumption.contracts import load_feed
from resumption.contracts.feed import DriftSpec
from resumption.contracts.lake_schema import IDENTITIES
from tests.conform.rows import CODE, KEY, Row, conform_rows, numbered, origin, strings

CARD = "99010819850412123" + str(ric.calc_check_digit("990108198504121230"))
PHONE = "15401234567"
DECLARATION: Row = {
    "uscc": CODE, "person_name": "某某某", "id_type": "身份证", "person_token": CARD, "phone_token": PHONE,
    "home_place": "某省某市", "address": "杭州市滨江区长河街道江一社区某小区", "arrival_mode": "火车",
    "transport_no": "G1234", "route_region_codes": "湖北省武汉市、信阳",
    "returned_on": "2020-02-17", "had_contact": "否", "symptomatic": "无",
    "declared_at": "2020-02-25 08:30:00",
}  # fmt: skip
CHANGE: Row = {
    "id_type": "身份证", "person_token": CARD, "phone_token": PHONE, "colour": "green", "reason": "",
    "since_at": "2020-02-17T08:00:00", "updated_at": "2020-02-25T08:30:00+08:00",
}  # fmt: skip
UNICOM: Row = {
    "phone_token": PHONE, "region_code": "420100", "visit_begin_at": "2020-02-10 08:00",
    "visit_end_at": "2020-02-12 08:00", "returned_at": "2020-02-12 12:00", "dwell_hours": "48",
}  # fmt: skip
TELECOM: Row = {
    **UNICOM, "region_code": "武汉", "visit_begin_at": "20200210080000", "visit_end_at": "20200212080000",
    "returned_at": "20200212120000",
}  # fmt: skip
WASU: Row = {
    "account_token": "HZ0012345", "phone_token": PHONE, "address": "长河街道江一社区某小区", "region_code": "湖北武汉",
    "visit_begin_at": "2020-02-10", "visit_end_at": "2020-02-12",
}  # fmt: skip
READING: Row = {
    "meter_token": "m1", "community_code": "330108001001", "building": "1幢", "reading_on": "2020-02-25",
    "energy": "5.21", "quality": "ok",
}  # fmt: skip
WATCHED: Row = {
    "serial_no": "1", "person_name": "某某某", "phone_token": PHONE, "compound": "某小区", "building": "3-1-501",
    "meter_token": "m1", "valid_from": "2020-02-20", "valid_to": "2020-03-05",
}  # fmt: skip
CASES: Row = {
    "reported_on": "2020-02-25", "province": "湖北省", "province_code": "420000", "city": "武汉市",
    "city_code": "420100", "confirmed": "47441", "suspected": "0", "cured": "15826", "dead": "2085",
}  # fmt: skip
CLEAN = {
    "health_declarations": DECLARATION, "health_codes": CHANGE, "carrier_unicom": UNICOM, "carrier_telecom": TELECOM,
    "carrier_wasu": WASU, "household_power": READING, "quarantine_register": WATCHED, "city_cases": CASES,
}  # fmt: skip


def one(verdict: Conformation) -> dict[str, object]:
    (row,) = verdict.accepted.to_pylist()
    return dict(row)


@pytest.mark.parametrize("feed", CLEAN)
def test_a_clean_row_is_accepted_without_a_mark(feed: str) -> None:
    verdict = conform_rows(feed, [CLEAN[feed]])
    assert verdict.accepted.schema == load_feed(feed).lake_schema()
    assert one(verdict)["repaired"] == []


@pytest.mark.parametrize(
    ("feed", "column", "sent", "reason"),
    [
        ("health_declarations", "id_type", "军官证", "VALUE_NOT_ALLOWED"),
        ("health_declarations", "id_type", None, "REQUIRED_MISSING"),
        ("health_declarations", "id_type", "护照", "ID_INVALID"),
        ("health_declarations", "person_token", None, "REQUIRED_MISSING"),
        ("health_declarations", "person_token", "9.90108E+17", "ID_ROUNDED"),
        ("health_declarations", "person_token", "99010820060226" + "123X", "ID_INVALID"),
        ("health_declarations", "phone_token", "154****4567", "PHONE_MASKED"),
        ("health_declarations", "had_contact", "0", "VALUE_NOT_ALLOWED"),
        ("health_declarations", "returned_on", "2.1", "DATE_AMBIGUOUS"),
        ("health_declarations", "declared_at", "2020-02-31 10:00:00", "DATE_INVALID"),
        ("health_codes", "person_token", "990108198504", "ID_INVALID"),
        ("health_codes", "colour", "蓝", "VALUE_NOT_ALLOWED"),
        ("health_codes", "updated_at", None, "REQUIRED_MISSING"),
        ("carrier_unicom", "region_code", "999999", "PLACE_UNKNOWN"),
        ("carrier_unicom", "region_code", "420000", "PLACE_UNKNOWN"),
        ("carrier_unicom", "phone_token", "154****4567", "PHONE_MASKED"),
        ("carrier_telecom", "region_code", "某地", "PLACE_UNKNOWN"),
        ("carrier_telecom", "visit_end_at", "20200231100000", "DATE_INVALID"),
        ("carrier_wasu", "account_token", None, "REQUIRED_MISSING"),
        ("carrier_wasu", "phone_token", "0571-87654321", "PHONE_INVALID"),
        ("household_power", "meter_token", None, "REQUIRED_MISSING"),
        ("household_power", "energy", "ERR", "NUMBER_INVALID"),
        ("household_power", "quality", "正常", "VALUE_NOT_ALLOWED"),
        ("quarantine_register", "valid_from", None, "REQUIRED_MISSING"),
        ("quarantine_register", "valid_to", "未定", "DATE_INVALID"),
        ("city_cases", "city_code", None, "REGION_UNRESOLVED"),
        ("city_cases", "city_code", "429999", "REGION_UNRESOLVED"),
        ("city_cases", "city_code", "420000", "REGION_UNRESOLVED"),
        ("city_cases", "city_code", "420102", "REGION_UNRESOLVED"),
        ("city_cases", "confirmed", "约20", "NUMBER_INVALID"),
    ],
)
def test_what_quarantines_a_row(feed: str, column: str, sent: str | None, reason: str) -> None:
    verdict = conform_rows(feed, [CLEAN[feed], {**CLEAN[feed], column: sent}])
    assert verdict.accepted["row_number"].to_pylist() == [1]
    (refused,) = verdict.quarantined.to_pylist()
    assert (refused["row_number"], refused["reasons"]) == (2, [reason])


@pytest.mark.parametrize(
    ("feed", "column", "sent", "value", "mark"),
    [
        ("health_declarations", "returned_on", None, None, None),
        ("health_declarations", "had_contact", None, None, None),
        ("health_declarations", "route_region_codes", None, None, None),
        ("health_declarations", "route_region_codes", "信阳, 武汉 / 湖北省武汉市；", ["411500", "420100"], None),
        ("health_declarations", "route_region_codes", "北京市、某地", ["110000"], "route_region_codes_invalid"),
        ("health_declarations", "route_region_codes", "某地", [], "route_region_codes_invalid"),
        ("health_codes", "phone_token", "154****4567", None, "phone_invalid"),
        ("health_codes", "since_at", "不详", None, "since_invalid"),
        ("carrier_unicom", "region_code", "420100.0", "420100", "region_code_reformatted"),
        ("carrier_unicom", "region_code", "420102", "420100", None),
        ("carrier_unicom", "region_code", "429004", "429004", None),
        ("carrier_unicom", "region_code", "110105", "110000", None),
        ("carrier_unicom", "region_code", "500000", "500000", None),
        ("carrier_telecom", "region_code", "武汉市", "420100", None),
        ("carrier_telecom", "visit_begin_at", "2020-02-10 08:00:00", ..., "visit_begin_reformatted"),
        ("carrier_wasu", "phone_token", "154****4567", None, "phone_masked"),
        ("carrier_wasu", "phone_token", None, None, None),
        ("carrier_wasu", "visit_end_at", "43881", datetime(2020, 2, 19, 16, tzinfo=UTC), "visit_end_reformatted"),
        ("household_power", "energy", None, None, None),
        ("quarantine_register", "building", "2003-01-05", ..., None),
        ("quarantine_register", "valid_from", "43881", date(2020, 2, 20), "valid_from_reformatted"),
        ("quarantine_register", "phone_token", "12", None, "phone_invalid"),
        ("city_cases", "city", None, None, None),
        ("city_cases", "cured", "不详", None, "cured_invalid"),
    ],
)
def test_what_a_row_may_lack_or_write_otherwise(
    feed: str, column: str, sent: str | None, value: object, mark: str | None
) -> None:
    row = one(conform_rows(feed, [{**CLEAN[feed], column: sent}]))
    assert value is ... or row[column] == value
    assert row["repaired"] == ([mark] if mark else [])


def test_a_provinces_total_is_accepted_without_a_code() -> None:
    for code in (None, "420000"):
        row = one(conform_rows("city_cases", [{**CASES, "city": None, "city_code": code}]))
        assert (row["city"], row["city_code"], row["confirmed"]) == (None, None, 47441)


def test_a_district_of_a_municipality_counts_for_it() -> None:
    row = one(conform_rows("city_cases", [{**CASES, "city": "朝阳区", "city_code": "110105"}]))
    assert row["city_code"] == "110000"


@pytest.mark.parametrize(
    ("header", "sent", "expected"),
    [
        ("是否接触(0是1否)", "0", True),
        ("是否接触（0是，1否）", "1", False),
        ("是否接触(1=是,0=否)", "1", True),
        ("是否接触(是0否1)", "1", False),
        ("是否接触(0是1否)", "0.0", True),
        ("是否接触(0是1否)", "否", False),
        ("是否接触", "0", None),
        ("是否接触(必填)", "1", None),
        ("是否接触(0是1是)", "1", None),
    ],
)
def test_a_header_says_which_number_means_yes(header: str, sent: str, expected: bool | None) -> None:
    verdict = conform_rows(
        "health_declarations", [{**DECLARATION, "had_contact": sent}], headers={"had_contact": header}
    )
    assert [row["had_contact"] for row in verdict.accepted.to_pylist()] == ([] if expected is None else [expected])


def test_tokens_are_keyed_by_kind_and_the_vault_learns_what_they_stand_for() -> None:
    verdict = conform_rows(
        "health_declarations", [DECLARATION, DECLARATION, {**DECLARATION, "phone_token": f"+86{PHONE}"}]
    )
    assert verdict.identities.schema == IDENTITIES
    known = verdict.identities.to_pylist()
    assert {(k["kind"], k["value"]) for k in known} == {("id", f"身份证:{CARD}"), ("phone", PHONE)}
    assert len(known) == 2
    for entry in known:
        expected = hmac.new(KEY, f"{entry['kind']}:{entry['value']}".encode(), hashlib.sha256).hexdigest()
        assert entry["token"] == expected
    assert set(verdict.accepted["person_token"].to_pylist() + verdict.accepted["phone_token"].to_pylist()) == {
        entry["token"] for entry in known
    }


def test_the_vault_learns_nothing_of_refused_rows_and_of_pseudonyms_that_a_sender_made() -> None:
    assert conform_rows("health_declarations", [{**DECLARATION, "uscc": "x"}]).identities.num_rows == 0
    assert conform_rows("household_power", [READING]).identities.num_rows == 0
    assert one(conform_rows("household_power", [READING]))["meter_token"] == "m1"


def test_an_account_and_a_phone_of_the_same_digits_have_different_tokens() -> None:
    row = one(conform_rows("carrier_wasu", [{**WASU, "account_token": PHONE}]))
    assert row["account_token"] != row["phone_token"]


def test_payloads_of_persons_show_no_identity() -> None:
    (refused,) = conform_rows("health_declarations", [{**DECLARATION, "uscc": "x"}]).quarantined.to_pylist()
    payload = json.loads(refused["payload"])
    assert payload["姓名"] == "某*"
    assert payload["证件号"] == f"990108{'*' * 10}{CARD[-2:]}"
    assert payload["手机号"] == "154****4567"
    assert payload["现住址"].endswith("characters)")
    (refused,) = conform_rows("carrier_wasu", [{**WASU, "region_code": "某地"}]).quarantined.to_pylist()
    assert json.loads(refused["payload"])["宽带账号"] == "(9 characters)"


@pytest.mark.parametrize("feed", CLEAN)
def test_dictionary_columns_give_the_same_as_strings(feed: str) -> None:
    rows = [CLEAN[feed], dict.fromkeys(CLEAN[feed], None), CLEAN[feed], {**CLEAN[feed], "phone_token": "1"}]
    table = strings([{name: row[name] for name in CLEAN[feed]} for row in rows])
    chunks = [table.slice(0, 1), table.slice(1)]
    encoded = pa.concat_tables(
        [pa.table({n: chunk[n].combine_chunks().dictionary_encode() for n in table.column_names}) for chunk in chunks]
    )
    contract = load_feed(feed)
    assert conform(contract, numbered(encoded), origin(), KEY) == conform(contract, numbered(table), origin(), KEY)


UNKNOWN = pa.table({"备注": ["已核", None, "  "], "来源": [None, None, '"卫健委"']})


def test_unknown_columns_are_dropped_unless_the_contract_says_otherwise() -> None:
    verdict = conform_rows("health_codes", [CHANGE] * 3, unknown=UNKNOWN)
    assert verdict.accepted.num_rows == 3
    assert "extra" not in verdict.accepted.column_names


def test_rows_with_a_value_in_an_unknown_column_are_quarantined_where_the_contract_discards_rows() -> None:
    contract = replace(load_feed("health_codes"), drift=DriftSpec(columns="discard_row"))
    verdict = conform_rows(contract, [CHANGE] * 3, unknown=UNKNOWN)
    assert verdict.accepted["row_number"].to_pylist() == [2]
    assert verdict.quarantined["reasons"].to_pylist() == [["UNKNOWN_COLUMN"]] * 2
    assert "已核" not in str(verdict.quarantined["payload"])


def test_unknown_values_are_kept_by_header_cell_where_the_contract_evolves() -> None:
    verdict = conform_rows("city_cases", [CASES, CASES, {**CASES, "confirmed": "1"}], unknown=UNKNOWN)
    extra = [json.loads(cell) if cell else None for cell in verdict.accepted["extra"].to_pylist()]
    assert extra == [{"备注": "已核"}, None, {"来源": '"卫健委"'}]
    assert conform_rows("city_cases", [CASES]).accepted["extra"].to_pylist() == [None]


ODD: list[Row] = [
    {}, {"person_token": None}, {"person_token": CARD.replace("9", "９")}, {"person_token": "9.90108E+17"},
    {"id_type": "护照"}, {"id_type": "护照", "person_token": "E12345678"}, {"phone_token": f"+86{PHONE}"},
    {"route_region_codes": "某地"}, {"had_contact": "待查"}, {"declared_at": "2020-02-25T08:30:00+08:00"},
]  # fmt: skip


@settings(max_examples=25)
@given(order=st.permutations(range(len(ODD))))
def test_permuted_rows_give_the_permuted_result_and_none_is_lost(order: list[int]) -> None:
    straight = _by_row(conform_rows("health_declarations", [{**DECLARATION, **odd} for odd in ODD]))
    permuted = _by_row(conform_rows("health_declarations", [{**DECLARATION, **ODD[i]} for i in order]))
    assert len(straight) == len(permuted) == len(ODD)
    assert [permuted[place + 1] for place in range(len(order))] == [straight[i + 1] for i in order]


def _by_row(verdict: Conformation) -> dict[int, dict[str, object]]:
    rows = verdict.accepted.to_pylist() + verdict.quarantined.to_pylist()
    return {row.pop("row_number"): row for row in rows}


def test_the_business_date_decides_who_is_fourteen() -> None:
    number = "99010820060226123"
    young = number + str(ric.calc_check_digit(number + "0"))
    (refused,) = conform_rows("health_declarations", [{**DECLARATION, "person_token": young}]).quarantined.to_pylist()
    assert refused["reasons"] == ["UNDER_14"]
