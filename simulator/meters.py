"""Electricity accounts of firms: whose they are, and the true daily load."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulator import codes, reference
from simulator.calendar import NEVER, is_working_day
from simulator.firms import Firms
from simulator.lives import Lives
from simulator.rng import Floats, Ints, bell, generator
from simulator.text import digits, join

EXCLUSIVE, SHARED, RESALE = range(3)
_WIND_DOWN, _HOLIDAY = 16, 23  # 17 and 24 January
IDLE = 0.12


@dataclass(frozen=True)
class Meters:
    """Accounts, their metering points, and the firms behind them."""

    account_no: pa.Array
    relation: Ints
    firm: Ints
    """The firm of an exclusive account, the landlord of any other."""
    baseline: Floats
    """kWh on an ordinary working day."""
    early: Ints
    """Day from which the load is up although nobody works; NEVER for nearly all."""
    voltage: Ints
    point_account: Ints
    point_no: pa.Array
    point_share: Floats
    multiplier: Ints
    tenant_account: Ints
    tenant_firm: Ints

    @property
    def count(self) -> int:
        """Number of accounts."""
        return len(self.relation)


def build_meters(seed: int, scale: float, firms: Firms, lives: Lives) -> Meters:
    """Make about 5,000·scale accounts: 60 % exclusive to a firm, the others a landlord's with three to seven
    tenants.
    """
    rng = generator(seed, "meters")
    n = max(30, round(5_000 * scale))
    relation = rng.choice(3, n, p=[0.60, 0.37, 0.03])
    settled = np.flatnonzero(firms.steady() & firms.listed)
    order = settled[np.argsort(-(lives.staff[settled] * np.exp(rng.normal(0, 1.0, len(settled)))))]
    holders = order[:n]
    relation[len(holders) :] = SHARED
    firm = np.resize(holders, n)
    tenants = np.where(relation == EXCLUSIVE, 0, rng.integers(3, 8, n))
    others = order[n:] if len(order) > n + 10 else order
    tenant_account = np.repeat(np.arange(n), tenants)
    points = np.where(rng.random(n) < 0.08, 2, 1)
    point_account = np.repeat(np.arange(n), points)
    second = np.concatenate([[False], point_account[1:] == point_account[:-1]])
    two = points[point_account] == 2
    account_no = join(pa.scalar("33"), digits(codes.shuffled_digits(np.arange(n), 577_215), 8))
    return Meters(
        account_no=account_no,
        relation=relation,
        firm=firm,
        baseline=np.where(rng.random(n) < 0.015, 2.0, np.exp(rng.normal(5.7, 1.1, n)) + 8.0),
        early=np.where(rng.random(n) < 0.003, rng.integers(42, 50, n), NEVER),
        voltage=rng.choice(5, n, p=[0.55, 0.3, 0.1, 0.03, 0.02]),
        point_account=point_account,
        point_no=join(account_no.take(pa.array(point_account)), pa.array(np.where(second, "02", "01"))),
        point_share=np.where(two, np.where(second, 0.35, 0.65), 1.0),
        multiplier=np.array(reference.MULTIPLIERS)[
            rng.choice(6, len(point_account), p=[0.5, 0.15, 0.1, 0.1, 0.1, 0.05])
        ],
        tenant_account=tenant_account,
        tenant_firm=others[rng.integers(0, len(others), len(tenant_account))],
    )


def _activity(meters: Meters, lives: Lives, day: int) -> Floats:
    """Return the share of ordinary activity behind each account, 0 (all shut) to 1."""
    if day < _WIND_DOWN:
        return np.ones(meters.count)
    if day < _HOLIDAY:
        return np.full(meters.count, 1.0 - (day - _WIND_DOWN) / (_HOLIDAY - _WIND_DOWN))
    ramp = np.where(lives.working(day), np.minimum(1.0, 0.5 + 0.08 * (day - lives.resumed)), 0.0)
    own = ramp[meters.firm]
    total = np.bincount(meters.tenant_account, ramp[meters.tenant_firm], meters.count)
    tenants = np.maximum(1, np.bincount(meters.tenant_account, minlength=meters.count))
    activity = np.where(meters.relation == EXCLUSIVE, own, total / tenants)
    return np.where(meters.early <= day, 0.9, activity)


def load_kwh(seed: int, meters: Meters, lives: Lives, day: int) -> Floats:
    """Return each account's true load of the day in kWh."""
    activity = _activity(meters, lives, day)
    rest = 1.0 if is_working_day(day) else 0.6
    noise = np.exp(0.12 * bell(seed, "load", np.arange(meters.count), day))
    return meters.baseline * (IDLE + (1.0 - IDLE) * activity * rest) * noise


def truly_running(meters: Meters, lives: Lives, day: int) -> Ints:
    """Return the accounts whose true activity is at least 30 %."""
    return np.flatnonzero(_activity(meters, lives, day) >= 0.3)
