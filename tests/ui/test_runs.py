"""Decisions reach a real Airflow: its database, its own check of the form, its record of who started what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resumption import settings

PROGRAM = Path(__file__).with_name("start_runs.py")


@pytest.mark.slow
def test_a_decision_becomes_one_run_in_the_name_of_its_login(tmp_path: Path) -> None:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project_root() / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "RESUMPTION_HOME": str(tmp_path),
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    for command in (("db", "migrate"), ("dags", "reserialize")):
        run(sys.executable, "-m", "airflow", *command)
    told = json.loads(run(sys.executable, str(PROGRAM)).splitlines()[-1])
    (started,) = told["runs"]
    assert started[0] == "manual__page_0123456789abcdef"
    assert started[1]["note"] == "by phone"
    assert started[2] == "li"
    assert (told["state"], told["tasks"]) == ("queued", ["decide", "restate"])
    refused = told["unknown"], told["action"], told["no note"]
    assert refused == ("quarantine.no_dag", "quarantine.refused", "quarantine.refused")
