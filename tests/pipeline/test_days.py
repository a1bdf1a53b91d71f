"""Three days of a small district, from real senders to warehouse tables: every stage, without the scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from resumption import checks, consolidate, lake, ops, pipeline, settings
from resumption.contracts import feed_names, load_feed, table_names
from resumption.warehouse import create_all
from runtime.backfill import Days
from runtime.verify import figures, table_fingerprints
from simulator.district import District
from simulator.expectation import Expectation
from simulator.senders.servers import SenderServers

FIRST, LAST = date(2020, 2, 23), date(2020, 2, 25)
DAYS = [FIRST, FIRST + timedelta(days=1), LAST]


def load(days: list[date]) -> None:
    """Run every feed's stages for each day, then the tables, as the DAGs do."""
    for feed in feed_names():
        for day in days:
            pipeline.land(feed, day, "test")
            pipeline.publish(feed, day, "test")
    for day in days:
        consolidate.judge_freshness(day)
        consolidate.resolve(day)
        consolidate.build(day, "test")


@pytest.fixture(scope="module")
def district() -> District:
    return District(seed=11, scale=0.01, start=date(2020, 2, 20), end=LAST)


@pytest.fixture(scope="module")
def senders(district: District, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SenderServers]:
    with SenderServers(district, tmp_path_factory.mktemp("senders")) as servers, pytest.MonkeyPatch.context() as patch:
        for name, connection in servers.connections.items():
            patch.setenv(name, connection)
        yield servers


@pytest.fixture(scope="module")
def loaded(warehouse: sa.Engine, senders: SenderServers) -> sa.Engine:
    create_all(warehouse)
    load(DAYS)
    return warehouse


@pytest.fixture
def connection(loaded: sa.Engine) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.warehouse_url().replace("+psycopg", "")) as conn:
        yield conn


def test_tables_and_every_delivery_come_to_what_the_simulator_expects(
    connection: psycopg.Connection[Any], district: District, senders: SenderServers
) -> None:
    expected = Expectation(district, senders.home, store=senders.store, registry_first=FIRST).report()
    found = list(figures(connection, expected, Days(FIRST, LAST)))
    assert len(found) > 50
    wrong = "\n".join(f"{f.name}: expected {f.expected}, got {f.actual}" for f in found if not f.agrees)
    assert not wrong, wrong


def test_every_kind_of_outcome_occurs(connection: psycopg.Connection[Any]) -> None:
    outcomes = {row[0] for row in connection.execute("select distinct outcome from ops.feed_delivery")}
    assert {"accepted", "rejected"} <= outcomes
    reasons = {row[0] for row in connection.execute("select distinct unnest(reasons) from ops.quarantine_row")}
    assert {"USCC_UNKNOWN", "PHONE_INVALID"} <= reasons


def test_loading_again_in_another_order_gives_the_same_tables(connection: psycopg.Connection[Any]) -> None:
    before = list(table_fingerprints(connection))
    load(DAYS[::-1])
    connection.rollback()
    assert list(table_fingerprints(connection)) == before
    assert len(before) == len(table_names())


def test_a_failed_critical_check_keeps_the_last_good_partition(
    loaded: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lake.read_batch(load_feed("checkins"), LAST)
    real = checks.load_suite("checkins")
    never = checks.Check("expect_table_row_count_to_equal", {"value": -1}, "critical", {})
    monkeypatch.setattr(checks, "load_suite", lambda _: checks.Suite("never", (never,), {}, real.path))
    with pytest.raises(pipeline.CriticalCheckError, match="last good partition stays"):
        pipeline.publish("checkins", LAST, "test")
    assert lake.read_batch(load_feed("checkins"), LAST).equals(before)
    with loaded.connect() as conn:
        assert ops.run_statuses(conn, LAST, "publish")["checkins"] == "failed"
    monkeypatch.undo()
    pipeline.publish("checkins", LAST, "test")
    with loaded.connect() as conn:
        assert ops.run_statuses(conn, LAST, "publish")["checkins"] == "ok"


def test_a_feed_that_never_came_blocks_no_table(loaded: sa.Engine) -> None:
    day = LAST + timedelta(days=1)
    states = consolidate.judge_freshness(day)
    assert states["checkins"] == states["approvals"] == "stale"
    assert states["statistical_scope"] != "stale"
    consolidate.build(day, "test")
    with loaded.begin() as conn:
        statuses = conn.execute(
            sa.text("select distinct status from mart.enterprise_resumption where business_date = :day"), {"day": day}
        ).scalars()
        assert set(statuses) <= {"unknown", "closed"}
        for table in ("enterprise_resumption", "resumption_summary", "enterprise_power_index", "power_index_summary"):
            conn.execute(sa.text(f"delete from mart.{table} where business_date = :day"), {"day": day})
    consolidate.build(LAST, "test")


PHONE = re.compile(r"(?<![0-9A-Za-z])1540\d{7}(?![0-9A-Za-z])")


def test_no_phone_or_personal_name_in_lake_or_warehouse(
    connection: psycopg.Connection[Any], district: District
) -> None:
    names = district.personal_names()
    assert len(names) > 100
    texts = [*_lake_texts(), *_warehouse_texts(connection)]
    assert len(texts) > 10_000
    leaks = [text for text in texts if PHONE.search(text) or text in names]
    assert leaks == []


def _lake_texts() -> Iterator[str]:
    for feed in feed_names():
        relation = duckdb.read_parquet(lake.files(feed))
        for column, kind in zip(relation.columns, relation.types, strict=True):
            if str(kind) == "VARCHAR":
                yield from (row[0] for row in relation.select(f'"{column}"').distinct().fetchall() if row[0])


def _warehouse_texts(connection: psycopg.Connection[Any]) -> Iterator[str]:
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_schema in ('mart', 'ops')"
    ).fetchall()
    for schema, table in tables:
        for (row,) in connection.execute(f"select t::text from {schema}.{table} as t"):
            yield from row.strip("()").split(",")


def test_no_file_holds_a_phone_in_the_clear(loaded: sa.Engine) -> None:
    files = [path for path in Path(settings.home()).rglob("*") if path.is_file()]
    assert {"landing", "lake"} <= {path.relative_to(settings.home()).parts[0] for path in files}
    assert [path for path in files if PHONE.search(path.read_bytes().decode("latin-1"))] == []
