"""What truly happens to each firm: its application, its return to work, its reports, its staff on site.

Calibration (scale 1, 25 February): 21,137 of 23,000 firms in scope resumed, above-scale industry 100 %, above-scale
services 993 of 1,024 (published figures; only totals are published, the split by sector is ours).
"""

from dataclasses import dataclass

import numpy as np

from simulator.calendar import NEVER
from simulator.firms import Firms
from simulator.rng import Bools, Floats, Ints, generator

CALIBRATION_DAY = 55  # 25 February
FIRST_DAY = 40  # 10 February: nobody off the white list may start before
RESUMED_IN_SCOPE = 21_137
RESUMED_SERVICES = 993
_SHARE_BY_DAY = np.array(
    [0.10, 0.03, 0.03, 0.04, 0.05, 0.02, 0.03, 0.19, 0.10, 0.09, 0.08, 0.07, 0.02, 0.02, 0.08, 0.05]
)
"""Share of the firms resumed by 25 February that started on each day from 10 February; many started on the 17th."""

PENDING, APPROVED, RETURNED = 0, 1, 2
NONE = -1


@dataclass(frozen=True)
class Application:
    """One application a firm (`exists` tells whether there is one); days are day numbers."""

    exists: Bools
    applied: Ints
    planned: Ints
    decided: Ints
    outcome: Ints
    withdrawn: Ints

    def in_force(self, day: int) -> Bools:
        """Tell which applications permit work on that day: passed, not withdrawn, the planned day reached."""
        passed = (self.outcome == APPROVED) & (self.decided <= day) & (self.planned <= day)
        return np.asarray(self.exists & passed & (self.withdrawn > day))

    def alive(self, day: int) -> Bools:
        """Tell which applications stand on that day, neither returned nor withdrawn (pending ones included)."""
        returned = (self.outcome == RETURNED) & (self.decided <= day)
        return np.asarray(self.exists & (self.applied <= day) & ~returned & (self.withdrawn > day))


@dataclass(frozen=True)
class Lives:
    """True course of each firm, one position each."""

    reports: Bools
    filed: Ints
    resumed: Ints
    suspended: Ints
    lag: Ints
    period: Ints
    white: Bools
    level: Ints
    first: Application
    second: Application
    staff: Ints
    attendance: Floats
    tracked: Bools
    """Firms whose staff check in."""

    def working(self, day: int) -> Bools:
        """Tell which firms truly work on that day."""
        return np.asarray((self.resumed <= day) & (self.suspended > day))

    def permitted(self, day: int) -> Bools:
        """Tell which firms may work on that day: an application in force, or white-listed."""
        white = self.white & (self.first.alive(day) | self.second.alive(day))
        return white | self.first.in_force(day) | self.second.in_force(day)

    def onsite(self, day: int) -> Ints:
        """Return people at work in each firm on an ordinary working day."""
        ramp = np.minimum(1.0, 0.6 + 0.05 * (day - self.resumed))
        count = np.maximum(1, np.round(self.staff * self.attendance * ramp))
        return np.where(self.working(day), np.minimum(count, self.staff), 0).astype(np.int64)


