"""What the four carriers know of the same returnees: the same stays at slightly different times."""

import numpy as np
import pyarrow as pa

from simulator.calendar import clock_texts, date_texts
from simulator.district import District
from simulator.people import CARRIERS
from simulator.rng import Bools, Ints, uniform
from simulator.text import join

DAY = 1_440
_PEOPLE_A_CARRIER = 10_000_000


def stays(district: District, day: int, carrier: str) -> dict[str, Ints]:
    """Return the stays that a carrier lists for a day: of those who came back on it, and again of a tenth of the day
    before.

    The facts are `person` (position in `Returnees`), `place`, `begin`, `end`, `returned` (minutes), `dwell_minutes`,
    `retracted`, `slot` and `id`, which no other carrier's stay bears.
    """
    people, number = district.returnees, CARRIERS.index(carrier)
    came = people.returned // DAY
    everybody = np.arange(len(came)) + number * _PEOPLE_A_CARRIER
    again = (came == day - 1) & (uniform(district.seed, "listed again", everybody) < 0.1) & (day > district.first_day)
    listed = np.flatnonzero(((came == day) | again) & people.seen[:, number])
    ids = np.sort(np.concatenate([listed[people.stays[listed] > stay] * 4 + stay for stay in range(3)]))
    person, stay = ids // 4, ids % 4
    ids = ids + number * _PEOPLE_A_CARRIER * 4
    shift = _clock_shift(district.seed, ids) if number else np.zeros(len(ids), dtype=np.int64)
    begin, end = people.begin[person, stay] + shift, people.end[person, stay] + shift
    return {
        "person": person,
        "place": people.place[person, stay],
        "begin": begin,
        "end": end,
        "returned": people.returned[person] + shift,
        "dwell_minutes": end - begin,
        "retracted": _retracted(district, ids).astype(np.int64),
        "slot": np.zeros(len(ids), dtype=np.int64),
        "id": ids,
    }


def _clock_shift(seed: int, ids: Ints) -> Ints:
    """Return minutes, -25..25, by which a carrier sees a stay earlier or later than the first one does."""
    return np.floor(uniform(seed, "carrier's clock", ids) * 51).astype(np.int64) - 25


def _retracted(district: District, ids: Ints) -> Bools:
    """Tell which stays the carrier takes back later."""
    if district.rates <= 0:
        return np.zeros(len(ids), dtype=bool)
    return uniform(district.seed, "undo", ids) < 0.03


def with_dwell(facts: dict[str, Ints], seed: int) -> tuple[dict[str, Ints], Bools, pa.Array]:
    """Return the facts with the length of stay as it is sent, which cells are blank, and the hours as text.

    Hours have one decimal; where the cell is blank, the length is end less begin.
    """
    tenths = np.round((facts["end"] - facts["begin"]) / 6.0).astype(np.int64)
    blank = uniform(seed, "no dwell", facts["id"]) < 0.02
    dwell = np.where(blank, facts["end"] - facts["begin"], tenths * 6)
    return facts | {"dwell_minutes": dwell}, blank, pa.array(tenths / 10.0).cast(pa.string())


def moments(minutes: Ints) -> pa.Array:
    """Return minutes since 2020-01-01 as 2020-02-17 08:30:00."""
    return join(date_texts(minutes // DAY), clock_texts(minutes % DAY * 60), sep=" ")
