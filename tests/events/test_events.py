"""Asset events under a real scheduler: what was published is announced, for its day, and nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from tests.events.world import FIRST, LAST, Done, World

TABLE = "mart.employee_screening"


def test_a_feeds_commits_are_announced_by_their_business_dates(world: World, done: dict[str, Done]) -> None:
    committed = world.ask("select distinct business_date::text from ops.feed_delivery where outcome = 'accepted'")
    assert len(committed) > 1
    assert done["feed"].events == {("landing.city_cases", str(LAST)), *(("city_cases", day) for (day,) in committed)}


@pytest.mark.parametrize("name", [str(FIRST), str(LAST), "restated"])
def test_exactly_the_tables_and_days_that_were_published_are_announced(done: dict[str, Done], name: str) -> None:
    assert done[name].events == done[name].published != set()
    assert (TABLE, str(FIRST)) in done["restated"].events


@pytest.mark.parametrize("day", [FIRST, LAST])
def test_a_table_that_its_checks_keep_back_is_not_announced_and_the_run_fails(done: dict[str, Done], day: date) -> None:
    """Without a registry there is no enterprise: that table's suite is critical about it."""
    assert ("mart.enterprise", str(day)) in done[str(day)].kept_back
    assert not done[str(day)].kept_back & done[str(day)].events
    assert done[str(day)].run.state == "failed"


def test_a_restatement_of_nothing_announces_nothing(done: dict[str, Done]) -> None:
    assert (done["nothing"].run.state, done["nothing"].events) == ("success", set())


def test_a_restatement_leaves_out_what_it_did_not_build(done: dict[str, Done]) -> None:
    untouched = ("mart.household_power_screening", str(LAST))
    assert untouched in done[str(LAST)].events
    assert untouched not in done["restated"].events


def test_a_subscriber_runs_for_each_published_day_and_again_for_a_restated_one(
    world: World, done: dict[str, Done]
) -> None:
    days = sorted(day for name in done for table, day in done[name].events if table == TABLE)
    assert days == sorted([str(FIRST), str(LAST)] * 2)
    assert sorted(world.told(len(days))) == days
