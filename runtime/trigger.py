"""A DAG run by hand from the command line, waited for: decisions on quarantined rows, restatement, maintenance."""

from __future__ import annotations

import json
import time
from typing import Any

from runtime import airflow
from runtime.api import Airflow
from runtime.home import Home, RunError, say

PATIENCE_SECONDS = 600
_EVERY_SECONDS = 2


def form(text: str) -> dict[str, Any]:
    """Return the filled-in form; raises RunError when it is no JSON object."""
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise RunError(f'CONF is a JSON object like {{"day": "2020-02-25"}}: {error}') from None
    if not isinstance(found, dict):
        raise RunError(f'CONF is a JSON object like {{"day": "2020-02-25"}}, not {type(found).__name__}')
    return found


def trigger(home: Home, dag: str, conf: dict[str, Any]) -> int:
    """Start a run of ``dag``, wait for its end and say how it went; the exit code."""
    client = Airflow(airflow.login(home))
    if not client.healthy():
        raise RunError("Airflow is not up in this run folder: `make ui` first")
    if dag not in client.dag_ids():
        raise RunError(f"there is no DAG {dag!r}; there are {', '.join(sorted(client.dag_ids()))}")
    client.unpause(dag)
    run = client.trigger(dag, conf)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not run.ended:
        if time.monotonic() > deadline:
            raise RunError(f"{dag} {run.run_id} is still {run.state} after {PATIENCE_SECONDS} s; see it in the UI")
        time.sleep(_EVERY_SECONDS)
        run = client.run(dag, run.run_id)
    failed = client.failed_tasks(run)
    say(f"{dag} {run.run_id}: {run.state}{', failed: ' + ', '.join(failed) if failed else ''}")
    return 0 if run.state == "success" else 1
