"""Outcome rows: what arrived, what became of it, and what the checks saw. Schema ``ops`` of the warehouse.

Everything else (freshness, readiness, alerts, pages) is a query on these rows. Every function takes a SQLAlchemy
connection, runs inside the caller's transaction and may be repeated: it replaces, never appends.

The accounting of a delivery holds in the database itself: for an accepted delivery
``rows_accepted + rows_quarantined + rows_ignored = rows_received``, or the statement fails.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.pool import NullPool

from resumption import settings
from resumption.contracts.reasons import FileReason

if TYPE_CHECKING:
    import pyarrow as pa

DeliveryOutcome = Literal["landed", "accepted", "rejected", "repeat", "incomplete"]
RunStatus = Literal["ok", "missing", "failed"]
QuarantineStage = Literal["conform", "resolve"]
CheckSeverity = Literal["critical", "warning", "info"]
CheckVerdict = Literal["pass", "fail", "error"]
FreshnessState = Literal["fresh", "late", "stale", "recovered"]

metadata = sa.MetaData(schema="ops")


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


def _column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, **options)


def _key(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


_TIME = sa.DateTime(timezone=True)

feed_delivery = sa.Table(
    "feed_delivery",
    metadata,
    _key("delivery_id", sa.Text, "Identifier of the delivery: one file, or one complete API pull."),
    _column("feed", sa.Text, "Feed the delivery belongs to.", nullable=False),
    _column("sender", sa.Text, "Connection it was fetched through."),
    _column("business_date", sa.Date, "Day the delivery speaks of (Asia/Shanghai).", nullable=False),
    _column("name", sa.Text, "File name, or `entities` / `changes` for the registry's API.", nullable=False),
    _column("sha256", sa.Text, "SHA-256 of the bytes as received, hex."),
    _column("size_bytes", sa.BigInteger, "Size as received, bytes."),
    _column("rows_declared", sa.BigInteger, "Rows the sender announced; null when it announced none."),
    _column("rows_received", sa.BigInteger, "Rows found below the header; null until the delivery is read."),
    _column("rows_accepted", sa.BigInteger, "Rows that went on: received - quarantined - ignored."),
    _column("rows_quarantined", sa.BigInteger, "Rows refused, by conform or by resolution; see quarantine_row."),
    _column("rows_ignored", sa.BigInteger, "Rows left out on purpose: subtotals, blank lines."),
    _column("published_at", _TIME, "When the sender published it: the listing's time, or the drop folder's date."),
    _column("received_at", _TIME, "When it was received."),
    _column("outcome", sa.Text, "landed | accepted | rejected | repeat | incomplete.", nullable=False),
    _column("reason", sa.Text, "Reason code, and detail without personal values, of a rejection."),
    _column("landing_uri", sa.Text, "Where the untouched bytes lie."),
    _column("schema_fingerprint", sa.Text, "Fingerprint of the columns found in the delivery."),
    _column("contract_version", sa.Text, "Version of the contract it was read under."),
    _column("run_id", sa.Text, "Run that gave the latest verdict."),
    _column("resolved_on", sa.Date, "Built day whose registry its rows were last matched against; null before."),
    _one_of("outcome", "landed", "accepted", "rejected", "repeat", "incomplete"),
    # coalesce: a check constraint that is null would pass.
    sa.CheckConstraint(
        "outcome <> 'accepted' or coalesce("
        "rows_accepted >= 0 and rows_quarantined >= 0 and rows_ignored >= 0"
        " and rows_accepted + rows_quarantined + rows_ignored = rows_received, false)",
        name="rows_add_up",
    ),
    sa.Index("feed_delivery_feed_day", "feed", "business_date"),
    comment="Every delivery and its verdict, also the rejected and the repeated ones.",
)

feed_run = sa.Table(
    "feed_run",
    metadata,
    _key("feed", sa.Text, "Feed."),
    _key("business_date", sa.Date, "Business date the stage ran for."),
    _key("stage", sa.Text, "Stage of the pipeline: land, publish, resolve."),
    _column("status", sa.Text, "ok | missing (no delivery for the day) | failed.", nullable=False),
    _column("deliveries", sa.BigInteger, "Deliveries handled by the stage."),
    _column("rows_in", sa.BigInteger, "Rows that entered the stage."),
    _column("rows_accepted", sa.BigInteger, "Rows that left it accepted."),
    _column("rows_quarantined", sa.BigInteger, "Rows it refused."),
    _column("rows_ignored", sa.BigInteger, "Rows it left out on purpose."),
    _column("seconds", sa.Double, "Wall time of the stage, seconds."),
    _column("schema_fingerprint", sa.Text, "Fingerprint of the columns of the latest delivery."),
    _column("contract_version", sa.Text, "Version of the feed's contract."),
    _column("run_id", sa.Text, "Run that wrote the row."),
    _column("finished_at", _TIME, "When the stage ended."),
    _one_of("status", "ok", "missing", "failed"),
    comment="One outcome row per feed, business date and stage: which feed failed, and for how many days.",
)

quarantine_row = sa.Table(
    "quarantine_row",
    metadata,
    _key("delivery_id", sa.Text, "Delivery the row came in."),
    _key("row_number", sa.BigInteger, "Row within the delivery, 1 = first below the header."),
    _column("feed", sa.Text, "Feed.", nullable=False),
    _column(
        "business_date", sa.Date, "Business date of the delivery (the row's own may be unreadable).", nullable=False
    ),
    _column("stage", sa.Text, "conform (the row itself) | resolve (its enterprise is not known).", nullable=False),
    _column("reasons", ARRAY(sa.Text), "Reason codes, sorted.", nullable=False),
    _column("payload", JSONB, "The row as received, personal values masked."),
    _column("state", sa.Text, "open | released | discarded.", nullable=False),
    _column("quarantined_at", _TIME, "When the row was first refused.", nullable=False),
    _one_of("stage", "conform", "resolve"),
    _one_of("state", "open", "released", "discarded"),
    # No foreign key: it doubles the time of a bulk load, and every insert joins feed_delivery anyway.
    sa.Index("quarantine_row_feed_day", "feed", "business_date"),
    comment="Rows that were refused, with the reasons; nothing is thrown away.",
)

check_result = sa.Table(
    "check_result",
    metadata,
    _key("subject", sa.Text, "Feed or table that was checked."),
    _key("business_date", sa.Date, "Partition that was checked."),
    _key("check_id", sa.Text, "Identifier of the expectation in its suite."),
    _column("suite", sa.Text, "Suite, a file in `expectations/`."),
    _column("expectation", sa.Text, "Type of the expectation.", nullable=False),
    _column("column_name", sa.Text, "Column it looks at; null for a rule on the whole partition."),
    _column("severity", sa.Text, "critical (stops the publication) | warning | info.", nullable=False),
    _column("outcome", sa.Text, "pass | fail | error (the check itself could not run).", nullable=False),
    _column("observed_value", sa.Text, "What was observed, as text; never a personal value."),
    _column("unexpected_count", sa.BigInteger, "Rows against the expectation."),
    _column("element_count", sa.BigInteger, "Rows looked at."),
    _column("run_id", sa.Text, "Run that checked."),
    _column("checked_at", _TIME, "When it was checked."),
    _one_of("severity", "critical", "warning", "info"),
    _one_of("outcome", "pass", "fail", "error"),
    comment="Each expectation of each partition with what was observed.",
)

freshness = sa.Table(
    "freshness",
    metadata,
    _key("feed", sa.Text, "Feed."),
    _key("business_date", sa.Date, "Business date the judgement is for."),
    _column("expected_by", _TIME, "When the feed was due."),
    _column("last_good_on", sa.Date, "Latest business date with an accepted delivery."),
    _column("last_good_at", _TIME, "When that delivery was published."),
    _column("state", sa.Text, "fresh | late | stale | recovered.", nullable=False),
    _one_of("state", "fresh", "late", "stale", "recovered"),
    comment="How old each feed was when a business date was built.",
)


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """One row of ``ops.feed_delivery``; the fields are its columns."""

    delivery_id: str
    feed: str
    business_date: dt.date
    name: str
    sender: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    rows_declared: int | None = None
    rows_received: int | None = None
    rows_accepted: int | None = None
    rows_quarantined: int | None = None
    rows_ignored: int | None = None
    published_at: dt.datetime | None = None
    received_at: dt.datetime | None = None
    outcome: DeliveryOutcome = "landed"
    reason: str | None = None
    landing_uri: str | None = None
    schema_fingerprint: str | None = None
    contract_version: str | None = None
    run_id: str | None = None
    resolved_on: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One row of ``ops.feed_run``; the fields are its columns."""

    feed: str
    business_date: dt.date
    stage: str
    status: RunStatus
    deliveries: int = 0
    rows_in: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_ignored: int = 0
    seconds: float | None = None
    schema_fingerprint: str | None = None
    contract_version: str | None = None
    run_id: str | None = None
    finished_at: dt.datetime | None = None


