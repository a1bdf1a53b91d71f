"""Time to parse the DAG folder, file by file, in a fresh process that has imported Airflow already.

Run alone: ``python -m benchmarks.bench_dags``. To reach: the whole folder in less than 3 s.
"""

from __future__ import annotations

import runpy
import time
from pathlib import Path

TARGET_SECONDS = 3.0


def main() -> None:
    """Print seconds by file and in all."""
    import airflow.sdk  # noqa: F401 - the DAG processor has it loaded

    total = 0.0
    for path in sorted((Path(__file__).parents[1] / "dags").glob("*.py")):
        started = time.perf_counter()
        runpy.run_path(str(path))
        spent = time.perf_counter() - started
        total += spent
        print(f"{path.name:<24} {spent:6.3f} s")
    print(f"{'the folder':<24} {total:6.3f} s (to reach: {TARGET_SECONDS:g} s)")


if __name__ == "__main__":
    main()
