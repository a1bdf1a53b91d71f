"""How this project's DAGs look, so that a DAG file says only what is its own.

Nothing here imports pandas, pyarrow, DuckDB or Great Expectations: that happens inside the tasks.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    CronPartitionTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from resumption.contracts import GRACE, SHANGHAI, FeedContract, feed_names, load_feed, table_names
from resumption.lineage import SCHEME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FIRST_DAY = os.environ.get("RESUMPTION_START", "")
"""Business date from which the scheduler catches up by itself; without it, past days are loaded by backfill."""

SENDERS_POOL = "senders"
"""Pool of all tasks that talk to senders."""


def by_business_date() -> CronPartitionTimetable:
    """Return the timetable of all DAGs: at midnight in Shanghai, for the business date that has just ended.

    The key carries no hour, so that a backfill's last day is never lost; what must wait for a time of day defers.
    """
    return CronPartitionTimetable("0 0 * * *", timezone="Asia/Shanghai", run_offset=-1, key_format="%Y-%m-%d")


def business_date(context: Mapping[str, Any]) -> date:
    """Return the business date of a run: its partition key, or ``day`` in its configuration, or its logical date.

    Raises:
        AirflowException: a run that has none of them.
    """
    run = context["dag_run"]
    named = run.partition_key or (run.conf or {}).get("day") or context.get("ds")
    if not named:
        raise AirflowException(
            'this run has no business date: trigger it with a partition key or {"day": "2020-02-25"}'
        )
    return date.fromisoformat(str(named)[:10])


def running() -> dict[str, Any]:
    """Return how a DAG runs: one run at a time, catching up where told to."""
    start = date.fromisoformat(FIRST_DAY) if FIRST_DAY else date(2020, 1, 1)
    return {
        "start_date": due_at(start, 0, 0, 0),
        "catchup": bool(FIRST_DAY),
        "max_active_runs": 1,
        **watched(),
    }


def repeatable() -> dict[str, Any]:
    """Return how a task that replaces what it made before is tried again: two times, soon, whatever broke it off.

    A lost worker, a warehouse or store out of reach mend with time. A verdict or a defect would only come again: what
    raises ValueError, TypeError or LookupError fails at once, as does AirflowFailException.
    """
    verdict = RetryRule([ValueError, TypeError, LookupError], RetryAction.FAIL, reason="it would only come again")
    return {
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": True,
        "retry_policy": ExceptionRetryPolicy([verdict]),
    }


def watched() -> dict[str, Any]:
    """Return what every DAG has: a run that fails leaves a row in ``ops.run_failure``, the alerts' safety net."""
    return {"on_failure_callback": note_failure}


def note_failure(context: Mapping[str, Any]) -> None:
    """Note that a run failed. Airflow's DAG processor calls it, so it does not matter what ended the tasks."""
    from resumption import ops

    # A run of which no task is left comes with its DAG and identifier alone.
    key = str(getattr(context.get("dag_run"), "partition_key", None) or "")[:10]
    tasks = [context["ti"].task_id] if "ti" in context else []
    with ops.engine().begin() as conn:
        day = date.fromisoformat(key) if key else None
        ops.record_failure(conn, context["dag"].dag_id, context["run_id"], day, tasks, datetime.now(UTC))


def live_from() -> date | None:
    """Return the business date from which days are lived through by the clock; None where only past days are loaded."""
    return date.fromisoformat(FIRST_DAY) if FIRST_DAY else None


def due_at(day: date, days_after: int, hour: int, minute: int) -> datetime:
    """Return the moment, Shanghai time, at which something for ``day`` is due."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI) + timedelta(days=days_after)


class DueOperator(BaseOperator):
    """An operator that waits in the triggerer, without holding a worker, until its business date's work is due."""

    @abstractmethod
    def due(self, day: date) -> datetime:
        """Return when the work for ``day`` is due."""

    @abstractmethod
    def work(self, day: date, context: Any) -> Any:
        """Do the work for ``day``."""

    def execute(self, context: Any) -> Any:
        """Defer until due, then work."""
        due = self.due(business_date(context))
        if due > datetime.now(UTC):
            self.defer(trigger=DateTimeTrigger(moment=due.astimezone(UTC)), method_name="resume")
        return self.resume(context)

    def resume(self, context: Any, event: Any = None) -> Any:
        """Work, now that it is due."""
        return self.work(business_date(context), context)