class CheckRow(TypedDict):
    """One row of ``ops.check_result`` without its subject and business date."""

    check_id: str
    suite: str | None
    expectation: str
    column_name: str | None
    severity: CheckSeverity
    outcome: CheckVerdict
    observed_value: str | None
    unexpected_count: int | None
    element_count: int | None
    run_id: str | None
    checked_at: dt.datetime | None


class FreshnessRow(TypedDict):
    """One row of ``ops.freshness`` without its business date."""

    feed: str
    expected_by: dt.datetime | None
    last_good_on: dt.date | None
    last_good_at: dt.datetime | None
    state: FreshnessState


class AccountingError(ValueError):
    """Counts of a delivery that do not add up, or a verdict on a delivery that was never recorded."""


@lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    # No pool: tasks are forked, and a pooled connection must not be shared with a child. No values in error messages.
    return sa.create_engine(url, poolclass=NullPool, hide_parameters=True)


def engine(url: str | None = None) -> sa.Engine:
    """Engine of the warehouse; ``with ops.engine().begin() as conn`` is one transaction."""
    return _engine(url or settings.warehouse_url())


def create_all(target: sa.Engine) -> None:
    """Create schema ``ops`` and its tables where they are missing; safe from several processes at once."""
    with target.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("ops.create_all"))))
        conn.execute(sa.schema.CreateSchema("ops", if_not_exists=True))
        metadata.create_all(conn)


