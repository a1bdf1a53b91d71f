"""Expected number of returnee episodes: stays of at least four hours where many were ill, as all carriers tell, split
where more than 48 hours lie between.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from simulator.rng import Bools, Ints

_FOUR_HOURS, _TWO_DAYS = 240, 48 * 60
Exposed = Callable[[Ints, Ints], Bools]
"""Tells which places (indices into `PLACES`) were key regions on which days."""


def count_episodes(carriers: Sequence[dict[str, Ints]], exposed: Exposed) -> int:
    """Return the number of episodes in the rows of some carriers; stays that were taken back do not count.

    The fact `who` is equal where carriers mean the same person: it stands for a phone, or for an account without one.
    """
    stays: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for rows in filter(None, carriers):
        for who, begin, end in _standing(rows, exposed):
            stays[who].add((begin, end))
    return sum(_episodes(sorted(of_person)) for of_person in stays.values())


def _standing(rows: dict[str, Ints], exposed: Exposed) -> list[tuple[int, int, int]]:
    """Return (who, begin, end) of the stays of one carrier that count."""
    what = list(zip(*(rows[name].tolist() for name in ("person", "place", "begin", "end")), strict=True))
    undone = {stay for stay, undo in zip(what, rows["undo"].tolist(), strict=True) if undo}
    counts = (rows["dwell_minutes"] >= _FOUR_HOURS) & exposed(rows["place"], rows["end"] // 1_440)
    return [
        (who, stay[2], stay[3])
        for stay, who, good in zip(what, rows["who"].tolist(), counts.tolist(), strict=True)
        if good and stay not in undone
    ]


def _episodes(stays: list[tuple[int, int]]) -> int:
    count, latest_end = 0, None
    for begin, end in stays:
        if latest_end is None or begin - latest_end > _TWO_DAYS:
            count += 1
        latest_end = end if latest_end is None else max(latest_end, end)
    return count
