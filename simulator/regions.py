"""Expected key regions: Hubei, and where bulletins count at least one case in 100,000 residents.

A level holds for a week after the count has fallen; before the first bulletin Hubei alone counts.
"""

import numpy as np

from simulator import reference
from simulator.people import PLACES
from simulator.rng import Bools, Ints

_HELD_DAYS = 7
_CASES_IN_A_MILLION = 10


def in_hubei(place: Ints, _: Ints) -> Bools:
    """Tell which places lie in Hubei."""
    return np.asarray(place < len(reference.HUBEI))


class KeyRegions:
    """Which of `PLACES` are key regions on which days up to one, from the accepted rows of the bulletins."""

    def __init__(self, rows: dict[str, Ints], day: int) -> None:
        residents = np.array([reference.RESIDENTS.get(code, 0) for _, _, code in PLACES])
        self._reached = np.zeros((len(PLACES), day + 1), dtype=bool)
        for place, (_, _, code) in enumerate(PLACES):
            if rows and residents[place]:
                self._reached[place] = _cases(rows, int(code), day) * 100 >= _CASES_IN_A_MILLION * residents[place]

    def exposed(self, place: Ints, day: Ints) -> Bools:
        """Tell which places were key regions on which days."""
        last = self._reached.shape[1] - 1
        recent = [self._reached[place, np.clip(day - back, 0, last)] & (day >= back) for back in range(_HELD_DAYS)]
        return np.asarray(in_hubei(place, day) | np.any(recent, axis=0))


def _cases(rows: dict[str, Ints], city: int, day: int) -> Ints:
    """Return the count of a city on every day from 1 January to a day: the latest one not after it, 0 before."""
    counts = np.full(day + 1, -1)
    chosen = np.flatnonzero((rows["city"] == city) & (rows["day"] <= day))
    for row in chosen.tolist():
        counts[rows["day"][row]] = rows["confirmed"][row]
    known = np.maximum.accumulate(np.where(counts >= 0, np.arange(day + 1), -1))
    return np.where(known >= 0, counts[np.maximum(known, 0)], 0)