def build_lives(seed: int, scale: float, firms: Firms) -> Lives:
    """Draw the course of every firm so that the true state of 25 February is exactly the published one."""
    rng = generator(seed, "lives")
    n = firms.count
    good = _resumed_by_calibration(firms, scale, rng)
    resumed = np.full(n, NEVER)
    days = rng.choice(len(_SHARE_BY_DAY), n, p=_SHARE_BY_DAY) + FIRST_DAY
    resumed[good] = days[good]
    white = good & (rng.random(n) < 0.06)
    early = white & (rng.random(n) < 0.6)
    resumed[early] = rng.integers(28, FIRST_DAY, int(early.sum()))
    plan = _Courses(n, firms, good, white, resumed, np.full(n, NEVER))
    plan.draw_others(rng)
    first, second = plan.applications(rng)
    reports = (
        (firms.listed & (rng.random(n) < 0.985))
        | good
        | (~firms.listed & (plan.resumed < NEVER) & (rng.random(n) < 0.6))
    )
    filed = np.minimum(
        np.minimum(plan.resumed, first.applied) - rng.integers(0, 3, n), FIRST_DAY + rng.integers(0, 12, n)
    )
    tracked, staff = _staff(firms, good, scale, rng)
    return Lives(
        reports=reports & (firms.born <= FIRST_DAY) & (firms.closed > FIRST_DAY - 5),
        filed=np.maximum(filed, 30),
        resumed=plan.resumed,
        suspended=plan.suspended,
        lag=((rng.random(n) < 0.07) & (plan.resumed != CALIBRATION_DAY)).astype(np.int64),
        period=rng.choice([2, 3, 4], n, p=[0.3, 0.4, 0.3]),
        white=white,
        level=rng.choice(3, n, p=[0.05, 0.55, 0.4]),
        first=first,
        second=second,
        staff=staff,
        attendance=0.3 + 0.7 * rng.beta(4, 1.6, n),
        tracked=tracked,
    )


def _resumed_by_calibration(firms: Firms, scale: float, rng: np.random.Generator) -> Bools:
    """Choose the firms in scope that have officially resumed on 25 February."""
    core: Bools = np.arange(firms.count) < firms.core
    industry = core & firms.above_scale & (firms.sector == 0)
    services = np.flatnonzero(core & firms.above_scale & (firms.sector == 1))
    good: Bools = industry.copy()
    good[rng.choice(services, min(len(services), round(RESUMED_SERVICES * scale)), replace=False)] = True
    rest = core & ~industry
    rest[services] = False
    pool = np.flatnonzero(rest)
    good[rng.choice(pool, round(RESUMED_IN_SCOPE * scale) - int(good.sum()), replace=False)] = True
    return good


