"""The district's market entities: who they are, and what changes in the registry from day to day."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from simulator import codes, reference
from simulator.calendar import NEVER
from simulator.rng import Bools, Ints, generator
from simulator.text import choose, digits, join, pick, whole

HORIZON_DAYS = 150
"""New entities are made for so many days after 2020-02-01, whatever the run's end, so that the end changes no bytes."""
_FIRST_CHANGE_DAY = 31  # 1 February
_OPERATING_DAY = 40  # 10 February

CHANGE_KINDS = ("name", "capital", "address", "contact")


@dataclass(frozen=True)
class Firms:
    """Market entities, one position each; texts are Arrow arrays, days are day numbers, -1 stands for "none"."""

    uscc: pa.Array
    reg_no: pa.Array
    name: pa.Array
    later_name: pa.Array
    entity_type: Ints
    established: Ints
    capital: Ints
    later_capital: Ints
    industry: pa.Array
    sector: Ints
    listed: Bools
    above_scale: Bools
    listed_month: Ints
    subdistrict: Ints
    subdistrict_sent: Bools
    address: pa.Array
    later_address: pa.Array
    park: Ints
    legal_name: pa.Array
    contact_name: pa.Array
    contact_phone: pa.Array
    later_phone: pa.Array
    born: Ints
    closed: Ints
    closed_status: Ints
    changed: Ints
    change_kind: Ints
    ambiguous: Bools
    codeless: Bools
    core: int
    """The first `core` positions are the firms in scope in February that are active on 25 February."""
    parks: int

    @property
    def count(self) -> int:
        """Number of entities, those founded later included."""
        return len(self.sector)

    def active(self, day: int) -> Bools:
        """Tell which entities exist and are not closed at the end of the day."""
        result: Bools = (self.born <= day) & (self.closed > day)
        return result

    def name_at(self, day: int) -> pa.Array:
        """Return the registered names at the end of the day."""
        return choose(self._changed(day, "name"), self.later_name, self.name)

    def phone_at(self, day: int) -> pa.Array:
        """Return the contact phones at the end of the day."""
        return choose(self._changed(day, "contact"), self.later_phone, self.contact_phone)

    def address_at(self, day: int) -> pa.Array:
        """Return the addresses at the end of the day."""
        return choose(self._changed(day, "address"), self.later_address, self.address)

    def capital_at(self, day: int) -> pa.Array:
        """Return the registered capital as it is written at the end of the day."""
        index = np.where(self._changed(day, "capital"), self.later_capital, self.capital)
        return pick(reference.CAPITALS, index)

    def steady(self) -> Bools:
        """Tell which entities neither close nor change their name: a match by name alone holds on every day."""
        renamed = (self.changed < NEVER) & (self.change_kind == CHANGE_KINDS.index("name"))
        lasting: Bools = (self.closed >= NEVER) & ~renamed & ~self.codeless & (self.born <= _FIRST_CHANGE_DAY)
        return lasting

    def _changed(self, day: int, kind: str) -> Bools:
        return np.asarray((self.changed <= day) & (self.change_kind == CHANGE_KINDS.index(kind)))


def park_code(index: Ints) -> pa.Array:
    """Return park codes (P001…); blank where there is no park."""
    index = np.asarray(index)
    return choose(index >= 0, join(pa.scalar("P"), digits(np.maximum(index, 0) + 1, 3)), "")


def park_name(index: Ints) -> pa.Array:
    """Return park names; blank where there is no park."""
    index = np.asarray(index)
    return choose(index >= 0, join(pa.scalar("滨江"), whole(np.maximum(index, 0) + 1), pa.scalar("号产业园")), "")


