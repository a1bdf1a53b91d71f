"""Expected power index of the district, account by account."""

import numpy as np

from simulator.calendar import working_days
from simulator.feeds.enterprise_power import CATCH_UP, MISSING
from simulator.meters import Meters
from simulator.rng import Bools, Floats, Ints

_BASELINE_FIRST, _BASELINE_LAST = -31, -1  # December 2019
_LEAST_DAYS, _LEAST_KWH = 15, 5.0
_RESUMED_RATIO, _IMPLAUSIBLE_RATIO = 0.30, 20.0


def _latest(rows: dict[str, Ints], first: int, last: int) -> dict[str, Ints]:
    """Return the last row of each point and date in a span of dates."""
    inside = np.flatnonzero((rows["day"] >= first) & (rows["day"] <= last))
    key = rows["point"][inside] * 1_000 + (rows["day"][inside] - first)
    _, place = np.unique(key[::-1], return_index=True)
    chosen = inside[::-1][place]
    return {name: rows[name][chosen] for name in ("account", "point", "day", "energy", "multiplier", "status")}


def _by_account(rows: dict[str, Ints], meters: Meters, first: int, last: int) -> tuple[Floats, Bools, Bools]:
    """Return kWh, "every point's reading is valid" and "has a row", shape (accounts, days)."""
    latest = _latest(rows, first, last)
    usual = meters.multiplier[latest["point"]] * 100
    odd = (latest["multiplier"] == usual * 100) | (latest["multiplier"] * 100 == usual)
    bad = odd | (latest["energy"] <= 0) | (latest["status"] == MISSING) | (latest["status"] == CATCH_UP)
    shape = (meters.count, last - first + 1)
    cell = latest["account"] * shape[1] + latest["day"] - first
    kwh = np.bincount(cell, latest["energy"] * latest["multiplier"] / 1e4, shape[0] * shape[1])
    some_bad = np.bincount(cell, bad.astype(float), shape[0] * shape[1]) > 0
    present = np.bincount(cell, minlength=shape[0] * shape[1]) > 0
    return kwh.reshape(shape).astype(np.float64), (present & ~some_bad).reshape(shape), present.reshape(shape)


def baselines(rows: dict[str, Ints], meters: Meters) -> Floats:
    """Return each account's mean kWh on valid working days of December 2019; NaN with fewer than 15 or below 5 kWh."""
    kwh, valid, _ = _by_account(rows, meters, _BASELINE_FIRST, _BASELINE_LAST)
    valid &= working_days(_BASELINE_FIRST, _BASELINE_LAST)
    count = valid.sum(axis=1)
    mean = (kwh * valid).sum(axis=1) / np.maximum(count, 1)
    return np.where((count >= _LEAST_DAYS) & (mean >= _LEAST_KWH), mean, np.nan)


def district_index(rows: dict[str, Ints], meters: Meters, day: int) -> dict[str, float | int] | None:
    """Return n, n_resumed, kwh_resumed, baseline_kwh and index of the district; None without a baseline."""
    if not rows:
        return None
    baseline = baselines(rows, meters)
    kwh, valid, present = _by_account(rows, meters, day - 6, day)
    with np.errstate(invalid="ignore"):
        ratio = kwh / baseline[:, None]
        valid &= ~(ratio > _IMPLAUSIBLE_RATIO)
    counted = ~np.isnan(baseline) & present.any(axis=1)
    resumed = counted & _resumed(valid, ratio >= _RESUMED_RATIO)
    n, n_resumed = int(counted.sum()), int(resumed.sum())
    kwh_resumed = float(kwh[resumed & valid[:, -1], -1].sum())
    total = float(baseline[counted].sum())
    index = 100 * (0.5 * n_resumed / n + 0.5 * kwh_resumed / total) if n else float("nan")
    return {"n": n, "n_resumed": n_resumed, "kwh_resumed": kwh_resumed, "baseline_kwh": total, "index": index}


def _resumed(valid: Bools, raw: Bools) -> Bools:
    """Tell which accounts are resumed: raw on two of the last three valid readings of the week."""
    result = np.zeros(len(valid), dtype=bool)
    for account in range(len(valid)):
        readings = raw[account][valid[account]][-3:]
        result[account] = len(readings) >= 2 and int(readings.sum()) >= 2
    return result
