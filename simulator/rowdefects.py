"""Damage to single cells, and what must become of the row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow.compute as pc

from simulator import calendar, codes
from simulator.frame import REASONS, Frame
from simulator.rng import Bools, Ints, uniform

BY_NAME = "BY_NAME"
"""The row is found by its name: accepted if one entity bears it, NAME_AMBIGUOUS otherwise."""
BY_NAME_AND_CODE = "BY_NAME_AND_CODE"
"""The row is accepted, since the mended code and the name agree."""
Change = Callable[[str, float], str | None]


@dataclass(frozen=True)
class RowDefect:
    """A kind of damage: `change` gets the cell and a number in [0, 1); `reason` is empty if the row must be
    accepted.
    """

    name: str
    column: str
    rate: float
    change: Change
    reason: str = ""
    where: Callable[[Frame], Bools] | None = None
    blanked: str = ""
    """Another column that is emptied with it."""


def apply_defects(
    frame: Frame,
    defects: Sequence[RowDefect],
    draw: tuple[int, str, int],
    rates: float,
    ambiguous: Bools,
    steady: Bools,
) -> Frame:
    """Return the frame with each row damaged at most once.

    `draw` is (seed, stream, day). `ambiguous` and `steady` tell by firm which names two entities bear, and which
    firms neither close nor change their name; damage that leaves only the name is done to steady firms alone.
    """
    if rates <= 0 or not defects or not frame.rows:
        return frame
    seed, stream, day = draw
    luck = uniform(seed, f"defect:{stream}", frame.facts["id"], day)
    detail = uniform(seed, f"detail:{stream}", frame.facts["id"], day)
    edge = 0.0
    chosen: list[tuple[RowDefect, Ints]] = []
    for defect in defects:
        hit = (luck >= edge) & (luck < edge + defect.rate * rates) & (frame.reason == 0)
        edge += defect.rate * rates
        if defect.where is not None:
            hit &= defect.where(frame)
        if defect.reason in (BY_NAME, BY_NAME_AND_CODE):
            hit &= steady[np.maximum(frame.facts["firm"], 0)]
        chosen.append((defect, np.flatnonzero(hit)))
    for defect, rows in chosen:
        frame = _damage(frame, defect, rows, detail, ambiguous)
    return frame


def _damage(frame: Frame, defect: RowDefect, rows: Ints, detail: np.ndarray, ambiguous: Bools) -> Frame:
    cells = frame.columns[defect.column].take(rows).to_pylist() if len(rows) else []
    kept = np.array([cell is not None and cell != "" for cell in cells], dtype=bool)
    rows = rows[kept] if len(rows) else rows
    if not len(rows):
        return frame
    texts = [cell for cell in cells if cell is not None and cell != ""]
    new = [defect.change(cell, luck) for cell, luck in zip(texts, detail[rows].tolist(), strict=True)]
    frame = frame.with_values(defect.column, rows, new)
    if defect.blanked:
        frame = frame.with_values(defect.blanked, rows, [None] * len(rows))
    if defect.reason == BY_NAME:
        twice = ambiguous[frame.facts["firm"][rows]]
        return frame.with_reason(rows, np.where(twice, REASONS.index("NAME_AMBIGUOUS"), 0))
    return frame.with_reason(rows, 0 if defect.reason == BY_NAME_AND_CODE else REASONS.index(defect.reason))


def blank(_: str, __: float) -> None:
    """Empty the cell."""


def constant(*values: str) -> Change:
    """Return a change that writes one of the values."""
    return lambda _, luck: values[int(luck * len(values))]


def wrong_check(code: str, _: float) -> str:
    """Change the check character of a USCC."""
    return code[:-1] + codes.ALPHABET[(codes.ALPHABET.index(code[-1]) + 1) % 31]


def full_width(text: str, _: float) -> str:
    """Write digits and letters in full width."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


def letter_for_digit(code: str, _: float) -> str:
    """Write O for the first 0 of the body (or I for the first 1)."""
    place = code.find("0", 2)
    return code[:place] + "O" + code[place + 1 :] if place > 0 else code[:1] + code[1:].replace("1", "I", 1)


_UNKNOWN_CODES: list[str] = []


def unknown_code(_: str, luck: float) -> str:
    """Return a USCC that is right in every digit and that no entity bears."""
    if not _UNKNOWN_CODES:
        index = np.arange(9_900_000, 9_900_500)
        _UNKNOWN_CODES.extend(codes.usccs(index, ("91330108",), np.zeros(len(index), dtype=np.int64)).to_pylist())
    return _UNKNOWN_CODES[int(luck * len(_UNKNOWN_CODES))]


