from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import ops

DAY = dt.date(2020, 2, 25)
NOON = dt.datetime(2020, 2, 25, 12, tzinfo=dt.UTC)


@pytest.fixture
def conn(warehouse: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose writes are taken back after the test."""
    with warehouse.connect() as connection:
        yield connection
        connection.rollback()


def delivery(delivery_id: str = "d1", **changes: Any) -> ops.DeliveryRow:
    values = {"feed": "checkins", "business_date": DAY, "name": f"{delivery_id}.csv", "published_at": NOON}
    values["landing_uri"] = "file:///landed"
    return ops.DeliveryRow(delivery_id=delivery_id, **(values | changes))


def refused(*numbers: int, delivery_id: str | None = None, reason: str = "USCC_UNKNOWN") -> pa.Table:
    columns = {
        "row_number": pa.array(numbers, pa.int32()),
        "reasons": pa.array([[reason]] * len(numbers), pa.list_(pa.string())),
        "payload": pa.array(['{"name": "杭州*公司"}'] * len(numbers), pa.string()),
    }
    if delivery_id:
        columns = {"delivery_id": pa.array([delivery_id] * len(numbers), pa.string())} | columns
    return pa.table(columns)


def accept(conn: sa.Connection, delivery_id: str, received: int, *bad: int, **changes: Any) -> None:
    """Record a delivery and let conform refuse the rows ``bad``."""
    ops.record_delivery(conn, delivery(delivery_id, **changes))
    ops.replace_quarantine(conn, delivery_id, "conform", refused(*bad, reason="PHONE_INVALID"))
    good = received - len(bad)
    ops.finish_delivery(
        conn,
        delivery_id,
        "accepted",
        rows_received=received,
        rows_accepted=good,
        rows_quarantined=len(bad),
        rows_ignored=0,
    )


def counts(conn: sa.Connection, delivery_id: str = "d1") -> tuple[int, int, int, int]:
    c = ops.feed_delivery.c
    query = sa.select(c.rows_received, c.rows_accepted, c.rows_quarantined, c.rows_ignored)
    return tuple(conn.execute(query.where(c.delivery_id == delivery_id)).one())


def quarantined(conn: sa.Connection) -> list[tuple]:
    c = ops.quarantine_row.c
    return [
        tuple(row)
        for row in conn.execute(sa.select(c.row_number, c.stage, c.state).order_by(c.delivery_id, c.row_number))
    ]


def test_every_table_and_column_says_what_it_is() -> None:
    for table in ops.metadata.tables.values():
        assert table.comment
        assert [c.name for c in table.columns if not c.comment] == []


def test_the_database_refuses_an_accepted_delivery_that_does_not_add_up(conn: sa.Connection) -> None:
    ops.record_delivery(conn, delivery())
    wrong = {"outcome": "accepted", "rows_received": 10, "rows_accepted": 8, "rows_quarantined": 1, "rows_ignored": 0}
    with pytest.raises(sa.exc.IntegrityError, match="rows_add_up"), conn.begin_nested():
        conn.execute(ops.feed_delivery.update().values(wrong))
    with pytest.raises(sa.exc.IntegrityError, match="rows_add_up"), conn.begin_nested():
        conn.execute(ops.feed_delivery.update().values({"outcome": "accepted"}))
    conn.execute(ops.feed_delivery.update().values(wrong | {"rows_ignored": 1}))


def test_a_verdict_that_does_not_add_up_is_refused_with_its_numbers(conn: sa.Connection) -> None:
    ops.record_delivery(conn, delivery())
    with pytest.raises(ops.AccountingError, match=r"d1: .* got 8 \+ 1 \+ 0 and 10"):
        ops.finish_delivery(
            conn, "d1", "accepted", rows_received=10, rows_accepted=8, rows_quarantined=1, rows_ignored=0
        )


def test_a_verdict_needs_a_recorded_delivery(conn: sa.Connection) -> None:
    with pytest.raises(ops.AccountingError, match="nobody: a verdict came before"):
        ops.finish_delivery(conn, "nobody", "rejected", "EMPTY")
    with pytest.raises(ops.AccountingError, match="nobody: refused rows came before"):
        ops.replace_quarantine(conn, "nobody", "conform", refused(1))


def test_recording_again_never_takes_back_an_acceptance(conn: sa.Connection) -> None:
    accept(conn, "d1", 10)
    ops.record_delivery(conn, delivery())
    assert [d.outcome for d in ops.known_deliveries(conn, "checkins")] == ["accepted"]


def test_the_same_bytes_are_judged_afresh_after_a_rejection(conn: sa.Connection) -> None:
    ops.record_delivery(conn, delivery())
    ops.finish_delivery(conn, "d1", "rejected", "SHA256_MISMATCH", rows_received=3)
    ops.record_delivery(conn, delivery(size_bytes=7))
    (row,) = ops.known_deliveries(conn, "checkins")
    assert (row.outcome, row.reason, row.size_bytes, row.rows_received) == ("landed", None, 7, None)


def test_what_a_day_publishes(conn: sa.Connection) -> None:
    before, after = DAY - dt.timedelta(1), DAY + dt.timedelta(1)
    ops.record_delivery(conn, delivery("landed_today"))
    ops.record_delivery(conn, delivery("landed_late", business_date=before))
    ops.record_delivery(conn, delivery("landed_tomorrow", business_date=after))
    ops.record_delivery(conn, delivery("other_feed", feed="approvals"))
    accept(conn, "accepted_today", 1)
    accept(conn, "accepted_before", 1, business_date=before)
    accept(conn, "bytes_are_gone", 1, landing_uri=None)
    for name, reason in (("kept_back", "CHECK_FAILED: row count"), ("truncated", "TRUNCATED")):
        ops.record_delivery(conn, delivery(name))
        ops.finish_delivery(conn, name, "rejected", reason)
    found = [d.delivery_id for d in ops.deliveries_to_publish(conn, "checkins", DAY)]
    assert found == ["landed_late", "accepted_today", "kept_back", "landed_today"]


def test_deliveries_come_in_the_order_of_publication_whatever_arrived_first(conn: sa.Connection) -> None:
    hour = dt.timedelta(hours=1)
    ops.record_delivery(conn, delivery("late", published_at=NOON + hour, received_at=NOON))
    ops.record_delivery(conn, delivery("early", published_at=NOON, received_at=NOON + 3 * hour))
    assert [d.delivery_id for d in ops.known_deliveries(conn, "checkins")] == ["early", "late"]


def test_accepted_deliveries_as_a_table(conn: sa.Connection) -> None:
    accept(conn, "d1", 5)
    accept(conn, "d2", 5, business_date=DAY + dt.timedelta(1))
    ops.record_delivery(conn, delivery("d3"))
    table = ops.accepted_deliveries(conn, DAY)
    names = ["feed", "delivery_id", "business_date", "name", "outcome", "published_at", "received_at", "rows_hash"]
    assert table.column_names == names
    assert table.to_pylist()[0] | {"received_at": None} == {
        "feed": "checkins",
        "delivery_id": "d1",
        "business_date": DAY,
        "name": "d1.csv",
        "outcome": "accepted",
        "published_at": NOON,
        "received_at": None,
        "rows_hash": None,
    }
    assert len(table) == 1
    assert len(ops.accepted_deliveries(conn)) == 2


def test_quarantine_is_replaced_and_decisions_are_kept(conn: sa.Connection) -> None:
    ops.record_delivery(conn, delivery())
    ops.replace_quarantine(conn, "d1", "conform", refused(1, 2, 3))
    conn.execute(ops.quarantine_row.update().where(ops.quarantine_row.c.row_number == 2).values(state="discarded"))
    ops.replace_quarantine(conn, "d1", "conform", refused(2, 3, 4))
    assert quarantined(conn) == [(2, "conform", "discarded"), (3, "conform", "open"), (4, "conform", "open")]
    row = conn.execute(sa.select(ops.quarantine_row)).mappings().first()
    assert (row["feed"], row["business_date"], row["payload"]) == ("checkins", DAY, {"name": "杭州*公司"})


def test_quarantine_of_a_hundred_thousand_rows_takes_seconds(conn: sa.Connection) -> None:
    ops.record_delivery(conn, delivery())
    many = refused(*range(1, 100_001))
    began = time.monotonic()
    ops.replace_quarantine(conn, "d1", "conform", many)
    first = time.monotonic() - began
    ops.replace_quarantine(conn, "d1", "conform", many)
    assert conn.execute(sa.select(sa.func.count()).select_from(ops.quarantine_row)).scalar_one() == 100_000
    assert first < 10
    assert time.monotonic() - began < 20


def test_rows_refused_at_resolution_move_from_accepted_to_quarantined(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1)
    for _ in range(2):
        ops.resolve_counts(conn, DAY, refused(4, 5, delivery_id="d1"))
        assert counts(conn) == (10, 7, 3, 0)
    assert quarantined(conn) == [(1, "conform", "open"), (4, "resolve", "open"), (5, "resolve", "open")]


def test_a_firm_that_becomes_known_takes_its_rows_out_of_quarantine(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1)
    ops.resolve_counts(conn, DAY, refused(4, 5, delivery_id="d1"))
    ops.resolve_counts(conn, DAY + dt.timedelta(1), refused(5, delivery_id="d1"))
    assert counts(conn) == (10, 8, 2, 0)


def test_days_built_in_any_order_end_with_the_state_of_the_latest(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1)
    ops.resolve_counts(conn, DAY + dt.timedelta(1), refused(5, delivery_id="d1"))
    ops.resolve_counts(conn, DAY, refused(4, 5, delivery_id="d1"))
    assert counts(conn) == (10, 8, 2, 0)


def test_only_deliveries_that_were_judged_change(conn: sa.Connection) -> None:
    accept(conn, "d1", 10)
    accept(conn, "d2", 10)
    both = pa.concat_tables([refused(4, delivery_id="d1"), refused(4, delivery_id="d2")])
    ops.resolve_counts(conn, DAY, both, deliveries=["d2"])
    assert (counts(conn, "d1"), counts(conn, "d2")) == ((10, 10, 0, 0), (10, 9, 1, 0))


def test_publishing_again_after_resolution_keeps_the_accounts(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1)
    ops.resolve_counts(conn, DAY, refused(4, 5, delivery_id="d1"))
    accept(conn, "d1", 10, 1)
    assert counts(conn) == (10, 7, 3, 0)
    # A stricter contract now refuses row 4 itself: it is counted once.
    accept(conn, "d1", 10, 1, 4)
    assert counts(conn) == (10, 7, 3, 0)
    assert quarantined(conn) == [(1, "conform", "open"), (4, "conform", "open"), (5, "resolve", "open")]


def test_a_day_without_refused_rows_is_fine(conn: sa.Connection) -> None:
    accept(conn, "d1", 10)
    ops.resolve_counts(conn, DAY, refused(delivery_id="d1"))
    assert counts(conn) == (10, 10, 0, 0)


def test_a_run_replaces_the_earlier_one_of_the_same_stage(conn: sa.Connection) -> None:
    for status in ("failed", "ok"):
        ops.record_run(conn, ops.RunRow(feed="checkins", business_date=DAY, stage="publish", status=status))
    ops.record_run(conn, ops.RunRow(feed="approvals", business_date=DAY, stage="publish", status="missing"))
    assert ops.run_statuses(conn, DAY, "publish") == {"checkins": "ok", "approvals": "missing"}


def act(conn: sa.Connection, action: ops.Action, *rows: int, **changes: Any) -> int:
    """Record an operator's decision on delivery d1."""
    values = {"feed": "checkins", "delivery_id": "d1", "note": "asked the sender", "acted_by": "operator"}
    values |= {"acted_at": NOON, "run_id": "r1", "row_numbers": rows}
    return ops.record_action(conn, ops.ActionRow(action=action, **(values | changes)))


@pytest.mark.parametrize(
    "change",
    [
        "update ops.quarantine_action set note = 'another'",
        "delete from ops.quarantine_action",
        "truncate ops.quarantine_action",
    ],
)
def test_a_decision_can_neither_be_changed_nor_taken_back(conn: sa.Connection, change: str) -> None:
    accept(conn, "d1", 10, 1)
    act(conn, "release", 1)
    with pytest.raises(sa.exc.DBAPIError, match="only appended to"), conn.begin_nested():
        conn.execute(sa.text(change))
    assert [(a.action, list(a.row_numbers)) for a in ops.actions_on(conn, "d1")] == [("release", [1])]


@pytest.mark.parametrize("blank", ["note", "acted_by"])
def test_a_decision_says_who_and_why(conn: sa.Connection, blank: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="says_who_and_why"):
        act(conn, "release", 1, **{blank: " "})


def test_what_a_decision_brought_back_stays_on_record_as_released(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1, 2, 3)
    number = act(conn, "release", 1, 2)
    ops.replace_quarantine(conn, "d1", "conform", refused(2), only=[1, 2])
    ops.recount(conn, "d1")
    assert quarantined(conn) == [(1, "conform", "released"), (2, "conform", "open"), (3, "conform", "open")]
    assert counts(conn) == (10, 8, 2, 0)
    decided = conn.execute(sa.select(ops.quarantine_row.c.action_id).order_by(ops.quarantine_row.c.row_number))
    assert decided.scalars().all() == [number, number, None]
    # Nobody decided on row 3: when it is accepted it leaves no trace. Row 2 was decided on, row 1 fails again.
    accept(conn, "d1", 10, 1)
    assert quarantined(conn) == [(1, "conform", "open"), (2, "conform", "released")]
    assert counts(conn) == (10, 9, 1, 0)


def test_a_released_row_may_be_refused_at_resolution(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1)
    act(conn, "release", 1)
    accept(conn, "d1", 10)
    ops.resolve_counts(conn, DAY, refused(1, delivery_id="d1"))
    assert (quarantined(conn), counts(conn)) == ([(1, "resolve", "open")], (10, 9, 1, 0))
    ops.resolve_counts(conn, DAY, refused(delivery_id="d1"))
    assert (quarantined(conn), counts(conn)) == ([(1, "resolve", "released")], (10, 10, 0, 0))


def test_a_discarded_row_stays_out_whatever_a_later_verdict_says(conn: sa.Connection) -> None:
    accept(conn, "d1", 10, 1, 2)
    act(conn, "discard", 1)
    ops.keep_out(conn, "d1", [1])
    ops.replace_quarantine(conn, "d1", "conform", refused())
    ops.resolve_counts(conn, DAY, refused(1, delivery_id="d1"))
    assert (quarantined(conn), counts(conn)) == ([(1, "conform", "discarded")], (10, 9, 1, 0))
    ops.keep_out(conn, "d1", [])
    assert quarantined(conn) == [(1, "conform", "open")]


def test_the_latest_decision_on_a_row_stands() -> None:
    def action(name: ops.Action, *rows: int, **cells: str) -> ops.ActionRow:
        return ops.ActionRow(
            action=name, feed="checkins", delivery_id="d1", note="n", acted_by="o", acted_at=NOON, run_id="r",
            row_numbers=rows, corrections=cells,
        )  # fmt: skip

    first, second = action("correct", 1, uscc="A"), action("correct", 1, 2, uscc="B")
    found = ops.standing([action("discard", 1, 2, 3), first, action("release", 2), second, action("discard", 2)])
    assert found.discarded == {2, 3}
    assert found.corrections == (((1,), {"uscc": "A"}), ((1, 2), {"uscc": "B"}))


def check(check_id: str, outcome: ops.CheckVerdict = "pass") -> ops.CheckRow:
    return {
        "check_id": check_id,
        "suite": "checkins",
        "expectation": "expect_table_row_count_to_be_between",
        "column_name": None,
        "severity": "critical",
        "outcome": outcome,
        "observed_value": "12",
        "unexpected_count": None,
        "element_count": 12,
        "run_id": "r1",
        "checked_at": NOON,
    }


def test_checks_of_a_partition_are_replaced(conn: sa.Connection) -> None:
    ops.replace_checks(conn, "checkins", DAY, [check("a"), check("b")])
    ops.replace_checks(conn, "approvals", DAY, [check("a")])
    ops.replace_checks(conn, "checkins", DAY, [check("b", "fail")])
    c = ops.check_result.c
    found = conn.execute(sa.select(c.subject, c.check_id, c.outcome).order_by(c.subject)).all()
    assert [tuple(row) for row in found] == [("approvals", "a", "pass"), ("checkins", "b", "fail")]
    ops.replace_checks(conn, "checkins", DAY, [])
    assert conn.execute(sa.select(sa.func.count()).select_from(ops.check_result)).scalar_one() == 1


def test_freshness_of_a_day_is_replaced(conn: sa.Connection) -> None:
    row: ops.FreshnessRow = {
        "feed": "checkins",
        "expected_by": NOON,
        "last_good_on": DAY,
        "last_good_at": NOON,
        "state": "late",
    }
    ops.replace_freshness(conn, DAY, [row, row | {"feed": "approvals"}])
    ops.replace_freshness(conn, DAY, [row | {"state": "fresh"}])
    assert conn.execute(sa.select(ops.freshness.c.state)).scalars().all() == ["fresh"]


def test_unknown_words_are_refused(conn: sa.Connection) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="outcome_known"):
        ops.record_delivery(conn, delivery(outcome="fine"))