# Deliveries


def _hold_deliveries(conn: sa.Connection, *, alone: bool = False) -> None:
    """Let feeds write verdicts side by side, but resolution, which touches all feeds, alone: else they deadlock."""
    lock = sa.func.pg_advisory_xact_lock if alone else sa.func.pg_advisory_xact_lock_shared
    conn.execute(sa.select(lock(sa.func.hashtextextended("ops.feed_delivery", 0))))


def record_delivery(conn: sa.Connection, delivery: DeliveryRow) -> None:
    """Write a delivery as it was received, before it is read.

    Recording the same ``delivery_id`` again never takes back a verdict: an accepted or repeated delivery stays as it
    is, a rejected or incomplete one is replaced by what came now and so judged afresh (decision 56).
    """
    _hold_deliveries(conn)
    values = asdict(delivery)
    statement = insert(feed_delivery).values(values)
    changes = {name: statement.excluded[name] for name in values if name != "delivery_id"}
    open_outcomes = ("landed", "rejected", "incomplete")
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["delivery_id"], set_=changes, where=feed_delivery.c.outcome.in_(open_outcomes)
        )
    )


def _delivery_rows(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[DeliveryRow]:
    """Deliveries in delivery order: published at, then name (decision 36), never the time we received them."""
    columns = feed_delivery.c
    query = (
        sa.select(feed_delivery)
        .where(condition)
        .order_by(columns.business_date, columns.published_at, columns.name, columns.delivery_id)
    )
    return [DeliveryRow(**row) for row in conn.execute(query).mappings()]


def known_deliveries(conn: sa.Connection, feed: str) -> list[DeliveryRow]:
    """Every delivery of a feed that was ever recorded, in delivery order."""
    return _delivery_rows(conn, feed_delivery.c.feed == feed)


def deliveries_to_publish(conn: sa.Connection, feed: str, day: dt.date) -> list[DeliveryRow]:
    """Deliveries that publishing ``day`` has to conform, in delivery order.

    Those landed and not judged yet with a business date up to ``day``, and again those of ``day`` itself that were
    accepted or kept back by a failed check, so that a repeated run judges the same partition.
    """
    columns = feed_delivery.c
    waiting = sa.and_(columns.outcome == "landed", columns.business_date <= day)
    check_failed = columns.reason.startswith(FileReason.CHECK_FAILED.value, autoescape=True)
    kept_back = sa.and_(columns.outcome == "rejected", check_failed)
    again = sa.and_(columns.business_date == day, sa.or_(columns.outcome == "accepted", kept_back))
    return _delivery_rows(conn, sa.and_(columns.feed == feed, sa.or_(waiting, again)))


def _refused_at_resolution(conn: sa.Connection, delivery_id: str) -> int:
    query = (
        sa.select(sa.func.count())
        .select_from(quarantine_row)
        .where(quarantine_row.c.delivery_id == delivery_id, quarantine_row.c.stage == "resolve")
    )
    return conn.execute(query).scalar_one()


def finish_delivery(
    conn: sa.Connection,
    delivery_id: str,
    outcome: DeliveryOutcome,
    reason: str | None = None,
    *,
    rows_received: int | None = None,
    rows_accepted: int | None = None,
    rows_quarantined: int | None = None,
    rows_ignored: int | None = None,
    schema_fingerprint: str | None = None,
    contract_version: str | None = None,
    run_id: str | None = None,
) -> None:
    """Write the verdict on a recorded delivery; counts are rows as conform saw them.

    Rows that resolution refused earlier stay refused: they are moved from accepted to quarantined again. Call
    ``replace_quarantine`` first.

    Raises:
        AccountingError: an accepted delivery whose counts do not add up, or a delivery that was not recorded.
    """
    _hold_deliveries(conn)
    if outcome == "accepted":
        rows = (rows_received, rows_accepted, rows_quarantined, rows_ignored)
        if None in rows or sum(n or 0 for n in rows[1:]) != rows_received:
            raise AccountingError(
                f"delivery {delivery_id}: expected accepted + quarantined + ignored = received, "
                f"got {rows_accepted} + {rows_quarantined} + {rows_ignored} and {rows_received}"
            )
        refused = _refused_at_resolution(conn, delivery_id)
        rows_accepted, rows_quarantined = (rows_accepted or 0) - refused, (rows_quarantined or 0) + refused
    values: dict[str, Any] = {
        "outcome": outcome,
        "reason": reason,
        "rows_received": rows_received,
        "rows_accepted": rows_accepted,
        "rows_quarantined": rows_quarantined,
        "rows_ignored": rows_ignored,
    }
    # What a caller does not know stays as it was recorded.
    known = {"schema_fingerprint": schema_fingerprint, "contract_version": contract_version, "run_id": run_id}
    values |= {name: value for name, value in known.items() if value is not None}
    done = conn.execute(feed_delivery.update().where(feed_delivery.c.delivery_id == delivery_id).values(values))
    if done.rowcount != 1:
        raise AccountingError(f"delivery {delivery_id}: a verdict came before it was recorded; record it first")


def accepted_deliveries(conn: sa.Connection, through: dt.date | None = None) -> pa.Table:
    """Accepted deliveries with a business date up to ``through`` (all without it), in delivery order.

    Returns:
        An Arrow table with feed, delivery_id, business_date, name, outcome, published_at, received_at.
    """
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    fields = {"feed": pa.string(), "delivery_id": pa.string(), "business_date": pa.date32(), "name": pa.string()}
    fields |= {"outcome": pa.string(), "published_at": moment, "received_at": moment}
    condition: sa.ColumnElement[bool] = feed_delivery.c.outcome == "accepted"
    if through is not None:
        condition = sa.and_(condition, feed_delivery.c.business_date <= through)
    rows = _delivery_rows(conn, condition)
    return pa.table({name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in fields.items()})


# Quarantine


def _stage_refused(conn: sa.Connection, rows: Iterable[tuple[str, int, list[str], str | None]]) -> None:
    """Copy refused rows (delivery_id, row_number, reasons, payload as JSON text) into the temporary table `refused`."""
    conn.execute(sa.text("drop table if exists pg_temp.refused"))
    conn.execute(
        sa.text(
            "create temporary table refused"
            " (delivery_id text, row_number bigint, reasons text[], payload jsonb) on commit drop"
        )
    )
    driver: Any = conn.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("copy pg_temp.refused from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    conn.execute(sa.text("analyze pg_temp.refused"))


_MERGE_REFUSED = sa.text(
    """
    insert into ops.quarantine_row as kept
        (delivery_id, row_number, feed, business_date, stage, reasons, payload, state, quarantined_at)
    select r.delivery_id, r.row_number, d.feed, d.business_date, :stage, r.reasons, r.payload, 'open', now()
    from pg_temp.refused as r
    join ops.feed_delivery as d using (delivery_id)
    where d.delivery_id = any(:deliveries)
    -- The state and the first time stay. A row refused by conform cannot also be refused at resolution.
    on conflict (delivery_id, row_number) do update
    set stage = excluded.stage, reasons = excluded.reasons, payload = excluded.payload
    where (kept.stage = excluded.stage or excluded.stage = 'conform')
    and (kept.stage, kept.reasons, kept.payload) is distinct from (excluded.stage, excluded.reasons, excluded.payload)
    """
)

_DROP_NO_LONGER_REFUSED = sa.text(
    """
    delete from ops.quarantine_row as kept
    where kept.delivery_id = any(:deliveries) and kept.stage = :stage
    and not exists (
        select from pg_temp.refused as r
        where r.delivery_id = kept.delivery_id and r.row_number = kept.row_number
    )
    """
)


def _replace_refused(
    conn: sa.Connection,
    stage: QuarantineStage,
    deliveries: Sequence[str],
    rows: Iterable[tuple[str, int, list[str], str | None]],
) -> None:
    _stage_refused(conn, rows)
    parameters = {"stage": stage, "deliveries": list(deliveries)}
    conn.execute(_DROP_NO_LONGER_REFUSED, parameters)
    conn.execute(_MERGE_REFUSED, parameters)


def _tuples(rows: pa.Table, *names: str) -> Iterable[tuple[Any, ...]]:
    missing = sorted(set(names) - set(rows.column_names))
    if missing:
        raise ValueError(f"refused rows: expected the columns {', '.join(names)}, missing {', '.join(missing)}")
    for batch in rows.select(list(names)).to_batches(max_chunksize=20_000):
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def replace_quarantine(conn: sa.Connection, delivery_id: str, stage: QuarantineStage, rows: pa.Table) -> None:
    """Make ``rows`` the refused rows of a delivery at a stage; rows decided before keep their state.

    Args:
        rows: ``row_number`` integer, ``reasons`` list of text, ``payload`` JSON text with personal values masked.

    Raises:
        AccountingError: the delivery was never recorded.
        ValueError: a column is missing.
    """
    _hold_deliveries(conn)
    recorded = sa.select(feed_delivery.c.delivery_id).where(feed_delivery.c.delivery_id == delivery_id)
    if conn.execute(recorded).first() is None:
        raise AccountingError(f"delivery {delivery_id}: refused rows came before it was recorded; record it first")
    refused = _tuples(rows, "row_number", "reasons", "payload")
    _replace_refused(conn, stage, [delivery_id], ((delivery_id, *row) for row in refused))


_MOVE_COUNTS = sa.text(
    """
    with refused as (
        select d.delivery_id, count(q.delivery_id) as n
        from ops.feed_delivery as d
        left join ops.quarantine_row as q using (delivery_id)
        where d.delivery_id = any(:deliveries)
        group by d.delivery_id
    )
    update ops.feed_delivery as d
    set rows_quarantined = refused.n,
        rows_accepted = d.rows_received - d.rows_ignored - refused.n,
        resolved_on = :day
    from refused
    where d.delivery_id = refused.delivery_id
    """
)


def resolve_counts(
    conn: sa.Connection, day: dt.date, unresolved: pa.Table, deliveries: Sequence[str] | None = None
) -> None:
    """Quarantine the rows whose enterprise the registry at ``day`` does not know, and keep the accounts.

    Of each delivery judged, ``rows_quarantined`` becomes the number of its rows in ``quarantine_row`` and
    ``rows_accepted`` what is left, so the three counts always add up and a repeat changes nothing. A delivery shows
    its state at the latest built day: one that a later day has judged already is left as it is, so days may be built
    in any order.

    Args:
        unresolved: ``delivery_id`` text, ``row_number`` integer, ``reasons`` list of text, ``payload`` JSON text:
            all refused rows of the deliveries judged; rows of other deliveries are left out.
        deliveries: the deliveries this build judged; without it every accepted one with a business date up to ``day``.
    """
    _hold_deliveries(conn, alone=True)
    columns = feed_delivery.c
    conditions = [
        columns.outcome == "accepted",
        columns.business_date <= day,
        sa.or_(columns.resolved_on.is_(None), columns.resolved_on <= day),
    ]
    if deliveries is not None:
        conditions.append(columns.delivery_id.in_(list(deliveries)))
    judged = list(conn.execute(sa.select(columns.delivery_id).where(*conditions)).scalars())
    _replace_refused(conn, "resolve", judged, _tuples(unresolved, "delivery_id", "row_number", "reasons", "payload"))
    conn.execute(_MOVE_COUNTS, {"deliveries": judged, "day": day})


# Runs, checks, freshness


def record_run(conn: sa.Connection, run: RunRow) -> None:
    """Write the outcome of a stage of a feed for a business date, in place of an earlier one."""
    values = asdict(run)
    values["finished_at"] = run.finished_at or dt.datetime.now(dt.UTC)
    statement = insert(feed_run).values(values)
    keys = ["feed", "business_date", "stage"]
    changes = {name: statement.excluded[name] for name in values if name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def run_statuses(conn: sa.Connection, day: dt.date, stage: str) -> dict[str, str]:
    """Status of a stage by feed for a business date; a feed without a row never ran."""
    query = sa.select(feed_run.c.feed, feed_run.c.status).where(
        feed_run.c.business_date == day, feed_run.c.stage == stage
    )
    return {row.feed: row.status for row in conn.execute(query)}


def _replace(conn: sa.Connection, table: sa.Table, key: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    # Two runs of the same partition at once: the second waits, then replaces what the first wrote.
    name = f"{table.fullname}:{':'.join(str(value) for value in key.values())}"
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
    conn.execute(table.delete().where(*(table.c[column] == value for column, value in key.items())))
    if rows:
        conn.execute(table.insert(), [{**row, **key} for row in rows])


def replace_checks(conn: sa.Connection, subject: str, day: dt.date, rows: Sequence[CheckRow]) -> None:
    """Make ``rows`` the check results of a feed's or a table's partition."""
    _replace(conn, check_result, {"subject": subject, "business_date": day}, rows)


def own_check(name: str, unexpected: int, of: int, run_id: str | None) -> CheckRow:
    """Return the result of a check that needs more than one partition, so that no suite can hold it; it warns."""
    return {
        "check_id": name,
        "suite": None,
        "expectation": name,
        "column_name": None,
        "severity": "warning",
        "outcome": "fail" if unexpected else "pass",
        "observed_value": str(unexpected),
        "unexpected_count": unexpected,
        "element_count": of,
        "run_id": run_id,
        "checked_at": dt.datetime.now(dt.UTC),
    }


def freshness_states(conn: sa.Connection, day: dt.date) -> dict[str, str]:
    """State by feed as judged for a business date; empty where it was not judged."""
    query = sa.select(freshness.c.feed, freshness.c.state).where(freshness.c.business_date == day)
    return {row.feed: row.state for row in conn.execute(query)}


def replace_freshness(conn: sa.Connection, day: dt.date, rows: Sequence[FreshnessRow]) -> None:
    """Make ``rows`` the judgement of every feed's freshness for a business date."""
    _replace(conn, freshness, {"business_date": day}, rows)
