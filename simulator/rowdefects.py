"""Damage to single cells, and what must become of the row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow.compute as pc

from simulator import calendar, codes
from simulator.frame import REASONS, Frame
from simulator.layout import STRAY
from simulator.rng import Bools, Floats, Ints, uniform
from simulator.workbook import DATE_MARK

BY_NAME = "BY_NAME"
"""The row is found by its name: accepted if one entity bears it, NAME_AMBIGUOUS otherwise."""
BY_NAME_AND_CODE = "BY_NAME_AND_CODE"
"""The row is accepted, since the mended code and the name agree."""
REFORMATTED, FOLDED, INVALID, MASKED = "reformatted", "folded", "invalid", "masked"
_TRADITIONAL = str.maketrans("贸电术务网软络备业发饮", "貿電術務網軟絡備業發飲")
UNRESOLVED = frozenset(("USCC_UNKNOWN", "NAME_UNKNOWN", "NAME_AMBIGUOUS"))
"""Reasons that only the comparison with the registry can give."""
Change = Callable[[str, float], str | None]


@dataclass(frozen=True)
class RowDefect:
    """A kind of damage: `change` gets the cell and a number in [0, 1); `reason` is empty if the row must be accepted.

    The first line of `change`'s docstring says in the catalogue what is done. With rate 0 it stands only there.
    """

    name: str
    column: str
    rate: float
    change: Change
    reason: str = ""
    where: Callable[[Frame], Bools] | None = None
    blanked: str = ""
    """Another column that is emptied with it."""
    mark: str = ""
    """How an accepted row is marked: REFORMATTED or FOLDED (repaired), INVALID or MASKED (the value is null)."""
    fills: bool = False
    """Whether it is done to blank cells too."""
    sets: tuple[tuple[str, int], ...] = ()
    """What the row means after the damage, where it is still accepted, as (fact, value)."""

    @property
    def verdict(self) -> str:
        """What becomes of the row: quarantined, resolved (by its name), repaired, nulled, or harmless."""
        if self.reason:
            return "resolved" if self.reason in (BY_NAME, BY_NAME_AND_CODE) else "quarantined"
        return {REFORMATTED: "repaired", FOLDED: "repaired", INVALID: "nulled", MASKED: "nulled"}.get(
            self.mark, "harmless"
        )

    @property
    def note(self) -> str:
        """What is done to the cell, in a sentence."""
        return (self.change.__doc__ or "").partition("\n")[0]

    def hits(self, frame: Frame, steady: Bools) -> Bools:
        """Tell which rows it can be done to."""
        fit: Bools = frame.reason == 0
        if self.where is not None:
            fit = fit & self.where(frame)
        if self.reason in (BY_NAME, BY_NAME_AND_CODE):
            fit = fit & steady[np.maximum(frame.facts["firm"], 0)]
        return fit


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
        if not defect.rate:
            continue
        hit = (luck >= edge) & (luck < edge + defect.rate * rates) & defect.hits(frame, steady)
        edge += defect.rate * rates
        chosen.append((defect, np.flatnonzero(hit)))
    for defect, rows in chosen:
        frame = damage(frame, defect, rows, detail, ambiguous)
    return frame


def damage(frame: Frame, defect: RowDefect, rows: Ints, detail: Floats, ambiguous: Bools) -> Frame:
    """Return the frame with one kind of damage done to some rows, where their cell is neither blank nor a real date."""
    cells = frame.columns[defect.column].take(rows).to_pylist() if len(rows) else []
    kept = np.array(
        [bool(cell or defect.fills) and not (cell or "").startswith(DATE_MARK) for cell in cells], dtype=bool
    )
    if not kept.any():
        return frame
    rows, texts = rows[kept], [cell or "" for cell, keep in zip(cells, kept.tolist(), strict=True) if keep]
    new = [defect.change(cell, luck) for cell, luck in zip(texts, detail[rows].tolist(), strict=True)]
    frame = frame.with_values(defect.column, rows, new)
    if defect.blanked:
        frame = frame.with_values(defect.blanked, rows, [None] * len(rows))
    for fact, value in defect.sets:
        frame = frame.with_fact(fact, rows, value)
    if defect.reason == BY_NAME:
        twice = ambiguous[frame.facts["firm"][rows]]
        return frame.with_reason(rows, np.where(twice, REASONS.index("NAME_AMBIGUOUS"), 0))
    return frame.with_reason(rows, 0 if defect.reason == BY_NAME_AND_CODE else REASONS.index(defect.reason))


def blank(_: str, __: float) -> None:
    """Leave the cell empty."""


def constant(*values: str) -> Change:
    """Return a change that writes one of the values."""

    def change(_: str, luck: float) -> str:
        return values[int(luck * len(values))]

    change.__doc__ = f"Write {' or '.join(values)}."
    return change


def with_tail(text: str) -> Change:
    """Return a change that appends a text."""

    def change(cell: str, _: float) -> str:
        return cell + text

    change.__doc__ = f"Append {text}."
    return change


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


def _parts(moment: str) -> tuple[date, str]:
    """Return day and time of day of a moment, written 2020-02-17 08:30:00 or 20200217083000, whatever its offset."""
    when = datetime.fromisoformat(moment) if "-" in moment else datetime.strptime(moment, "%Y%m%d%H%M%S")  # noqa: DTZ007
    return when.date(), when.strftime("%H:%M:%S")


def moment_serial(text: str, _: float) -> str:
    """Write a moment as an Excel serial number with the time as its fraction."""
    day, clock = _parts(text)
    hours, minutes, seconds = map(int, clock.split(":"))
    return f"{calendar.number(day) + 43831 + (hours * 3_600 + minutes * 60 + seconds) / 86_400:.10f}"


def moment_month_day(text: str, _: float) -> str:
    """Write a moment as 2月17日 08:30:00."""
    day, clock = _parts(text)
    return f"{day.month}月{day.day}日 {clock}"


def moment_slashed(text: str, _: float) -> str:
    """Write a moment as 2020/2/17 08:30:00."""
    day, clock = _parts(text)
    return f"{day.year}/{day.month}/{day.day} {clock}"


def moment_compact(text: str, _: float) -> str:
    """Write a moment as 20200217083000."""
    day, clock = _parts(text)
    return f"{day:%Y%m%d}{clock.replace(':', '')}"


def moment_defects(column: str, prefix: str, rate: float = 1.0, *, required: bool = True) -> tuple[RowDefect, ...]:
    """Return other ways of writing a moment, and moments that cannot be read or believed."""
    return (
        RowDefect(f"{prefix}_serial", column, 0.002 * rate, moment_serial, mark=REFORMATTED),
        RowDefect(f"{prefix}_month_day", column, 0.001 * rate, moment_month_day, mark=REFORMATTED),
        RowDefect(f"{prefix}_slashed", column, 0.002 * rate, moment_slashed, mark=REFORMATTED),
        RowDefect(f"{prefix}_text", column, 0.002 * rate, constant("不详", "2020-02-31 10:00:00"), "DATE_INVALID"),
        RowDefect(f"{prefix}_far", column, 0.002 * rate, far_away, "DATE_OUT_OF_RANGE"),
        RowDefect(f"{prefix}_missing", column, 0.001 * rate, blank, "REQUIRED_MISSING" if required else ""),
    )


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


def small_letters(text: str, _: float) -> str:
    """Write small letters for capitals."""
    return text.lower()


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
        RowDefect("id_full_width", column, 0.002 * rate, full_width, "", cards, mark=FOLDED),
        RowDefect("id_small_x", column, 0.01 * rate, small_letters, "", ends_in_x, mark=FOLDED),
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


def stray(text: str, _: float) -> str:
    """Put a delimiter into the cell without quotes; of JSON lines, spoil the line."""
    return f"{text[:1]}{STRAY}{text[1:]}"


def broken_row(column: str, rate: float = 0.0003) -> RowDefect:
    """Return the damage of a row that has a field too many, or of a line that is no JSON object."""
    return RowDefect("row_broken", column, rate, stray, "ROW_MALFORMED")


def other_form(name: str, _: float) -> str:
    """Write 有限责任公司 for 有限公司 and put a blank into a name whose code is missing."""
    longer = name if "股份" in name else name.replace("有限公司", "有限责任公司")
    return f"{longer[:2]} {longer[2:]}"


def traditional(name: str, _: float) -> str:
    """Write a name whose code is missing in traditional script."""
    return name.translate(_TRADITIONAL)


def name_defects(column: str, code: str) -> tuple[RowDefect, ...]:
    """Return what a row without a code may have for a name: one that no entity bears, or another spelling."""
    names = constant("杭州查无此名贸易有限公司", "浙江查无此名科技有限公司", "查无此名(杭州)有限公司")
    return (
        RowDefect("name_unknown", column, 0.002, names, "NAME_UNKNOWN", blanked=code),
        RowDefect("name_other_form", column, 0.001, other_form, BY_NAME, blanked=code),
        RowDefect("name_traditional", column, 0.001, traditional, BY_NAME, blanked=code),
    )


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
        RowDefect("uscc_full_width", column, 0.008 * rate, full_width, mark=FOLDED),
        RowDefect("uscc_small_letters", column, 0.002 * rate, small_letters, mark=FOLDED),
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
    bad = ("PHONE_INVALID" if key else "", None, "", INVALID)
    return (
        RowDefect("phone_plus86", column, 0.004 * rate, phone_plus86, mark=REFORMATTED),
        RowDefect("phone_spaced", column, 0.004 * rate, phone_spaced, mark=REFORMATTED),
        RowDefect("phone_float", column, 0.004 * rate, phone_float, mark=REFORMATTED),
        RowDefect("phone_scientific", column, 0.002 * rate, phone_scientific, mark=REFORMATTED),
        RowDefect("phone_full_width", column, 0.001 * rate, full_width, mark=REFORMATTED),
        RowDefect("phone_rounded", column, 0.001 * rate, phone_rounded, *bad),
        RowDefect("phone_short", column, 0.003 * rate, phone_short, *bad),
        RowDefect("phone_landline", column, 0.0005 * rate, constant("0571-87654321", "86951234"), *bad),
        RowDefect("phone_masked", column, 0.002 * rate, phone_masked, "PHONE_MASKED" if key else "", mark=INVALID),
        RowDefect("phone_missing", column, 0.0005 * rate, blank, "REQUIRED_MISSING" if key else ""),
    )


def date_repairs(column: str, fact: str, rate: float = 1.0, prefix: str = "date") -> tuple[RowDefect, ...]:
    """Return the other ways of writing a date near the business date; `fact` holds its day number."""
    plain = _plain_date(fact)
    return (
        RowDefect(f"{prefix}_serial", column, 0.006 * rate, serial, mark=REFORMATTED),
        RowDefect(f"{prefix}_dotted", column, 0.006 * rate, dotted, "", plain, mark=REFORMATTED),
        RowDefect(f"{prefix}_month_day", column, 0.006 * rate, month_day, mark=REFORMATTED),
        RowDefect(f"{prefix}_compact", column, 0.006 * rate, compact, mark=REFORMATTED),
    )


def date_defects(column: str, fact: str, rate: float = 1.0, prefix: str = "date") -> tuple[RowDefect, ...]:
    """Return `date_repairs` and the dates that cannot be read or believed: their rows are quarantined."""
    return (
        *date_repairs(column, fact, rate, prefix),
        RowDefect(f"{prefix}_ambiguous", column, 0.002 * rate, constant("2.1", "2.2", "2.3"), "DATE_AMBIGUOUS"),
        RowDefect(f"{prefix}_text", column, 0.001 * rate, constant("下周一", "待定", "2020-02-30"), "DATE_INVALID"),
        RowDefect(f"{prefix}_far", column, 0.001 * rate, far_away, "DATE_OUT_OF_RANGE"),
    )
