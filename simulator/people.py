"""The district's people: staff who check in, those who come back from elsewhere, and what is true about each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from simulator import codes, reference
from simulator.calendar import NEVER
from simulator.firms import personal_names
from simulator.lives import FIRST_DAY, Lives
from simulator.rng import Bools, Floats, Ints, generator, uniform
from simulator.text import choose, digits, join, pick, whole

_OUTSIDERS_FROM = 8_000_000
GREEN, YELLOW, RED = range(3)
IDENTITY_CARD, PASSPORT, PERMIT = range(3)
ID_TYPES = ("身份证", "护照", "港澳台")
CARRIERS = ("mobile", "unicom", "telecom", "wasu")
PLACES = reference.HUBEI + reference.ELSEWHERE
WATCHED = tuple(len(reference.HUBEI) + place for place in (0, 1, 4))
"""Places outside Hubei whose returnees get a yellow code: 温州, 台州, 信阳."""
_ILL_DAYS = 4


@dataclass(frozen=True)
class Staff:
    """People who check in, one position each."""

    firm: Ints
    second_firm: Ints
    """Another employer, where the person works some afternoons; -1 for nearly all."""
    number: pa.Array
    phone: pa.Array
    """A few share a colleague's."""
    rank: Floats
    """Position 0..1 in the firm's order of return: the lower, the earlier on site."""

    @property
    def count(self) -> int:
        """Number of people."""
        return len(self.firm)


@dataclass(frozen=True)
class Returnees:
    """People whom carriers saw elsewhere before they came to the city; up to three stays each."""

    person: Ints
    """Position in `People`."""
    phone: pa.Array
    account: pa.Array
    """Broadband account at home."""
    home: Ints
    returned: Ints
    """Minutes since 2020-01-01 00:00."""
    stays: Ints
    place: Ints
    """Shape (people, 3); index into `PLACES`."""
    begin: Ints
    end: Ints
    """Shape (people, 3); minutes since 2020-01-01 00:00."""
    seen: Bools
    """Shape (people, 4): which of `CARRIERS` report the person."""


@dataclass(frozen=True)
class People:
    """Everybody a feed speaks of: first the staff (the same positions), then returnees who work nowhere here.

    Days are day numbers, NEVER for what does not happen.
    """

    seed: int
    staff_count: int
    phone: pa.Array
    id_type: Ints
    issued: Ints
    """First day of declaration and health code; for staff not after the first day at work or the return."""
    returned: Ints
    """Day of return to the city, also of journeys no carrier saw; NEVER for those who stayed."""
    route: Ints
    """Shape (people, 3); places passed or visited before the return, index into `PLACES`, -1 for none."""
    concealed: Bools
    """Who leaves place and day of return out of the declaration."""
    contact: Ints
    """Day of contact with a case."""
    ill: Ints
    """First of four days with symptoms."""
    watched_from: Ints
    watched_until: Ints
    watched_as: Ints
    """The code is yellow or red from a day until another, green otherwise."""

    @property
    def count(self) -> int:
        """Number of people."""
        return len(self.id_type)

    def colour(self, person: Ints, day: int) -> Ints:
        """Return the true colour of the code: 0 green, 1 yellow, 2 red."""
        watched = (self.watched_from[person] <= day) & (day < self.watched_until[person])
        return np.where(watched, self.watched_as[person], GREEN)

    def symptomatic(self, person: Ints, day: int) -> Bools:
        """Tell who has symptoms on that day."""
        first = self.ill[person]
        return np.asarray((first <= day) & (day < first + _ILL_DAYS))

    def feverish(self, person: Ints, day: int) -> Bools:
        """Tell whose symptoms on that day are a fever."""
        return np.asarray(self.symptomatic(person, day) & (uniform(self.seed, "fever", person) < 0.6))

    def exposed(self, person: Ints, day: int) -> Bools:
        """Tell who was in Hubei or had contact with a case within the 14 days up to that day."""
        hubei = ((self.route[person] >= 0) & (self.route[person] < len(reference.HUBEI))).any(axis=1)
        recent = [np.where(hubei, self.returned[person], NEVER), self.contact[person]]
        return np.asarray(np.any([(since <= day) & (day <= since + 14) for since in recent], axis=0))

    def risk(self, person: Ints, day: int) -> Ints:
        """Return what a screening that knew everything would say: 0 ok, 1 check, 2 do not admit."""
        colour = self.colour(person, day)
        check = (colour == YELLOW) | self.symptomatic(person, day) | self.exposed(person, day)
        return np.where((colour == RED) | self.feverish(person, day), 2, check.astype(np.int64))

    def names(self, person: Ints) -> pa.Array:
        """Return the personal names."""
        return personal_names((uniform(self.seed, "name", person) * 100_000).astype(np.int64))

    @cached_property
    def id_no(self) -> pa.Array:
        """Numbers of the identity documents."""
        person = np.arange(self.count)
        born = -(18 * 365 + (uniform(self.seed, "born", person) * 42 * 365).astype(np.int64))
        card = codes.identity_numbers(_identity_index(person, self.staff_count), born)
        letter = pick(("", "E", "H"), self.id_type)
        other = join(letter, digits(codes.shuffled_digits(_identity_index(person, self.staff_count), 577_215), 8))
        return choose(self.id_type == IDENTITY_CARD, card, other)

    def homes(self, person: Ints) -> pa.Array:
        """Return the places of household registration."""
        names = [province + city for province, city, _ in PLACES]
        return pick(names, _uniform_index(self.seed, "home", person, PLACES))

    def addresses(self, person: Ints) -> pa.Array:
        """Return addresses in the district; three of ten name neither subdistrict nor community."""
        return home_addresses(self.seed, person)


