from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import ops, warehouse
from resumption.contracts import TableContract
from resumption.warehouse import create_all, schema
from tests.warehouse.tables import contract

DAY = dt.date(2020, 2, 25)
NEXT = DAY + dt.timedelta(1)
BUILT = dt.datetime(2020, 2, 26, 10, tzinfo=dt.UTC)


DAILY, STATE = contract("daily"), contract("state", "table")


@pytest.fixture(scope="module")
def engine(warehouse_url: str) -> sa.Engine:
    found = ops.engine(warehouse_url)
    create_all(found, [DAILY, STATE])
    return found


@pytest.fixture(autouse=True)
def emptied(engine: sa.Engine) -> Iterator[None]:
    yield
    with engine.begin() as conn:
        conn.execute(sa.text("delete from mart.daily"))
        conn.execute(sa.text("delete from mart.state"))


def rows(count: int, day: dt.date = DAY, staff: int = 5) -> pa.Table:
    """Rows as a model yields them: narrower and wider types than the table's."""
    return pa.table(
        {
            "business_date": pa.array([day] * count, pa.date32()),
            "uscc": pa.array([f"firm {n}" for n in range(count)], pa.large_string()),
            "staff_total": pa.array([staff] * count, pa.int32()),
            "staff_rate": pa.array([0.5] * count, pa.float32()),
            "energy_kwh": pa.array([Decimal("1.5")] * count, pa.decimal128(10, 1)),
            "official": pa.array([None] * count, pa.null()),
            "order": pa.array(["一"] * count).dictionary_encode(),
            "conflict_codes": pa.array([["A", "B"]] * count),
            "seen_at": pa.array([BUILT] * count, pa.timestamp("ns", "Asia/Shanghai")),
            "rule_version": pa.array(["1"] * count),
        }
    )


def publish(data: pa.Table, day: dt.date = DAY, table: TableContract = DAILY, run: str = "r1") -> int:
    return warehouse.publish(table, data, day, run, BUILT)


def contents(engine: sa.Engine, table: TableContract = DAILY) -> list[tuple[Any, ...]]:
    target = schema.mart_table(table)
    with engine.connect() as conn:
        return [tuple(row) for row in conn.execute(sa.select(target).order_by(target.c.business_date, target.c.uscc))]


def count(conn: sa.Connection, day: dt.date) -> int:
    return conn.execute(
        sa.text("select count(*) from mart.daily where business_date = :day"), {"day": day}
    ).scalar_one()


def test_published_days_are_read_back_in_the_contract_schema(engine: sa.Engine) -> None:
    publish(rows(2))
    publish(rows(1, NEXT), NEXT)
    before = warehouse.read_days(DAILY, NEXT)
    assert before.schema.equals(pa.schema([f.with_nullable(True) for f in DAILY.arrow_schema()]))
    assert before["business_date"].to_pylist() == [DAY, DAY]
    assert before["energy_kwh"].to_pylist() == [Decimal("1.5000")] * 2
    assert before["conflict_codes"].to_pylist() == [["A", "B"]] * 2
    assert before["seen_at"].to_pylist() == [BUILT] * 2


def test_rows_arrive_in_the_types_of_the_contract(engine: sa.Engine) -> None:
    assert publish(rows(1)) == 1
    (row,) = contents(engine)
    expected = ("firm 0", DAY, 5, 0.5, Decimal("1.5000"), None, "一", ["A", "B"], BUILT, "1", "r1", BUILT)
    assert row == expected


def test_publishing_again_gives_identical_rows(engine: sa.Engine) -> None:
    publish(rows(50))
    first = contents(engine)
    publish(rows(50))
    assert contents(engine) == first
    assert len(first) == 50


def test_a_day_is_replaced_as_a_whole_and_others_are_left_alone(engine: sa.Engine) -> None:
    publish(rows(5))
    publish(rows(3, NEXT), NEXT)
    publish(rows(2))
    with engine.connect() as conn:
        assert (count(conn, DAY), count(conn, NEXT)) == (2, 3)


def test_no_rows_leave_the_day_empty(engine: sa.Engine) -> None:
    publish(rows(5))
    publish(rows(3, NEXT), NEXT)
    assert publish(rows(0)) == 0
    with engine.connect() as conn:
        assert (count(conn, DAY), count(conn, NEXT)) == (0, 3)


