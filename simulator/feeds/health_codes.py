"""Changes of health codes: one when the code is given out, then when it turns yellow or red and back to green.

Four files a day; some changes come with a later file or again the next day, and no file is in the order of time.
"""

import numpy as np
import pyarrow as pa

from simulator.calendar import clock_texts, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import ID_TYPES, IDENTITY_CARD
from simulator.rng import Ints, uniform
from simulator.rowdefects import (
    INVALID,
    RowDefect,
    blank,
    broken_row,
    constant,
    identity_defects,
    moment_defects,
    phone_defects,
)
from simulator.text import join, pick

COLOURS = ("green", "yellow", "red")
_REASONS = ("", "居家观察未满", "密切接触或来自重点地区")
_EDGES = np.array([6, 12, 18]) * 3_600
_LAST_SECOND = 21 * 3_600


def _changes(district: District, day: int) -> dict[str, Ints]:
    """Return the changes of a day, with a pseudo-random moment of it."""
    people, seed = district.people, district.seed
    person = np.arange(people.count)
    issued = np.maximum(people.issued, district.first_day)
    event = np.select([issued == day, people.watched_from == day, people.watched_until == day], [0, 1, 2], -1)
    event = np.where(issued > day, -1, event)
    person = np.flatnonzero(event >= 0)
    seconds = (uniform(seed, "code changed", person, day) * _LAST_SECOND).astype(np.int64)
    return {
        "person": person,
        "colour": people.colour(person, day),
        "updated": day * 86_400 + seconds,
        "slot": np.searchsorted(_EDGES, seconds, side="right"),
        "id_type": people.id_type[person],
        "id": (day * 4 + event[person]) * 10_000_000 + person,
    }


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return the day's changes and a fiftieth of those of the day before once more, in no order."""
    today, before = _changes(district, day), _changes(district, day - 1)
    kept = np.flatnonzero(uniform(district.seed, "sent again", before["id"]) < 0.02)
    late = {name: values[kept if day > district.first_day else kept[:0]] for name, values in before.items()}
    late["slot"] = np.zeros(len(late["id"]), dtype=np.int64)
    facts = {name: np.concatenate([values, late[name]]) for name, values in today.items()}
    delayed = uniform(district.seed, "delayed", facts["id"], day) < 0.05
    facts["slot"] = np.minimum(facts["slot"] + delayed, len(_EDGES))
    order = np.argsort(uniform(district.seed, "shuffled", facts["id"], day))
    return {name: values[order] for name, values in facts.items()}


def build(district: District, day: int) -> Frame:
    """Return the day's changes; the fact `slot` tells the file, `updated` is in seconds."""
    facts, people = _facts(district, day), district.people
    who = pa.array(facts["person"])
    columns = {
        "id_type": pick(ID_TYPES, facts["id_type"]),
        "id_no": people.id_no.take(who),
        "phone": people.phone.take(who),
        "colour": pick(COLOURS, facts["colour"]),
        "reason": pick(_REASONS, facts["colour"]),
        "since": _moments(facts["updated"] // 3_600 * 3_600, "T"),
        "updated_at": join(_moments(facts["updated"], "T"), pa.scalar("+08:00")),
    }
    return clean(columns, facts)


def _moments(seconds: Ints, separator: str) -> pa.Array:
    return join(date_texts(seconds // 86_400), clock_texts(seconds % 86_400), sep=separator)


FEED = Feed(
    name="health_codes",
    sender="module",
    layout=Layout("jsonl", ("id_type", "id_no", "phone", "colour", "reason", "since", "updated_at")),
    slots=tuple(
        Slot(place, f"health_codes_{{day}}_{place + 1}.jsonl", minute)
        for place, minute in enumerate((370, 730, 1_090, 1_300))
    ),
    days=daily,
    build=build,
    defects=(
        *identity_defects("id_no", "id_type", IDENTITY_CARD, rate=0.5),
        *phone_defects("phone", key=False, rate=0.5),
        RowDefect("colour_unknown", "colour", 0.001, constant("灰", "blue"), "VALUE_NOT_ALLOWED"),
        RowDefect("colour_missing", "colour", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("colour_chinese", "colour", 0.0, constant("绿", "黄", "红"), "VALUE_NOT_ALLOWED"),
        RowDefect("id_type_unknown", "id_type", 0.0005, constant("军官证", "ID"), "VALUE_NOT_ALLOWED"),
        RowDefect("since_text", "since", 0.001, constant("不详", "2020-02-31T08:00:00"), mark=INVALID),
        RowDefect("since_missing", "since", 0.001, blank),
        *moment_defects("updated_at", "updated", 0.5),
        broken_row("reason"),
    ),
    key_column="colour",
    duplicates=0.003,
)
