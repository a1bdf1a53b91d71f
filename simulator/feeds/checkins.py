"""Check-ins of staff on the phone, twice a day: health code, temperature, place."""

import numpy as np
import pyarrow as pa

from simulator.calendar import clock_texts, date_texts, is_working_day
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import GREEN
from simulator.rng import Bools, Ints, bell, uniform
from simulator.rowdefects import (
    INVALID,
    REFORMATTED,
    RowDefect,
    blank,
    broken_row,
    code_defects,
    constant,
    full_width,
    moment_defects,
    phone_defects,
)
from simulator.text import join, pick

PLACES = ("厂区", "居家", "其他")
COLOURS = ("绿", "黄", "红")
SYMPTOMS = ("无", "", "咳嗽", "乏力", "咽痛", "发热")
"""From the third on they are symptoms."""
_FEVER = 5
_TEMPERATURES = tuple(f"{tenths / 10:.1f}" for tenths in range(340, 430))
_AM, _PM = 0, 1


def _present(district: District, day: int) -> tuple[Ints, Ints]:
    """Return the people who check in on that day and their places (0 on site, 1 at home, 2 elsewhere).

    Nobody checks in before the first declaration, and nine of ten whose code is not green stay at home.
    """
    lives, staff, people = district.lives, district.staff, district.people
    everybody = np.arange(staff.count)
    share = lives.onsite(day) / np.maximum(lives.staff, 1)
    rest = 1.0 if is_working_day(day) else 0.25
    working = lives.working(day) & district.firms.active(day)
    onsite = np.where(working, share * rest, 0.0)[staff.firm]
    remote = np.where(working, 0.12 * rest, 0.0)[staff.firm]
    jitter = staff.rank + 0.04 * (uniform(district.seed, "presence", everybody, day) - 0.5)
    declared = np.maximum(people.issued[: staff.count], district.first_day) <= day
    person = np.flatnonzero((jitter < onsite + remote) & declared)
    careful = (people.colour(person, day) != GREEN) & (uniform(district.seed, "careful", person, day) < 0.9)
    elsewhere = uniform(district.seed, "elsewhere", person, day) < 0.05
    here = (jitter < onsite)[person] & ~careful
    return person, np.where(here, 0, np.where(elsewhere, 2, 1))


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return morning and afternoon rows; 6 % lack the second reading, 0.5 % have a third, and who has a second
    employer checks in there on some afternoons.
    """
    staff = district.staff
    person, place = _present(district, day)
    second: Bools = uniform(district.seed, "second reading", person, day) >= 0.06
    third: Bools = uniform(district.seed, "third reading", person, day) < 0.005
    at_work = (district.lives.working(day) & district.firms.active(day))[staff.second_firm[person]]
    other: Bools = (staff.second_firm[person] >= 0) & (place == 0) & at_work & ((person + day) % 2 == 0)
    chosen = ((slice(None), _AM), (second, _PM), (third, _PM), (other, _PM))
    who = [person[which] for which, _ in chosen]
    return {
        "person": np.concatenate(who),
        "firm": np.concatenate([*(staff.firm[part] for part in who[:3]), staff.second_firm[who[3]]]),
        "place": np.concatenate([place[which] for which, _ in chosen]),
        "slot": np.concatenate([np.full(len(part), slot) for part, (_, slot) in zip(who, chosen, strict=True)]),
        "id": np.concatenate([part * 4 + reading for reading, part in enumerate(who)]),
    }


def _measured(district: District, facts: dict[str, Ints], day: int) -> tuple[Ints, Ints]:
    """Return temperatures in tenths and symptoms (index into the texts): nobody who is well has a fever."""
    ids, person, seed = facts["id"], facts["person"], district.seed
    ill = district.people.symptomatic(person, day)
    fever = district.people.feverish(person, day)
    tenths = np.round(365 + 2.5 * bell(seed, "temperature", ids, day)).astype(np.int64)
    which = (uniform(seed, "symptom", person) * 3).astype(np.int64)
    silent = uniform(seed, "symptom left blank", person, day) < 0.04
    symptom = np.where(fever, _FEVER, np.where(ill, 2 + which, np.where(silent, 1, 0)))
    return np.where(fever, 374 + ids % 12, np.minimum(tenths, 373)), symptom


def build(district: District, day: int) -> Frame:
    """Return the day's check-ins; the fact `slot` is 0 for the morning's file and 1 for the afternoon's.

    `tenths` is the temperature, `measured` the second of the day, `colour`, `place` and `symptom` what the row says;
    -1 stands for a value that cannot be read.
    """
    facts, seed = _facts(district, day), district.seed
    person = facts["person"]
    start = np.where(facts["slot"] == _AM, 7 * 3_600, 13 * 3_600)
    seconds = start + (uniform(seed, "measured", facts["id"], day) * 12_000).astype(np.int64)
    tenths, symptom = _measured(district, facts, day)
    facts |= {"tenths": tenths, "measured": seconds, "colour": district.people.colour(person, day), "symptom": symptom}
    who = pa.array(person)
    columns = {
        "统一社会信用代码": district.firms.uscc.take(pa.array(facts["firm"])),
        "工号": district.staff.number.take(who),
        "手机号": district.staff.phone.take(who),
        "健康码": pick(COLOURS, facts["colour"]),
        "体温": pick(_TEMPERATURES, tenths - 340),
        "测温时间": join(pa.scalar(str(date_texts(np.array([day]))[0]) + " "), clock_texts(seconds)),
        "打卡地点": pick(PLACES, facts["place"]),
        "症状": pick(SYMPTOMS, symptom),
    }
    return clean(columns, facts)


def _celsius(text: str, _: float) -> str:
    """Write 36.5℃."""
    return text + "℃"


def _comma(text: str, _: float) -> str:
    """Write 36,5."""
    return text.replace(".", ",")


def _no_point(text: str, _: float) -> str:
    """Write 365."""
    return text.replace(".", "")


_NO_READING = (("tenths", -1),)

FEED = Feed(
    name="checkins",
    sender="module",
    layout=Layout(
        "csv", ("统一社会信用代码", "工号", "手机号", "健康码", "体温", "测温时间", "打卡地点", "症状"), bom=True
    ),
    slots=(Slot(_AM, "am.csv", 10 * 60 + 30), Slot(_PM, "pm.csv", 16 * 60 + 30)),
    days=daily,
    build=build,
    defects=(
        *code_defects("统一社会信用代码", named=False, rate=0.4),
        *phone_defects("手机号", key=True, rate=0.5),
        RowDefect("temperature_unit", "体温", 0.003, _celsius, mark=REFORMATTED),
        RowDefect("temperature_comma", "体温", 0.001, _comma, mark=REFORMATTED),
        RowDefect("temperature_no_point", "体温", 0.001, _no_point, mark=REFORMATTED),
        RowDefect("temperature_full_width", "体温", 0.0005, full_width, mark=REFORMATTED),
        RowDefect("temperature_text", "体温", 0.001, constant("正常", "未测"), mark=INVALID, sets=_NO_READING),
        RowDefect("temperature_range", "体温", 0.001, constant("45.0", "25.3"), mark=INVALID, sets=_NO_READING),
        RowDefect("temperature_blank", "体温", 0.001, blank, sets=_NO_READING),
        *moment_defects("测温时间", "measured", 0.2, required=False),
        RowDefect("colour_unknown", "健康码", 0.0005, constant("灰", "无码"), mark=INVALID, sets=(("colour", -1),)),
        RowDefect("place_unknown", "打卡地点", 0.0005, constant("食堂", "路上"), mark=INVALID, sets=(("place", -1),)),
        RowDefect("place_missing", "打卡地点", 0.0005, blank, sets=(("place", -1),)),
        broken_row("工号", 0.0001),
    ),
    key_column="手机号",
    alias=("健康码", "健康码颜色"),
    duplicates=0.001,
)
