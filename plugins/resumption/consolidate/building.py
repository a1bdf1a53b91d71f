"""The tables: built from the lake, checked, published; and built again where what they were made from has changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from resumption import checks, lake, metrics, ops
from resumption.consolidate.closing import Closing
from resumption.consolidate.inputs import Fingerprints, LakeInputs, known_deliveries
from resumption.consolidate.reconciliation import reconcile
from resumption.consolidate.resolution import resolve
from resumption.contracts import TableContract, load_table, table_names
from resumption.models import Clock, RuleBook, run_models
from resumption.models.loader import load_models
from resumption.models.order import closure
from resumption.models.reach import check_reads
from resumption.models.runner import placeholders
from resumption.pipeline import CriticalCheckError
from resumption.warehouse import publish

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Published = dict[str, dict[str, int]]
"""Business date → table → rows that were published."""


class KeptBackError(CriticalCheckError):
    """Some tables were kept back by their checks; ``published`` are the others."""

    def __init__(self, kept_back: Iterable[str], published: Published) -> None:
        super().__init__("; ".join(kept_back))
        self.published = published


def build(day: date, run_id: str) -> Published:
    """Build, check and publish the tables of ``day``; return day → table → rows.

    Tables of a day are built for ``day``. Tables that show one state are built for the latest day ever built, so that
    rebuilding an earlier day never turns them back.

    Raises:
        ExpiredError: retention has deleted what the day is made from.
        KeptBackError: after all tables were tried, naming those kept back with what rests on them.
    """
    Closing().require_open([load_table(name) for name in table_names()], day)
    return _build_days(_reached_by(day), run_id)


def _reached_by(day: date) -> Iterator[tuple[date, list[TableContract]]]:
    """Return what a build of ``day`` is to build: day and tables, each known only when the one before it is built."""
    tables = [load_table(name) for name in table_names()]
    latest = _latest_built_day()
    yield day, [t for t in tables if t.replace == "day" or latest is None or day >= latest]
    # Asked again: a later day may have been built meanwhile, by a run that could not see this day yet.
    latest = _latest_built_day()
    if latest and day < latest:
        yield latest, [t for t in tables if t.replace == "table"]


def _latest_built_day() -> date | None:
    with ops.engine().connect() as conn:
        return ops.latest_built_day(conn)


def outdated() -> list[tuple[date, list[str]]]:
    """Return the built days and their tables whose inputs have changed since, in the order of the days.

    Changed is what a delivery that reaches the table's day brings: it is new, corrected, judged again with another
    result, or rejected by now. A changed rule or model is no change of inputs: backfill ``consolidated``. A day that
    retention has closed is left as it is.
    """
    fingerprints = Fingerprints(known_deliveries())
    known = set(table_names())
    found: dict[date, list[str]] = {}
    with ops.engine().connect() as conn:
        builds = [b for b in ops.table_builds(conn) if b.table_name in known]
    closing = Closing()
    for built in builds:
        table = load_table(built.table_name)
        if fingerprints.of(table, built.business_date) == built.inputs:
            continue
        if closing.lost(table, built.business_date):
            log.warning("%s %s: its inputs have changed, but retention has closed it", table.name, built.business_date)
        else:
            found.setdefault(built.business_date, []).append(built.table_name)
    return list(found.items())


def restate(run_id: str) -> Published:
    """Build again exactly what ``outdated`` names, and match rows anew; return day → table → rows.

    Raises:
        KeptBackError: after all of them were tried, naming those kept back.
    """
    days = outdated()
    if days:
        resolve(_latest_built_day() or days[-1][0])
    return _build_days([(day, [load_table(name) for name in names]) for day, names in days], run_id)


def as_known(table: str, day: date, moment: datetime, clock: Clock = "received") -> pa.Table:
    """Return a table's rows at ``day`` from the deliveries known by ``moment``, judged by today's contracts and rules.

    ``clock``: known since we received them, or since their sender published them. Nothing is written.

    Raises:
        ExpiredError: retention has deleted what the day is made from.
    """
    Closing().require_open([load_table(table)], day)
    with ops.holding():
        return run_models(LakeInputs(day), day, [table], known_at=moment, clock=clock)[table]


def _build_days(days: Iterable[tuple[date, list[TableContract]]], run_id: str) -> Published:
    kept_back: list[str] = []
    published: Published = {}
    for day, tables in days:
        with _alone(day, tables):
            build = _Build(day, run_id)
            rows = build.run(tables)
            reconcile(day, run_id)
        if rows:
            published.setdefault(str(day), {}).update(rows)
        kept_back += [f"{table} {day}: {why}" for table, why in build.kept_back.items()]
    if kept_back:
        raise KeptBackError(kept_back, published)
    return published


def _alone(day: date, tables: Sequence[TableContract]) -> AbstractContextManager[sa.Connection]:
    """Hold a day, and the tables that show one state, so that who publishes last has read last.

    Whoever holds the second asks for no other, so nobody waits for each other.
    """
    return ops.holding(f"build:{day}", *(["build:state"] if any(t.replace == "table" for t in tables) else []))


class _Build:
    """One build of some tables for one day. ``kept_back``: table → why it was not published."""

    def __init__(self, day: date, run_id: str) -> None:
        self._day, self._run_id = day, run_id
        self._built_at = datetime.now(UTC)
        self._models, self._rules = load_models(), RuleBook.load()
        self._inputs = LakeInputs(day)
        self._fingerprints = Fingerprints(self._inputs.deliveries())
        self.kept_back: dict[str, str] = {}
        self._left: set[str] = set()

    def run(self, tables: Sequence[TableContract]) -> dict[str, int]:
        """Build, check and publish the tables but those that show a later state already; return rows by table."""
        tables = self._not_past(tables)
        self._left = self._left_kept_back(tables)
        check_reads(self._models, tables)
        with metrics.timed("models", "consolidated"):
            results = run_models(self._inputs, self._day, [t.name for t in tables], self._rules, models=self._models)
        published = {}
        for table in sorted(tables, key=lambda t: len(closure(self._models, [t.name]))):
            rows, started = results[table.name], time.monotonic()
            why = self._objection(table, rows)
            if why:
                self.kept_back[table.name] = why
            else:
                published[table.name] = publish(table, rows, self._day, self._run_id, self._built_at)
                log.info("published %s for %s: %d rows", table.name, self._day, published[table.name])
            row = self._row(table, rows)
            with ops.engine().begin() as conn:
                ops.record_build(conn, row, whole_table=table.replace == "table")
            outcomes: dict[str, int] = {row.outcome: rows.num_rows}
            seconds = time.monotonic() - started
            metrics.emit("build", table.name, row.outcome, seconds, rows=outcomes, size=rows.nbytes)
        return published

    def _not_past(self, tables: Sequence[TableContract]) -> list[TableContract]:
        with ops.engine().connect() as conn:
            later = {b.table_name for b in ops.table_builds(conn) if b.business_date > self._day}
        return [t for t in tables if t.replace == "day" or t.name not in later]

    def _left_kept_back(self, tables: Sequence[TableContract]) -> set[str]:
        """Return the tables that an earlier build of the day kept back and this one leaves so."""
        with ops.engine().connect() as conn:
            of_day = [b for b in ops.table_builds(conn) if b.business_date == self._day]
        return {b.table_name for b in of_day if b.outcome == "kept_back"} - {t.name for t in tables}

    def _objection(self, table: TableContract, rows: pa.Table) -> str:
        """Check a table's rows; return why they may not be published, or nothing."""
        with metrics.timed("check", table.name):
            report = checks.check_partition(table.name, rows, self._day)
        with ops.engine().begin() as conn:
            ops.replace_checks(conn, table.name, self._day, checks.result_rows(report, self._run_id))
        if report.critical_failures:
            return "; ".join(result.message for result in report.critical_failures)
        blockers = sorted((closure(self._models, [table.name]) - {table.name}) & (self.kept_back.keys() | self._left))
        return f"rests on {', '.join(blockers)}" if blockers else ""

    def _row(self, table: TableContract, rows: pa.Table) -> ops.BuildRow:
        # Also of a build that was kept back, or it would be tried again every time, to the same end.
        return ops.BuildRow(
            table_name=table.name, business_date=self._day,
            inputs=self._fingerprints.of(table, self._day),
            outcome="kept_back" if table.name in self.kept_back else "published",
            rule_versions=self._rules.version(placeholders(self._models, table.name)),
            rows=rows.num_rows, content_hash=lake.content_hash(rows),
            built_at=self._built_at, run_id=self._run_id,
        )  # fmt: skip