def old_number(_: str, luck: float) -> str:
    """Return a 15-digit registration number instead of the USCC."""
    return str(codes.registration_numbers(np.array([9_000_000 + int(luck * 900_000)]))[0])


def _date(text: str) -> int:
    return calendar.number(date.fromisoformat(text))


def serial(text: str, _: float) -> str:
    """Write an ISO date as an Excel serial number (43881 = 2020-02-20)."""
    return str(_date(text) + 43831)


def month_day(text: str, _: float) -> str:
    """Write a date as 2月17日."""
    return f"{int(text[5:7])}月{int(text[8:10])}日"


def dotted(text: str, _: float) -> str:
    """Write a date as 2.17."""
    return f"{int(text[5:7])}.{int(text[8:10])}"


def compact(text: str, _: float) -> str:
    """Write a date as 20200217."""
    return text.replace("-", "")


def far_away(text: str, luck: float) -> str:
    """Move a date out of the window D±60 by writing another year."""
    return ("2004" if luck < 0.5 else "2024") + text[4:]


def phone_plus86(text: str, _: float) -> str:
    """Put +86 in front."""
    return "+86" + text


def phone_spaced(text: str, _: float) -> str:
    """Group the digits with blanks."""
    return f"{text[:3]} {text[3:7]} {text[7:]}"


def phone_float(text: str, _: float) -> str:
    """Append .0, as a spreadsheet does."""
    return text + ".0"


def phone_scientific(text: str, _: float) -> str:
    """Write in scientific notation with all 11 digits."""
    return f"{text[0]}.{text[1:]}E+10"


def phone_rounded(text: str, _: float) -> str:
    """Write in scientific notation with digits lost."""
    return f"{text[0]}.{text[1:5]}E+10"


def phone_short(text: str, _: float) -> str:
    """Drop a digit."""
    return text[:10]


def phone_masked(text: str, _: float) -> str:
    """Mask the middle."""
    return f"{text[:3]}****{text[7:]}"


def id_wrong_check(text: str, _: float) -> str:
    """Change the check character of an identity number."""
    return text[:-1] + codes.ID_CHECKS[(codes.ID_CHECKS.index(text[-1]) + 1) % 11]


def id_rounded(text: str, luck: float) -> str:
    """Write an identity number as a spreadsheet keeps it: 15 digits, the rest noughts, or in scientific notation."""
    if luck < 0.5 and codes.identity_check(text[:15] + "00") != "0":
        return text[:15] + "000"
    return f"{text[0]}.{text[1:6]}E+17"


def id_of_child(text: str, luck: float) -> str:
    """Write the number of somebody born in 2009."""
    body = f"{text[:6]}2009{1 + int(luck * 12):02d}{text[12:17]}"
    return body + codes.identity_check(body)


def id_bad_birth(text: str, _: float) -> str:
    """Write a 31st of February as the date of birth, with a check character that fits."""
    body = f"{text[:10]}0231{text[14:17]}"
    return body + codes.identity_check(body)


def id_short(text: str, _: float) -> str:
    """Drop a digit."""
    return text[:9] + text[10:]


def identity_defects(column: str, fact: str, card: int, rate: float = 1.0) -> tuple[RowDefect, ...]:
    """Return the damage done to the number of an identity card; the fact tells whose document is one."""

    def cards(frame: Frame) -> Bools:
        return np.asarray(frame.facts[fact] == card)

    def ends_in_x(frame: Frame) -> Bools:
        return np.asarray(cards(frame) & pc.ends_with(frame.columns[column], "X").to_numpy(zero_copy_only=False))

    return (
        RowDefect("id_missing", column, 0.001 * rate, blank, "REQUIRED_MISSING"),
        RowDefect("id_rounded", column, 0.003 * rate, id_rounded, "ID_ROUNDED", cards),
        RowDefect("id_wrong_check", column, 0.002 * rate, id_wrong_check, "ID_INVALID", cards),
        RowDefect("id_bad_birth", column, 0.0003 * rate, id_bad_birth, "ID_INVALID", cards),
        RowDefect("id_short", column, 0.0005 * rate, id_short, "ID_INVALID", cards),
        RowDefect("id_of_child", column, 0.0005 * rate, id_of_child, "UNDER_14", cards),
        RowDefect("id_full_width", column, 0.002 * rate, full_width, "", cards),
        RowDefect("id_small_x", column, 0.01 * rate, lambda text, _: text.lower(), "", ends_in_x),
    )


