"""The DAG files: they import, quickly and lightly, and each says whose it is and what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.comms import ErrorResponse

from resumption import consolidate, settings
from resumption.contracts import feed_names, load_feed, load_table, table_names
from resumption.models import ModelError

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAGS = settings.project_root() / "dags"
HEAVY = ["pandas", "pyarrow", "duckdb", "great_expectations", "deltalake", "numpy", "scipy", "sqlglot"]
MOST_TASKS_A_DAY = 45

# Airflow itself first, so that its own import counts neither as time nor as weight of ours. The folder is parsed cold,
# as a new process does it; each file then several times, since a busy machine may be slow once.
_PARSE = """
import json, pathlib, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
import airflow.providers.standard.triggers.temporal

def seconds(target):
    start = time.perf_counter()
    bag = DagBag(target)
    return time.perf_counter() - start, bag

before = set(sys.modules)
folder, bag = seconds(sys.argv[1])
new = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
files = {path.name: min(seconds(path)[0] for _ in range(3)) for path in pathlib.Path(sys.argv[1]).glob("*.py")}
print(json.dumps({"errors": bag.import_errors, "seconds": folder, "new": new, "files": files}))
"""


def _environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join(sys.path)
    return {**os.environ, "PYTHONPATH": path, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__UNIT_TEST_MODE": "True"}


def _parse(folder: Path, home: Path) -> dict[str, Any]:
    """Parse a folder of DAG files in a process of its own."""
    command = [sys.executable, "-c", _PARSE, str(folder)]
    done = subprocess.run(command, env=_environment(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project's DAG files, parsed cold; the better of two tries."""
    home = tmp_path_factory.mktemp("airflow")
    return min((_parse(DAGS, home) for _ in range(2)), key=lambda found: float(found["seconds"]))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagBag]:
    """All DAGs of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        from airflow.dag_processing.dagbag import DagBag

        yield DagBag(DAGS)


def test_the_bag_holds_every_feed_and_the_consolidated_dag(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) >= {*feed_names(), "consolidated"}
    assert len(feed_names()) >= 8


def test_a_broken_and_a_heavy_dag_file_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\nimport no_such_module\n", encoding="utf-8")
    (tmp_path / "heavy.py").write_text("from airflow.sdk import DAG\nimport pandas\n", encoding="utf-8")
    found = _parse(tmp_path, tmp_path)
    assert [Path(name).name for name in found["errors"]] == ["broken.py"]
    assert "pandas" in found["new"]


def test_the_folder_parses_in_less_than_three_seconds(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["seconds"] < 3


def test_a_file_parses_in_less_than_a_second(parsed: dict[str, Any]) -> None:
    assert set(parsed["files"]) == {path.name for path in DAGS.glob("*.py")}
    assert {name: seconds for name, seconds in parsed["files"].items() if seconds >= 1} == {}


def test_parsing_imports_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert "resumption" in parsed["new"]
    assert sorted(set(parsed["new"]) & set(HEAVY)) == []


def test_every_dag_says_whose_it_is_and_what_it_does(bag: DagBag) -> None:
    for name, dag in bag.dags.items():
        assert dag.tags, name
        assert len((dag.doc_md or "").strip()) > 100, name
        assert dag.description, name
        owners = {task.owner for task in dag.tasks}
        assert owners, name
        assert "airflow" not in owners, name


def test_a_feeds_dag_belongs_to_the_contracts_owner(bag: DagBag) -> None:
    for feed in feed_names():
        assert {task.owner for task in bag.dags[feed].tasks} == {load_feed(feed).owner}, feed


def test_tasks_that_talk_to_senders_retry_for_long_and_whatever_replaces_its_own_work_retries_soon(bag: DagBag) -> None:
    retries = {(name, task.task_id): task.retries for name, dag in bag.dags.items() for task in dag.tasks}
    senders = {(name, task.task_id) for name, dag in bag.dags.items() for task in dag.tasks if task.pool == "senders"}
    soon = {"publish", "readiness", "resolve", "build", "restate", "kept_back"}
    assert senders == {(feed, "land") for feed in feed_names()}
    assert all(retries[key] >= 3 for key in senders)
    assert {retries[feed, "publish"] for feed in feed_names()} == {2}
    by_days = {*feed_names(), "consolidated", "restate"}
    assert {key for key, times in retries.items() if times and key not in senders} == {
        key for key in retries if key[0] in by_days and key[1] in soon
    }
    assert all(task.retry_exponential_backoff for dag in bag.dags.values() for task in dag.tasks if task.retries)


def test_a_verdict_is_not_asked_for_again_and_what_time_may_mend_is(bag: DagBag) -> None:
    policy = bag.dags["market_registry"].get_task("publish").retry_policy
    assert policy.evaluate(ModelError("a column too many"), 1, 2).action is RetryAction.FAIL
    for broken_off in (OSError("no space left"), AirflowRuntimeError(ErrorResponse()), RuntimeError("out of reach")):
        assert policy.evaluate(broken_off, 1, 2).action is RetryAction.DEFAULT


def test_dags_run_by_business_date_of_shanghai_one_at_a_time(bag: DagBag) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for name in [*feed_names(), "consolidated"]:
        dag = bag.dags[name]
        timetable = str(DagSerialization.to_dict(dag)["dag"]["timetable"])
        assert all(word in timetable for word in ("CronPartitionTimetable", "Asia/Shanghai", "%Y-%m-%d")), timetable
        assert dag.max_active_runs == 1, name


def test_a_district_day_is_a_handful_of_tasks(bag: DagBag) -> None:
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    # a mapped task has as many instances as its input is long, which nobody knows here
    assert [task.task_id for task in tasks if task.is_mapped] == []
    assert len(tasks) <= MOST_TASKS_A_DAY


def test_every_contract_has_its_suite_dag_and_fixture() -> None:
    root = settings.project_root()
    for feed in feed_names():
        assert (root / "expectations" / f"{feed}.json").is_file(), feed
        assert (DAGS / f"{feed}.py").is_file(), feed
        fixtures = root / "tests" / "fixtures" / "feeds" / feed
        assert any(path.is_file() for path in fixtures.glob("*")), f"{feed}: no fixture in {fixtures.relative_to(root)}"


def test_every_table_has_its_model_and_suite() -> None:
    for table in table_names():
        assert load_table(table).sql_path.is_file(), table
        assert (settings.project_root() / "expectations" / f"{table}.json").is_file(), table


def test_every_suite_dag_and_fixture_belongs_to_a_contract() -> None:
    root = settings.project_root()
    suites = {path.stem for path in (root / "expectations").glob("*.json")}
    # What feeds say of one another is judged by a suite of its own, too.
    assert suites == {*feed_names(), *table_names(), consolidate.REFERENCE}
    fixtures = {path.name for path in (root / "tests" / "fixtures" / "feeds").glob("*") if path.is_dir()}
    assert fixtures == set(feed_names())
