"""Time of the briefing page's figures and rendering on the warehouse that ``WAREHOUSE_URL`` names, first and warm.

Run alone: ``python -m benchmarks.bench_pages``. To reach: a warm page in less than 0.3 s at whole scale.
"""

from __future__ import annotations

import os
import statistics
import time

TARGET_SECONDS = 0.3
WARM = 20


def main() -> None:
    """Print seconds of the first and the warm pages of the latest built day."""
    if not os.environ.get("WAREHOUSE_URL"):
        print("skipped: WAREHOUSE_URL names no warehouse; export WAREHOUSE_URL=$(make -s warehouse-url)")
        return
    from resumption import ops
    from resumption.briefing.picture import latest_day, picture
    from resumption.ui import document

    spent = []
    with ops.engine().connect() as conn:
        day = latest_day(conn)
        if day is None:
            print("skipped: no day was built in this warehouse")
            return
        for _ in range(WARM + 1):
            started = time.perf_counter()
            document.html(picture(conn, day))
            spent.append(time.perf_counter() - started)
    warm = sorted(spent[1:])
    print(f"first {spent[0]:6.3f} s, both languages")
    print(f"warm  {statistics.median(warm):6.3f} s median, {warm[-1]:6.3f} s worst (to reach: {TARGET_SECONDS:g} s)")


if __name__ == "__main__":
    main()
