"""Feed contracts: how a feed arrives, what its columns mean and what becomes of each value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resumption import settings
from resumption.contracts import odcs

if TYPE_CHECKING:
    import pyarrow as pa
    from open_data_contract_standard.model import OpenDataContractStandard, SchemaProperty


TOKEN_RULES = ("phone", "id_number", "account")
"""Conform rules that turn an identity into a token of ours; a pseudonym that a sender made is not among them."""

SHANGHAI = timezone(timedelta(hours=8))
"""Zone of business dates and deadlines. China has kept UTC+8 without summer time since 1991."""

GRACE = timedelta(hours=4)
"""How long a feed that is overdue is late; then the day goes on without it, and it is stale."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSpec(_Strict):
    """Where deliveries come from: an Airflow connection and one of the three transports of the senders."""

    kind: Literal["api", "export", "sftp"]
    connection: str


class ReaderSpec(_Strict):
    """How the bytes of a delivery are laid out."""

    format: Literal["csv", "jsonl", "xlsx", "xls", "parquet", "api"]
    encoding: str = "utf-8"
    delimiter: str = ","
    subtotals: tuple[str, ...] = ()
    """Words that mark a subtotal row (in any cell): such rows are counted as ignored."""


class DeliverySpec(_Strict):
    """When deliveries are due (Asia/Shanghai) and how often."""

    cadence: Literal["daily", "weekly", "monthly"] = "daily"
    expected_by: time
    days_after: int = 0
    first_snapshot_before: bool = False
    """Days before the feed's first delivery are judged against that first delivery."""
    history_date: str | None = None
    """Column that gives a row's own date in a ``_history_`` file, which holds many days."""


class ExceptedSpec(_Strict):
    """Deliveries whose rows are kept until the purpose ends, and why the purpose cannot do without them."""

    first: date
    last: date
    why: str


class PurposeSpec(_Strict):
    """The purpose register: a feed without it is not taken in."""

    legal_basis: str
    purpose_end: date | Literal["open"]
    """Last business date that may be taken in."""
    retention_days: int = Field(ge=0)
    """How long a row is kept in the lake, days from the date that ``retained_from`` names."""
    retained_from: str = "business_date"
    """``business_date``, a date or moment of the row (a lake column that is never blank), or ``purpose_end``."""
    looked_back_days: int = Field(ge=0, default=14)
    """How far back from a business date the tables look at single rows: the day can be built while these are kept."""
    excepted: ExceptedSpec | None = None
    """Business dates of deliveries that retention spares until the purpose ends."""

    def kept_from(self, as_of: date) -> date | None:
        """Return the first date whose rows are still kept on ``as_of``; None: all are."""
        if self.retained_from != "purpose_end":
            return as_of - timedelta(days=self.retention_days)
        ended = self.purpose_end != "open" and as_of > self.purpose_end + timedelta(days=self.retention_days)
        return as_of + timedelta(days=1) if ended else None


class DriftSpec(_Strict):
    """What becomes of a column that the contract does not name, in the usual words."""

    columns: Literal["evolve", "freeze", "discard_row", "discard_value"] = "discard_value"
    """Keep its values in ``extra``, reject the delivery, quarantine the rows that bear a value, or drop the values."""


class ConformSpec(_Strict):
    """What becomes of a column's values on the way into the lake. ``as`` names a rule of ``resumption.conform``."""

    rule: str = Field(alias="as", default="text")
    aliases: tuple[str, ...] = ()
    on_invalid: Literal["quarantine", "null"] = "null"
    on_blank: Literal["quarantine", "null"] = "null"
    values: dict[str, Any] | None = None
    """Allowed values as sent → value in the lake."""
    window_days: int | None = None
    """A date further than this from the business date is out of range."""
    written: Literal["iso", "compact", "date"] = "iso"
    """How the sender writes moments when nothing is wrong (compact: yyyymmddHHMMSS); any other way is a repair."""
    minimum: float | None = None
    """A number below this is invalid."""
    companion: str | None = None
    """Another column of the row that the rule must see: the kind of a document beside its number."""
    allow_masked: bool = False
    """A phone whose digits were masked is null and marked instead of invalid."""
    optional: bool = False
    """The column may be absent from a delivery."""


@dataclass(frozen=True)
class FeedColumn:
    """One column as the sender names it and as the lake keeps it."""

    name: str
    source_name: str
    description: str
    classification: str
    unit: str | None
    conform: ConformSpec

    @property
    def keyed(self) -> bool:
        """Whether a blank quarantines the row."""
        return self.conform.on_blank == "quarantine"


