"""Long work says in its log how far it is; what is done at once says nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import progress
from resumption.pipeline import judging
from resumption.sources.base import Download
from runtime import backfill
from runtime.api import Run
from runtime.backfill import Days
from tests.pipeline.sender import DAY, Sender
from tests.pipeline.test_deliveries import events
from tests.sources.senders import Kept

BEFORE = date(2020, 2, 24)
Lines = Callable[[], list[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What was logged; every line of progress is, however short the work."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, logger="resumption")
    return lambda: caplog.messages


def test_a_big_file_tells_how_many_bytes_of_how_many(lines: Lines) -> None:
    download = Download(Kept(), "grid_sftp big.csv", 3_000_000)
    for _ in range(3):
        download.write(bytes(1_000_000))
    assert lines() == [f"grid_sftp big.csv: {n}.0 of 3.0 MB so far" for n in (1, 2, 3)]


def test_a_history_tells_which_delivery_of_how_many(
    warehouse: sa.Engine, home: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "SLICE_ROWS", 1)
    sender = Sender("approvals").has("a.jsonl", events(1, 2), 2, day=BEFORE)
    sender.has("b.jsonl", events(3), 1).deliver()
    told = [line for line in lines() if " of " in line and line.startswith("approvals")]
    for expected in (
        "approvals: delivery 1 of 2, 2020-02-24",
        "approvals: delivery 2 of 2, 2020-02-25",
        "approvals: 0 of 2 deliveries done, now 2020-02-24",
        "approvals 2020-02-24: 1 of 2 rows conformed",
        "approvals: 1 of 2 deliveries done, now 2020-02-25",
    ):
        assert expected in told, told


def test_a_line_is_told_at_most_every_few_seconds(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(progress, "EVERY_SECONDS", 10.0)
    work = progress.Progress(logging.getLogger("resumption.test"))
    for second in range(25):
        clock.now = 100.0 + second
        work.tell("%d", second)
    assert lines() == ["10", "20"]


def test_a_backfill_tells_its_runs_where_nobody_sits_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([["running", "queued"], ["success", "running"], ["success", "failed"]])

    class Airflow:
        def newest_runs(self, dags: set[str], count: int) -> list[Run]:
            return [Run("checkins", f"r{n}", str(DAY), state) for n, state in enumerate(next(states))]

        def __getattr__(self, name: str) -> Any:
            return lambda *_: ["checkins.land"]

    monkeypatch.setattr(backfill, "PAUSE", 0.0)
    monkeypatch.setattr(backfill, "QUIET", 0.0)
    airflow: Any = Airflow()
    backfill.backfill(airflow, ["checkins"], Days(BEFORE, DAY), "feeds", patience=60)
    assert capsys.readouterr().err.splitlines() == [
        "  feeds: 0/2 runs done; running: checkins.land",
        "  feeds: 1/2 runs done; running: checkins.land",
        "  feeds: 2/2 runs done, 1 failed",
    ]
