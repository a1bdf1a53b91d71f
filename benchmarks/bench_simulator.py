"""CPU time of one whole-scale day: generating and writing all eight feeds of 25 February, feed by feed.

Run with `python benchmarks/bench_simulator.py [SCALE]`. To reach: at most 20 seconds at scale 1 on one core. The
district itself is made once and timed apart.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from simulator.calendar import number
from simulator.district import District
from simulator.feeds import FEEDS, market_registry
from simulator.store import Store

DAY = number(date(2020, 2, 25))
MONTHLY, WEEKLY = number(date(2020, 2, 1)), number(date(2020, 2, 24))
TARGET_SECONDS = 20.0


def measure(scale: float, home: Path) -> dict[str, float]:
    """Return CPU seconds by feed; the monthly and the weekly list are counted in full."""
    district = District(seed=7, scale=scale)
    started = time.process_time()
    for part in ("firms", "lives", "staff", "returnees", "meters"):
        getattr(district, part)
    seconds = {"(district, once)": time.process_time() - started}
    store = Store(home, district)
    for feed in FEEDS:
        day = {"statistical_scope": MONTHLY, "meter_accounts": WEEKLY}.get(feed, DAY)
        started = time.process_time()
        store.entries(feed, day)
        seconds[feed] = time.process_time() - started
    started = time.process_time()
    market_registry.texts(market_registry.snapshot(district, DAY), market_registry.SNAPSHOT)
    market_registry.texts(market_registry.changes(district, DAY), market_registry.CHANGES)
    seconds["market_registry"] = time.process_time() - started
    return seconds


def main() -> None:
    """Print the table."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as home:
        seconds = measure(scale, Path(home))
    for feed, spent in seconds.items():
        print(f"{feed:<20} {spent:6.2f} s")
    total = sum(spent for feed, spent in seconds.items() if not feed.startswith("("))
    print(f"{'a day':<20} {total:6.2f} s CPU at scale {scale:g} (to reach: {TARGET_SECONDS:g} s at scale 1)")


if __name__ == "__main__":
    main()
