"""What is wrong now, read from the outcome rows. Nothing is remembered here: the same rows give the same problems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from resumption import ops
from resumption.alerts.kinds import ABSENT, EXPLAIN_ABSENCE, Kind, Problem
from resumption.alerts.routing import Silence
from resumption.alerts.runs import Runs, at_work, dag_of_build, minute, today
from resumption.contracts import feed_names, load_feed, table_names
from resumption.contracts.reasons import FileReason

MOST_SAMPLES = 5


def problems(conn: sa.Connection, runs: Runs, silences: Sequence[Silence], now: dt.datetime) -> list[Problem]:
    """Return every problem that the outcome rows show now, the critical ones first."""
    found = [*_of_feeds(conn, runs), *_of_checks(conn), *_of_tables(conn)]
    found += _freshness(conn, found)
    found += _failed_runs(conn, runs, {p.run_id for p in found})
    found += [_lapsed(silence) for silence in silences if silence.until < today(now)]
    return sorted({p.key: p for p in found}.values(), key=lambda p: (p.severity, p.kind, p.subject, p.key))


def _of_feeds(conn: sa.Connection, runs: Runs) -> list[Problem]:
    decided = set(conn.execute(sa.text("select distinct run_id from ops.quarantine_action")).scalars())

    def dag_of(feed: str, run_id: str | None) -> str:
        return "quarantine" if run_id in decided else feed

    return [*_stopped(conn, dag_of), *_rejected(conn, runs, dag_of), *_landings(conn, runs)]


_DagOf = Callable[[str, str | None], str]


def _rows(conn: sa.Connection, query: str, **values: Any) -> Iterator[sa.RowMapping]:
    yield from conn.execute(sa.text(query), values).mappings()


_STOPPED = """
    select run.feed, run.business_date, run.run_id, run.finished_at,
           coalesce(string_agg(c.check_id || ': ' || coalesce(c.observed_value, c.outcome), '; ' order by c.check_id),
                    '') as said,
           sum(c.unexpected_count)::bigint as count, max(c.element_count) as of
    from ops.feed_run as run
    left join ops.check_result as c
      on c.subject = run.feed and c.business_date = run.business_date
     and c.severity = 'critical' and c.outcome <> 'pass'
    where run.stage = 'publish' and run.status = 'failed'
    group by run.feed, run.business_date, run.run_id, run.finished_at
"""
_KEPT_BACK_DELIVERIES = """
    select delivery_id, name from ops.feed_delivery
    where feed = :feed and business_date = :day and outcome = 'rejected' and reason like :reason
    order by published_at desc, name limit :most
"""


def _stopped(conn: sa.Connection, dag_of: _DagOf) -> Iterator[Problem]:
    for row in _rows(conn, _STOPPED):
        of_date = {"feed": row["feed"], "day": row["business_date"], "reason": f"{FileReason.CHECK_FAILED}%"}
        deliveries = list(_rows(conn, _KEPT_BACK_DELIVERIES, most=MOST_SAMPLES, **of_date))
        yield Problem(
            kind=Kind.PUBLICATION_STOPPED, subject=row["feed"], business_date=row["business_date"],
            run_id=row["run_id"], dag_id=dag_of(row["feed"], row["run_id"]), found_at=row["finished_at"],
            said=row["said"], count=row["count"], of=row["of"],
            samples=tuple(d["delivery_id"] for d in deliveries),
            delivery_id=deliveries[0]["delivery_id"] if deliveries else None,
        )  # fmt: skip


# Of the versions of a name only the latest published counts: a corrected file mends the one before it.
_REJECTED = """
    select * from (
        select distinct on (feed, business_date, name)
               feed, business_date, name, delivery_id, outcome, reason, run_id, received_at, rows_declared, sha256
        from ops.feed_delivery
        where outcome <> 'repeat'
        order by feed, business_date, name, published_at desc nulls last, received_at desc, delivery_id
    ) as latest
    where outcome in ('rejected', 'incomplete') and coalesce(reason, '') not like :explained
      and not exists (
          select from ops.feed_delivery as same
          where same.feed = latest.feed and same.sha256 = latest.sha256 and same.outcome in ('accepted', 'repeat')
      )
