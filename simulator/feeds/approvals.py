"""Events of applications to resume work: 申请, then 通过 or 退回, sometimes 撤销. The first file holds what came
before.
"""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import NEVER, clock_texts, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.lives import APPROVED, PENDING, RETURNED, Application
from simulator.rng import Ints, uniform
from simulator.rowdefects import (
    INVALID,
    RowDefect,
    blank,
    broken_row,
    code_defects,
    constant,
    date_defects,
    moment_defects,
)
from simulator.text import choose, digits, join, pick

EVENTS = ("申请", "通过", "退回", "撤销")
APPLY, PASS, RETURN, WITHDRAW = range(4)


def _events(application: Application, district: District, day: int, which: int) -> list[dict[str, Ints]]:
    """Return the day's events of one application a firm, as groups of facts."""
    decision = np.where(application.outcome == APPROVED, PASS, RETURN)
    steps = (
        (application.applied, np.full(len(decision), APPLY), 8 * 3_600),
        (np.where(application.outcome == PENDING, NEVER, application.decided), decision, 13 * 3_600),
        (
            np.where(application.outcome == RETURNED, NEVER, application.withdrawn),
            np.full(len(decision), WITHDRAW),
            17 * 3_600,
        ),
    )
    groups = []
    for place, (days, event, from_second) in enumerate(steps):
        today = days <= day if day == district.first_day else days == day
        firm = np.flatnonzero(
            application.exists & today & (district.firms.closed > days) & (district.firms.born <= days)
        )
        seconds = from_second + (uniform(district.seed, f"event {which} {place}", firm) * 3_500).astype(np.int64)
        applied_seconds = 8 * 3_600 + (uniform(district.seed, f"event {which} 0", firm) * 3_500).astype(np.int64)
        groups.append(
            {
                "firm": firm,
                "application": firm * 2 + which,
                "event": event[firm],
                "moment": days[firm] * 86_400 + seconds,
                "applied": application.applied[firm] * 86_400 + applied_seconds,
                "planned": application.planned[firm],
                "white": district.lives.white[firm].astype(np.int64),
                "id": (firm * 2 + which) * 4 + place,
            }
        )
    return groups


def _moments(seconds: Ints) -> pa.Array:
    return join(date_texts(seconds // 86_400), clock_texts(seconds % 86_400), sep=" ")


def build(district: District, day: int) -> Frame:
    """Return the events of that day by their moment (on the first day also all earlier ones)."""
    lives = district.lives
    groups = _events(lives.first, district, day, 0) + _events(lives.second, district, day, 1)
    facts = {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}
    order = np.argsort(facts["moment"], kind="stable")
    facts = {name: values[order] for name, values in facts.items()}
    facts["slot"] = np.zeros(len(order), dtype=np.int64)
    firm = facts["firm"]
    columns = {
        "application_id": join(pa.scalar("AP"), digits(facts["application"], 8)),
        "uscc": district.firms.uscc.take(pa.array(firm)),
        "level": pick(reference.LEVELS, lives.level[firm]),
        "white_list": choose(facts["white"] > 0, "true", "false"),
        "applied_at": _moments(facts["applied"]),
        "planned_resume_date": date_texts(facts["planned"]),
        "event": pick(EVENTS, facts["event"]),
        "event_at": _moments(facts["moment"]),
    }
    return clean(columns, facts)


FEED = Feed(
    name="approvals",
    sender="module",
    layout=Layout(
        "jsonl",
        ("application_id", "uscc", "level", "white_list", "applied_at", "planned_resume_date", "event", "event_at"),
        literals=frozenset(("white_list",)),
    ),
    slots=(Slot(0, "approvals_{day}.jsonl", 22 * 60 + 30),),
    days=daily,
    build=build,
    defects=(
        *code_defects("uscc", named=False, rate=0.3),
        *date_defects("planned_resume_date", "planned", 0.5),
        *moment_defects("event_at", "event_at", 0.2),
        *moment_defects("applied_at", "applied_at", 0.2),
        RowDefect("event_unknown", "event", 0.001, constant("作废", "同意"), "VALUE_NOT_ALLOWED"),
        RowDefect("event_missing", "event", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("flag_unknown", "white_list", 0.0005, constant('"待定"'), "VALUE_NOT_ALLOWED"),
        RowDefect("level_unknown", "level", 0.0005, constant("省", "镇"), mark=INVALID),
        RowDefect("id_missing", "application_id", 0.0005, blank, "REQUIRED_MISSING"),
        broken_row("event"),
    ),
    key_column="event",
)
