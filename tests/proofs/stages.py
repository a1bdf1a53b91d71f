"""Stages in a process of their own, which may be killed. What they import is loaded before it is forked."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from resumption import consolidate, lake, pipeline
from resumption.checks import engine as _checked  # noqa: F401 - Great Expectations takes seconds to load
from resumption.consolidate import building
from resumption.models import runner
from resumption.models.engines import duckdb as _modelled  # noqa: F401
from resumption.models.loader import load_models
from resumption.pipeline import receiving
from resumption.readers import delimited, json_items, sheets  # noqa: F401
from resumption.warehouse import publish as _published  # noqa: F401
from tests.proofs.district import deliveries, desk

Stage = tuple[str, tuple[Any, ...]]
"""A stage's name and what it is given."""

FEEDS = list(dict.fromkeys(one.offer.feed for one in deliveries()))
MODELS = load_models()
_SETTINGS = ("RESUMPTION_", "WAREHOUSE_URL", "LAKE_URL", "LANDING_URL", "VAULT_URL", "AWS_")


def _land(*days: date) -> None:
    for day in days:
        for feed in FEEDS:
            pipeline.land(feed, day, "proof")


def _publish(*days: date) -> None:
    for day in days:
        for feed in FEEDS:
            pipeline.publish(feed, day, "proof")


def _backfill(*days: date) -> None:
    for feed in FEEDS:
        for day in days:
            pipeline.land(feed, day, "proof")
            pipeline.publish(feed, day, "proof")


def _consolidate(*days: date) -> None:
    for day in days:
        consolidate.judge_freshness(day)
        consolidate.resolve(day)
        consolidate.build(day, "proof")


def _decide(action: str, *given: Any) -> None:
    pipeline.decide(action, *given, "by telephone", "an operator", f"to {action}")


def _maintain(times: int) -> None:
    for _ in range(times):
        for feed in FEEDS:
            lake.maintain(feed, 168)


STAGES: dict[str, Callable[..., Any]] = {
    "land": _land,
    "publish": _publish,
    "backfill": _backfill,
    "resolve": consolidate.resolve,
    "build": lambda day: consolidate.build(day, "proof"),
    "consolidate": _consolidate,
    "restate": lambda: consolidate.restate("proof"),
    "decide": _decide,
    "maintain": _maintain,
}


def _run(stage: Stage, settings: Mapping[str, str], said: Connection) -> None:
    """Run a stage; say when it begins and what went wrong."""
    os.environ.update(settings)
    receiving.open_source = lambda contract: desk(deliveries(), contract)
    runner.load_models = building.load_models = lambda: MODELS
    name, given = stage
    said.send("")
    try:
        STAGES[name](*given)
        said.send("")
    except Exception:  # noqa: BLE001 - whatever it is, the proof wants to see it
        said.send(traceback.format_exc())


@dataclass
class Running:
    """A stage that runs in another process."""

    stage: Stage
    process: BaseProcess
    said: Connection
    began: float

    def end(self) -> float:
        """Wait for its end; return how long it took.

        Raises:
            AssertionError: with what went wrong.
        """
        wrong = self.said.recv()
        seconds = time.monotonic() - self.began
        self.process.join()
        assert not wrong, f"{self.stage}: {wrong}"
        return seconds

    def kill_after(self, seconds: float) -> bool:
        """Kill it unless it ends before; return whether it was killed."""
        self.process.join(seconds)
        self.process.kill()
        self.process.join()
        return self.process.exitcode != 0


def start(*stage: Any) -> Running:
    """Run a stage in another process, with the settings of this one; return when it begins."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    here, there = context.Pipe(duplex=False)
    given = (stage[0], stage[1:])
    settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    process = context.Process(target=_run, args=(given, settings, there))
    process.start()
    there.close()
    here.recv()
    return Running(given, process, here, time.monotonic())