class LandOperator(DueOperator):
    """Land every delivery of a feed up to the business date that is not landed yet; return counts.

    A feed that is due but not there yet fails the try, and retries ask again until GRACE is over; then the day is
    recorded as missing and the task is skipped unless older deliveries wait. A delivery that cannot be fetched fails
    the try too; after the last try the others go on, and ``ops.feed_run`` says that landing failed. A sender that
    refuses us is not asked again.
    """

    def __init__(self, *, feed: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.feed = feed

    def due(self, day: date) -> datetime:
        """Return the contract's expected time."""
        delivery = load_feed(self.feed).delivery
        return due_at(day, delivery.days_after, delivery.expected_by.hour, delivery.expected_by.minute)

    def work(self, day: date, context: Any) -> dict[str, int]:
        """Land what the sender has."""
        from resumption import pipeline
        from resumption.sources import SourceError, SourceRefusedError

        try:
            counts = pipeline.land(self.feed, day, context["run_id"])
        except SourceRefusedError as error:
            raise AirflowFailException(str(error)) from error
        except SourceError as error:
            waiting = pipeline.waiting(self.feed, day)
            if context["ti"].try_number <= self.retries or not waiting:
                raise
            self.log.error("%s; the %d deliveries that did arrive go on", error, waiting)
            announce(context, {})
            return {"landed": 0, "waiting": waiting, "missing": 0}
        if counts["missing"] and datetime.now(UTC) < self.due(day) + GRACE:
            raise AirflowException(f"{self.feed}: nothing for {day} yet; asked again until {self.due(day) + GRACE}")
        if not counts["waiting"]:
            raise AirflowSkipException(f"{self.feed}: nothing to publish for {day}")
        announce(context, {landing_asset(self.feed): [str(day)]} if counts["landed"] else {})
        return counts


class ReadinessOperator(DueOperator):
    """Judge every feed's freshness for the business date; the tables are built with what is there."""

    def due(self, day: date) -> datetime:
        """Ten o'clock of the next day, when the last feed has had an hour."""
        return due_at(day, 1, 10, 0)

    def work(self, day: date, context: Any) -> dict[str, str]:
        """Record and return feed → state."""
        from resumption import consolidate

        return consolidate.judge_freshness(day)


def landing_asset(feed: str) -> Asset:
    """Return the asset of a feed's deliveries as received."""
    return Asset(name=f"landing.{feed}", uri=f"{SCHEME}://landing/{feed}")


def feed_asset(feed: str) -> Asset:
    """Return the asset of a feed's lake table."""
    return Asset(name=feed, uri=f"{SCHEME}://lake/{feed}")


def table_asset(table: str) -> Asset:
    """Return the asset of a warehouse table."""
    return Asset(name=f"mart.{table}", uri=f"{SCHEME}://mart/{table}")


def announce(context: Any, changed: Mapping[Asset, Iterable[str]]) -> None:
    """Have the running task emit one event for each asset and business date that did change, and no other.

    Airflow emits for whatever it finds among the outlets of a task that succeeds.
    """
    context["task"].outlets = list(changed)
    for asset, days in changed.items():
        context["outlet_events"][asset].add_partitions(sorted(days))


def feeds_to_tables(work: Callable[[], Mapping[str, Mapping[str, int]]]) -> Any:
    """Return the tasks that build tables from feeds and then fail where a check has kept one of them back.

    That is a task of its own: one that fails would emit no event of the tables that were published either.

    Args:
        work: names the task; publishes tables and returns day → table → rows, or raises KeptBackError.
    """

    @task(
        task_id=work.__name__,
        inlets=[feed_asset(feed) for feed in feed_names()],
        outlets=[table_asset(table) for table in table_names()],
    )
    def build() -> dict[str, Any]:
        from resumption import consolidate

        kept_back = ""
        try:
            published = work()
        except consolidate.KeptBackError as error:
            published, kept_back = error.published, str(error)
        if not published and not kept_back:
            raise AirflowSkipException("every table of every day is up to date")
        days: dict[Asset, list[str]] = {}
        for day, tables in published.items():
            for table in tables:
                days.setdefault(table_asset(table), []).append(day)
        announce(get_current_context(), days)
        return {"published": published, "kept_back": kept_back}

    @task(task_id="kept_back")
    def fail(built: Any) -> None:
        if built["kept_back"]:
            raise AirflowFailException(built["kept_back"])

    built = build()
    fail(built)
    return built


def feed_dag(feed: str, doc: str) -> DAG:
    """Return the DAG of a feed: ``land`` talks to the sender, ``publish`` conforms, checks and commits."""
    contract = load_feed(feed)
    with DAG(
        dag_id=feed,
        schedule=by_business_date(),
        dag_display_name=f"{feed} · {contract.title}",
        description=contract.title,
        doc_md=doc,
        **running(),
        default_args={"owner": contract.owner, **repeatable()},
        tags=["feed", *contract.tags],
    ) as dag:
        land = LandOperator(
            task_id="land",
            feed=feed,
            outlets=[landing_asset(feed)],
            pool=SENDERS_POOL,
            retries=5,
            retry_policy=None,
            retry_delay=timedelta(seconds=20),
            retry_exponential_backoff=True,
            max_retry_delay=timedelta(hours=1),
        )
        land >> _publish(contract)
    return dag


def _publish(contract: FeedContract) -> Any:
    @task(task_id="publish", inlets=[landing_asset(contract.name)], outlets=[feed_asset(contract.name)])
    def publish() -> dict[str, int]:
        from resumption import pipeline

        context = get_current_context()
        try:
            done = pipeline.publish(contract.name, business_date(context), context["run_id"])
        except pipeline.CriticalCheckError as error:
            raise AirflowFailException(str(error)) from error
        announce(context, {feed_asset(contract.name): map(str, done.committed)} if done.committed else {})
        return done.counts

    return publish()
