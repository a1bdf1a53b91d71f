"""Each rule of conform on single values, edges included; known answers come from the specification's pages."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as gb32100

from resumption.conform import dates, identity, masking, numbers, places, text, tokens
from resumption.conform.values import Conformed, Refused
from resumption.contracts.reasons import RowReason

DAY = date(2020, 2, 25)
FULL_WIDTH = "９１１１００００６０００３７３４１Ｌ"
CODE = "91110000600037341L"


def value(answer: Conformed | Refused) -> object:
    """What a test compares: the value, or the reason."""
    return answer.reason if isinstance(answer, Refused) else answer.value


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (CODE, CODE),
        (FULL_WIDTH, CODE),
        ("91110000600037341l", CODE),
        (" 9111 0000 6000 3734 1L ", CODE),
        ("91330600774398999G", RowReason.USCC_INVALID),
        ("91330424691289527K", RowReason.USCC_INVALID),
        ("330108000012345", RowReason.USCC_INVALID),
        ("2.01811E+13", RowReason.USCC_INVALID),
    ],
)
def test_credit_code_alone(sent: str, expected: object) -> None:
    assert value(identity.uscc(sent)) == expected


def test_a_repaired_code_is_marked_and_a_clean_one_is_not() -> None:
    assert identity.uscc(CODE) == Conformed(CODE, None)
    assert identity.uscc(FULL_WIDTH) == Conformed(CODE, "folded")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (CODE, (CODE, None, None)),
        (FULL_WIDTH, (CODE, None, "folded")),
        ("911100006OOO37341L", (None, CODE, "invalid")),
        ("9I1100006000373 41L", (None, CODE, "invalid")),
        ("91110000600037341M", (None, None, "invalid")),
        ("330108000012345", (None, None, "invalid")),
    ],
)
def test_credit_code_beside_a_name(sent: str, expected: tuple[str | None, ...]) -> None:
    value, mark = identity.uscc_or_candidate(sent)
    assert (*value, mark) == expected


BODY = st.from_regex(r"[0-9]{8}[0-9A-HJ-NPQRTUWXY]{9}", fullmatch=True)


@given(st.lists(st.tuples(BODY, st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY")), max_size=20))
def test_codes_are_valid_exactly_where_another_implementation_says_so(parts: list[tuple[str, str]]) -> None:
    # A random check character is seldom right: each body comes with the right one too.
    codes = [body + gb32100.calc_check_digit(body) for body, _ in parts] + [body + check for body, check in parts]
    found = identity.valid_usccs(pa.array(codes, pa.string())).to_pylist()
    assert found == [gb32100.is_valid(code) for code in codes]


@given(st.text(max_size=20))
def test_any_text_can_be_asked_about(text_sent: str) -> None:
    assert identity.valid_uscc(text_sent) in (True, False)


def test_the_inner_digit_tells_a_mistyped_body_from_a_mistyped_check_character() -> None:
    assert identity.organisation_digit_agrees(CODE)
    assert identity.organisation_digit_agrees("91330424691289527K")
    assert not identity.organisation_digit_agrees(CODE[:10] + "9" + CODE[11:])


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("15401234567", "15401234567"),
        ("+8615401234567", "15401234567"),
        ("86-154-0123-4567", "15401234567"),
        ("154 0123 4567", "15401234567"),
        ("15401234567.0", "15401234567"),
        ("１５４０１２３４５６７", "15401234567"),
        ("1.5401234567E+10", "15401234567"),
        ("1.54012E+10", RowReason.PHONE_INVALID),
        ("154****4567", RowReason.PHONE_MASKED),
        ("1540123456", RowReason.PHONE_INVALID),
        ("12401234567", RowReason.PHONE_INVALID),
        ("未知", RowReason.PHONE_INVALID),
    ],
)
def test_phone(sent: str, expected: object) -> None:
    assert value(identity.mobile_number(sent)) == expected


def test_token_is_the_standard_hmac_of_the_prefixed_value() -> None:
    # RFC 2104 over "phone:15401234567", as any HMAC library gives it.
    import hashlib
    import hmac

    for key in (b"short", b"k" * 64, b"longer than a block " * 9):
        expected = hmac.new(key, b"phone:15401234567", hashlib.sha256).hexdigest()
        assert tokens.tokeniser(key, "phone:")("15401234567") == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2020-02-17", date(2020, 2, 17)),
        ("2020/2/17", date(2020, 2, 17)),
        ("2020.02.17", date(2020, 2, 17)),
        ("20200217", date(2020, 2, 17)),
        ("2020年2月17日", date(2020, 2, 17)),
        ("2月17日", date(2020, 2, 17)),
        ("2.17", date(2020, 2, 17)),
        ("12.30", date(2019, 12, 30)),
        ("43881", date(2020, 2, 20)),
        ("43881.0", date(2020, 2, 20)),
        ("２０２０－０２－１７", date(2020, 2, 17)),
        ("2020-02-17 08:30:00", date(2020, 2, 17)),
        ("2.1", RowReason.DATE_AMBIGUOUS),
        ("2.2", RowReason.DATE_AMBIGUOUS),
        ("2.3", RowReason.DATE_AMBIGUOUS),
        ("2.4", date(2020, 2, 4)),
        ("2.31", RowReason.DATE_INVALID),
        ("2.01811E+13", RowReason.DATE_INVALID),
        ("下周", RowReason.DATE_INVALID),
        ("2002-02-17", RowReason.DATE_OUT_OF_RANGE),
        ("2019-12-27", date(2019, 12, 27)),
        ("2019-12-26", RowReason.DATE_OUT_OF_RANGE),
        ("2020-04-25", date(2020, 4, 25)),
        ("2020-04-26", RowReason.DATE_OUT_OF_RANGE),
    ],
)
def test_date(sent: str, expected: object) -> None:
    assert value(dates.to_date(sent, DAY, 60)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2020-02-25 08:30:00", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("2020-02-25T08:30:00+08:00", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("2020-02-25T00:30:00Z", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("2020/2/25 8:30", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("20200225083000", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("2020年2月25日 8时30分", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("2月25日8:30", datetime(2020, 2, 25, 0, 30, tzinfo=UTC)),
        ("43886.5", datetime(2020, 2, 25, 4, 0, tzinfo=UTC)),
        ("2020-02-25", datetime(2020, 2, 24, 16, 0, tzinfo=UTC)),
        ("2.2", RowReason.DATE_AMBIGUOUS),
        ("25:61", RowReason.DATE_INVALID),
        ("2019-02-25 08:30:00", RowReason.DATE_OUT_OF_RANGE),
    ],
)
def test_timestamp(sent: str, expected: object) -> None:
    assert value(dates.to_timestamp(sent, DAY, 60)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2020-02", date(2020, 2, 1)),
        ("202002", date(2020, 2, 1)),
        ("2020年2月", date(2020, 2, 1)),
        ("2020-02-01", date(2020, 2, 1)),
        ("2020-02-01 00:00:00", date(2020, 2, 1)),
        ("43862", date(2020, 2, 1)),
        ("2020-13", RowReason.DATE_INVALID),
    ],
)
def test_month(sent: str, expected: object) -> None:
    assert value(dates.to_month(sent, DAY)) == expected


@pytest.mark.parametrize(
    ("sent", "expected", "mark"),
    [
        ("36.5", 36.5, None),
        ("37", 37.0, None),
        ("36.5℃", 36.5, "reformatted"),
        ("36,5", 36.5, "reformatted"),
        ("３６．５", 36.5, "reformatted"),
        ("365", 36.5, "reformatted"),
        ("34.0", 34.0, None),
        ("33.9", None, "invalid"),
        ("43", 43.0, None),
        ("43.1", None, "invalid"),
        ("45.0", None, "invalid"),
        ("正常", None, "invalid"),
    ],
)
def test_temperature(sent: str, expected: float | None, mark: str | None) -> None:
    assert numbers.to_temperature(sent) == Conformed(expected, mark)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("12", 12),
        ("12.0", 12),
        ("1,200", 1200),
        ("１２", 12),
        ("12.5", RowReason.NUMBER_INVALID),
        ("-1", RowReason.NUMBER_INVALID),
    ],
)
def test_count(sent: str, expected: object) -> None:
    assert value(numbers.to_integer(sent, 0)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("12.3456", Decimal("12.3456")),
        ("-3.2", Decimal("-3.2000")),
        ("1e3", Decimal("1000.0000")),
        ("1,234.5", Decimal("1234.5000")),
        ("NaN", RowReason.NUMBER_INVALID),
        ("--", RowReason.NUMBER_INVALID),
        ("1e20", RowReason.NUMBER_INVALID),
    ],
)
def test_quantity(sent: str, expected: object) -> None:
    assert value(numbers.to_quantity(sent, None)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("无", False), ("无症状", False), ("正常", False), ("否", False), ("咳嗽", True), (" ", None)],
)
def test_symptoms(sent: str, expected: bool | None) -> None:
    assert value(numbers.to_symptomatic(sent)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("湖北省武汉市", "420100"),
        ("湖北武汉", "420100"),
        ("武汉", "420100"),
        ("武漢市", "420100"),
        ("湖北省恩施土家族苗族自治州", "422800"),
        ("湖北恩施州", "422800"),
        ("湖北省仙桃市", "429004"),
        ("上海市", "310000"),
        ("上海上海", "310000"),
        ("吉林省吉林市", "220200"),
        ("浙江省杭州市", "330100"),
        ("吉林", RowReason.PLACE_UNKNOWN),
        ("海南", RowReason.PLACE_UNKNOWN),
        ("湖北省", RowReason.PLACE_UNKNOWN),
        ("某地", RowReason.PLACE_UNKNOWN),
    ],
)
def test_place(sent: str, expected: object) -> None:
    assert value(places.to_region_code(sent)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("杭州市滨江区长河街道山一社区江南大道1号", ("长河街道", "山一社区")),
        ("杭州市濱江區長河街道江南大道1號", ("长河街道", None)),
        ("杭州市滨江区长河路1号", (None, None)),
    ],
)
def test_address(address: str, expected: tuple[str | None, str | None]) -> None:
    assert places.split_address(address).value == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("杭州某某科技有限公司", "杭州某某科技有限责任公司"),
        ("某某（杭州）科技有限公司", "某某(杭州)科技有限公司"),
        ("某某〔杭州〕 科技有限公司", "某某（杭州）科技有限公司"),
        ("ＡＢＣ科技有限公司", "abc科技有限公司"),
        ("杭州覆工科技有限公司", "杭州复工科技有限公司"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert text.normalise_name(one) == text.normalise_name(other)


def test_a_branch_is_not_its_parent() -> None:
    parent = text.normalise_name("某某科技有限公司")
    assert text.normalise_name("某某科技有限公司滨江分公司") != parent
    assert text.normalise_name("某某科技股份有限公司") != parent


def test_masks_show_no_identity() -> None:
    assert masking.mask_phone("15401234567") == "154****4567"
    assert masking.mask_phone("1540123456") == "(10 characters)"
    assert masking.mask_person("某先生") == "某*"
    assert masking.mask_text("联系 15401234567 或 990101199001010012") == "联系 154****4567 或 990101**********12"
    assert masking.mask_text(CODE) == CODE
