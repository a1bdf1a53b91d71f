"""What the tests of events ask of a running Airflow, and a lineage backend that keeps what it is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg

from runtime.api import Airflow, Run
from runtime.home import Home, wait_until

FIRST, LAST = date(2020, 2, 24), date(2020, 2, 25)
DAGS = ["city_cases", "consolidated", "restate"]
SUBSCRIBER = "tell_the_officers"


class Backend:
    """A lineage backend: an HTTP server that keeps what it was sent."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        keep = self.events.append

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def transport(self) -> str:
        url = f"http://127.0.0.1:{self.server.server_port}"
        return json.dumps({"type": "http", "url": url, "endpoint": "api/v1/lineage"})

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def of(self, job: str, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["job"]["name"] == job and e["eventType"] == kind]


Events = set[tuple[str, str]]
"""Asset and partition key of each; of a table, ``mart.<table>`` and the day."""


@dataclass(frozen=True)
class Done:
    """A run that has ended: its events, and the tables and days that ``ops`` says it has published or kept back."""

    run: Run
    events: Events
    published: Events
    kept_back: Events


@dataclass
class World:
    """What runs, and questions to it."""

    home: Home
    client: Airflow
    backend: Backend
    database: str

    def run(self, dag: str, day: date | None = None) -> Done:
        """Run a DAG, for a business date where it has one, to its end."""
        body = {"logical_date": None, "conf": {}, **({"partition_key": str(day)} if day else {})}
        found = self.client.call("POST", f"dags/{dag}/dagRuns", json=body)
        run_id = str(found["dag_run_id"])
        assert wait_until(lambda: self.client.run(dag, run_id).ended, 300, pause=0.2), f"{dag} {day} never ends"
        run = self.client.run(dag, run_id)
        return Done(run, self._events(run), self._built(run, "published"), self._built(run, "kept_back"))

    def _events(self, run: Run) -> Events:
        path = {"source_dag_id": run.dag, "source_run_id": run.run_id}
        found = [(e["name"], e["partition_key"]) for e in self.client.pages("assets/events", "asset_events", **path)]
        assert len(found) == len(set(found)), found
        return set(found)

    def _built(self, run: Run, outcome: str) -> Events:
        query = (
            "select 'mart.' || table_name, business_date::text from ops.table_build where run_id = %s and outcome = %s"
        )
        with psycopg.connect(self.database) as conn:
            return set(conn.execute(query, [run.run_id, outcome]).fetchall())

    def ask(self, query: str) -> list[Any]:
        """Rows of the warehouse."""
        with psycopg.connect(self.database) as conn:
            return conn.execute(query).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        """Change rows of the warehouse; there must be some."""
        with psycopg.connect(self.database) as conn:
            assert conn.execute(statement, values).rowcount > 0

    def told(self, times: int) -> list[str]:
        """Partition keys of the subscriber's runs, in their order, once ``times`` of them have succeeded."""

        def keys() -> list[str]:
            runs = self.client.pages(f"dags/{SUBSCRIBER}/dagRuns", "dag_runs", order_by="id")
            return [str(run["partition_key"]) for run in runs if run["state"] == "success"]

        wait_until(lambda: len(keys()) >= times, 60, pause=0.3)
        return keys()
