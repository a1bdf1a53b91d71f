"""Against an Airflow of its own: start a decision twice, and what Airflow refuses; prints what came of it as JSON."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session

from resumption.ui import runs
from resumption.ui.errors import PageError

RUN = "manual__page_0123456789abcdef"
CONF = {
    "action": "discard", "feed": "approvals", "delivery_id": "d1", "row_numbers": [2], "reason": None,
    "corrections": {}, "note": "by phone",
}  # fmt: skip


def refused(dag: str, conf: dict[str, Any]) -> str:
    try:
        runs.start(dag, "manual__page_other", conf, "li")
    except PageError as error:
        return error.key
    return "started"


for _ in range(2):
    runs.start("quarantine", RUN, CONF, "li")
told = {
    "unknown": refused("nonsense", CONF),
    "action": refused("quarantine", CONF | {"action": "delete"}),
    "no note": refused("quarantine", {name: value for name, value in CONF.items() if name != "note"}),
}
state = runs.state("quarantine", RUN)
assert state is not None
with create_session() as session:
    found = session.execute(sa.select(DagRun.run_id, DagRun.conf, DagRun.triggering_user_name)).all()
tasks = sorted(state.tasks)
print(json.dumps(told | {"runs": [list(row) for row in found], "state": state.state, "tasks": tasks}))  # noqa: T201
