"""Staff who check in, and people who come back from elsewhere."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulator import codes, reference
from simulator.lives import FIRST_DAY, Lives
from simulator.rng import Floats, Ints, generator
from simulator.text import digits, join

_OUTSIDERS_FROM = 8_000_000


@dataclass(frozen=True)
class Staff:
    """People who check in, one position each."""

    firm: Ints
    number: pa.Array
    phone: pa.Array
    rank: Floats
    """Position 0..1 in the firm's order of return: the lower, the earlier on site."""
    colour: Ints
    """0 green, 1 yellow, 2 red."""

    @property
    def count(self) -> int:
        """Number of people."""
        return len(self.firm)


@dataclass(frozen=True)
class Returnees:
    """People whom the mobile carrier saw elsewhere before they came to the city; up to three stays each."""

    phone: pa.Array
    home: Ints
    returned: Ints
    """Minutes since 2020-01-01 00:00."""
    stays: Ints
    place: Ints
    """Shape (people, 3); index into `PLACES`."""
    begin: Ints
    end: Ints
    """Shape (people, 3); minutes since 2020-01-01 00:00."""


PLACES = reference.HUBEI + reference.ELSEWHERE


def build_staff(seed: int, lives: Lives) -> Staff:
    """Make the people of the firms whose staff check in."""
    rng = generator(seed, "staff")
    firm = np.repeat(np.arange(len(lives.staff)), np.where(lives.tracked, lives.staff, 0))
    n = len(firm)
    first = np.concatenate([[True], firm[1:] != firm[:-1]]) if n else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    order = np.arange(n) - start
    return Staff(
        firm=firm,
        number=join(pa.scalar("E"), digits(order + 1, 5)),
        phone=codes.phones(np.arange(n)),
        rank=(order + 0.5) / np.maximum(lives.staff[firm], 1),
        colour=rng.choice(3, n, p=[0.99, 0.007, 0.003]),
    )


def build_returnees(seed: int, scale: float, staff: Staff) -> Returnees:
    """Make about 6,000·scale returnees between 10 February and 20 March; 40 % of them are staff who check in."""
    rng = generator(seed, "returnees")
    n = max(200, round(6_000 * scale))
    known = rng.random(n) < 0.4
    index = np.where(known, rng.permutation(max(staff.count, n))[:n], _OUTSIDERS_FROM + np.arange(n))
    day = FIRST_DAY + np.minimum((rng.gamma(2.0, 6.0, n)).astype(np.int64), 39)
    returned = day * 1_440 + rng.integers(360, 1_380, n)
    hubei = rng.random(n) < 0.35
    place = np.where(hubei[:, None], rng.integers(0, 12, (n, 3)), rng.integers(12, len(PLACES), (n, 3)))
    place[:, 1] = np.where(rng.random(n) < 0.5, place[:, 1], rng.integers(12, len(PLACES), n))
    stays = rng.choice([1, 2, 3], n, p=[0.65, 0.25, 0.10])
    end = np.zeros((n, 3), dtype=np.int64)
    begin = np.zeros((n, 3), dtype=np.int64)
    last = returned - rng.integers(180, 900, n)
    for stay in range(3):
        length = np.where(rng.random(n) < 0.12, rng.integers(30, 235, n), rng.integers(245, 9_000, n))
        end[:, stay] = last
        begin[:, stay] = last - length
        last = begin[:, stay] - rng.integers(60, 5_000, n)
    return Returnees(
        codes.phones(index), rng.integers(0, len(reference.HOME_PLACES), n), returned, stays, place, begin, end
    )