def _plain_date(column: str) -> Callable[[Frame], Bools]:
    """Return a filter for dates whose short form is not ambiguous."""

    def filter_rows(frame: Frame) -> Bools:
        days = frame.facts[column]
        known = days < calendar.NEVER
        of_month = np.zeros(len(days), dtype=np.int64)
        real = np.datetime64("2020-01-01") + days[known]
        of_month[known] = (real - real.astype("datetime64[M]")).astype(np.int64) + 1
        return known & ~np.isin(of_month, (1, 2, 3, 10, 20, 30)) & (days >= 0)

    return filter_rows


def unknown_name(column: str, code: str) -> RowDefect:
    """Return the damage of a row without a code whose name no entity bears."""
    names = constant("杭州查无此名贸易有限公司", "浙江查无此名科技有限公司", "查无此名(杭州)有限公司")
    return RowDefect("name_unknown", column, 0.002, names, "NAME_UNKNOWN", blanked=code)


def code_defects(column: str, named: bool, rate: float = 1.0) -> tuple[RowDefect, ...]:
    """Return the damage done to a USCC; in a sheet that has no name every row with a lost code is quarantined."""
    return (
        RowDefect(
            "uscc_missing", column, (0.04 if named else 0.004) * rate, blank, BY_NAME if named else "USCC_MISSING"
        ),
        RowDefect(
            "uscc_wrong_check",
            column,
            (0.015 if named else 0.003) * rate,
            wrong_check,
            BY_NAME if named else "USCC_INVALID",
        ),
        RowDefect("uscc_full_width", column, 0.008 * rate, full_width),
        RowDefect(
            "uscc_letter",
            column,
            (0.005 if named else 0.001) * rate,
            letter_for_digit,
            BY_NAME_AND_CODE if named else "USCC_INVALID",
        ),
        RowDefect(
            "uscc_old_number",
            column,
            (0.01 if named else 0.001) * rate,
            old_number,
            BY_NAME if named else "USCC_INVALID",
        ),
        RowDefect("uscc_unknown", column, 0.001 * rate, unknown_code, "USCC_UNKNOWN"),
    )


def phone_defects(column: str, key: bool, rate: float = 1.0) -> tuple[RowDefect, ...]:
    """Return the damage done to a phone; a contact's phone never costs the row."""
    return (
        RowDefect("phone_plus86", column, 0.004 * rate, phone_plus86),
        RowDefect("phone_spaced", column, 0.004 * rate, phone_spaced),
        RowDefect("phone_float", column, 0.004 * rate, phone_float),
        RowDefect("phone_scientific", column, 0.002 * rate, phone_scientific),
        RowDefect("phone_rounded", column, 0.001 * rate, phone_rounded, "PHONE_INVALID" if key else ""),
        RowDefect("phone_short", column, 0.003 * rate, phone_short, "PHONE_INVALID" if key else ""),
        RowDefect("phone_masked", column, 0.002 * rate, phone_masked, "PHONE_MASKED" if key else ""),
    )


def date_repairs(column: str, fact: str, rate: float = 1.0) -> tuple[RowDefect, ...]:
    """Return the other ways of writing a date near the business date; `fact` holds its day number."""
    plain = _plain_date(fact)
    return (
        RowDefect("date_serial", column, 0.006 * rate, serial),
        RowDefect("date_dotted", column, 0.006 * rate, dotted, "", plain),
        RowDefect("date_month_day", column, 0.006 * rate, month_day),
        RowDefect("date_compact", column, 0.006 * rate, compact),
    )


def date_defects(column: str, fact: str, rate: float = 1.0) -> tuple[RowDefect, ...]:
    """Return `date_repairs` and the dates that cannot be read or believed: their rows are quarantined."""
    return (
        *date_repairs(column, fact, rate),
        RowDefect("date_ambiguous", column, 0.002 * rate, constant("2.1", "2.2", "2.3"), "DATE_AMBIGUOUS"),
        RowDefect("date_text", column, 0.001 * rate, constant("下周一", "待定", "2020-02-30"), "DATE_INVALID"),
        RowDefect("date_far", column, 0.001 * rate, far_away, "DATE_OUT_OF_RANGE"),
    )
