"""Evaluate models for a business date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from resumption.contracts import load_feed, load_table, table_names
from resumption.models.inputs import Clock, Delivery, Inputs, effective, until
from resumption.models.loader import Model, ModelError, load_models
from resumption.models.order import closure, order, previous_day_models
from resumption.models.reference import read_reference
from resumption.models.render import bind
from resumption.models.rules import RuleBook

if TYPE_CHECKING:
    import pyarrow as pa

    from resumption.contracts import TableContract
    from resumption.models.engines.duckdb import DuckDBEngine

ADDED_BY_PUBLISHER = ("run_id", "built_at")
"""Contract columns that say how a row was made, not what it says."""


@dataclass(frozen=True)
class _Job:
    """What stays the same over the days that one call evaluates."""

    inputs: Inputs
    models: Mapping[str, Model]
    rules: RuleBook
    deliveries: list[Delivery]
    memory_limit: str
    threads: int | None


def run_models(
    inputs: Inputs,
    day: date,
    targets: Sequence[str] | None = None,
    rules: RuleBook | None = None,
    *,
    known_at: datetime | None = None,
    clock: Clock = "received",
    models: Mapping[str, Model] | None = None,
    memory_limit: str = "3GB",
    threads: int | None = None,
) -> dict[str, pa.Table]:
    """Return the rows of ``targets`` (default: every table with a contract) at business date ``day``.

    A target with a contract comes with the contract's columns and types, but for ``run_id`` and ``built_at``, in the
    order of its grain; another model as its SQL makes it, in the order of all its columns. The answer depends on the
    deliveries alone: not on their order of arrival, and not on the days built before. With ``known_at`` only what
    had been received by then counts, or, by ``clock``, what its sender had published by then.

    Raises:
        ModelError: an unknown model or relation, a circle, or columns that are not the contract's.
        RuleError: a placeholder that no rule file sets, or a parameter that no model takes.
    """
    models = load_models() if models is None else models
    rules = RuleBook.load() if rules is None else rules
    rules.check_used(models)
    names = list(table_names() if targets is None else targets)
    job = _Job(inputs, models, rules, effective(inputs.deliveries(), known_at, clock), memory_limit, threads)
    return _evaluate(job, day, names)


def _evaluate(job: _Job, day: date, targets: Sequence[str]) -> dict[str, pa.Table]:
    from resumption.models.engines.duckdb import DuckDBEngine

    names = order(job.models, targets)
    values = {**job.rules.values(day), "business_date": day}
    # Evaluated before this day's own database opens, so that only one of the two holds memory.
    before = previous_day_models(job.models, names)
    yesterday = _evaluate(job, day - timedelta(days=1), before) if before else {}
    with DuckDBEngine(job.memory_limit, job.threads) as engine:
        _add_inputs(engine, job, day, names)
        for name, table in yesterday.items():
            engine.add_table("previous_day", name, table)
        for name in names:
            engine.materialise(name, bind(job.models[name], values))
        return {name: _result(engine, job, name) for name in targets}


def _add_inputs(engine: DuckDBEngine, job: _Job, day: date, names: Sequence[str]) -> None:
    """Give the engine the feeds, deliveries and reference data that the models ``names`` read."""
    for feed in _read_in(job, names, "feed"):
        contract = load_feed(feed)
        own = [d for d in job.deliveries if d.feed == feed]
        counted = until(own, day, first_snapshot_before=contract.delivery.first_snapshot_before)
        engine.add_feed(feed, job.inputs.files(feed), contract.lake_schema(), counted)
    for relation in _read_in(job, names, "ops"):
        if relation != "feed_delivery":
            raise ModelError(f"ops.{relation}: of ops a model may read only feed_delivery")
        engine.add_table("ops", relation, _delivery_table(until(job.deliveries, day)))
    for table in _read_in(job, names, "built"):
        engine.add_table("built", table, job.inputs.built(table, day))
    for reference in _read_in(job, names, "reference"):
        engine.add_table("reference", reference, read_reference(reference, day))


def _read_in(job: _Job, names: Sequence[str], schema: str) -> list[str]:
    return sorted({relation for name in names for relation in job.models[name].reads(schema)})


def _delivery_table(deliveries: Sequence[Delivery]) -> pa.Table:
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    types = {"business_date": pa.date32(), "published_at": instant, "received_at": instant}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in Delivery.__dataclass_fields__])
    return pa.Table.from_pylist([vars(d) for d in deliveries], schema=schema)


def _result(engine: DuckDBEngine, job: _Job, name: str) -> pa.Table:
    if name not in table_names():
        return engine.fetch(name, ())
    contract = load_table(name)
    rows = engine.fetch(name, contract.grain)
    return _conform(rows, contract, job.rules.version(placeholders(job.models, name)))


def placeholders(models: Mapping[str, Model], name: str) -> set[str]:
    """Return the placeholders that shape model ``name``: its own and those of every model below it."""
    return {p for below in closure(models, [name], days=True) for p in models[below].placeholders}


def _conform(rows: pa.Table, contract: TableContract, rule_version: str) -> pa.Table:
    """Return ``rows`` with ``rule_version``, in the contract's columns and types."""
    import pyarrow as pa

    rows = rows.append_column("rule_version", pa.array([rule_version] * rows.num_rows, pa.string()))
    schema = pa.schema([f for f in contract.arrow_schema() if f.name not in ADDED_BY_PUBLISHER])
    missing, extra = set(schema.names) - set(rows.column_names), set(rows.column_names) - set(schema.names)
    if missing or extra:
        raise ModelError(
            f"model {contract.name}: its columns are not its contract's: missing {sorted(missing)},"
            f" extra {sorted(extra)}"
        )
    return rows.select(schema.names).cast(schema)