@dataclass(frozen=True)
class FeedContract:
    """All that is declared about a feed."""

    name: str
    title: str
    version: str
    description: str
    usage: str
    owner: str
    tags: tuple[str, ...]
    source: SourceSpec
    reader: ReaderSpec
    delivery: DeliverySpec
    purpose: PurposeSpec
    drift: DriftSpec
    grain: tuple[str, ...]
    grain_description: str
    columns: tuple[FeedColumn, ...]

    def required_columns(self) -> tuple[FeedColumn, ...]:
        """Return the columns without which a delivery is rejected.

        JSON senders leave a null field out, so there only the columns that may not be blank count.
        """
        json = self.reader.format in ("jsonl", "api")
        return tuple(c for c in self.columns if not c.conform.optional and (c.keyed or not json))

    def token_columns(self) -> tuple[str, ...]:
        """Return the lake columns that hold tokens made here."""
        return tuple(c.name for c in self.columns if c.conform.rule in TOKEN_RULES)

    def lake_schema(self) -> pa.Schema:
        """Return the Arrow schema of the feed's lake partitions: conformed columns, then the system columns."""
        from resumption.contracts.lake_schema import lake_schema

        return lake_schema(self)


def contracts_path() -> Path:
    """Return the folder of the feed contracts."""
    return settings.project_root() / "include" / "contracts"


def feed_names() -> list[str]:
    """Return the names of all declared feeds, sorted."""
    return sorted(path.name.removesuffix(".odcs.yaml") for path in contracts_path().glob("*.odcs.yaml"))


@cache
def load_feed(name: str) -> FeedContract:
    """Return the contract of feed ``name``.

    Raises:
        ContractError: unknown feed, or a contract that is not complete; the message names file, place and mend.
    """
    path = contracts_path() / f"{name}.odcs.yaml"
    if not path.is_file():
        raise odcs.ContractError(f"no contract for feed {name!r}: expected {path.name} in include/contracts")
    contract = odcs.read(path)
    try:
        return _feed(contract, path)
    except (ValidationError, KeyError) as error:
        raise odcs.ContractError(f"{path.name}: {error}") from error


def _feed(contract: OpenDataContractStandard, path: Path) -> FeedContract:
    properties = odcs.custom(contract.customProperties)
    schema = contract.schema_[0]  # type: ignore[index]
    described = contract.description
    if contract.name != path.name.removesuffix(".odcs.yaml") or described is None or not described.purpose:
        raise odcs.ContractError(f"{path.name}: name must equal the file's, description.purpose must say what for")
    columns = tuple(_column(p, path) for p in schema.properties or [])
    purpose = _purpose(properties, columns, path)
    return FeedContract(
        name=contract.name,
        title=schema.businessName or contract.name,
        version=contract.version or "",
        description=" ".join(described.purpose.split()),
        usage=" ".join((described.usage or "").split()),
        owner=odcs.owner(contract, path),
        tags=tuple(contract.tags or ()),
        source=SourceSpec.model_validate(properties["source"]),
        reader=ReaderSpec.model_validate(properties["reader"]),
        delivery=DeliverySpec.model_validate(properties["delivery"]),
        purpose=purpose,
        drift=_drift(properties, columns, path),
        grain=tuple(properties["grain"]),
        grain_description=schema.dataGranularityDescription or "",
        columns=columns,
    )


def _purpose(properties: dict[str, Any], columns: tuple[FeedColumn, ...], path: Path) -> PurposeSpec:
    """Return the purpose; what retention is counted from must stand in every row."""
    purpose = PurposeSpec.model_validate(properties["purpose"])
    dated = {c.name for c in columns if c.keyed and c.conform.rule in ("date", "timestamp")}
    if purpose.retained_from not in {"business_date", "purpose_end", *dated}:
        raise odcs.ContractError(
            f"{path.name}: purpose.retained_from: expected business_date, purpose_end or a date that may not be blank "
            f"({', '.join(sorted(dated)) or 'the feed has none'}), got {purpose.retained_from!r}"
        )
    return purpose


def _drift(properties: dict[str, Any], columns: tuple[FeedColumn, ...], path: Path) -> DriftSpec:
    """Return the drift policy; values nobody has classified may only be kept where nothing else is about persons."""
    drift = DriftSpec.model_validate(properties.get("drift") or {})
    guarded = [column.name for column in columns if column.classification in ("personal", "sensitive")]
    if drift.columns == "evolve" and guarded:
        raise odcs.ContractError(
            f"{path.name}: drift may not be evolve beside personal or sensitive columns ({', '.join(guarded)}): an "
            "unknown column could be one too; choose freeze, discard_row or discard_value"
        )
    return drift


def _column(declared: SchemaProperty, path: Path) -> FeedColumn:
    properties = odcs.custom(declared.customProperties)
    if not declared.name or not declared.description or not declared.classification:
        raise odcs.ContractError(f"{path.name}: column {declared.name!r} needs name, description and classification")
    return FeedColumn(
        name=declared.name,
        source_name=declared.physicalName or declared.name,
        description=declared.description,
        classification=declared.classification,
        unit=properties.get("unit"),
        conform=ConformSpec.model_validate(properties.get("conform") or {}),
    )
