"""Runs of DAGs: their page in Airflow, their state, and starting one in a visitor's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from resumption.ui.errors import PageError
from resumption.ui.pages import base

ENDED = ("success", "failed")
REFUSED = "refused"
"""Key of the XCom in which the DAG `quarantine` says why it did not carry a decision out."""


def run_address(request: Request, dag: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow, beside which the pages are mounted."""
    airflow = base(request).rpartition("/")[0]
    return f"{airflow}/dags/{quote(dag, safe='')}/runs/{quote(run_id, safe='')}"


@dataclass(frozen=True)
class RunState:
    """State of a run and of its tasks, in Airflow's words; ``refused``: why a task refused to carry it out."""

    state: str
    tasks: Mapping[str, str | None]
    refused: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


def start(dag: str, run_id: str, conf: Mapping[str, Any], login: str) -> None:
    """Start a run in a login's name; one that was started under this id already is left alone.

    Raises:
        PageError: Airflow does not know the DAG, or it refuses the values.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound, DagRunAlreadyExists
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy.exc import IntegrityError

    try:
        trigger_dag(
            dag, run_id=run_id, conf=dict(conf), triggered_by=DagRunTriggeredByType.UI, triggering_user_name=login
        )
    except (DagRunAlreadyExists, IntegrityError):
        return  # pressed twice
    except DagNotFound:
        raise PageError(503, "quarantine.no_dag", dag=dag) from None
    except (ParamValidationError, ValueError):
        # The message would repeat what was typed.
        raise PageError(422, "quarantine.refused") from None


def state(dag: str, run_id: str) -> RunState | None:
    """Return the state of a run, None where Airflow has no such run (any more)."""
    import sqlalchemy as sa
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.scalar(sa.select(DagRun.state).where(DagRun.dag_id == dag, DagRun.run_id == run_id))
        if found is None:
            return None
        query = sa.select(TaskInstance.task_id, TaskInstance.state)
        tasks = session.execute(query.where(TaskInstance.dag_id == dag, TaskInstance.run_id == run_id)).all()
        refused = session.scalar(XComModel.get_many(run_id=run_id, key=REFUSED, dag_ids=dag).limit(1))
        reason = XComModel.deserialize_value(refused) if refused else None
    return RunState(str(found), {task: None if value is None else str(value) for task, value in tasks}, reason)
