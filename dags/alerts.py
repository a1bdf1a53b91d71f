"""
### Tell who is responsible, once, with the next step

**tell** reads what is wrong from the outcome rows in `ops`, folds what was told before, and writes one message for each
run and owner into `ops.alert_message`; in the same transaction it notes them in `ops.alert`. Then it sends what waits,
over the channels in `include/alerts/routes.yaml` that have an Airflow connection. What cannot be delivered waits and is
tried again; after `give_up_after_hours` it is dead, and this task fails and names it. See `docs/alerts.md`; what each
kind of alert means and how it is mended stands in `docs/runbooks/`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, task

from resumption.dagkit import watched


@task
def tell() -> dict[str, int]:
    """Find, write and send; return counts of alerts and messages."""
    from resumption import alerts

    return alerts.work(alerts.AirflowRuns())


with DAG(
    dag_id="alerts",
    description="What is wrong, told to its owner once",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["alerts"],
) as dag:
    tell()
