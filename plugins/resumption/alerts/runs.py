"""What Airflow says of its runs: whether one is still at work, or has ended well after all."""

from __future__ import annotations

import datetime as dt
import re
from typing import Protocol

from resumption.contracts import SHANGHAI

_AT_WORK = frozenset({"queued", "running"})
_OF_A_DATE = re.compile(r"__\d{4}-\d\d-\d\d__")
"""What the identifier of a run by business date holds: its partition."""


class Runs(Protocol):
    """Asks for the state of a run."""

    def state(self, dag_id: str, run_id: str) -> str | None:
        """Return Airflow's state of a run; None where nobody knows."""
        ...


class NoAirflow:
    """For whoever works outside a task: nobody can be asked, so every run counts as ended."""

    def state(self, dag_id: str, run_id: str) -> str | None:
        """Return None."""
        return None


class AirflowRuns:
    """Asks Airflow, as only a running task may."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str | None] = {}

    def state(self, dag_id: str, run_id: str) -> str | None:
        """Return the run's state; None for a run that Airflow has forgotten."""
        from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        asked = (dag_id, run_id)
        if asked not in self._known:
            try:
                self._known[asked] = str(RuntimeTaskInstance.get_dagrun_state(dag_id, run_id))
            except (AirflowException, AirflowRuntimeError):
                self._known[asked] = None
        return self._known[asked]


def at_work(runs: Runs, dag_id: str | None, run_id: str | None) -> bool:
    """Whether a run may still change what it has written so far."""
    return bool(dag_id and run_id) and runs.state(dag_id or "", run_id or "") in _AT_WORK


def dag_of_build(run_id: str | None) -> str:
    """Return the DAG whose run built a table: only ``consolidated`` runs by business date, ``restate`` by the clock."""
    return "consolidated" if run_id and _OF_A_DATE.search(run_id) else "restate"


def today(now: dt.datetime) -> dt.date:
    """Return the date in the district."""
    return now.astimezone(SHANGHAI).date()


def minute(at: dt.datetime) -> str:
    """Return a moment as people in the district write it, whatever zone the database answers in."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
