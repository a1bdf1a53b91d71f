"""Contracts made by hand, so that these tests do not move with the project's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from resumption.contracts import TableColumn, TableContract


def column(name: str, kind: str, required: bool = False, unit: str | None = None) -> TableColumn:
    return TableColumn(name, kind, required, f"What {name} means.", unit, "internal")


def contract(name: str, replace: Any = "day", extra: tuple[TableColumn, ...] = ()) -> TableContract:
    columns = (
        column("uscc", "text", required=True),
        column("business_date", "date", required=True),
        column("staff_total", "bigint"),
        column("staff_rate", "double precision", unit="fraction"),
        column("energy_kwh", "numeric(18,4)", unit="kWh"),
        column("official", "boolean"),
        column("order", "text"),  # a reserved word: identifiers are quoted
        column("conflict_codes", "text[]"),
        column("seen_at", "timestamptz"),
        *extra,
        column("rule_version", "text"),
        column("run_id", "text"),
        column("built_at", "timestamptz"),
    )
    return TableContract(
        name=name,
        version="1.0.0",
        description="One row a firm and day.",
        limitations="",
        owner="economy-bureau-data",
        grain=("uscc", "business_date") if replace == "day" else ("uscc",),
        grain_description="firm and day",
        replace=replace,
        rules=(),
        reads={},
        columns=columns,
        path=Path(f"{name}.yaml"),
    )
