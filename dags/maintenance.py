"""
### Nightly care

**lake** joins the small files of each feed's table and deletes those that no version of the last week needs
(`LAKE_RETENTION_HOURS`). Writers and readers may go on meanwhile.

**reports** writes what the checks found, a page for each feed and table of a day, for people (`REPORTS_URL`); it only
reads, and no other run waits for it.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, task

from resumption.contracts import feed_names
from resumption.dagkit import watched


@task
def lake() -> dict[str, dict[str, int]]:
    """Care for every feed's table; return counts of files by feed."""
    from resumption import lake as tables
    from resumption import settings

    hours = settings.lake_retention_hours()
    return {feed: tables.maintain(feed, hours) for feed in feed_names()}


@task
def reports() -> dict[str, int]:
    """Write the reports on checks; return counts of days."""
    from resumption.ui.report_files import write_reports

    return write_reports()


with DAG(
    dag_id="maintenance",
    description="Lake: files joined, old ones deleted; reports on checks",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 3 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["lake", "maintenance"],
) as dag:
    lake()
    reports()