def _identity_index(person: Ints, staff_count: int) -> Ints:
    return np.where(person < staff_count, person, _OUTSIDERS_FROM + person - staff_count)


def _uniform_index(seed: int, stream: str, ids: Ints, pool: tuple[object, ...]) -> Ints:
    return (uniform(seed, stream, ids) * len(pool)).astype(np.int64)


def communities_of(seed: int, ids: Ints) -> Ints:
    """Return the community each lives in, an index into `reference.COMMUNITY_CODES`."""
    return _uniform_index(seed, "lives in", ids, reference.COMMUNITY_CODES)


def doors_of(seed: int, ids: Ints) -> tuple[Ints, Ints, Ints]:
    """Return building, staircase and room of each home."""
    door = (uniform(seed, "door", ids) * 30 * 4 * 18 * 4).astype(np.int64)
    return 1 + door % 30, 1 + door // 30 % 4, (1 + door // 120 % 18) * 100 + 1 + door // 2_160


def home_addresses(seed: int, ids: Ints) -> pa.Array:
    """Return home addresses in the district, one for each identity."""
    named = uniform(seed, "address named", ids) < 0.7
    where = [subdistrict + community for subdistrict, group in _groups() for community in group]
    building, staircase, room = doors_of(seed, ids)
    return join(
        pa.scalar("杭州市滨江区"),
        pick(where, np.where(named, communities_of(seed, ids), -1)),
        pick(reference.ROADS, _uniform_index(seed, "road", ids, reference.ROADS)),
        whole(building),
        pa.scalar("幢"),
        whole(staircase),
        pa.scalar("单元"),
        whole(room),
        pa.scalar("室"),
    )


def _groups() -> list[tuple[str, tuple[str, ...]]]:
    return list(zip(reference.SUBDISTRICTS, reference.COMMUNITIES, strict=True))


def build_staff(seed: int, lives: Lives) -> Staff:
    """Make the people of the firms whose staff check in: 1 in 250 has a second employer, 1 in 1,000 shares a phone."""
    rng = generator(seed, "staff")
    firm = np.repeat(np.arange(len(lives.staff)), np.where(lives.tracked, lives.staff, 0))
    n = len(firm)
    first = np.concatenate([[True], firm[1:] != firm[:-1]]) if n else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    order = np.arange(n) - start
    tracked = np.flatnonzero(lives.tracked)
    second = tracked[rng.integers(0, len(tracked), n)]
    shared = (rng.random(n) < 0.001) & ~first
    return Staff(
        firm=firm,
        second_firm=np.where((rng.random(n) < 0.004) & (second != firm), second, -1),
        number=join(pa.scalar("E"), digits(order + 1, 5)),
        phone=codes.phones(np.arange(n) - shared),
        rank=(order + 0.5) / np.maximum(lives.staff[firm], 1),
    )


def build_returnees(seed: int, scale: float, staff: Staff) -> Returnees:
    """Make about 10,000·scale returnees between 10 February and 20 March; 40 % of them are staff who check in.

    Each is seen by one carrier, one in six by a second.
    """
    rng = generator(seed, "returnees")
    n = max(300, round(10_000 * scale))
    position = rng.permutation(max(staff.count, n))[:n]
    known = (rng.random(n) < 0.4) & (position < staff.count)
    outsider = np.cumsum(~known) - 1
    day = FIRST_DAY + np.minimum((rng.gamma(2.0, 6.0, n)).astype(np.int64), 39)
    returned = day * 1_440 + rng.integers(360, 1_380, n)
    hubei = rng.random(n) < 0.35
    place = np.where(hubei[:, None], rng.integers(0, 12, (n, 3)), rng.integers(12, len(PLACES), (n, 3)))
    place[:, 1] = np.where(rng.random(n) < 0.5, place[:, 1], rng.integers(12, len(PLACES), n))
    begin, end = _stay_times(returned, rng)
    phones = pa.concat_arrays([staff.phone, codes.phones(_OUTSIDERS_FROM + np.arange(n))])
    return Returnees(
        person=np.where(known, position, staff.count + outsider),
        phone=phones.take(pa.array(np.where(known, position, staff.count + outsider))),
        account=codes.broadband_accounts(np.arange(n)),
        home=rng.integers(0, len(reference.HOME_PLACES), n),
        returned=returned,
        stays=rng.choice([1, 2, 3], n, p=[0.65, 0.25, 0.10]),
        place=place,
        begin=begin,
        end=end,
        seen=_seen(n, rng),
    )