def test_a_state_table_shows_the_latest_day_whatever_the_order(engine: sa.Engine) -> None:
    assert publish(rows(3), table=STATE) == 3
    assert publish(rows(4, NEXT), NEXT, STATE) == 4
    assert publish(rows(3), table=STATE) == 0
    assert {row[1] for row in contents(engine, STATE)} == {NEXT}
    assert publish(rows(2, NEXT), NEXT, STATE) == 2
    assert len(contents(engine, STATE)) == 2


def test_a_reader_never_waits_and_never_sees_half_a_day(engine: sa.Engine) -> None:
    publish(rows(2000, staff=1))
    seen: list[list[tuple[int, int]]] = []
    stop = threading.Event()
    query = sa.text("select staff_total, count(*) from mart.daily group by 1 order by 1")

    def read() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(sa.text("set statement_timeout = '2s'"))
            while not stop.is_set():
                seen.append([(row[0], row[1]) for row in conn.execute(query)])

    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        assert count(snapshot, DAY) == 2000
        reader = threading.Thread(target=read)
        reader.start()
        for staff in (2, 3, 4):
            publish(rows(2000, staff=staff))
        stop.set()
        reader.join(10)
        assert not reader.is_alive()
        # The snapshot that was open all the while still shows what it showed.
        assert [tuple(row) for row in snapshot.execute(query)] == [(1, 2000)]
    assert {tuple(state) for state in seen} <= {((staff, 2000),) for staff in (1, 2, 3, 4)}
    assert seen


def test_a_table_held_open_by_a_cursor_holds_nothing_up_and_gives_its_old_day_to_the_end(engine: sa.Engine) -> None:
    publish(rows(2000, staff=1))
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with reader.cursor("held") as cursor:
            cursor.execute("select staff_total from mart.daily")
            held = cursor.fetchmany(10)
            began = time.monotonic()
            publication = threading.Thread(target=publish, args=(rows(1500, staff=2),))
            publication.start()
            publication.join(60)
            assert not publication.is_alive(), f"still waiting after {time.monotonic() - began:.0f} s"
            with engine.connect() as fresh:
                new = fresh.execute(sa.text("select staff_total, count(*) from mart.daily group by 1")).all()
            held += cursor.fetchall()
    assert new == [(2, 1500)]
    assert held == [(1,)] * 2000


def concurrently(*calls: tuple[pa.Table, dt.date]) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(data: pa.Table, day: dt.date) -> None:
        try:
            publish(data, day)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            errors.append(error)

    threads = [threading.Thread(target=run, args=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def test_two_days_published_at_once_do_not_disturb_each_other(engine: sa.Engine) -> None:
    calls = [(rows(500 + n, DAY + dt.timedelta(n)), DAY + dt.timedelta(n)) for n in range(4)]
    assert concurrently(*calls) == []
    with engine.connect() as conn:
        assert [count(conn, DAY + dt.timedelta(n)) for n in range(4)] == [500, 501, 502, 503]


def test_the_same_day_published_at_once_ends_as_one_of_them(engine: sa.Engine) -> None:
    assert concurrently(*((rows(300, staff=n), DAY) for n in range(4))) == []
    found = contents(engine)
    assert len(found) == 300
    assert len({row[2] for row in found}) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (rows(1).drop_columns(["staff_rate"]), "missing staff_rate, not in the contract none"),
        (rows(1).append_column("extra", pa.array([1])), "missing none, not in the contract extra"),
        (rows(2, NEXT), "expected rows of 2020-02-25 only, 2 rows are of another day"),
        (rows(1).set_column(1, "uscc", pa.array([None], pa.string())), "column uscc is required, 1 rows lack it"),
        (
            rows(1).set_column(2, "staff_total", pa.array(["secret"])),
            "column staff_total: expected int64, got string",
        ),
        (rows(1).set_column(2, "staff_total", pa.array([1.5])), "column staff_total: expected int64, got double"),
        (pa.concat_tables([rows(1), rows(1)]), r"two rows share the grain \(uscc, business_date\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_changes(engine: sa.Engine, data: pa.Table, message: str) -> None:
    publish(rows(3))
    with pytest.raises(warehouse.PublishError, match=message) as caught:
        publish(data)
    assert "secret" not in str(caught.value)
    assert "firm" not in str(caught.value)
    assert len(contents(engine)) == 3
