"""Table contracts: what a warehouse table holds, declared beside its SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resumption import settings
from resumption.contracts import odcs
from resumption.contracts.feed import feed_names

if TYPE_CHECKING:
    import pyarrow as pa
    from open_data_contract_standard.model import SchemaProperty

PHYSICAL_TYPES = ("text", "text[]", "boolean", "bigint", "double precision", "numeric(18,4)", "date", "timestamptz")
"""PostgreSQL types that a table may use."""

Reach = Literal["all", "until_next", "none"] | int
"""How far a delivery of business date d reaches into a table's days.

``all``: every day from d on; a number n: d to d+n; ``until_next``: until the business date of the feed's next delivery;
``none``: the SQL names the feed, but no row hangs on it.
"""

OTHER_FEEDS = "*"
"""Stands in ``reads`` for every feed not named there; for tables made of ``ops.feed_delivery``."""


@dataclass(frozen=True)
class TableColumn:
    """One column of a warehouse table; ``type`` is the PostgreSQL type, ``title`` its head for readers of Chinese."""

    name: str
    type: str
    required: bool
    description: str
    unit: str | None
    classification: str
    title: str = ""


class Retention(BaseModel):
    """How long a table's rows are kept: ``days`` from the date in the column ``counted_from``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: int = Field(ge=0)
    counted_from: str = "business_date"

    def kept_from(self, as_of: date) -> date:
        """Return the first date whose rows are still kept on ``as_of``."""
        return as_of - timedelta(days=self.days)


@dataclass(frozen=True)
class TableContract:
    """All that is declared about a warehouse table."""

    name: str
    version: str
    description: str
    limitations: str
    owner: str
    grain: tuple[str, ...]
    grain_description: str
    replace: Literal["day", "table"]
    rules: tuple[str, ...]
    reads: Mapping[str, Reach]
    columns: tuple[TableColumn, ...]
    path: Path
    title: str = ""
    retention: Retention | None = None
    """Of tables that speak of persons or homes; the others are kept."""

    @property
    def sql_path(self) -> Path:
        """The SQL model beside the contract."""
        return self.path.with_suffix(".sql")

    def arrow_schema(self) -> pa.Schema:
        """Return the Arrow schema that the table's rows are cast to before they are checked and published."""
        from resumption.contracts.lake_schema import table_schema

        return table_schema(self)


def tables_path() -> Path:
    """Return the folder of the SQL models."""
    return settings.project_root() / "include" / "sql"


def table_names() -> list[str]:
    """Return the names of all declared tables, sorted."""
    return sorted(path.stem for path in tables_path().rglob("*.yaml"))


@cache
def load_table(name: str) -> TableContract:
    """Return the contract of table ``name``.

    Raises:
        ContractError: unknown table, or a contract that is not complete.
    """
    found = list(tables_path().rglob(f"{name}.yaml"))
    if len(found) != 1:
        raise odcs.ContractError(f"table {name!r}: expected one {name}.yaml below include/sql, found {len(found)}")
    path = found[0]
    contract = odcs.read(path)
    properties = odcs.custom(contract.customProperties)
    schema = contract.schema_[0]  # type: ignore[index]
    described = contract.description
    if contract.name != name or described is None or not described.purpose:
        raise odcs.ContractError(f"{path.name}: name must equal the file's, description.purpose must say what it is")
    if properties.get("replace") not in ("day", "table"):
        raise odcs.ContractError(f"{path.name}: customProperties must set replace to day or table")
    declared = schema.properties or []
    columns = tuple(_column(p, path) for p in declared)
    keys = sorted((p for p in declared if p.primaryKey), key=lambda p: p.primaryKeyPosition or 0)
    return TableContract(
        name=name,
        version=contract.version or "",
        description=" ".join(described.purpose.split()),
        limitations=" ".join((described.limitations or "").split()),
        owner=odcs.owner(contract, path),
        grain=tuple(cast(str, p.name) for p in keys),
        grain_description=schema.dataGranularityDescription or "",
        replace=properties["replace"],
        rules=tuple(properties.get("rules") or ()),
        reads=_reads(properties.get("reads"), path),
        columns=columns,
        path=path,
        title=schema.businessName or name,
        retention=_retention(properties.get("retention"), columns, path),
    )


def _retention(declared: Any, columns: tuple[TableColumn, ...], path: Path) -> Retention | None:
    guarded = [c.name for c in columns if c.classification in ("personal", "sensitive")]
    if declared is None and guarded:
        raise odcs.ContractError(
            f"{path.name}: customProperties must set retention (days, counted_from): it holds {', '.join(guarded)}"
        )
    if declared is None:
        return None
    try:
        retention = Retention.model_validate(declared)
    except ValidationError as error:
        raise odcs.ContractError(f"{path.name}: retention: {error}") from error
    dated = sorted(c.name for c in columns if c.type == "date" and c.required)
    if retention.counted_from not in dated:
        raise odcs.ContractError(
            f"{path.name}: retention.counted_from: expected a date that may not be blank ({', '.join(dated)}), "
            f"got {retention.counted_from!r}"
        )
    return retention


def _reads(declared: Any, path: Path) -> dict[str, Reach]:
    if not isinstance(declared, dict):
        raise odcs.ContractError(
            f"{path.name}: customProperties must set reads, for each feed how far a delivery reaches: all, until_next, "
            "none or a number of days; see docs/adding-a-table.md"
        )
    unknown = sorted(set(declared) - {*feed_names(), OTHER_FEEDS})
    if unknown:
        raise odcs.ContractError(f"{path.name}: reads names {', '.join(unknown)}, for which there is no contract")
    for feed, reach in declared.items():
        days = isinstance(reach, int) and not isinstance(reach, bool) and reach >= 0
        if not days and reach not in ("all", "until_next", "none"):
            raise odcs.ContractError(
                f"{path.name}: reads of {feed}: expected all, until_next, none or a number of days, got {reach!r}"
            )
    return declared


def _column(declared: SchemaProperty, path: Path) -> TableColumn:
    if not (declared.name and declared.businessName and declared.description and declared.classification):
        raise odcs.ContractError(
            f"{path.name}: column {declared.name!r} needs name, businessName (its head for readers of Chinese), "
            "description and classification"
        )
    if declared.physicalType not in PHYSICAL_TYPES:
        raise odcs.ContractError(f"{path.name}: column {declared.name}: physicalType must be one of {PHYSICAL_TYPES}")
    return TableColumn(
        name=declared.name,
        type=declared.physicalType,
        required=bool(declared.required or declared.primaryKey),
        description=declared.description,
        unit=odcs.custom(declared.customProperties).get("unit"),
        classification=declared.classification,
        title=declared.businessName,
    )
