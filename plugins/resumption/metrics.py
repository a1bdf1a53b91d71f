"""Rows, time and bytes of each feed, table and stage, as metrics: through Airflow's own facility, where it is on.

What they say stands in ``ops`` too, which is the truth; a metric may be lost on its way. A tag is the name of a feed or
table, of a stage, or an outcome, never anything that a sender wrote.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

ROWS, DURATION, BYTES = "pipeline.rows", "pipeline.duration", "pipeline.bytes"
"""Counter, timer and counter; tags ``subject`` (feed or table), ``stage`` and ``outcome``."""


def emit(
    stage: str, subject: str, outcome: str, seconds: float, *, rows: Mapping[str, int] | None = None, size: int = 0
) -> None:
    """Tell how a stage of a feed or table ended, how long it took, its rows by outcome and the bytes it took in."""
    # Outside a task nobody has told Airflow where metrics go.
    if "AIRFLOW_CTX_TASK_ID" not in os.environ:
        return
    from airflow.sdk.observability import stats

    tags = {"subject": subject, "stage": stage, "outcome": outcome}
    stats.timing(DURATION, timedelta(seconds=seconds), tags=tags)
    if size:
        stats.incr(BYTES, size, tags=tags)
    for name, count in (rows or {}).items():
        if count:
            stats.incr(ROWS, count, tags={**tags, "outcome": name})


@contextmanager
def timed(stage: str, subject: str) -> Iterator[None]:
    """Tell how long a block took, ``ok`` or ``failed``."""
    started, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "ok"
    finally:
        emit(stage, subject, outcome, time.monotonic() - started)
