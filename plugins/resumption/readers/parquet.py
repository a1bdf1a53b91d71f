"""Parquet: columns as the sender's dictionaries of texts, never expanded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from resumption.contracts.reasons import FileReason
from resumption.readers.confined import unpack
from resumption.readers.result import FileRejected, ReadResult
from resumption.readers.rows import RawRows, finish

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

_MAGIC = b"PAR1"


def read_parquet(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read a Parquet file; every column comes as ``dictionary<string>``, a chunk a row group.

    Raises:
        FileRejected: see ``resumption.readers.read``; TRUNCATED when the footer is missing, UNREADABLE for another
            format or a damaged page.
    """
    if not data:
        raise FileRejected(FileReason.EMPTY, "expected a Parquet file, got 0 bytes")
    if not data.startswith(_MAGIC):
        raise FileRejected(FileReason.UNREADABLE, "expected a Parquet file, it does not begin as one")
    if not data.endswith(_MAGIC) or len(data) < 2 * len(_MAGIC) + 4:
        raise FileRejected(FileReason.TRUNCATED, f"the Parquet file breaks off: no footer after {len(data)} bytes")
    table = pa.ipc.open_stream(unpack("parquet", data)).read_all()
    numbers = np.arange(1, table.num_rows + 1, dtype=np.int32)
    return finish(RawRows(tuple(table.column_names), tuple(table.itercolumns()), numbers), contract, rows_declared)
