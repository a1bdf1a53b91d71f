"""
### Nightly care

**lake** joins the small files of each feed's table and deletes those that no version of the last week needs
(`LAKE_RETENTION_HOURS`). Writers and readers may go on meanwhile.

**retention** deletes what has passed its time in lake, landing zone, vault and warehouse, and appends to
`ops.retention_proof` what went and that nothing of it is left; legal holds stand in `include/retention/holds.yaml`. As
of today where days are lived through (`RESUMPTION_START`), else as of the latest business date loaded. It waits until
nobody reads or writes the lake, and the others wait for it. See `docs/privacy.md`.

**reports** writes what the checks found, a page for each feed and table of a day, for people (`REPORTS_URL`); it only
reads, and no other run waits for it.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from resumption.contracts import feed_names
from resumption.dagkit import live_from, watched


@task
def lake() -> dict[str, dict[str, int]]:
    """Care for every feed's table; return counts of files by feed."""
    from resumption import lake as tables
    from resumption import settings

    hours = settings.lake_retention_hours()
    return {feed: tables.maintain(feed, hours) for feed in feed_names()}


@task
def retention() -> dict[str, int]:
    """Delete what has passed its time and prove it; return counts of rows and files by place."""
    from resumption.retention import clock, retain

    as_of = clock(live_from())
    deleted: dict[str, int] = {}
    if as_of:
        for proof in retain(as_of, by="maintenance", run_id=get_current_context()["run_id"]):
            deleted[proof.place] = deleted.get(proof.place, 0) + proof.deleted
    return deleted


@task
def reports() -> dict[str, int]:
    """Write the reports on checks; return counts of days."""
    from resumption.ui.report_files import write_reports

    return write_reports()


with DAG(
    dag_id="maintenance",
    description="Lake: files joined, old ones deleted; retention with proof; reports on checks",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 3 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    **watched(),
    default_args={"owner": "resumption-office-data", "retries": 0},
    tags=["lake", "maintenance"],
) as dag:
    lake() >> retention()
    reports()
