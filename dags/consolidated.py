"""
### The consolidated enterprise-resumption and screening tables

**readiness** judges every feed's freshness for the business date. **resolve** matches the feeds' rows against the
registry and puts rows without an enterprise into quarantine. **build** runs the SQL models, checks each table and
replaces the day in the warehouse. **kept_back** fails where a critical check kept a table as it was.

It builds with what `ops.feed_run` says is there: a missing feed never blocks the others, the briefing marks what is
stale. Backfill it after the feeds of the same dates. Each table that was published emits an asset event with the
business date as partition key; see `docs/subscribing.md`.
"""

from airflow.sdk import DAG, get_current_context, task

from resumption.contracts import feed_names
from resumption.dagkit import (
    ReadinessOperator,
    business_date,
    by_business_date,
    feed_asset,
    feeds_to_tables,
    repeatable,
    running,
)


@task(inlets=[feed_asset(feed) for feed in feed_names()])
def resolve() -> int:
    """Quarantine rows whose enterprise the registry does not know; return their number."""
    from resumption import consolidate

    return consolidate.resolve(business_date(get_current_context()))


def build() -> dict[str, dict[str, int]]:
    """Build, check and publish the tables; return day → table → rows."""
    from resumption import consolidate

    context = get_current_context()
    return consolidate.build(business_date(context), context["run_id"])


with DAG(
    dag_id="consolidated",
    description="Consolidated enterprise-resumption and screening tables",
    doc_md=__doc__,
    schedule=by_business_date(),
    **running(),
    default_args={"owner": "resumption-office-data", **repeatable()},
    tags=["consolidated", "warehouse", "tier-1"],
) as dag:
    ReadinessOperator(task_id="readiness") >> resolve() >> feeds_to_tables(build)
