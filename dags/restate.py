"""
### Build again what late, corrected or newly judged data has outdated

`ops.table_build` says which deliveries each table of each day was made from. **restate** compares that with what is
there now and builds exactly the days and tables that differ; the others are left as they are. It runs every three
hours and after each decision in the DAG `quarantine`, one run at a time. See `docs/operating.md`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from resumption.contracts import table_names
from resumption.dagkit import table_asset, watched


@task(outlets=[table_asset(name) for name in table_names()])
def restate() -> dict[str, list[str]]:
    """Build what is out of date; return day and tables."""
    from resumption import consolidate

    days = consolidate.restate(get_current_context()["run_id"])
    if not days:
        raise AirflowSkipException("every table of every day is up to date")
    return days


with DAG(
    dag_id="restate",
    description="Days whose inputs have changed, built again",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("20 */3 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["consolidated", "warehouse"],
) as dag:
    restate()