"""


def _rejected(conn: sa.Connection, runs: Runs, dag_of: _DagOf) -> Iterator[Problem]:
    for row in _rows(conn, _REJECTED, explained=f"{FileReason.CHECK_FAILED}%"):
        dag = dag_of(row["feed"], row["run_id"])
        if row["outcome"] == "incomplete" and at_work(runs, dag, row["run_id"]):
            continue
        yield Problem(
            kind=Kind.DELIVERY_REJECTED, subject=row["feed"], item=row["name"], business_date=row["business_date"],
            run_id=row["run_id"], dag_id=dag, found_at=row["received_at"], said=row["reason"] or row["outcome"],
            count=row["rows_declared"], samples=(row["delivery_id"],),
            delivery_id=row["delivery_id"],
        )  # fmt: skip


# A day is missing only while nothing at all came for it: a rejected delivery is a problem of its own.
_LANDINGS = """
    select run.feed, run.business_date, run.status, run.run_id, run.finished_at
    from ops.feed_run as run
    where run.stage = 'land'
      and (run.status = 'failed' or run.status = 'missing' and not exists (
          select from ops.feed_delivery as d where d.feed = run.feed and d.business_date = run.business_date))
"""


def _landings(conn: sa.Connection, runs: Runs) -> Iterator[Problem]:
    for row in _rows(conn, _LANDINGS):
        if at_work(runs, row["feed"], row["run_id"]):
            continue  # it asks the sender again
        yield Problem(
            kind=Kind.LANDING_FAILED if row["status"] == "failed" else Kind.FEED_MISSING, subject=row["feed"],
            business_date=row["business_date"], run_id=row["run_id"], dag_id=row["feed"], found_at=row["finished_at"],
        )  # fmt: skip


_CHECKS = """
    select subject, business_date, check_id, severity, outcome, observed_value, unexpected_count, element_count,
           run_id, checked_at
    from ops.check_result
    where outcome <> 'pass' and severity in ('warning', 'critical')
"""
_DIFFERING = """
    select item, total, parts from ops.reconciliation
    where business_date = :day and subject = :subject and difference <> 0
    order by abs(difference) desc, item limit :most
"""
_NEW_COLUMNS = """
    select unnest(unknown_columns) from ops.schema_change
    where feed = :feed and first_business_date = :day order by 1 limit :most
"""


def _of_checks(conn: sa.Connection) -> Iterator[Problem]:
    feeds, tables = set(feed_names()), set(table_names())
    for row in _rows(conn, _CHECKS):
        subject, critical = row["subject"], row["severity"] == "critical"
        if critical and subject in feeds | tables:
            continue  # it stopped a publication, which is told as such
        kind, samples = _told_apart(conn, row)
        yield Problem(
            kind=kind, subject=subject, item=row["check_id"], business_date=row["business_date"],
            run_id=row["run_id"], dag_id=subject if subject in feeds else dag_of_build(row["run_id"]),
            found_at=row["checked_at"], said=row["observed_value"] or row["outcome"],
            count=row["unexpected_count"], of=row["element_count"],
            samples=samples, stops=critical,
        )  # fmt: skip


def _told_apart(conn: sa.Connection, row: sa.RowMapping) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of a check that failed, and what to look for."""
    check, day = row["check_id"], row["business_date"]
    if check == ops.SCHEMA_CHANGED:
        return Kind.LAYOUT_CHANGED, _new_columns(conn, row["subject"], day)
    if check.startswith(ops.TOTALS_DIFFER):
        return Kind.TOTALS_DIFFER, _differing(conn, check.partition(":")[2], day)
    return Kind.CHECK_FAILED, ()


def _differing(conn: sa.Connection, subject: str, day: dt.date) -> tuple[str, ...]:
    rows = _rows(conn, _DIFFERING, day=day, subject=subject, most=MOST_SAMPLES)
    return tuple(f"{row['item']}: {row['total']} ≠ {row['parts']}" for row in rows)