def personal_names(index: Ints) -> pa.Array:
    """Return synthetic personal names of four characters."""
    first, second = len(reference.GIVEN_FIRST), len(reference.GIVEN_SECOND)
    index = np.asarray(index)
    return join(
        pick(reference.COMPOUND_SURNAMES, index % len(reference.COMPOUND_SURNAMES)),
        pick(reference.GIVEN_FIRST, index // 7 % first),
        pick(reference.GIVEN_SECOND, index // 131 % second),
    )


def _counts(total: int, sizes: tuple[int, ...], scale: float) -> list[int]:
    """Return sizes·scale, rounded, adding up to the total (the first, largest entries take the remainder)."""
    counts = [round(size * scale) for size in sizes]
    counts[1] += total - sum(counts)
    return counts


def _sectors(scale: float) -> tuple[Ints, Bools]:
    """Return sector and above-scale flag of the core firms."""
    sizes = _counts(round(sum(reference.SECTOR_SIZES) * scale), reference.SECTOR_SIZES, scale)
    sector = np.repeat(np.arange(len(sizes)), sizes)
    above = np.zeros(len(sector), dtype=bool)
    start = 0
    for size, large in zip(sizes, reference.ABOVE_SCALE_SIZES, strict=True):
        above[start : start + min(size, round(large * scale))] = True
        start += size
    return sector, above


def _names(index: Ints, sector: Ints, entity_type: Ints, rng: np.random.Generator) -> pa.Array:
    """Return one name for each entity, unique because the index is written in the parts of the name."""
    heads, tails = len(reference.NAME_HEADS), len(reference.NAME_TAILS)
    order = rng.permutation(len(index))
    words = [word for group in reference.TRADE_WORDS for word in group]
    starts = np.cumsum([0] + [len(group) for group in reference.TRADE_WORDS])[:-1]
    sizes = np.array([len(group) for group in reference.TRADE_WORDS])
    word = starts[sector] + order % sizes[sector]
    core = join(
        pick(reference.NAME_HEADS, order % heads),
        pick(reference.NAME_TAILS, order // heads % tails),
        pick(reference.NAME_HEADS, order // (heads * tails) % heads),
        pick(reference.NAME_TAILS, order // (heads * tails * heads) % tails),
    )
    place = pick(reference.PLACE_HEADS, rng.integers(0, len(reference.PLACE_HEADS), len(index)))
    company = join(place, core, pick(words, word), choose(entity_type == 2, "股份有限公司", "有限公司"))
    shop = join(pa.scalar("杭州市滨江区"), core, pick(words, word), pa.scalar("店"))
    return choose(entity_type == 1, shop, company)


def _addresses(subdistrict: Ints, named: Bools, rng: np.random.Generator) -> pa.Array:
    """Return addresses; only those in `named` spell out the subdistrict, and some of them the community."""
    n = len(subdistrict)
    communities = [name for group in reference.COMMUNITIES for name in group]
    community = np.where(named & (rng.random(n) < 0.3), subdistrict * 6 + rng.integers(0, 6, n), -1)
    return join(
        pa.scalar("杭州市滨江区"),
        pick(reference.SUBDISTRICTS, np.where(named, subdistrict, -1)),
        pick(communities, community),
        pick(reference.ROADS, rng.integers(0, len(reference.ROADS), n)),
        whole(rng.integers(1, 1999, n)),
        pa.scalar("号"),
        whole(rng.integers(1, 13, n)),
        pa.scalar("幢"),
        whole(rng.integers(1, 30, n) * 100 + rng.integers(1, 20, n)),
        pa.scalar("室"),
    )


def _closings(n: int, core: int, leaving: int, newborn: Bools, scale: float, rng: np.random.Generator) -> Ints:
    """Return the closing day of each entity: the list's `leaving` firms before 25 February, core firms only after
    it.
    """
    closed = np.full(n, NEVER)
    closed[core : core + leaving] = rng.integers(_OPERATING_DAY + 1, 54, leaving)
    later = rng.choice(core, max(1, round(60 * scale)), replace=False)
    closed[later] = rng.integers(56, 140, len(later))
    others = np.arange(core + leaving + round(100 * scale), n)
    others = others[~newborn[others]]
    gone = rng.random(len(others)) < 0.01
    closed[others[gone]] = rng.integers(-400, -10, int(gone.sum()))
    during = ~gone & (rng.random(len(others)) < 0.08)
    closed[others[during]] = rng.integers(_FIRST_CHANGE_DAY, _FIRST_CHANGE_DAY + HORIZON_DAYS, int(during.sum()))
    return closed


def _changes(born: Ints, closed: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return day and kind of each entity's change (at most one an entity); renamings stay rare."""
    n = len(born)
    day = np.where(rng.random(n) < 0.25, rng.integers(_FIRST_CHANGE_DAY, _FIRST_CHANGE_DAY + HORIZON_DAYS, n), NEVER)
    day = np.where((day >= closed) | (day <= born), NEVER, day)
    return day, rng.choice(4, n, p=[0.05, 0.25, 0.30, 0.40])


def build_firms(seed: int, scale: float) -> Firms:
    """Make the entities of the district.

    At scale 1 there are 60,000 at the start, 23,000 of them in the statistical scope and active on 25 February, a
    few more on the list (closing before, or listed from March), and about 60 new ones a day.
    """
    rng = generator(seed, "firms")
    sector, above = _sectors(scale)
    core, leaving, future = len(sector), max(1, round(40 * scale)), round(100 * scale)
    newborn_count = round(60 * scale * HORIZON_DAYS)
    standing = max(round(60_000 * scale), core + leaving + future + 20)
    n = standing + newborn_count
    listed = np.arange(n) < core + leaving + future
    more = rng.choice(len(reference.SECTORS), n - core, p=[0.08, 0.3, 0.35, 0.12, 0.04, 0.03, 0.08])
    sector = np.concatenate([sector, more])
    born = np.full(n, -NEVER)
    born[standing:] = np.sort(rng.integers(_FIRST_CHANGE_DAY, _FIRST_CHANGE_DAY + HORIZON_DAYS, newborn_count))
    in_scope_types, other_types = (rng.choice(4, n, p=p) for p in ([0.9, 0.0, 0.07, 0.03], [0.45, 0.5, 0.02, 0.03]))
    entity_type = np.where(listed, in_scope_types, other_types)
    closed = _closings(n, core, leaving, born > -NEVER, scale, rng)
    changed, kind = _changes(born, closed, rng)
    codeless = ~listed & (born == -NEVER) & (rng.random(n) < 0.002)
    steady = (closed >= NEVER) & (born == -NEVER) & ~codeless & ((changed >= NEVER) | (kind != 0))
    names = _names(np.arange(n), sector, entity_type, rng)
    name, ambiguous = _with_namesakes(names, listed, entity_type, steady, rng)
    return Firms(
        name=name,
        later_name=join(pa.scalar("新"), name),
        entity_type=entity_type,
        established=np.where(born > -NEVER, born, -rng.integers(30, 7_000, n)),
        sector=sector,
        industry=_industries(sector, rng),
        listed=listed,
        above_scale=np.concatenate([above, np.zeros(n - core, dtype=bool)]),
        listed_month=_listed_months(n, core + leaving, rng),
        born=born,
        closed=closed,
        closed_status=rng.choice(3, n, p=[0.85, 0.08, 0.07]),
        changed=changed,
        change_kind=kind,
        ambiguous=ambiguous,
        codeless=codeless,
        core=core,
        **_identities(entity_type, rng),
        **_places(n, scale, rng),
    )


def _industries(sector: Ints, rng: np.random.Generator) -> pa.Array:
    """Return an industry code of each entity's sector."""
    sizes = np.array([len(group) for group in reference.INDUSTRIES])
    first = np.cumsum(np.concatenate([[0], sizes[:-1]]))
    codes_of_all = [code for group in reference.INDUSTRIES for code in group]
    return pick(codes_of_all, first[sector] + rng.integers(0, 1_000, len(sector)) % sizes[sector])


def _identities(entity_type: Ints, rng: np.random.Generator) -> dict[str, Any]:
    """Return codes, capital, names of persons and phones; individuals' codes begin with 92."""
    n = len(entity_type)
    prefix = np.where(entity_type == 1, 5, rng.choice(5, n, p=[0.82, 0.1, 0.03, 0.03, 0.02]))
    index = np.arange(n)
    return {
        "uscc": codes.usccs(index, reference.USCC_PREFIXES, prefix),
        "reg_no": codes.registration_numbers(index),
        "capital": rng.integers(0, len(reference.CAPITALS), n),
        "later_capital": rng.integers(0, len(reference.CAPITALS), n),
        "legal_name": personal_names(rng.integers(0, 100_000, n)),
        "contact_name": personal_names(rng.integers(0, 100_000, n)),
        "contact_phone": codes.phones(5_000_000 + index),
        "later_phone": codes.phones(6_500_000 + index),
    }


def _places(n: int, scale: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return subdistricts, addresses and parks; 35 % of the addresses, as of real ones, name no subdistrict."""
    subdistrict = np.where(rng.random(n) < 0.35, -1, rng.choice(3, n, p=[0.25, 0.42, 0.33]))
    sent = (subdistrict >= 0) & (rng.random(n) < 0.9)
    named = (subdistrict >= 0) & (~sent | (rng.random(n) < 0.7))
    parks = max(12, round(378 * scale))
    return {
        "subdistrict": subdistrict,
        "subdistrict_sent": sent,
        "address": _addresses(subdistrict, named, rng),
        "later_address": _addresses(subdistrict, named, rng),
        "park": np.where(rng.random(n) < 0.55, rng.integers(0, parks, n), -1),
        "parks": parks,
    }


def _listed_months(n: int, until_february: int, rng: np.random.Generator) -> Ints:
    """Return the month each firm came onto the list, as the day number of its first day; the last ones come in
    March.
    """
    months = np.array([-365, -304, -245, -184, -92, -31, 0, 31])
    return np.where(np.arange(n) < until_february, months[rng.integers(0, len(months), n)], 60)


def _with_namesakes(
    names: pa.Array, listed: Bools, entity_type: Ints, steady: Bools, rng: np.random.Generator
) -> tuple[pa.Array, Bools]:
    """Give some steady entities the name of a listed firm, and branches their parent's name with 分公司.

    Returns the names and which of them two entities bear.
    """
    n = len(names)
    lasting = np.flatnonzero(listed & steady & (entity_type != 3))
    pairs = max(2, len(lasting) // 200)
    models = rng.choice(lasting, pairs, replace=False)
    copies = rng.choice(np.flatnonzero(~listed & steady & (entity_type != 3)), pairs, replace=False)
    source = np.arange(n)
    source[copies] = models
    branches = np.flatnonzero(entity_type == 3)
    parents = lasting[rng.permutation(len(lasting))[np.arange(len(branches)) % len(lasting)]]
    source[branches] = parents
    renamed = names.take(pa.array(source))
    suffix = choose(entity_type == 3, join(pa.scalar("滨江"), whole(np.arange(n)), pa.scalar("分公司")), "")
    ambiguous = np.zeros(n, dtype=bool)
    ambiguous[models] = True
    ambiguous[copies] = True
    return join(renamed, suffix), ambiguous
