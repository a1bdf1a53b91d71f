"""The verdict on one landed delivery: read, corrected where an operator decided so, and conformed."""

from __future__ import annotations

import json
import logging
import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from resumption import landing, ops, readers, settings
from resumption.conform import QUARANTINE_SCHEMA, Conformation, Origin, conform
from resumption.contracts.lake_schema import IDENTITIES
from resumption.contracts.reasons import RowReason
from resumption.progress import Progress

if TYPE_CHECKING:
    from resumption.contracts import FeedContract
    from resumption.ops import DeliveryRow, Standing

log = logging.getLogger(__name__)

SLICE_ROWS = 500_000
"""Rows conformed at once: a month of household readings has millions, which typed take gigabytes."""


@dataclass(frozen=True)
class Judged:
    """What reading and conforming one delivery gave; ``reason`` is set where the whole delivery is out.

    Attributes:
        identities: what stands behind the tokens of the accepted rows, for the vault.
        discarded: rows that operators' decisions keep out; they are in quarantine and in neither table.
    """

    delivery: DeliveryRow
    accepted: pa.Table
    quarantined: pa.Table
    identities: pa.Table
    received: int = 0
    ignored: int = 0
    discarded: frozenset[int] = frozenset()
    fingerprint: str = ""
    unknown_columns: tuple[str, ...] = ()
    outcome: ops.DeliveryOutcome = "accepted"
    reason: str | None = None

    @classmethod
    def nothing(cls, contract: FeedContract, delivery: DeliveryRow, **verdict: Any) -> Judged:
        """Return a verdict without any rows."""
        schemas = contract.lake_schema(), QUARANTINE_SCHEMA, IDENTITIES
        return cls(delivery, *(schema.empty_table() for schema in schemas), **verdict)

    @property
    def refused(self) -> int:
        """Number of rows that stay out."""
        return int(self.quarantined.num_rows) + len(self.discarded)


def judge_delivery(
    contract: FeedContract, delivery: DeliveryRow, standing: Standing | None = None, only: Sequence[int] | None = None
) -> Judged:
    """Read and conform one landed delivery: accepted with its rows, or rejected with the reason.

    Args:
        contract: the feed's contract as it is now.
        delivery: a recorded delivery whose bytes are still in the landing zone.
        standing: operators' decisions on its rows: corrections lie over what was received, discarded rows stay out.
        only: judge these rows alone.

    Raises:
        FileNotFoundError: its bytes are not in the landing zone any more.
    """
    standing = standing or ops.Standing()
    try:
        read = readers.read(landing.read(delivery), contract, delivery.rows_declared)
    except readers.FileRejected as verdict:
        reason = f"{verdict.reason}: {verdict.detail}"
        log.warning("%s %s %s rejected: %s", contract.name, delivery.business_date, delivery.name, reason)
        return Judged.nothing(contract, delivery, outcome="rejected", reason=reason)
    malformed = _malformed(read.malformed)
    restricted = _Restriction(standing, only)
    rows = _corrected(restricted(read.table), standing)
    unknown = None if read.unknown is None else restricted(read.unknown, beside=read.table)
    conformed = _conformed(contract, rows, _origin(contract, delivery), read.headers, unknown)
    refused = pa.concat_tables([conformed.quarantined, restricted(malformed)])
    drifted = None
    if read.unknown_columns:
        drifted = f"unknown columns ({contract.drift.columns}): {', '.join(read.unknown_columns)}"
        log.warning("%s %s: %s", contract.name, delivery.name, drifted)
    return Judged(
        delivery, conformed.accepted, refused, conformed.identities,
        received=read.rows_received, ignored=read.rows_ignored,
        discarded=_numbers(read.table, malformed) & standing.discarded if standing.discarded else frozenset(),
        fingerprint=read.schema_fingerprint, unknown_columns=read.unknown_columns,
        reason=drifted,
    )  # fmt: skip