class _Courses:
    """Working state while the courses of all firms are drawn."""

    UNAPPROVED, SUSPENDED, STOPPED, WAITING, APPLIED, QUIET = range(6)

    def __init__(self, n: int, firms: Firms, good: Bools, white: Bools, resumed: Ints, suspended: Ints) -> None:
        self.n = n
        self.firms = firms
        self.good = good
        self.white = white
        self.resumed = resumed
        self.suspended = suspended
        self.kind = np.full(n, NONE)

    def draw_others(self, rng: np.random.Generator) -> None:
        """Give the firms that have not officially resumed by 25 February one of six courses."""
        others = np.flatnonzero(
            ~self.good
            & (self.firms.listed | (rng.random(self.n) < 0.12))
            & (self.firms.born <= FIRST_DAY)
            & ~self.firms.codeless
        )
        self.kind[others] = rng.choice(6, len(others), p=[0.10, 0.07, 0.08, 0.33, 0.17, 0.25])
        started = (self.kind >= 0) & (self.kind <= self.STOPPED)
        self.resumed[started] = rng.integers(FIRST_DAY, 52, int(started.sum()))
        halted = self.kind == self.SUSPENDED
        self.suspended[halted] = np.minimum(
            self.resumed[halted] + rng.integers(2, 8, int(halted.sum())), CALIBRATION_DAY
        )
        later = self.kind >= self.WAITING
        self.resumed[later] = rng.integers(CALIBRATION_DAY + 1, 75, int(later.sum()))
        gone = self.firms.listed & (self.firms.closed <= CALIBRATION_DAY)
        self.resumed[gone] = np.where(rng.random(int(gone.sum())) < 0.6, FIRST_DAY, NEVER)
        self.suspended[self.good & (rng.random(self.n) < 0.004)] = CALIBRATION_DAY + 2

    def applications(self, rng: np.random.Generator) -> tuple[Application, Application]:
        """Return the first and the second application of every firm."""
        n, kind = self.n, self.kind
        lead = np.where(rng.random(n) < 0.05, rng.integers(0, 3, n), rng.integers(3, 8, n))
        planned = np.where(self.resumed < NEVER, self.resumed, FIRST_DAY)
        applied = planned - lead
        decided = np.maximum(applied, planned - rng.integers(0, 3, n))
        late = self.good & ~self.white & (rng.random(n) < 0.02)
        decided[late] = np.minimum(planned[late] + rng.integers(1, 5, int(late.sum())), CALIBRATION_DAY)
        outcome = np.full(n, APPROVED)
        outcome[self.white & (rng.random(n) < 0.2)] = PENDING
        unapproved = kind == self.UNAPPROVED
        outcome[unapproved] = PENDING
        withdrawn = np.full(n, NEVER)
        stopped = kind == self.STOPPED
        outcome[stopped & (rng.random(n) < 0.5)] = RETURNED
        ended = stopped & (outcome == APPROVED)
        withdrawn[ended] = np.minimum(decided[ended] + rng.integers(1, 4, int(ended.sum())), CALIBRATION_DAY)
        waiting = kind == self.WAITING
        decided[waiting] = np.minimum(decided[waiting], CALIBRATION_DAY - 1)
        applied[waiting] = np.minimum(applied[waiting], decided[waiting] - 1)
        pending = kind == self.APPLIED
        applied[pending] = np.minimum(applied[pending], CALIBRATION_DAY - 1)
        decided[pending] = np.maximum(decided[pending], CALIBRATION_DAY + 1)
        exists = (self.good | (kind >= 0)) & ~(unapproved & (rng.random(n) < 0.5)) & ~(kind == self.QUIET)
        decided = np.where(outcome == PENDING, NEVER, decided)
        main = Application(exists, applied, planned, decided, outcome, withdrawn)
        return self._refused_before(main, rng), main

    def _refused_before(self, main: Application, rng: np.random.Generator) -> Application:
        """Return earlier applications, sent back or withdrawn, of some firms that tried again."""
        tried = self.good & ~self.white & (rng.random(self.n) < 0.05)
        applied = main.applied - rng.integers(3, 6, self.n)
        returned = rng.random(self.n) < 0.7
        decided = applied + rng.integers(1, 3, self.n)
        outcome = np.where(returned, RETURNED, APPROVED)
        withdrawn = np.where(returned, NEVER, decided + 1)
        return Application(tried, applied, main.planned - 1, decided, outcome, withdrawn)


def _staff(firms: Firms, good: Bools, scale: float, rng: np.random.Generator) -> tuple[Bools, Ints]:
    """Return which firms' staff check in (14,474 at scale 1) and everybody's staff count (305,000 in those firms)."""
    n = firms.count
    count, people = round(14_474 * scale), round(305_000 * scale)
    wish = rng.random(n) + np.where(firms.above_scale, 5.0, 0.0) + np.where(good, 1.0, 0.0)
    wish[(~firms.listed & (rng.random(n) > 0.04)) | firms.codeless] = -1.0
    wish[(firms.born > FIRST_DAY) | (firms.closed <= FIRST_DAY) | (firms.listed & (firms.closed < NEVER))] = -2.0
    chosen = np.argsort(-wish, kind="stable")[:count]
    weights = np.sort(rng.lognormal(0.0, 1.25, count))
    sizes = np.maximum(1, np.floor(weights / weights.sum() * people)).astype(np.int64)
    sizes[-1] += people - int(sizes.sum())
    rank = np.argsort(np.argsort(rng.random(count) + np.where(firms.above_scale[chosen], 0.8, 0.0)))
    staff = np.maximum(1, np.round(rng.lognormal(1.2, 0.8, n))).astype(np.int64)
    staff[chosen] = sizes[rank]
    tracked = np.zeros(n, dtype=bool)
    tracked[chosen] = True
    return tracked, staff
