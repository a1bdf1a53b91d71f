"""Run in a process of its own, over a copy of the project: a scaffolded feed and a scaffolded table, really used.

``python run_new_parts.py FEED TABLE`` takes the feed's fixture from the sender that the connection ``module_api`` names
through landing, lake and models into the warehouse, and writes a JSON object of what came out.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from resumption import consolidate, lake, ops, pipeline, settings
from resumption.contracts import load_feed
from resumption.warehouse import create_all

DAY = dt.date(2020, 2, 25)


def new_feed(name: str) -> dict[str, Any]:
    """Land and publish the feed's deliveries up to the day; return what the lake then holds."""
    pipeline.land(name, DAY, "test")
    counts = pipeline.publish(name, DAY, "test").counts
    rows = lake.read_batch(load_feed(name), DAY).select(["uscc", "amount", "contact_phone_token", "repaired"])
    return {"counts": counts, "rows": rows.to_pylist()}


def new_table(name: str) -> list[list[str]]:
    """Build the day's tables and return the rows of the new one."""
    # the other tables rest on feeds that are not there: they are kept back, the new one is not
    with suppress(pipeline.CriticalCheckError):
        consolidate.build(DAY, "test")
    query = sa.text(f"select business_date, feed, deliveries, latest_on, rule_version, run_id from mart.{name}")
    with ops.engine().connect() as conn:
        return [[str(value) for value in row] for row in conn.execute(query)]


def outcomes() -> dict[str, Any]:
    """What ``ops`` says of it."""
    with ops.engine().connect() as conn:
        delivery = conn.execute(
            sa.text(
                "select outcome, rows_received, rows_accepted, rows_quarantined, rows_ignored from ops.feed_delivery"
            )
        ).all()
        reasons = conn.execute(sa.text("select reasons from ops.quarantine_row")).scalars().all()
        checked = conn.execute(
            sa.text("select distinct subject from ops.check_result where outcome = 'pass'")
        ).scalars()
        return {"delivery": [list(row) for row in delivery], "reasons": reasons, "checked": sorted(checked)}


def new_dag(name: str) -> dict[str, Any]:
    """Import the feed's DAG file as Airflow does."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(settings.project_root() / "dags" / f"{name}.py")
    return {"errors": list(bag.import_errors.values()), "tasks": {d.dag_id: d.task_ids for d in bag.dags.values()}}


def main(feed: str, table: str) -> None:
    """Take both the whole way."""
    create_all(ops.engine())
    found = {"feed": new_feed(feed), "table": new_table(table), "ops": outcomes(), "dag": new_dag(feed)}
    sys.stdout.write("\n" + json.dumps(found, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
