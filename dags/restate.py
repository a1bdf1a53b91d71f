"""
### Build again what late, corrected or newly judged data has outdated

`ops.table_build` says which deliveries each table of each day was made from. **restate** compares that with what is
there now and builds exactly the days and tables that differ; the others are left as they are. **kept_back** fails where
a critical check kept a table as it was. It runs every three hours and after each decision in the DAG `quarantine`, one
run at a time. Each table and day that was built emits an asset event. See `docs/operating.md`, `docs/subscribing.md`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context

from resumption.dagkit import feeds_to_tables, repeatable, watched


def restate() -> dict[str, dict[str, int]]:
    """Build what is out of date; return day → table → rows."""
    from resumption import consolidate

    return consolidate.restate(get_current_context()["run_id"])


with DAG(
    dag_id="restate",
    description="Days whose inputs have changed, built again",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("20 */3 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", **repeatable()},
    tags=["consolidated", "warehouse"],
) as dag:
    feeds_to_tables(restate)
