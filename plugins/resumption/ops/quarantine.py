"""Refused rows: ``ops.quarantine_row``, and the counts of ``ops.feed_delivery`` that follow from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from resumption.ops.actions import chosen
from resumption.ops.deliveries import AccountingError, hold_deliveries
from resumption.ops.expiry import has_expired
from resumption.ops.tables import QuarantineStage, feed_delivery, quarantine_row

if TYPE_CHECKING:
    import pyarrow as pa


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
    -- The first time stays, and a discarded row stays discarded. A row refused by conform cannot also be refused at
    -- resolution; one that was released can.
    on conflict (delivery_id, row_number) do update
    set stage = excluded.stage, reasons = excluded.reasons, payload = excluded.payload, state = excluded.state
    where kept.state <> 'discarded'
    and (kept.stage = excluded.stage or excluded.stage = 'conform' or kept.state = 'released')
    and (kept.stage, kept.state, kept.reasons, kept.payload)
        is distinct from (excluded.stage, excluded.state, excluded.reasons, excluded.payload)
    """
)

# What an operator's decision brought back stays on record as released; what came back by itself leaves no trace.
_LET_GO = sa.text(
    """
    with gone as (
        select kept.delivery_id, kept.row_number, kept.action_id
        from ops.quarantine_row as kept
        where kept.delivery_id = any(:deliveries) and kept.stage = :stage and kept.state = 'open'
        and (cast(:rows as bigint[]) is null or kept.row_number = any(:rows))
        and not exists (
            select from pg_temp.refused as r
            where r.delivery_id = kept.delivery_id and r.row_number = kept.row_number
        )
    ),
    released as (
        update ops.quarantine_row as kept
        set state = 'released'
        from gone
        where (kept.delivery_id, kept.row_number) = (gone.delivery_id, gone.row_number) and gone.action_id is not null
    )
    delete from ops.quarantine_row as kept
    using gone
    where (kept.delivery_id, kept.row_number) = (gone.delivery_id, gone.row_number) and gone.action_id is null
    """
)


def _replace_refused(
    conn: sa.Connection,
    stage: QuarantineStage,
    deliveries: Sequence[str],
    rows: Iterable[tuple[str, int, list[str], str | None]],
    only: Sequence[int] | None = None,
) -> None:
    _stage_refused(conn, rows)
    parameters = {"stage": stage, "deliveries": list(deliveries), "rows": None if only is None else list(only)}
    conn.execute(_LET_GO, parameters)
    conn.execute(_MERGE_REFUSED, parameters)


def _tuples(rows: pa.Table, *names: str) -> Iterable[tuple[Any, ...]]:
    missing = sorted(set(names) - set(rows.column_names))
    if missing:
        raise ValueError(f"refused rows: expected the columns {', '.join(names)}, missing {', '.join(missing)}")
    for batch in rows.select(list(names)).to_batches(max_chunksize=20_000):
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def replace_quarantines(
    conn: sa.Connection, stage: QuarantineStage, refused: Mapping[str, pa.Table], only: Sequence[int] | None = None
) -> None:
    """Make ``refused`` the refused rows at a stage of the deliveries it names; discarded rows stay discarded.

    Args:
        refused: delivery → ``row_number`` integer, ``reasons`` list of text, ``payload`` JSON text with personal
            values masked; no rows where none is refused any more.
        only: the rows that were judged; without it all of the deliveries.

    Raises:
        AccountingError: a delivery was never recorded.
        ValueError: a column is missing.
    """
    hold_deliveries(conn)
    recorded = sa.select(feed_delivery.c.delivery_id).where(feed_delivery.c.delivery_id.in_(list(refused)))
    strangers = sorted(refused.keys() - set(conn.execute(recorded).scalars()))
    if strangers:
        raise AccountingError(f"delivery {strangers[0]}: refused rows came before it was recorded; record it first")
    rows = (
        (delivery_id, *row)
        for delivery_id, table in refused.items()
        for row in _tuples(table, "row_number", "reasons", "payload")
    )
    _replace_refused(conn, stage, list(refused), rows, only)


def replace_quarantine(
    conn: sa.Connection, delivery_id: str, stage: QuarantineStage, rows: pa.Table, only: Sequence[int] | None = None
) -> None:
    """Make ``rows`` the refused rows of one delivery at a stage; see ``replace_quarantines``."""
    replace_quarantines(conn, stage, {delivery_id: rows}, only)


def keep_out(conn: sa.Connection, delivery_id: str, discarded: Collection[int]) -> None:
    """Make ``discarded`` the rows of a delivery that stay in quarantine for good; others are open again."""
    hold_deliveries(conn)
    columns = quarantine_row.c
    out = columns.row_number.in_(chosen(sorted(discarded)))
    changed = out != (columns.state == "discarded")
    state = sa.case((out, "discarded"), else_="open")
    conn.execute(quarantine_row.update().where(columns.delivery_id == delivery_id, changed).values(state=state))


def quarantined_rows(
    conn: sa.Connection, delivery_id: str, reason: str | None = None, *, open_only: bool = False
) -> list[int]:
    """Row numbers of a delivery that are or ever were in quarantine, ascending.

    Args:
        reason: only those refused for it.
        open_only: only those that are refused now.
    """
    columns = quarantine_row.c
    query = sa.select(columns.row_number).where(columns.delivery_id == delivery_id)
    if reason:
        query = query.where(columns.reasons.any(reason))
    if open_only:
        query = query.where(columns.state == "open")
    return list(conn.execute(query.order_by(columns.row_number)).scalars())


_MOVE_COUNTS = sa.text(
    """
    with refused as (
        select d.delivery_id, count(q.delivery_id) as n
        from ops.feed_delivery as d
        left join ops.quarantine_row as q on q.delivery_id = d.delivery_id and q.state <> 'released'
        where d.delivery_id = any(:deliveries)
        group by d.delivery_id
    )
    update ops.feed_delivery as d
    set rows_quarantined = refused.n,
        rows_accepted = d.rows_received - d.rows_ignored - refused.n,
        resolved_on = coalesce(cast(:day as date), d.resolved_on)
    from refused
    where d.delivery_id = refused.delivery_id
    """
)


def recount(conn: sa.Connection, delivery_id: str) -> None:
    """Count the accepted and the quarantined rows of an accepted delivery anew, after a decision on some of them."""
    hold_deliveries(conn)
    conn.execute(_MOVE_COUNTS, {"deliveries": [delivery_id], "day": None})


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
    hold_deliveries(conn, alone=True)
    columns = feed_delivery.c
    conditions = [
        columns.outcome == "accepted",
        columns.business_date <= day,
        sa.or_(columns.resolved_on.is_(None), columns.resolved_on <= day),
        sa.not_(has_expired(columns.delivery_id)),
    ]
    if deliveries is not None:
        conditions.append(columns.delivery_id.in_(list(deliveries)))
    judged = list(conn.execute(sa.select(columns.delivery_id).where(*conditions)).scalars())
    _replace_refused(conn, "resolve", judged, _tuples(unresolved, "delivery_id", "row_number", "reasons", "payload"))
    conn.execute(_MOVE_COUNTS, {"deliveries": judged, "day": day})
