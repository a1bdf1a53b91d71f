"""Arrow schemas derived from contracts; apart, so that a DAG file can read a contract without importing pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedColumn, FeedContract
    from resumption.contracts.table import TableContract

INSTANT = pa.timestamp("us", tz="UTC")
QUANTITY = pa.decimal128(18, 4)
MARKS = pa.list_(pa.string())

IDENTITIES = pa.schema([("kind", pa.string()), ("token", pa.string()), ("value", pa.string())])
"""Identities, from conform to the vault: kind (phone, id, account), token in 64 hex digits, normalised value."""

SYSTEM_FIELDS = (
    pa.field("business_date", pa.date32(), nullable=False),
    pa.field("delivered_for", pa.date32(), nullable=False),
    pa.field("delivery_id", pa.string(), nullable=False),
    pa.field("delivery_name", pa.string(), nullable=False),
    pa.field("published_at", INSTANT, nullable=False),
    pa.field("received_at", INSTANT, nullable=False),
    pa.field("row_number", pa.int32(), nullable=False),
    pa.field("repaired", MARKS, nullable=False),
)
"""What every lake row says of its origin."""

EXTRA_FIELD = pa.field("extra", pa.string())
"""Values of columns that the contract does not name yet, a JSON object by header cell, where it lets them evolve."""

RULE_TYPES: dict[str, pa.DataType | None] = {
    "text": pa.string(),
    "date": pa.date32(),
    "month": pa.date32(),
    "timestamp": INSTANT,
    "integer": pa.int64(),
    "quantity": QUANTITY,
    "number": pa.float64(),
    "temperature": pa.float64(),
    "boolean": pa.bool_(),
    "choice": pa.string(),
    "symptoms": pa.bool_(),
    "uscc": pa.string(),
    "phone": pa.string(),
    "id_number": pa.string(),
    "account": pa.string(),
    "place": pa.string(),
    "region_number": pa.string(),
    "city_code": pa.string(),
    "route": pa.list_(pa.string()),
    "drop": None,
}
"""Arrow type that each single-column conform rule yields; ``drop`` yields no column."""


def column_fields(column: FeedColumn) -> list[pa.Field]:
    """Return the lake fields that one contract column becomes (none, one or two)."""
    rule, name = column.conform.rule, column.name
    if rule == "name":
        return [pa.field(name, pa.string()), pa.field(f"{name}_normalised", pa.string())]
    if rule == "uscc_or_name":
        return [pa.field(name, pa.string()), pa.field(f"{name}_candidate", pa.string())]
    if rule == "address":
        return [pa.field(f"{name}_subdistrict", pa.string()), pa.field(f"{name}_community", pa.string())]
    kind = RULE_TYPES[rule]
    return [] if kind is None else [pa.field(name, kind)]


def lake_schema(contract: FeedContract) -> pa.Schema:
    """Return the schema of the feed's lake partitions."""
    fields = [field for column in contract.columns for field in column_fields(column)]
    extra = [EXTRA_FIELD] if contract.drift.columns == "evolve" else []
    return pa.schema([*fields, *extra, *SYSTEM_FIELDS])


_TABLE_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "numeric(18,4)": QUANTITY,
    "date": pa.date32(),
    "timestamptz": INSTANT,
}


def table_schema(contract: TableContract) -> pa.Schema:
    """Return the schema of a warehouse table's rows."""
    return pa.schema([pa.field(c.name, _TABLE_TYPES[c.type], nullable=not c.required) for c in contract.columns])
