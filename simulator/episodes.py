"""Expected number of returnee episodes: stays of at least four hours in Hubei, split where more than 48 hours lie
between.
"""

from collections import defaultdict

from simulator import reference
from simulator.rng import Ints

_FOUR_HOURS, _TWO_DAYS = 240, 48 * 60


def count_episodes(rows: dict[str, Ints]) -> int:
    """Return the number of episodes in the carrier's rows; stays that were taken back do not count."""
    if not rows:
        return 0
    undone = {int(stay) for stay in rows["id"][rows["undo"] > 0]}
    stays: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for stay, person, place, begin, end, dwell in zip(
        *(rows[name].tolist() for name in ("id", "person", "place", "begin", "end", "dwell_minutes")), strict=True
    ):
        if stay not in undone and place < len(reference.HUBEI) and dwell >= _FOUR_HOURS:
            stays[person].add((begin, end))
    return sum(_episodes(sorted(of_person)) for of_person in stays.values())


def _episodes(stays: list[tuple[int, int]]) -> int:
    count, latest_end = 0, None
    for begin, end in stays:
        if latest_end is None or begin - latest_end > _TWO_DAYS:
            count += 1
        latest_end = end if latest_end is None else max(latest_end, end)
    return count
