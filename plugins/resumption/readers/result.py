"""What reading a delivery yields: rows of strings, or a verdict on the whole file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from resumption.contracts.reasons import FileReason


class FileRejected(ValueError):  # noqa: N818 - it is a verdict
    """The delivery is refused as a whole; the previous good data stays.

    Attributes:
        reason: the code that goes to ``ops.feed_delivery``.
        detail: what was expected and what came, without any value of a row.
    """

    def __init__(self, reason: FileReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class SkippedRow:
    """A row that does not go on to conform: ignored on purpose, or malformed. ``detail`` holds no value of the row."""

    row_number: int
    detail: str


@dataclass(frozen=True)
class ReadResult:
    """The rows of one delivery.

    ``table.num_rows + len(ignored) + len(malformed) == rows_received``, always.

    Attributes:
        table: one string column per contract column that the delivery has, in the delivery's order and named by the
            contract's lake-side name; an empty cell is null. Then ``row_number`` int32, 1 = first row below the header.
        rows_received: rows below the header, subtotals and inner blank lines included (decision 54).
        ignored: subtotals and blank rows.
        malformed: rows with too many or too few fields, lines that are no JSON object; they belong in quarantine.
        unknown_columns: header cells that the contract does not name.
        unknown: their values as strings, row by row beside ``table``; only where the drift policy needs them.
        schema_fingerprint: changes when a column is added, renamed or dropped, not when columns change places.
        headers: contract column's lake-side name → header cell as the sender wrote it, with hints in brackets.
    """

    table: pa.Table
    rows_received: int
    ignored: tuple[SkippedRow, ...] = ()
    malformed: tuple[SkippedRow, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    unknown: pa.Table | None = None
    schema_fingerprint: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def rows_ignored(self) -> int:
        """Number of rows left out on purpose."""
        return len(self.ignored)
