"""Identity documents: areas 99…, which no authority has, so that no number belongs to anybody."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from resumption.conform import documents, masking
from resumption.conform.values import Conformed, Distinct, Refused
from resumption.contracts.reasons import RowReason

DAY = date(2020, 2, 25)


def card(body: str) -> str:
    """Return an identity number with the right check digit, as another implementation reckons it."""
    return body + str(ric.calc_check_digit(body + "0"))


ADULT = card("99010819850412123")
IN_X = next(number for n in range(1000) if (number := card(f"99010819850412{n:03}")).endswith("X"))
NO_NOUGHT = next(number for n in range(9) if not (number := card(f"9901081985041{n}000")).endswith("0"))[:15]


def answer(sent: str, kind: str | None) -> object:
    found = documents.id_number(sent, kind, DAY)
    return found.reason if isinstance(found, Refused) else found.value


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("身份证", ADULT, f"身份证:{ADULT}"),
        ("身份证", IN_X.lower(), f"身份证:{IN_X}"),
        ("身份证", f" {ADULT[:6]} {ADULT[6:]}", f"身份证:{ADULT}"),
        ("身份证", ADULT.translate({ord(str(d)): 0xFF10 + d for d in range(10)}), f"身份证:{ADULT}"),
        ("身份证", card("99010820060225123"), f"身份证:{card('99010820060225123')}"),
        ("身份证", card("99010820060226123"), RowReason.UNDER_14),
        ("身份证", card("99010819850231123"), RowReason.ID_INVALID),
        ("身份证", card("99010819000229123"), RowReason.ID_INVALID),
        ("身份证", card("99010820000229123"), f"身份证:{card('99010820000229123')}"),
        ("身份证", card("99010819851301123"), RowReason.ID_INVALID),
        ("身份证", ADULT[:17], RowReason.ID_INVALID),
        ("身份证", "990108850412123", RowReason.ID_INVALID),
        ("身份证", "990108********1234", RowReason.ID_INVALID),
        ("身份证", "2.01811E+13", RowReason.ID_ROUNDED),
        ("身份证", "9.90108E+17", RowReason.ID_ROUNDED),
        ("身份证", f"{NO_NOUGHT}000", RowReason.ID_ROUNDED),
        ("身份证", f"{NO_NOUGHT}000.0", RowReason.ID_ROUNDED),
        ("身份证", "E12345678", RowReason.ID_INVALID),
        ("护照", "E12345678", "护照:E12345678"),
        ("护照", "ea1234567", "护照:EA1234567"),
        ("护照", ADULT, RowReason.ID_INVALID),
        ("护照", "无", RowReason.ID_INVALID),
        ("护照", "1.2345E+08", RowReason.ID_ROUNDED),
        ("港澳台", "H12345678", "港澳台:H12345678"),
        ("港澳台", "M1234567800", "港澳台:M1234567800"),
        ("港澳台", "12345678", "港澳台:12345678"),
        ("港澳台", card("83000019850412123"), f"港澳台:{card('83000019850412123')}"),
        ("港澳台", ADULT, RowReason.ID_INVALID),
        ("港澳台", "E12345678", RowReason.ID_INVALID),
        ("军官证", ADULT, None),
        (None, ADULT, None),
    ],
)
def test_number_of_a_document(kind: str | None, sent: str, expected: object) -> None:
    assert answer(sent, kind) == expected


def test_a_folded_number_is_marked_and_a_clean_one_is_not() -> None:
    assert documents.id_number(ADULT, "身份证", DAY) == Conformed(f"身份证:{ADULT}", None)
    assert documents.id_number(IN_X.lower(), "身份证", DAY) == Conformed(f"身份证:{IN_X}", "folded")


BORN = st.dates(date(1900, 1, 1), date(2006, 2, 25))
CARDS = st.builds(lambda born, tail: card(f"990108{born:%Y%m%d}{tail:03}"), BORN, st.integers(0, 999))


@given(CARDS, st.integers(0, 16), st.integers(1, 9))
def test_a_number_with_one_digit_changed_is_never_taken(number: str, place: int, step: int) -> None:
    other = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert answer(number, "身份证") == f"身份证:{number}"
    assert answer(other, "身份证") in (RowReason.ID_INVALID, RowReason.ID_ROUNDED)


@given(
    st.lists(st.tuples(CARDS | st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), st.sampled_from(["身份证", "护照"])))
)
def test_the_shortcut_takes_nothing_that_the_rule_would_answer_otherwise(pairs: list[tuple[str, str]]) -> None:
    distinct = Distinct(pa.array([n for n, _ in pairs], pa.string()), pa.array([k for _, k in pairs], pa.string()))
    plain, (answers,) = documents.plain_cards(distinct, DAY)
    for (number, kind), ok, found in zip(pairs, plain.to_pylist(), answers.to_pylist(), strict=True):
        by_rule = documents.id_number(number, kind, DAY)
        assert ok == (isinstance(by_rule, Conformed) and kind == "身份证")
        if ok:
            assert by_rule == Conformed(found, None)


def test_a_mask_keeps_the_first_six_and_last_two_of_a_card_and_nothing_of_a_short_number() -> None:
    assert masking.mask_id(ADULT) == f"990108{'*' * 10}{ADULT[-2:]}"
    assert masking.mask_id("E12345678") == "(9 characters)"
