"""The shortcuts for plain values never mean anything else than the rules: on a plain value both agree, unmarked."""

from collections.abc import Callable, Sequence
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumption.conform import dates, identity, numbers, places, plain, text
from resumption.conform.values import Answer, Conformed

DAY = date(2020, 2, 25)

DATES = ["2020-02-25", "2020-02-29", "2019-02-29", "2020-04-31", "2020-04-25", "2020-04-26", "2019-12-27", "2019-12-26"]
MOMENTS = [
    "2020-02-25 08:30:00", "2020-02-25T08:30", "2020-02-25T08:30:00+08:00", "2020-02-25T08:30:00+00:00",
    "2020-02-25 24:00:00", "2020-02-25 23:59:59", "2020-02-31 10:00:00", "2020-02-25T08:30:00.5", "0000-01-01 00:00:00",
    "2020-04-25 23:59:59", "2020-04-26 00:00:00", "2019-12-27 00:00:00", "2019-12-26 23:59:59", "1900-02-29 00:00:00",
]  # fmt: skip
COMPACT = ["20200225083000", "20200231100000", "20200225246000", "2020-02-25 08:30:00", "20040225083000", "20200225"]
NUMBERS = [
    "0",
    "-0",
    "12",
    "-3",
    "+3",
    "12.0",
    "12.5",
    "1,200",
    "007",
    "1e3",
    "999999999999",
    "1000000000000",
    "１２",
    "12 ",
]
QUANTITIES = [*NUMBERS, "0.0001", "0.00015", "-0.5", "99999999999999.9999", "100000000000000", ".5", "5.", "nan", "inf"]

Shortcut = Callable[[pa.StringArray], plain.Plain]
CASES: list[tuple[str, Shortcut, Callable[[str], Answer], Sequence[str]]] = [
    ("date", lambda v: plain.dates(v, DAY, 60), lambda t: dates.to_date(t, DAY, 60), DATES),
    ("any date", lambda v: plain.dates(v, DAY, None), lambda t: dates.to_date(t, DAY, None), DATES),
    ("moment", lambda v: plain.timestamps(v, DAY, 60, "iso"), lambda t: dates.to_timestamp(t, DAY, 60), MOMENTS),
    (
        "any moment",
        lambda v: plain.timestamps(v, DAY, None, "iso"),
        lambda t: dates.to_timestamp(t, DAY, None),
        MOMENTS,
    ),
    (
        "compact",
        lambda v: plain.timestamps(v, DAY, 60, "compact"),
        lambda t: dates.to_timestamp(t, DAY, 60, "compact"),
        COMPACT,
    ),
    (
        "midnight",
        lambda v: plain.timestamps(v, DAY, 60, "date"),
        lambda t: dates.to_timestamp(t, DAY, 60, "date"),
        DATES,
    ),
    ("integer", lambda v: plain.integers(v, None), lambda t: numbers.to_integer(t, None), NUMBERS),
    ("count", lambda v: plain.integers(v, 0), lambda t: numbers.to_integer(t, 0), NUMBERS),
    ("quantity", lambda v: plain.quantities(v, None), lambda t: numbers.to_quantity(t, None), QUANTITIES),
    ("number", lambda v: plain.numbers(v, None), lambda t: numbers.to_number(t, None), NUMBERS),
    ("account", lambda v: plain.accounts(v), identity.account_number, ["HZ01234", "hz01234", "a b", "１２", "@x"]),
    (
        "phone",
        lambda v: (identity.plainly_mobile(v), [v]),
        identity.mobile_number,
        ["15401234567", "+8615401234567", "1"],
    ),
]


def agree(shortcut: Shortcut, rule: Callable[[str], Answer], sent: Sequence[str]) -> int:
    """Assert that both agree on every plain value; return how many were plain."""
    ok, (answers,) = shortcut(pa.array([*sent, None], pa.string()))
    assert not ok[-1].as_py(), "a null is not plain"
    kept = [(t, a) for t, a, k in zip(sent, answers.to_pylist(), ok.to_pylist(), strict=False) if k]
    for value, found in kept:
        assert rule(value) == Conformed(found, None), value
    return len(kept)


@pytest.mark.parametrize(("shortcut", "rule", "sent"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_shortcut_agrees_with_its_rule(
    shortcut: Shortcut, rule: Callable[[str], Answer], sent: Sequence[str]
) -> None:
    assert 0 < agree(shortcut, rule, sent) < len(sent)


LOOKS = st.from_regex(r"[12][09][0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?", fullmatch=True)


@given(st.lists(LOOKS, min_size=1, max_size=30))
def test_any_text_that_looks_like_a_moment_is_judged_alike(sent: list[str]) -> None:
    agree(lambda v: plain.timestamps(v, DAY, None, "iso"), lambda t: dates.to_timestamp(t, DAY, None), sent)
    agree(lambda v: plain.dates(v, DAY, 60), lambda t: dates.to_date(t, DAY, 60), [t[:10] for t in sent])


DIGITS = st.from_regex(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", fullmatch=True)


@given(st.lists(DIGITS, min_size=1, max_size=30))
def test_any_digits_are_judged_alike(sent: list[str]) -> None:
    agree(lambda v: plain.integers(v, 1), lambda t: numbers.to_integer(t, 1), sent)
    agree(lambda v: plain.quantities(v, None), lambda t: numbers.to_quantity(t, None), sent)
    agree(lambda v: plain.numbers(v, -5), lambda t: numbers.to_number(t, -5), sent)


# Arrow's Unicode is newer than Python's: what the one has assigned may be nothing yet to the other.
TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Cs", "Zl", "Zp")), max_size=12), max_size=20
)


@given(TEXTS)
def test_texts_names_and_addresses_are_the_same_one_by_one_and_together(sent: list[str]) -> None:
    array = pa.array(sent, pa.string())
    ok, (folded,) = plain.texts(array)
    for value, kept, found in zip(sent, ok.to_pylist(), folded.to_pylist(), strict=True):
        assert not kept or text.plain_text(value) == Conformed(found)
    for rule, together in ((text.both_names, text.all_names), (places.split_address, places.split_addresses)):
        ok, pair = together(array)
        for value, kept, first, second in zip(sent, ok.to_pylist(), *(p.to_pylist() for p in pair), strict=True):
            assert not kept or rule(value) == Conformed((first, second))
