"""Two backfills of the same days at once, beside the lake's nightly care, leave what one after the other leaves."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from resumption import consolidate, ops
from resumption.consolidate import building
from resumption.models import run_models
from tests.proofs.conftest import LONG
from tests.proofs.district import DAYS, FIRST, LAST
from tests.proofs.outcome import differences, everything, nothing_yet
from tests.proofs.stages import Running, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def all_end(*running: Running) -> None:
    """Wait for all of them; none may have failed."""
    for one in running:
        one.end()


@pytest.fixture(scope="module")
def one_after_the_other(mart: sa.Engine) -> dict[str, Any]:
    with nothing_yet(mart):
        for stage in (("backfill", *DAYS), ("backfill", LAST, FIRST), ("maintain", 1), ("consolidate", *DAYS)):
            start(*stage).end()
        return everything()


@pytest.mark.parametrize("attempt", range(10 if LONG else 1))
def test_overlapping_backfills_at_once_leave_the_same(
    mart: sa.Engine, one_after_the_other: dict[str, Any], attempt: int
) -> None:
    with nothing_yet(mart):
        all_end(start("backfill", *DAYS), start("backfill", LAST, FIRST), start("maintain", 12))
        all_end(start("consolidate", *DAYS), start("consolidate", LAST, FIRST), start("backfill", LAST))
        consolidate.restate("proof")
        assert consolidate.outdated() == []
        assert differences(everything(), one_after_the_other) == []


def test_a_later_day_built_meanwhile_is_not_turned_back(
    mart: sa.Engine, one_after_the_other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    later: list[Running] = []

    def read_and_wait(*given: Any, **named: Any) -> Any:
        found = run_models(*given, **named)
        if not later:
            later.append(start("build", LAST))
            later[0].process.join(10)
        return found

    with nothing_yet(mart):
        all_end(start("backfill", *DAYS))
        consolidate.resolve(LAST)
        monkeypatch.setattr(building, "run_models", read_and_wait)
        consolidate.build(FIRST, "proof")
        all_end(*later)
        with mart.connect() as conn:
            builds = {b.table_name: b.business_date for b in ops.table_builds(conn)}
        assert set(builds.values()) == {LAST}
        assert differences(everything(), one_after_the_other) == []
