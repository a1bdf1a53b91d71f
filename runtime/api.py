"""Airflow's REST API, as far as a run needs it: health, DAGs, pools, backfills and what becomes of their runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import requests

from runtime.airflow import Login
from runtime.home import RunError

ZONE = ZoneInfo("Asia/Shanghai")
PAGE = 100


@dataclass(frozen=True)
class Run:
    """A DAG run of a business date."""

    dag: str
    run_id: str
    day: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it will change no more."""
        return self.state in ("success", "failed")


class Airflow:
    """A logged-in client; a token that ran out is renewed once."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not for 127.0.0.1

    def healthy(self) -> bool:
        """Whether metadata database, scheduler, dag-processor and triggerer all report to be well.

        The server must take our login too: another run's Airflow may have come to the port a moment before ours.
        """
        try:
            answer = self._session.get(f"{self._login.url}/api/v2/monitor/health", timeout=5)
            parts = answer.json() if answer.ok else {}
            wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            if not all((parts.get(part) or {}).get("status") == "healthy" for part in wanted):
                return False
            self._authenticate()
        except (requests.RequestException, ValueError, RunError):
            return False
        return True

    def _authenticate(self) -> None:
        body = {"username": self._login.user, "password": self._login.password}
        answer = self._session.post(f"{self._login.url}/auth/token", json=body, timeout=30)
        if not answer.ok:
            raise RunError(f"Airflow refused the login of {self._login.user}: HTTP {answer.status_code}")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One call below /api/v2; raises RunError with Airflow's answer when it is not a success."""
        if "Authorization" not in self._session.headers:
            self._authenticate()
        url = f"{self._login.url}/api/v2/{path}"
        answer = self._session.request(method, url, timeout=60, **options)
        if answer.status_code == requests.codes.unauthorized:
            self._authenticate()
            answer = self._session.request(method, url, timeout=60, **options)
        if not answer.ok:
            raise RunError(f"Airflow: {method} {path} gave HTTP {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def pages(self, path: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
        """All entries of a paged listing."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", path, params={**parameters, "limit": PAGE, "offset": len(found)})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow knows."""
        return {str(dag["dag_id"]) for dag in self.pages("dags", "dags")}

    def import_errors(self) -> dict[str, str]:
        """DAG file → last line of why it could not be imported."""
        errors = self.pages("importErrors", "import_errors")
        return {str(e["filename"]): str(e["stack_trace"]).strip().splitlines()[-1] for e in errors}

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool unless it is there; what an operator set on it stays."""
        if name not in {pool["name"] for pool in self.pages("pools", "pools")}:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
            self.call("POST", "pools", json=body)

    def unpause(self, dag: str) -> None:
        """Let a DAG run: a backfill of a paused one would wait for ever."""
        self.call("PATCH", f"dags/{dag}", json={"is_paused": False})

    def backfill(self, dag: str, first: date, last: date) -> int:
        """Ask for a run of every business date, in their order and one at a time, also where there was one before.

        Returns the backfill's id.
        """
        body = {
            "dag_id": dag,
            "from_date": datetime.combine(first, time(), ZONE).isoformat(),
            "to_date": datetime.combine(last, time(), ZONE).isoformat(),
            "dag_run_conf": {},
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        return int(self.call("POST", "backfills", json=body)["id"])

    def trigger(self, dag: str, conf: dict[str, Any]) -> Run:
        """Start a run by hand with its form filled in."""
        return _run(self.call("POST", f"dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf}))

    def run(self, dag: str, run_id: str) -> Run:
        """How a run stands."""
        return _run(self.call("GET", f"dags/{dag}/dagRuns/{run_id}"))

    def cancel_backfills(self, dag: str) -> None:
        """Cancel what an interrupted run left open: a DAG takes one backfill at a time."""
        for backfill in self.pages("backfills", "backfills", dag_id=dag):
            if backfill["completed_at"] is None:
                self.call("PUT", f"backfills/{backfill['id']}/cancel")

    def newest_runs(self, dags: set[str], count: int) -> list[Run]:
        """The newest `count` backfill runs of some DAGs, newest first."""
        found: list[Run] = []
        offset = 0
        while len(found) < count:
            parameters = {"run_type": "backfill", "order_by": "-id", "limit": PAGE, "offset": offset}
            page = self.call("GET", "dags/~/dagRuns", params=parameters)["dag_runs"]
            found += [_run(entry) for entry in page if entry["dag_id"] in dags]
            offset += PAGE
            if len(page) < PAGE:
                break
        return found[:count]

    def running_tasks(self) -> list[str]:
        """What runs at this moment, `dag.task` each."""
        found = self.pages("dags/~/dagRuns/~/taskInstances", "task_instances", state="running")
        return sorted(f"{t['dag_id']}.{t['task_id']}" for t in found)

    def failed_tasks(self, run: Run) -> list[str]:
        """The tasks of a run that failed of themselves."""
        path = f"dags/{run.dag}/dagRuns/{run.run_id}/taskInstances"
        return sorted(str(t["task_id"]) for t in self.pages(path, "task_instances", state="failed"))


def _run(entry: dict[str, Any]) -> Run:
    day = str(entry["partition_key"] or entry["logical_date"] or entry["run_after"])[:10]
    return Run(str(entry["dag_id"]), str(entry["dag_run_id"]), day, str(entry["state"]))
