"""Homes and their meters: who lives in them, whether somebody is at home on a day, the true load, the true scenario."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from simulator import codes, reference
from simulator.calendar import NEVER
from simulator.people import RED, People, Returnees, communities_of, doors_of
from simulator.rng import Bools, Floats, Ints, bell, generator, uniform
from simulator.text import digits, join

SCENARIOS = (
    "INSUFFICIENT_DATA",
    "VACANT",
    "QUARANTINE_CHECK",
    "QUARANTINE_CONSISTENT",
    "RETURNED",
    "NOT_YET_BACK",
    "STAYED",
    "INTERMITTENT",
)
INSUFFICIENT, VACANT, CHECK, CONSISTENT, RETURNED, NOT_YET_BACK, STAYED, INTERMITTENT = range(8)
HISTORY_FROM = -92  # 1 October 2019
_NEW_YEAR = 24
_WINDOW = 14
_LEAST_BASELINE_DAYS = 30
_GOLDEN_WEEK = range(-91, -86)
_COLD = frozenset((-27, -26, -1, 6, 7, 17, 18, 26, 27, 45, 46, 47, 57))


@dataclass(frozen=True)
class Households:
    """Homes with a meter, one position each. Days are day numbers, NEVER for what does not happen."""

    seed: int
    token: pa.Array
    """The grid company's own pseudonyms."""
    community: Ints
    building: Ints
    usual: Floats
    """kWh on an ordinary autumn day with somebody at home."""
    standby: Floats
    """Share of it that is used while nobody is at home."""
    vacant: Bools
    installed: Ints
    dark: Bools
    """Meters that can seldom be read."""
    restless: Bools
    """Homes that are left for two days every now and then."""
    left: Ints
    back: Ints
    """The home is empty from one day until the day before the other."""
    person: Ints
    """Position in `People` of the one inhabitant whom a feed names, -1 for most homes."""
    watched_from: Ints
    watched_until: Ints
    """Home observation, from a day until the day before the other."""
    slip: Ints
    """First of two days on which the home stood empty in spite of it."""

    @property
    def count(self) -> int:
        """Number of homes."""
        return len(self.community)

    @cached_property
    def _ids(self) -> Ints:
        return np.arange(self.count)

    def watched(self, day: int) -> Bools:
        """Tell which homes are under observation on that day."""
        return np.asarray((self.watched_from <= day) & (day < self.watched_until))

    def at_home(self, day: int) -> Bools:
        """Tell where somebody is at home on that day."""
        ids = self._ids
        away = (self.left <= day) & (day < self.back) | (uniform(self.seed, "trip", ids, day) < 0.004)
        away |= self.restless & (uniform(self.seed, "block", ids, day // 2) < 0.35)
        if day in _GOLDEN_WEEK:
            away |= uniform(self.seed, "golden week", ids) < 0.15
        slipped = (self.slip <= day) & (day < self.slip + 2)
        there = np.where(self.watched(day), ~slipped, ~away)
        return np.asarray(there & ~self.vacant & (self.installed <= day))

    def load_kwh(self, day: int) -> Floats:
        """Return each home's true consumption of the day in kWh; cold days raise it where somebody is at home."""
        ids = self._ids
        noise = np.exp(0.2 * bell(self.seed, "home load", ids, day))
        season = 1.0 + 0.2 * np.cos((day - 20) * 2 * np.pi / 365) + (0.35 if day in _COLD else 0.0)
        quiet = np.where(uniform(self.seed, "quiet day", ids, day) < 0.01, 0.45, 1.0)
        share = np.where(self.at_home(day), season * quiet, self.standby)
        share = np.where(day == self.back, np.maximum(share, 0.6), share)
        return self.usual * share * noise

    def scenario(self, day: int) -> Ints:
        """Return the true scenario of each home on a day, as an index into `SCENARIOS`.

        The definitions of the screening table, on what is true instead of on readings.
        """
        home = np.stack([self.at_home(each) for each in range(day - _WINDOW - 2, day + 1)], axis=1)
        window = home[:, -_WINDOW:]
        days = np.arange(day - _WINDOW + 1, day + 1)
        slipped = (~window & (days[None, :] >= self.watched_from[:, None])).any(axis=1)
        conditions = [
            self.dark | (self.installed > -_LEAST_BASELINE_DAYS),
            self.vacant,
            self.watched(day) & slipped,
            self.watched(day),
            _turned(home),
            ~home[:, -3:].any(axis=1),
            window.mean(axis=1) >= 0.9,
        ]
        return np.select(conditions, list(range(INTERMITTENT)), INTERMITTENT)


def _turned(home: Bools) -> Bools:
    """Tell where three empty days in a row are followed by two with somebody at home, the first in the window."""
    found = np.zeros(len(home), dtype=bool)
    for turn in range(3, home.shape[1] - 1):
        found |= ~home[:, turn - 3 : turn].any(axis=1) & home[:, turn : turn + 2].all(axis=1)
    return found


def build_households(seed: int, scale: float, people: People, returnees: Returnees) -> Households:
    """Make about 180,000·scale homes: 14 % vacant, a third of the others empty at New Year (assumptions).

    Everybody who came back in February or March, and everybody under observation, lives in one of them.
    """
    rng = generator(seed, "households")
    n = max(1_200, round(180_000 * scale))
    person = _inhabitants(n, people, returnees, rng)
    named = person >= 0
    known = np.maximum(person, 0)
    vacant = (rng.random(n) < 0.139) & ~named
    watched = named & (people.watched_as[known] == RED)
    watched_from = np.where(watched, people.watched_from[known], NEVER)
    left, back = _absences(n, named, people.returned[known], rng)
    back = np.where(watched, np.minimum(back, watched_from), back)
    building = np.where(named, doors_of(seed, known)[0], rng.integers(1, 31, n))
    return Households(
        seed=seed,
        token=join(pa.scalar("GM"), digits(codes.shuffled_digits(np.arange(n), 4_669_201), 7)),
        community=np.where(named, communities_of(seed, known), rng.integers(0, len(reference.COMMUNITY_CODES), n)),
        building=building,
        usual=np.where(vacant, rng.random(n) * 0.06, np.exp(rng.normal(1.9, 0.45, n))),
        standby=np.where(vacant, 1.0, np.where(rng.random(n) < 0.01, 0.25, 0.03 + rng.random(n) * 0.12)),
        vacant=vacant,
        installed=np.where((rng.random(n) < 0.008) & ~named, rng.integers(-27, 50, n), -NEVER),
        dark=(rng.random(n) < 0.005) & ~named,
        restless=(rng.random(n) < 0.06) & ~named,
        left=left,
        back=back,
        person=person,
        watched_from=watched_from,
        watched_until=np.where(watched, people.watched_until[known], NEVER),
        slip=np.where(watched & (rng.random(n) < 0.08), watched_from + rng.integers(1, 12, n), NEVER),
    )


def _inhabitants(n: int, people: People, returnees: Returnees, rng: np.random.Generator) -> Ints:
    """Return who lives in each home of those whom a feed names; -1 for nobody."""
    observed = np.flatnonzero(people.watched_as == RED)
    named = np.union1d(returnees.person, observed)
    person = np.full(n, -1)
    person[rng.permutation(n)[: len(named)]] = named[:n]
    return person


def _absences(n: int, named: Bools, returned: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return from when until when homes are empty around New Year.

    Four of five named people who come back leave an empty home behind; of the other homes a third are left, most for
    two to seven weeks, some for longer than any run.
    """
    leaves = np.where(named, (returned < NEVER) & (rng.random(n) < 0.8), rng.random(n) < 0.33)
    before = _NEW_YEAR - rng.integers(0, 12, n)
    later = _NEW_YEAR + 8 + np.minimum(rng.gamma(2.5, 8.0, n), 90.0).astype(np.int64)
    back = np.where(named, returned, later)
    left = np.minimum(before, back - 4)
    return np.where(leaves, left, NEVER), np.where(leaves, back, NEVER)
