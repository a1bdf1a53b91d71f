"""Expected scenario of every home: the rules of the screening table on readings and registers as they must be accepted.

Windows and thresholds are the table's: 14 days; at home from 0.35 of the usual load, away below 0.20.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.households import (
    CHECK,
    CONSISTENT,
    HISTORY_FROM,
    INSUFFICIENT,
    INTERMITTENT,
    NOT_YET_BACK,
    RETURNED,
    STAYED,
    VACANT,
)
from simulator.rng import Bools, Floats, Ints

_WINDOW, _LEAST_DAYS, _LEAST_BASELINE_DAYS = 14, 10, 30
_AWAY_BELOW, _HOME_FROM, _VACANT_BELOW_KWH = 0.20, 0.35, 20.0
_BASELINE_FROM, _BASELINE_TO = -85, -1  # 8 October (the holiday is left out) to 31 December 2019
_DECEMBER_FROM = -31
NOT_LISTED = 30_000
INVALID, AWAY, UNCERTAIN, HOME = range(4)


@dataclass(frozen=True)
class Readings:
    """Valid readings in kWh, shape (days, homes), NaN for none; the first row is 1 October 2019."""

    kwh: NDArray[np.float32]

    @classmethod
    def none(cls, homes: int, day: int) -> "Readings":
        """Return an empty matrix up to a day."""
        return cls(np.full((day - HISTORY_FROM + 1, homes), np.nan, dtype=np.float32))

    def put(self, facts: dict[str, Ints], valid: Bools) -> None:
        """Write the rows of a delivery over those of earlier ones."""
        values = np.where(valid, facts["energy"] / 100.0, np.nan)
        inside = facts["day"] - HISTORY_FROM < len(self.kwh)
        self.kwh[facts["day"][inside] - HISTORY_FROM, facts["household"][inside]] = values[inside]

    def span(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the readings of a span of days."""
        return self.kwh[first - HISTORY_FROM : last - HISTORY_FROM + 1]


def _baselines(readings: Readings) -> Floats:
    """Return the median of the autumn's valid days; NaN with fewer than 30."""
    autumn = readings.span(_BASELINE_FROM, _BASELINE_TO).astype(np.float64)
    count = (~np.isnan(autumn)).sum(axis=0)
    ordered = np.sort(autumn, axis=0)  # NaN comes last
    homes = np.arange(autumn.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = (ordered[low, homes] + ordered[np.minimum(high, len(ordered) - 1), homes]) / 2
    return np.where(count >= _LEAST_BASELINE_DAYS, middle, np.nan)


def _states(kwh: NDArray[np.float32], baseline: Floats) -> NDArray[np.int8]:
    """Return INVALID, AWAY, UNCERTAIN or HOME for each day and home."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # Rounded below a reading's precision: a fifth of the baseline is a fifth, whatever its last binary digit.
        ratio = np.round(kwh.astype(np.float64) / baseline, 6)
    conditions = [np.isnan(ratio), ratio < _AWAY_BELOW, ratio < _HOME_FROM]
    return np.select(conditions, [INVALID, AWAY, UNCERTAIN], HOME).astype(np.int8)


def _returned(states: NDArray[np.int8], first: int, day: int) -> Bools:
    """Tell where three away days or more, then perhaps uncertain ones, then two at home follow each other.

    Invalid days do not count; the first day at home lies in the window. `first` is the day of the first row.
    """
    homes = states.shape[1]
    away, at_home, turn = np.zeros(homes, np.int64), np.zeros(homes, np.int64), np.full(homes, -NOT_LISTED)
    found, last = np.zeros(homes, dtype=bool), np.full(homes, INVALID)
    for number, state in enumerate(states, first):
        armed = away >= 3
        starts = (state == HOME) & armed & (last != HOME)
        turn = np.where(starts, number, turn)
        at_home = np.where(starts, 1, np.where((state == HOME) & (at_home > 0), at_home + 1, at_home))
        at_home = np.where((state == AWAY) | (state == UNCERTAIN), 0, at_home)
        grows = np.where(last == AWAY, away + 1, 1)
        kept = np.where((state == UNCERTAIN) & armed, away, 0)
        away = np.select([state == INVALID, state == AWAY], [away, grows], kept)
        found |= (at_home >= 2) & (turn > day - _WINDOW)
        last = np.where(state == INVALID, last, state)
    return found


def _still_away(states: NDArray[np.int8], december: NDArray[np.int8]) -> Bools:
    """Tell where the last three valid days are away, the last at most two days old, and December was spent at home."""
    valid = states[::-1] != INVALID
    rank = np.cumsum(valid, axis=0)
    last_three = valid & (rank <= 3)
    enough = (last_three & (states[::-1] == AWAY)).sum(axis=0) == 3
    home = (december == HOME).sum(axis=0)
    there = (december != INVALID).sum(axis=0)
    return np.asarray(enough & valid[:3].any(axis=0) & (home * 2 >= there) & (there > 0))


def scenarios(readings: Readings, begin: Ints, day: int) -> Ints:
    """Return the scenario of each home at a day, -1 for homes without a reading.

    `begin` is the first day under observation of those listed at that day, NOT_LISTED for others.
    """
    baseline = _baselines(readings)
    year = readings.span(HISTORY_FROM, day)
    window = _states(readings.span(day - _WINDOW + 1, day), baseline)
    states = _states(readings.span(0, day), baseline)
    december = _states(readings.span(_DECEMBER_FROM, _BASELINE_TO), baseline)
    number = np.arange(0, day + 1)[:, None]
    observed = (number >= begin) & (states != INVALID)
    some_away = (observed & (states != HOME)).any(axis=0)
    valid = (window != INVALID).sum(axis=0)
    total = np.nansum(year, axis=0, dtype=np.float64)
    days_known = (~np.isnan(year)).sum(axis=0)
    conditions = [
        np.isnan(baseline) | ((~np.isnan(readings.span(day - _WINDOW + 1, day))).sum(axis=0) < _LEAST_DAYS),
        (total < _VACANT_BELOW_KWH) & (days_known >= 30),
        baseline <= 0,
        some_away,
        observed.any(axis=0),
        _returned(states, 0, day),
        _still_away(states, december),
        (window == HOME).sum(axis=0) >= 0.9 * valid,
    ]
    names = [INSUFFICIENT, VACANT, INSUFFICIENT, CHECK, CONSISTENT, RETURNED, NOT_YET_BACK, STAYED]
    return np.select(conditions, names, INTERMITTENT)
