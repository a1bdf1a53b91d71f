"""Declarations of staff to their employers: who they are, where they were, contact and symptoms.

Everybody declares before the first check-in, again after a journey or when symptoms begin, and now and then anyway.
One park sends a file of its own, in whose template 0 stands for yes.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.calendar import NEVER, clock_texts, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.feeds.checkins import SYMPTOMS
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import ID_TYPES, IDENTITY_CARD, PLACES
from simulator.rng import Bools, Ints, uniform
from simulator.rowdefects import (
    INVALID,
    RowDefect,
    blank,
    broken_row,
    code_defects,
    constant,
    date_defects,
    identity_defects,
    moment_defects,
    phone_defects,
    with_tail,
)
from simulator.text import blank_where, choose, join, pick, whole

MAIN, PARK = 0, 1
_SEPARATORS = ("、", "/", "；", "，", ";")
_MODES = ("高铁", "飞机", "自驾", "长途汽车", "")
_NUMBERS = ("G", "MU", "浙A", "长途", "")


def _declaring(district: District, day: int) -> Ints:
    """Return the staff who declare on that day."""
    people, seed = district.people, district.seed
    person = np.arange(people.staff_count)
    issued = np.maximum(people.issued[person], district.first_day)
    again = (uniform(seed, "declares again", person, day) < 0.02) | (people.returned[person] == day)
    again |= (people.ill[person] == day) & (uniform(seed, "admits", person) < 0.8)
    return np.flatnonzero((issued == day) | (again & (issued < day)))


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return a row for each employer of those who declare, the first employer's first."""
    staff, people, seed = district.staff, district.people, district.seed
    person = _declaring(district, day)
    twice = staff.second_firm[person] >= 0
    firm = np.concatenate([staff.firm[person], staff.second_firm[person[twice]]])
    employer = np.concatenate([np.zeros(len(person), dtype=np.int64), np.ones(int(twice.sum()), dtype=np.int64)])
    person = np.concatenate([person, person[twice]])
    back = (people.returned[person] <= day) & (people.returned[person] > day - 30) & ~people.concealed[person]
    route = np.where(back[:, None], people.route[person], -1)
    contact = (people.contact[person] <= day) & (people.contact[person] > day - 14)
    ill = people.symptomatic(person, day)
    park = district.firms.park[firm] == template_park(district)
    return {
        "person": person,
        "firm": firm,
        "declared": day * 86_400 + 7 * 3_600 + (uniform(seed, "declared", person, day) * 50_000).astype(np.int64),
        "returned": np.where(back, people.returned[person], NEVER),
        "contact": contact.astype(np.int64),
        "symptom": np.where(ill, 2 + person % 4, person % 20 // 19),
        "place_1": route[:, 0],
        "place_2": route[:, 1],
        "place_3": route[:, 2],
        "id_type": people.id_type[person],
        "slot": np.where(park, PARK, MAIN),
        "id": person * 2 + employer,
    }


def template_park(district: District) -> int:
    """Return the park whose template codes contact as 0 for yes: the one of the firm with most staff in a park."""
    weight = np.where(district.lives.tracked & (district.firms.park >= 0), district.lives.staff, 0)
    return int(district.firms.park[np.argmax(weight)])


def _routes(facts: dict[str, Ints], seed: int) -> pa.Array:
    """Return 湖北省武汉市、河南省信阳市 with one of several separators; blank for who stayed."""
    names = [province + city for province, city, _ in PLACES]
    text = pick(names, facts["place_1"])
    for name in ("place_2", "place_3"):
        separator = pick(_SEPARATORS, (uniform(seed, "separator", facts["person"]) * len(_SEPARATORS)).astype(np.int64))
        text = choose(facts[name] >= 0, join(text, separator, pick(names, facts[name])), text)
    return text


def _contact(facts: dict[str, Ints]) -> pa.Array:
    yes: Bools = facts["contact"] > 0
    return choose(facts["slot"] == PARK, choose(yes, "0", "1"), choose(yes, "是", "否"))


def build(district: District, day: int) -> Frame:
    """Return the day's declarations; the fact `slot` tells the park with a template of its own from all others.

    `declared` is in seconds, `returned` a day (NEVER if blank), `place_1`..`place_3` are indices into `PLACES` or -1,
    `symptom` one into `SYMPTOMS`.
    """
    facts, people, seed = _facts(district, day), district.people, district.seed
    person = facts["person"]
    who = pa.array(person)
    travelled = facts["returned"] < NEVER
    mode = np.where(travelled, (uniform(seed, "mode", person) * 4).astype(np.int64), 4)
    moment = join(date_texts(facts["declared"] // 86_400), clock_texts(facts["declared"] % 86_400), sep=" ")
    columns = {
        "统一社会信用代码": district.firms.uscc.take(pa.array(facts["firm"])),
        "姓名": people.names(person),
        "证件类型": pick(ID_TYPES, people.id_type[person]),
        "证件号": people.id_no.take(who),
        "手机号": people.phone.take(who),
        "户籍地": people.homes(person),
        "现住址": people.addresses(person),
        "来杭方式": pick(_MODES, mode),
        "车次": choose(travelled, join(pick(_NUMBERS, mode), whole(1_000 + person % 8_000)), ""),
        "途径地址": _routes(facts, seed),
        "返杭日期": blank_where(~travelled, date_texts(facts["returned"])),
        "是否接触": _contact(facts),
        "症状": pick(SYMPTOMS, facts["symptom"]),
        "申报时间": choose(person % 10 == 0, join(pc.replace_substring(moment, " ", "T"), pa.scalar("+08:00")), moment),
    }
    return clean(columns, facts)


def _odd_separators(text: str, _: float) -> str:
    """Separate places by a comma, a slash and a semicolon with blanks, one of them twice."""
    return f"{text}, {text} / 浙江省温州市;"


FEED = Feed(
    name="health_declarations",
    sender="module",
    layout=Layout(
        "csv",
        (
            "统一社会信用代码",
            "姓名",
            "证件类型",
            "证件号",
            "手机号",
            "户籍地",
            "现住址",
            "来杭方式",
            "车次",
            "途径地址",
            "返杭日期",
            "是否接触",
            "症状",
            "申报时间",
        ),
        bom=True,
    ),
    slots=(
        Slot(MAIN, "health_declarations_{day}.csv", 21 * 60 + 40),
        Slot(PARK, "health_declarations_{day}_5.csv", 21 * 60 + 50, headers=(("是否接触", "是否接触(0是1否)"),)),
    ),
    days=daily,
    build=build,
    defects=(
        *code_defects("统一社会信用代码", named=False, rate=0.6),
        *identity_defects("证件号", "id_type", IDENTITY_CARD),
        *phone_defects("手机号", key=True),
        *date_defects("返杭日期", "returned", 0.6),
        RowDefect("id_type_unknown", "证件类型", 0.0005, constant("军官证", "其他"), "VALUE_NOT_ALLOWED"),
        RowDefect("id_type_missing", "证件类型", 0.0005, blank, "REQUIRED_MISSING"),
        *moment_defects("申报时间", "declared"),
        RowDefect("route_unknown", "途径地址", 0.01, with_tail("、某地"), mark=INVALID),
        RowDefect("route_separators", "途径地址", 0.01, _odd_separators),
        RowDefect("address_missing", "现住址", 0.001, blank),
        RowDefect("contact_unknown", "是否接触", 0.001, constant("不清楚", "待查"), "VALUE_NOT_ALLOWED"),
        RowDefect("contact_missing", "是否接触", 0.001, blank),
        broken_row("姓名"),
        RowDefect(
            "contact_code",
            "是否接触",
            0.002,
            constant("0", "1"),
            "VALUE_NOT_ALLOWED",
            where=lambda frame: frame.facts["slot"] == MAIN,
        ),
    ),
    key_column="证件号",
    alias=("手机号", "手机号码"),
)
