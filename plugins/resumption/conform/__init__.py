"""Strings from a delivery → typed, repaired, tokenised lake rows, or quarantine with reasons. Nothing is lost.

Every row is accepted or quarantined; a value is repaired only where the repair is certain, and the row says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from resumption.conform.columns import ColumnResult, conform_column, gather, masked
from resumption.conform.rules import RuleContext
from resumption.contracts.lake_schema import MARKS

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract


@dataclass(frozen=True)
class Origin:
    """Which delivery the rows come from."""

    delivery_id: str
    business_date: date
    name: str
    published_at: datetime
    received_at: datetime

    @property
    def is_history(self) -> bool:
        """Whether the delivery holds the rows of many days (``{feed}_history_YYYYMM``)."""
        return "_history_" in self.name


QUARANTINE_SCHEMA = pa.schema([("row_number", pa.int32()), ("reasons", MARKS), ("payload", pa.string())])
"""Quarantined rows: their number, reason codes and masked payload (a JSON object by the sender's column names)."""


@dataclass(frozen=True)
class Conformation:
    """The verdict on a delivery's rows: ``accepted`` in the lake's schema, ``quarantined`` in QUARANTINE_SCHEMA."""

    accepted: pa.Table
    quarantined: pa.Table


def conform(contract: FeedContract, rows: pa.Table, origin: Origin, token_key: bytes) -> Conformation:
    """Conform the rows of one delivery.

    Args:
        contract: the feed's contract.
        rows: strings, one column per contract column by its lake-side ``name``, plus ``row_number``.
        origin: the delivery; its business date settles missing years and the window of plausible dates.
        token_key: key of the identity tokens.
    """
    context = RuleContext(origin.business_date, token_key)
    present = set(rows.column_names)
    results = {
        column.name: conform_column(
            column, rows[column.name] if column.name in present else None, rows.num_rows, context
        )
        for column in contract.columns
        if column.conform.rule != "drop"
    }
    reasons = gather([r.reasons for r in results.values() if r.reasons.null_count < rows.num_rows], rows.num_rows)
    accepted = pc.equal(pc.list_value_length(reasons), 0)
    lake = _lake_table(contract, results, rows, origin)
    if pc.all(accepted).as_py() or not rows.num_rows:
        return Conformation(lake, QUARANTINE_SCHEMA.empty_table())
    refused = pc.invert(accepted)
    quarantined = _quarantined(contract, rows.filter(refused), reasons.filter(refused))
    return Conformation(lake.filter(accepted), quarantined)


def _lake_table(contract: FeedContract, results: dict[str, ColumnResult], rows: pa.Table, origin: Origin) -> pa.Table:
    """Put the conformed arrays and the system columns together in the lake's order."""
    count = rows.num_rows
    arrays = [array for result in results.values() for array in result.arrays]
    marks = gather([r.marks for r in results.values() if r.marks.null_count < count], count)
    delivered_for = _constant(origin.business_date, pa.date32(), count)
    history = contract.delivery.history_date
    own_date = results[history].arrays[0] if history and origin.is_history else delivered_for
    schema = contract.lake_schema()
    system = {
        "business_date": pc.fill_null(own_date, origin.business_date),
        "delivered_for": delivered_for,
        "delivery_id": _constant(origin.delivery_id, pa.string(), count),
        "delivery_name": _constant(origin.name, pa.string(), count),
        "published_at": _constant(origin.published_at, schema.field("published_at").type, count),
        "received_at": _constant(origin.received_at, schema.field("received_at").type, count),
        "row_number": rows["row_number"].combine_chunks().cast(pa.int32()),
        "repaired": marks,
    }
    return pa.Table.from_arrays([*arrays, *system.values()], schema=schema)


def _constant(value: object, kind: pa.DataType, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _quarantined(contract: FeedContract, rows: pa.Table, reasons: pa.ListArray) -> pa.Table:
    """Return refused rows with their payload masked."""
    columns = [c for c in contract.columns if c.name in rows.column_names]
    hidden = {c.source_name: masked(c, rows[c.name]).to_pylist() for c in columns}
    payload = [
        json.dumps(dict(zip(hidden, row, strict=True)), ensure_ascii=False)
        for row in zip(*hidden.values(), strict=True)
    ]
    numbers = rows["row_number"].combine_chunks().cast(pa.int32())
    return pa.Table.from_arrays(
        [numbers, reasons.cast(MARKS), pa.array(payload, pa.string())], schema=QUARANTINE_SCHEMA
    )


__all__ = ["QUARANTINE_SCHEMA", "Conformation", "Origin", "conform"]