def test_an_error_of_the_database_quotes_no_parameters(conn: sa.Connection) -> None:
    with pytest.raises(sa.exc.DataError) as caught:
        conn.execute(sa.text("select cast(:value as integer)"), {"value": "x" * 5000})
    assert "SQL parameters hidden" in str(caught.value)


def test_feeds_and_resolution_at_once_wait_for_each_other(warehouse: sa.Engine) -> None:
    names = [f"at once {n}" for n in range(8)]
    with warehouse.begin() as conn:
        for name in names:
            accept(conn, name, 10)
    errors: list[Exception] = []

    def repeat(backwards: bool) -> None:
        """A feed publishes its deliveries in another order than resolution reads them."""
        try:
            for _ in range(5):
                with warehouse.begin() as conn:
                    if backwards:
                        for name in reversed(names):
                            accept(conn, name, 10)
                    else:
                        found = pa.concat_tables([refused(3, delivery_id=name) for name in names])
                        ops.resolve_counts(conn, DAY, found)
        except sa.exc.OperationalError as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=(backwards,)) for backwards in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with warehouse.begin() as conn:
        found = [counts(conn, name) for name in names]
        conn.execute(ops.quarantine_row.delete())
        conn.execute(ops.feed_delivery.delete())
    assert errors == []
    assert found == [(10, 9, 1, 0)] * len(names)
