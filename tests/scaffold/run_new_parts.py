"""Run in a process of its own, over a copy of the project: a scaffolded feed and a scaffolded table, really used.

``python run_new_parts.py FEED TABLE`` writes a JSON object of what came out.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import pyarrow as pa

from resumption import checks, readers, settings
from resumption.conform import Origin, conform
from resumption.contracts import load_feed, load_table
from resumption.models import LocalInputs, run_models

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 25, 14, 0, tzinfo=dt.UTC)


def new_feed(name: str) -> tuple[pa.Table, dict[str, Any]]:
    """Read, conform and check the feed's fixture; return its accepted rows and the outcome."""
    contract = load_feed(name)
    fixture = settings.project_root() / f"tests/fixtures/feeds/{name}/{name}_20200225.csv"
    read = readers.read(fixture, contract)
    verdict = conform(contract, read.table, Origin("d-1", DAY, fixture.name, NOW, NOW), settings.token_key())
    report = checks.check_partition(name, verdict.accepted, DAY)
    return verdict.accepted, {
        "amounts": verdict.accepted["amount"].to_pylist(),
        "codes": verdict.accepted["uscc"].to_pylist(),
        "repaired": verdict.accepted["repaired"].to_pylist(),
        "reasons": verdict.quarantined["reasons"].to_pylist(),
        "critical": [result.message for result in report.critical_failures],
        "warnings": [result.message for result in report.warnings],
    }


def new_table(name: str, feed: str, rows: pa.Table) -> dict[str, Any]:
    """Build and check the table from one delivery of the feed."""
    delivery = {
        "feed": feed, "delivery_id": "d-1", "business_date": DAY, "name": f"{feed}_20200225.csv", "outcome": "accepted",
        "published_at": NOW, "received_at": NOW,
    }  # fmt: skip
    found = run_models(LocalInputs({feed: rows}, pa.Table.from_pylist([delivery])), DAY, [name])[name]
    report = checks.check_partition(name, found, DAY)
    columns = [column.name for column in load_table(name).columns]
    return {
        "rows": [[str(value) for value in row.values()] for row in found.to_pylist()],
        "columns": columns,
        "critical": [result.message for result in report.critical_failures],
    }


def new_dag(name: str) -> dict[str, Any]:
    """Import the feed's DAG file as Airflow does."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(settings.project_root() / "dags" / f"{name}.py")
    return {"errors": list(bag.import_errors.values()), "tasks": {d.dag_id: d.task_ids for d in bag.dags.values()}}


if __name__ == "__main__":
    feed_name, table_name = sys.argv[1:]
    accepted, feed_outcome = new_feed(feed_name)
    outcome = {"feed": feed_outcome, "table": new_table(table_name, feed_name, accepted), "dag": new_dag(feed_name)}
    sys.stdout.write(json.dumps(outcome, ensure_ascii=False) + "\n")
