"""OpenLineage under a real scheduler: each task reports its start and end with the datasets it reads and writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from resumption.contracts import feed_names, table_names
from runtime.home import wait_until
from tests.events.world import LAST, Done, World

PERSON = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d{9}|\d{17}[\dX])(?![0-9A-Za-z])")


def names(event: dict[str, Any], side: str) -> set[str]:
    """Last part of each dataset's name."""
    return {re.split(r"[./]", dataset["name"])[-1] for dataset in event[side]}


def last(world: World, job: str, kind: str) -> dict[str, Any]:
    assert wait_until(lambda: bool(world.backend.of(job, kind)), 30), (job, kind)
    return world.backend.of(job, kind)[-1]


@pytest.mark.parametrize(
    ("job", "reads", "writes"),
    [
        ("city_cases.land", set(), {"city_cases"}),
        ("city_cases.publish", {"city_cases"}, {"city_cases"}),
        ("consolidated.resolve", set(feed_names()), set()),
        ("consolidated.build", set(feed_names()), set(table_names())),
    ],
)
def test_a_task_starts_and_completes_with_its_datasets(
    world: World, done: dict[str, Done], job: str, reads: set[str], writes: set[str]
) -> None:
    started = last(world, job, "START")
    assert (names(started, "inputs"), names(started, "outputs")) == (reads, writes)
    completed = last(world, job, "COMPLETE")
    assert names(completed, "inputs") == reads
    if job == "consolidated.build":
        writes = {table.removeprefix("mart.") for table, _ in done[str(LAST)].published}
    assert names(completed, "outputs") == writes


def test_datasets_bear_the_names_of_their_stores(world: World, done: dict[str, Done]) -> None:
    table = last(world, "consolidated.build", "COMPLETE")["outputs"][0]
    assert re.fullmatch(r"postgres://127\.0\.0\.1:\d+", table["namespace"])
    assert table["name"].startswith("warehouse.mart.")
    published = last(world, "city_cases.publish", "COMPLETE")
    assert published["inputs"][0]["name"] == f"{world.home.path}/landing/city_cases"
    assert published["outputs"][0]["name"] == f"{world.home.path}/lake/feeds/city_cases"
    assert published["outputs"][0]["namespace"] == "file"


def test_nothing_personal_and_no_password_is_told(world: World, done: dict[str, Done]) -> None:
    said = json.dumps(world.backend.events, ensure_ascii=False)
    assert "postgres://" in said
    assert world.database.partition("@")[0].rpartition(":")[2] not in said
    assert PERSON.findall(said) == []