def _origin(contract: FeedContract, delivery: DeliveryRow) -> Origin:
    if not delivery.published_at or not delivery.received_at:
        raise ValueError(f"{contract.name}: delivery {delivery.delivery_id} was recorded without its times")
    return Origin(
        delivery.delivery_id, delivery.business_date, delivery.name, delivery.published_at, delivery.received_at
    )


def _malformed(rows: Sequence[readers.SkippedRow]) -> pa.Table:
    """Return rows that could not be taken apart as quarantined rows."""
    columns = {
        "row_number": [row.row_number for row in rows],
        "reasons": [[RowReason.ROW_MALFORMED.value] for _ in rows],
        "payload": [json.dumps({"row": row.detail}, ensure_ascii=False) for row in rows],
    }
    return pa.table(columns, schema=QUARANTINE_SCHEMA)


def among(rows: pa.Table, numbers: Iterable[int]) -> pa.ChunkedArray:
    """Return for each row whether its number is one of ``numbers``."""
    return pc.is_in(rows["row_number"], pa.array(list(numbers), rows["row_number"].type))


def _numbers(*tables: pa.Table) -> frozenset[int]:
    return frozenset(number for table in tables for number in table["row_number"].to_pylist())


@dataclass(frozen=True)
class _Restriction:
    """Which rows are to be judged: those asked for, without the discarded ones."""

    standing: Standing
    only: Sequence[int] | None

    def __call__(self, rows: pa.Table, beside: pa.Table | None = None) -> pa.Table:
        """Return those of ``rows``, whose numbers stand in ``beside`` where it is given."""
        numbered = rows if beside is None else beside
        if self.standing.discarded:
            out = among(numbered, self.standing.discarded)
            rows, numbered = rows.filter(pc.invert(out)), numbered.filter(pc.invert(out))
        return rows if self.only is None else rows.filter(among(numbered, self.only))


def _corrected(rows: pa.Table, standing: Standing) -> pa.Table:
    """Lay the corrected cells over what was received."""
    for numbers, cells in standing.corrections:
        hit = among(rows, numbers)
        for name, cell in cells.items():
            position = rows.schema.get_field_index(name)
            if position < 0:
                rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
                position = rows.num_columns - 1
            column = rows.column(position).cast(pa.string())
            rows = rows.set_column(position, name, pc.if_else(hit, pa.scalar(cell, pa.string()), column))
    return rows


def _conformed(
    contract: FeedContract, rows: pa.Table, origin: Origin, headers: dict[str, str], unknown: pa.Table | None
) -> Conformation:
    """Conform the rows slice by slice."""
    key = settings.token_key()
    if rows.num_rows <= SLICE_ROWS:
        return conform(contract, rows, origin, key, headers, unknown)
    quarantined, identities, progress = [], [], Progress(log)

    def accepted() -> Iterator[pa.Table]:
        for offset in range(0, rows.num_rows, SLICE_ROWS):
            progress.tell("%s %s: %d of %d rows conformed", contract.name, origin.business_date, offset, rows.num_rows)
            beside = None if unknown is None else unknown.slice(offset, SLICE_ROWS)
            conformed = conform(contract, rows.slice(offset, SLICE_ROWS), origin, key, headers, beside)
            quarantined.append(conformed.quarantined)
            identities.append(conformed.identities)
            yield conformed.accepted

    together = _paged_out(contract.lake_schema(), accepted())
    known = pa.concat_tables(identities).group_by(IDENTITIES.names).aggregate([])
    return Conformation(together, pa.concat_tables(quarantined), known)


def _paged_out(schema: pa.Schema, tables: Iterable[pa.Table]) -> pa.Table:
    """Return all rows as one table that lies in a nameless file: the system pages it in where it is read.

    The file is gone with the table, or with the process, however that ends.
    """
    with tempfile.TemporaryFile(dir=settings.home()) as file:
        with pa.ipc.new_file(file, schema) as writer:
            for table in tables:
                writer.write_table(table)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
