"""A scaffolded feed and table are files that run as they are, in a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resumption import settings
from resumption.scaffold import FILES, ScaffoldError, scaffold
from resumption.scaffold.__main__ import main
from tests.scaffold.sender import export


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a new feed and a new table."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("include", "expectations", "dags"):
        shutil.copytree(settings.project_root() / folder, copy / folder)
    assert main(["feed", "mask_stock", "--root", str(copy)]) == 0
    assert main(["table", "mask_balance", "--root", str(copy)]) == 0
    return copy


@pytest.fixture(scope="module")
def outcome(project: Path, warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came out when the new feed and the new table were taken from a sender to the warehouse."""
    fixture = project / "tests/fixtures/feeds/mask_stock/mask_stock_20200225.csv"
    with export("mask_stock", fixture, "2020-02-25") as connection:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "WAREHOUSE_URL": warehouse_url,
            "RESUMPTION_PROJECT": str(project),
            "AIRFLOW_CONN_MODULE_API": connection,
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
            "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        }
        script = Path(__file__).with_name("run_new_parts.py")
        command = [sys.executable, str(script), "mask_stock", "mask_balance"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def test_the_new_feed_comes_from_its_sender_into_the_lake(outcome: dict[str, Any]) -> None:
    assert outcome["feed"]["counts"] == {"deliveries": 1, "accepted": 2, "quarantined": 1, "rejected": 0}
    first, second = outcome["feed"]["rows"]
    assert (first["uscc"], first["amount"], first["repaired"]) == ("91110000600037341L", 120, [])
    assert len(first["contact_phone_token"]) == 64
    assert (second["uscc"], second["amount"]) == ("91110000600037341L", 80)
    assert second["repaired"] != []


def test_ops_accounts_for_the_new_feed_and_table(outcome: dict[str, Any]) -> None:
    assert outcome["ops"]["delivery"] == [["accepted", 3, 2, 1, 0]]
    assert outcome["ops"]["reasons"] == [["USCC_INVALID"]]
    assert {"mask_stock", "mask_balance"} <= set(outcome["ops"]["checked"])


def test_the_new_table_is_built_checked_and_published(outcome: dict[str, Any]) -> None:
    assert outcome["table"] == [["2020-02-25", "mask_stock", "1", "2020-02-25", "", "test"]]


def test_the_new_feeds_dag_imports(outcome: dict[str, Any]) -> None:
    assert outcome["dag"] == {"errors": [], "tasks": {"mask_stock": ["land", "publish"]}}


def test_nothing_is_overwritten_and_nothing_is_written_by_halves(tmp_path: Path) -> None:
    there = tmp_path / "expectations" / "mask_stock.json"
    there.parent.mkdir()
    there.write_text("mine", encoding="utf-8")
    with pytest.raises(ScaffoldError, match=r"already expectations/mask_stock\.json"):
        scaffold("feed", "mask_stock", tmp_path)
    assert there.read_text(encoding="utf-8") == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [there]


@pytest.mark.parametrize("name", ["Mask", "mask-stock", "1mask", "mask__stock", "../mask", "", "m" * 51])
def test_a_name_that_is_no_identifier_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScaffoldError, match="snake_case"):
        scaffold("table", name, tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_was_written_is_told_and_holds_no_placeholder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "mask_balance", "--root", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    for place in FILES["table"].values():
        path = tmp_path / place.format(name="mask_balance")
        assert f"wrote {path.relative_to(tmp_path)}" in told
        assert "@NAME@" not in path.read_text(encoding="utf-8")
    assert main(["table", "mask_balance", "--root", str(tmp_path)]) == 1