def _stay_times(returned: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return begin and end of three stays each, the last one first, in minutes; one in eight is under four hours."""
    n = len(returned)
    end = np.zeros((n, 3), dtype=np.int64)
    begin = np.zeros((n, 3), dtype=np.int64)
    last = returned - rng.integers(180, 900, n)
    for stay in range(3):
        length = np.where(rng.random(n) < 0.12, rng.integers(30, 235, n), rng.integers(245, 9_000, n))
        end[:, stay] = last
        begin[:, stay] = last - length
        last = begin[:, stay] - rng.integers(60, 5_000, n)
    return begin, end


def _seen(n: int, rng: np.random.Generator) -> Bools:
    seen = np.zeros((n, len(CARRIERS)), dtype=bool)
    for share in (1.0, 0.16):
        chosen = np.flatnonzero(rng.random(n) < share)
        seen[chosen, rng.choice(len(CARRIERS), len(chosen), p=[0.56, 0.18, 0.17, 0.09])] = True
    return seen


def build_people(seed: int, lives: Lives, staff: Staff, returnees: Returnees) -> People:
    """Make the truth about everybody, in line with how firms resume and returnees come back."""
    rng = generator(seed, "people")
    outsiders = int((returnees.person >= staff.count).sum())
    n = staff.count + outsiders
    returned, route = _journeys(n, staff.count, returnees, rng)
    contact = np.where(rng.random(n) < 0.003, rng.integers(35, 95, n), NEVER)
    resumed = lives.resumed[staff.firm]
    at_work = np.where(resumed < NEVER, resumed, FIRST_DAY + 15) - 1 - rng.integers(0, 4, staff.count)
    issued = np.concatenate([at_work, np.full(outsiders, -NEVER)])
    later = np.zeros(n, dtype=bool)
    later[returnees.person] = True
    issued = np.where(later, np.maximum(issued, returned), issued)
    watched = _watched(returned, route, contact, rng)
    return People(
        seed=seed,
        staff_count=staff.count,
        phone=pa.concat_arrays([staff.phone, codes.phones(_OUTSIDERS_FROM + np.arange(outsiders))]),
        id_type=rng.choice(3, n, p=[0.985, 0.008, 0.007]),
        issued=np.maximum(issued, FIRST_DAY - 3),
        returned=returned,
        route=route,
        concealed=rng.random(n) < 0.08,
        contact=contact,
        ill=np.where(rng.random(n) < 0.03, rng.integers(35, 100, n), NEVER),
        watched_from=watched[0],
        watched_until=watched[1],
        watched_as=watched[2],
    )


def _journeys(n: int, staff_count: int, returnees: Returnees, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return day of return and places: those of the returnees, and home journeys of a third of the staff before."""
    returned = np.where((rng.random(n) < 0.33) & (np.arange(n) < staff_count), rng.integers(26, FIRST_DAY, n), NEVER)
    route = np.full((n, 3), -1)
    home = np.where(rng.random(n) < 0.01, rng.integers(0, 12, n), rng.integers(12, len(PLACES), n))
    route[:, 0] = np.where(returned < NEVER, home, -1)
    through = (returned < NEVER) & (rng.random(n) < 0.2)
    route[through, 1] = rng.integers(12, len(PLACES), int(through.sum()))
    returned[returnees.person] = returnees.returned // 1_440
    real = np.arange(3)[None, :] < returnees.stays[:, None]
    route[returnees.person] = np.where(real, returnees.place, -1)
    return returned, route


def _watched(returned: Ints, route: Ints, contact: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return from when, until when and as what a code is not green; the gravest cause counts."""
    n = len(returned)
    hubei = ((route >= 0) & (route < len(reference.HUBEI))).any(axis=1)
    watched = np.isin(route, WATCHED).any(axis=1)
    chance = np.where(rng.random(n) < 0.02, rng.integers(35, 95, n), NEVER)
    causes = [contact, np.where(hubei, returned, NEVER), np.where(watched, returned, NEVER), chance]
    which = np.argmax(np.array(causes) < NEVER, axis=0)
    since = np.array(causes)[which, np.arange(n)]
    days = np.array([14, 14, 7, 7])[which]
    until = np.where(since < NEVER, since + days, NEVER)
    return since, until, np.where(since < NEVER, np.array([RED, RED, YELLOW, YELLOW])[which], GREEN)
