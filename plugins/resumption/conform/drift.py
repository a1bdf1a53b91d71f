"""Columns that the contract does not name: what its drift policy says becomes of their values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resumption.conform.columns import Encoded, Notes
from resumption.contracts.reasons import RowReason

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract


def discarded(contract: FeedContract, unknown: pa.Table | None) -> Notes:
    """Return the rows that bear a value in an unknown column, where the contract discards such rows."""
    rows = np.empty(0, np.int64)
    if unknown is not None and contract.drift.columns == "discard_row":
        bears = np.zeros(unknown.num_rows, bool)
        for column in unknown.columns:
            bears |= _given(column).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(bears)
    return Notes(rows, np.zeros(len(rows), np.int64), [RowReason.UNKNOWN_COLUMN.value])


def _given(column: pa.ChunkedArray) -> pa.BooleanArray:
    """Whether each cell is more than blanks."""
    encoded = Encoded.of(column, len(column))
    given = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(encoded.values), ""), False)
    return given.take(pa.array(encoded.index))


def extra(contract: FeedContract, unknown: pa.Table | None, rows: int) -> list[pa.Array]:
    """Return the lake's ``extra``, where the contract keeps unknown values: a JSON object by header cell, or null."""
    if contract.drift.columns != "evolve":
        return []
    if unknown is None or not unknown.num_columns:
        return [pa.nulls(rows, pa.string())]
    inside = pc.binary_join_element_wise(*(_members(name, unknown[name]) for name in unknown.column_names), "")
    objects = pc.binary_join_element_wise("{", pc.replace_substring_regex(inside, ", $", ""), "}", "")
    return [pc.if_else(pc.equal(inside, ""), pa.scalar(None, pa.string()), objects)]


def _members(name: str, column: pa.ChunkedArray) -> pa.StringArray:
    """Return ``"name": "value", `` for each cell, nothing where it is blank."""
    encoded = Encoded.of(column, len(column))
    key = json.dumps(name, ensure_ascii=False)
    written = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}, " if value and value.strip() else ""
        for value in encoded.values.to_pylist()
    ]
    return pa.array(written, pa.string()).take(pa.array(encoded.index))
