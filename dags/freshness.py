"""
### How fresh each feed is, by the clock

**judge** compares every feed with the deadline in its contract, whatever the feed's own DAG is doing: fresh, late (due,
and not there yet, or published after its time), stale (four hours past due, nothing accepted), recovered. It writes
`ops.freshness` for today and every change into `ops.freshness_change`; the DAG `alerts` tells what is late or stale.

Days are judged from `RESUMPTION_START` on, the date of going live; without it, as where only past days were loaded,
there is nothing to judge and the task is skipped. See `docs/alerts.md`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException

from resumption.dagkit import live_from, watched


@task
def judge() -> dict[str, str]:
    """Judge every feed now; return feed → state."""
    from resumption import consolidate

    states = consolidate.judge_now(datetime.now(UTC), live_from())
    if not states:
        raise AirflowSkipException("no live days: RESUMPTION_START is not set, or lies ahead")
    return states


with DAG(
    dag_id="freshness",
    description="Feeds that are late or stale, by the clock",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["freshness", "alerts"],
) as dag:
    judge()
