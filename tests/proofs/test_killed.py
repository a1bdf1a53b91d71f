"""A stage that is killed at any moment and run again leaves what it would have left undisturbed."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import consolidate, ops
from resumption.landing import delivery_id
from tests.proofs.conftest import LONG
from tests.proofs.district import DAYS, FIRST, LAST, deliveries
from tests.proofs.outcome import differences, everything, nothing_yet
from tests.proofs.stages import start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = 8 if LONG else 1
"""How often each stage is killed before it may end."""


def _id(name: str) -> str:
    return next(delivery_id(sent.offer) for sent in deliveries() if sent.offer.name == name)


STAGES: list[tuple[Any, ...]] = [
    ("land", *DAYS),
    ("publish", *DAYS),
    ("resolve", FIRST),
    ("build", FIRST),
    ("resolve", LAST),
    ("build", LAST),
    ("decide", "correct", "approvals", _id("approvals_20200224.jsonl"), [8], {"event": "通过"}),
    ("decide", "discard", "health_codes", _id("health_codes_20200224.jsonl"), [8], {}),
    ("decide", "release", "city_cases", _id("city_cases_20200224.csv"), [3], {}),
    ("decide", "replay", "self_reports", _id("15.jsonl"), [], {}),
    ("maintain", 1),
    ("restate",),
]
"""Everything that ever writes, in the order of two days."""


def audit() -> dict[str, list[str]]:
    """What operators decided, what the checks saw and what became of each build and run."""
    queries = {
        "decisions": "select action, feed, row_numbers, corrections::text, run_id from ops.quarantine_action",
        "checks": "select subject, business_date, check_id, outcome, observed_value from ops.check_result",
        "builds": "select table_name, business_date, outcome, rows, content_hash from ops.table_build",
        "runs": "select feed, business_date, stage, status, rows_accepted, rows_quarantined from ops.feed_run",
    }
    with ops.engine().connect() as conn:
        return {name: sorted(map(repr, conn.execute(sa.text(query)))) for name, query in queries.items()}


@pytest.fixture(scope="module")
def undisturbed(mart: sa.Engine) -> tuple[dict[str, Any], dict[str, list[str]], list[float]]:
    """What is left where nothing is killed, and how long each stage takes."""
    with nothing_yet(mart):
        seconds = [start(*stage).end() for stage in STAGES]
        return everything(), audit(), seconds


@pytest.mark.parametrize("seed", range(3 if LONG else 1))
def test_killed_at_any_moment_and_run_again_it_leaves_the_same(
    mart: sa.Engine, undisturbed: tuple[dict[str, Any], dict[str, list[str]], list[float]], seed: int
) -> None:
    expected, audited, seconds = undisturbed
    chance = random.Random(seed)
    killed = []
    with nothing_yet(mart):
        for stage, usual in zip(STAGES, seconds, strict=True):
            killed += [start(*stage).kill_after(chance.uniform(0, usual)) for _ in range(KILLS)]
            start(*stage).end()
        assert consolidate.outdated() == []
        assert differences(everything(), expected) == []
        assert audit() == audited
    assert sum(killed) > len(killed) / 2, "most stages ended before they were killed"
