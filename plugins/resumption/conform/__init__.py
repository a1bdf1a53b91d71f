"""Strings from a delivery → typed, repaired, tokenised lake rows, or quarantine with reasons. Nothing is lost.

Every row is accepted or quarantined; a value is repaired only where the repair is certain, and the row says so.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resumption.conform import drift
from resumption.conform.columns import ColumnResult, Encoded, Positions, conform_column, gather, masked
from resumption.conform.rules import RuleContext
from resumption.conform.tokens import KINDS
from resumption.contracts.lake_schema import IDENTITIES, MARKS

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
    """The verdict on a delivery's rows.

    Attributes:
        accepted: rows in the lake's schema.
        quarantined: refused rows in QUARANTINE_SCHEMA.
        identities: the distinct identities that became tokens in ``accepted``, in IDENTITIES; for the vault.
    """

    accepted: pa.Table
    quarantined: pa.Table
    identities: pa.Table


def conform(
    contract: FeedContract,
    rows: pa.Table,
    origin: Origin,
    token_key: bytes,
    headers: dict[str, str] | None = None,
    unknown: pa.Table | None = None,
) -> Conformation:
    """Conform the rows of one delivery.

    Args:
        contract: the feed's contract.
        rows: strings, plain or dictionary-encoded, one column per contract column by its lake-side ``name``, plus
            ``row_number``.
        origin: the delivery; its business date settles missing years and the window of plausible dates.
        token_key: key of the identity tokens.
        headers: contract column → header cell as the sender wrote it.
        unknown: strings of the columns that the contract does not name, for the same rows; needed where the contract
            discards such rows or lets them evolve.
    """
    context = RuleContext(origin.business_date, token_key, headers or {})
    results = _conform_columns(contract, rows, context)
    notes = [result.reasons for result in results.values()] + [drift.discarded(contract, unknown)]
    reasons = gather(notes, rows.num_rows)
    refused = pc.greater(pc.list_value_length(reasons), 0)
    kept = np.flatnonzero(pc.invert(refused)) if pc.any(refused).as_py() else None
    return Conformation(
        _lake_table(contract, results, rows, origin, unknown, kept),
        QUARANTINE_SCHEMA.empty_table()
        if kept is None
        else _quarantined(contract, rows.filter(refused), reasons.filter(refused)),
        _identities(contract, results, kept),
    )


def _conform_columns(contract: FeedContract, rows: pa.Table, context: RuleContext) -> dict[str, ColumnResult]:
    """Conform each column; columns that another one's rule must see are encoded once."""
    columns = {column.name: column for column in contract.columns if column.conform.rule != "drop"}
    present = set(rows.column_names)
    delivered = [rows[name] if name in present else None for name in columns]
    with ThreadPoolExecutor() as threads:
        encoded = dict(zip(columns, threads.map(Encoded.of, delivered, repeat(rows.num_rows)), strict=True))
    return {
        name: conform_column(column, encoded[name], encoded.get(column.conform.companion or ""), context)
        for name, column in columns.items()
    }


def _identities(contract: FeedContract, results: dict[str, ColumnResult], kept: Positions | None) -> pa.Table:
    """Return the identities of the kept rows; where two columns hold one kind, each identity once."""
    rules = {column.name: column.conform.rule for column in contract.columns}
    known = [r.known(KINDS[rules[name]], kept) for name, r in results.items() if r.identities is not None]
    table = pa.concat_tables([IDENTITIES.empty_table(), *known])
    return table if len(known) < 2 else table.group_by(IDENTITIES.names, use_threads=False).aggregate([])


def _lake_table(
    contract: FeedContract,
    results: dict[str, ColumnResult],
    rows: pa.Table,
    origin: Origin,
    unknown: pa.Table | None,
    kept: Positions | None,
) -> pa.Table:
    """Put conformed arrays and system columns of the kept rows (all where None) together in the lake's order."""
    where = None if kept is None else pa.array(kept)
    arrays = {name: result.arrays(kept) for name, result in results.items()}
    marks = gather([result.marks for result in results.values()], rows.num_rows)
    numbers = rows["row_number"].combine_chunks().cast(pa.int32())
    count = rows.num_rows if kept is None else len(kept)
    extra = drift.extra(contract, unknown, rows.num_rows)
    delivered_for = _constant(origin.business_date, pa.date32(), count)
    history = contract.delivery.history_date
    own_date = arrays[history][0] if history and origin.is_history else delivered_for
    schema = contract.lake_schema()
    system = {
        "business_date": pc.fill_null(own_date, origin.business_date),
        "delivered_for": delivered_for,
        "delivery_id": _constant(origin.delivery_id, pa.string(), count),
        "delivery_name": _constant(origin.name, pa.string(), count),
        "published_at": _constant(origin.published_at, schema.field("published_at").type, count),
        "received_at": _constant(origin.received_at, schema.field("received_at").type, count),
        "row_number": numbers if where is None else numbers.take(where),
        "repaired": marks if where is None else marks.take(where),
    }
    known = [array for of_column in arrays.values() for array in of_column]
    more = [array if where is None else array.take(where) for array in extra]
    return pa.Table.from_arrays([*known, *more, *system.values()], schema=schema)


def _constant(value: object, kind: pa.DataType, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _quarantined(contract: FeedContract, rows: pa.Table, reasons: pa.ListArray) -> pa.Table:
    """Return refused rows with their payload masked."""
    columns = [c for c in contract.columns if c.name in rows.column_names]
    hidden = {c.source_name: masked(c, rows[c.name]).to_pylist() for c in columns}
    encode = json.JSONEncoder(ensure_ascii=False).encode
    payload = [encode(dict(zip(hidden, row, strict=True))) for row in zip(*hidden.values(), strict=True)]
    numbers = rows["row_number"].combine_chunks().cast(pa.int32())
    return pa.Table.from_arrays(
        [numbers, reasons.cast(MARKS), pa.array(payload, pa.string())], schema=QUARANTINE_SCHEMA
    )


__all__ = ["QUARANTINE_SCHEMA", "Conformation", "Origin", "conform"]