def _new_columns(conn: sa.Connection, feed: str, day: dt.date) -> tuple[str, ...]:
    return tuple(conn.execute(sa.text(_NEW_COLUMNS), {"feed": feed, "day": day, "most": MOST_SAMPLES}).scalars())


_KEPT_BACK = """
    select b.table_name, b.business_date, b.run_id, b.built_at, b.rows,
           string_agg(c.check_id || ': ' || coalesce(c.observed_value, c.outcome), '; ' order by c.check_id) as said,
           sum(c.unexpected_count)::bigint as count
    from ops.table_build as b
    left join ops.check_result as c
      on c.subject = b.table_name and c.business_date = b.business_date
     and c.severity = 'critical' and c.outcome <> 'pass'
    where b.outcome = 'kept_back'
    group by b.table_name, b.business_date, b.run_id, b.built_at, b.rows
"""


def _of_tables(conn: sa.Connection) -> Iterator[Problem]:
    for row in _rows(conn, _KEPT_BACK):
        yield Problem(
            kind=Kind.TABLE_KEPT_BACK, subject=row["table_name"], business_date=row["business_date"],
            run_id=row["run_id"], dag_id=dag_of_build(row["run_id"]), found_at=row["built_at"],
            said=row["said"] or "a table that it is made from was kept back", count=row["count"], of=row["rows"],
        )  # fmt: skip


_FRESHNESS = """
    select distinct on (feed) feed, business_date, expected_by, last_good_on, last_good_at, state
    from ops.freshness order by feed, business_date desc
"""


def _freshness(conn: sa.Connection, explained_by: Sequence[Problem]) -> Iterator[Problem]:
    """Feeds that are late or stale as judged last, unless another problem says why they are."""
    explained = {(p.subject, p.business_date) for p in explained_by if p.kind in EXPLAIN_ABSENCE}
    for row in _rows(conn, _FRESHNESS):
        if row["state"] not in ("late", "stale") or row["feed"] not in feed_names():
            continue
        due = today(row["expected_by"]) - dt.timedelta(days=load_feed(row["feed"]).delivery.days_after)
        if row["state"] == "stale" and (row["feed"], due) in explained:
            continue
        yield Problem(
            kind=Kind.FEED_LATE if row["state"] == "late" else Kind.FEED_STALE, subject=row["feed"],
            business_date=due, found_at=row["expected_by"], said=_arrival(row, due),
        )  # fmt: skip


def _arrival(row: sa.RowMapping, due: dt.date) -> str:
    expected = f"due {minute(row['expected_by'])}"
    if row["last_good_on"] and row["last_good_on"] >= due:
        return f"{expected}, published {minute(row['last_good_at'])}"
    return f"{expected}, nothing accepted yet"


def _failed_runs(conn: sa.Connection, runs: Runs, explained: set[str | None]) -> Iterator[Problem]:
    """Runs that failed and left no other problem; those that ended well after all are forgotten."""
    for row in ops.failures(conn):
        if runs.state(row["dag_id"], row["run_id"]) == "success":
            ops.forget_failure(conn, row["dag_id"], row["run_id"])
        elif row["run_id"] not in explained:
            yield Problem(
                kind=Kind.RUN_FAILED, subject=row["dag_id"], item=row["run_id"], business_date=row["business_date"],
                run_id=row["run_id"], dag_id=row["dag_id"], found_at=row["failed_at"], said=", ".join(row["tasks"]),
                count=len(row["tasks"]),
            )  # fmt: skip


def _lapsed(silence: Silence) -> Problem:
    return Problem(
        kind=Kind.SILENCE_LAPSED, subject=silence.subject, item=f"{silence.reference} {silence.until}",
        said=f"{silence.reference}, {silence.until}: {silence.why}",
    )  # fmt: skip


def follows(gone_subject: str, gone_kind: str, found: Sequence[Problem]) -> bool:
    """Whether an absence that is not there any more has only become another: it has not recovered."""
    absences = ABSENT | EXPLAIN_ABSENCE
    return gone_kind in ABSENT and any(p.subject == gone_subject and p.kind in absences for p in found)
