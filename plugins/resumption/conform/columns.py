"""The engine: apply a rule to a whole column by way of its distinct values.

A column of 600,000 cells has few distinct values in most columns, so the rule, plain Python that reads like the
specification, runs once a distinct value, and Arrow spreads the answers over the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resumption.conform.rules import BLANK_REASONS, PAIRED, RuleContext, mask, paired, shortcut, single
from resumption.conform.values import Conformed
from resumption.contracts.feed import ConformSpec, FeedColumn
from resumption.contracts.lake_schema import column_fields
from resumption.contracts.reasons import RowReason


@dataclass(frozen=True)
class ColumnResult:
    """A conformed column: its lake arrays, and per row a mark and a reason (null where there is none)."""

    arrays: list[pa.Array]
    marks: pa.Array
    reasons: pa.Array


def encode(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return the column as one dictionary array."""
    return column.combine_chunks().dictionary_encode()


def conform_column(column: FeedColumn, raw: pa.ChunkedArray | None, rows: int, context: RuleContext) -> ColumnResult:
    """Conform one column of ``rows`` raw strings; ``raw`` is None where the delivery lacks the column."""
    encoded = encode(raw if raw is not None else pa.chunked_array([pa.nulls(rows, pa.string())]))
    values = encoded.dictionary
    fields = column_fields(column)
    if column.conform.rule in PAIRED:
        parts, marks, reasons = _pairs(column.conform, values.to_pylist())
    else:
        parts, marks, reasons = _singles(column.conform, values, context)
    # A null cell takes the answer that stands after those of all values.
    indices = pc.fill_null(encoded.indices, pa.scalar(len(values), encoded.indices.type))
    base = column.name.removesuffix("_token").removesuffix("_c").removesuffix("_on").removesuffix("_at")

    def spread(items: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(items, kind).take(indices)

    return ColumnResult(
        arrays=[spread(part, field.type) for part, field in zip(parts, fields, strict=True)],
        marks=spread([mark and f"{base}_{mark}" for mark in marks], pa.string()),
        reasons=spread(reasons, pa.string()),
    )


def _blank_reason(spec: ConformSpec) -> RowReason | None:
    return BLANK_REASONS.get(spec.rule, RowReason.REQUIRED_MISSING) if spec.on_blank == "quarantine" else None


Parts = tuple[list[list[Any]], list[str | None], list[str | None]]


def _singles(spec: ConformSpec, values: pa.StringArray, context: RuleContext) -> Parts:
    """Return values, marks and reasons of a one-column rule, the blank's answer last."""
    texts: list[str] = values.to_pylist()
    items: list[Any] = [None] * (len(texts) + 1)
    marks: list[str | None] = [None] * len(items)
    reasons: list[str | None] = [None] * len(items)
    reasons[-1] = blank_reason = _blank_reason(spec)
    quick = shortcut(spec, context)
    odd: Iterable[int] = range(len(texts))
    if quick:
        clean = pc.match_substring_regex(values, quick.clean)
        items[:-1] = [quick.convert(text) if ok else None for text, ok in zip(texts, clean.to_pylist(), strict=True)]
        odd = pc.indices_nonzero(pc.invert(clean)).to_pylist()
    rule = single(spec, context)
    for i in odd:
        if not texts[i].strip():
            reasons[i] = blank_reason
            continue
        answer = rule(texts[i])
        if isinstance(answer, Conformed):
            items[i], marks[i] = answer
        elif spec.on_invalid == "quarantine":
            reasons[i] = answer.reason
        else:
            marks[i] = "invalid"
    return [items], marks, reasons


def _pairs(spec: ConformSpec, values: list[str]) -> Parts:
    """Return both values, marks and reasons of a two-column rule, the blank's answer last."""
    rule = paired(spec)
    blank = (None, None, None)
    answered = [rule(value) if value.strip() else blank for value in values] + [blank]
    first, second, marks = (list(part) for part in zip(*answered, strict=True))
    blank_reason = _blank_reason(spec)
    reasons: list[str | None] = [*(None if value.strip() else blank_reason for value in values), blank_reason]
    return [first, second], marks, reasons


def masked(column: FeedColumn, raw: pa.ChunkedArray) -> pa.Array:
    """Return the raw column with personal values masked."""
    encoded = encode(raw)
    hide = mask(column.conform.rule)
    return pa.array([hide(value) for value in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def gather(columns: list[pa.Array], rows: int) -> pa.ListArray:
    """Return per row the sorted list of the non-null strings that ``columns`` hold for it."""
    numbers, words = [], []
    for array in columns:
        present = pc.indices_nonzero(pc.is_valid(array))
        numbers.append(present)
        words.append(array.take(present))
    found = pa.table({"row": pa.concat_arrays(numbers), "word": pa.concat_arrays(words)}) if columns else None
    if found is None or not found.num_rows:
        return pa.ListArray.from_arrays(pa.array([0] * (rows + 1), pa.int32()), pa.array([], pa.string()))
    found = found.sort_by([("row", "ascending"), ("word", "ascending")])
    counts = np.bincount(found["row"].to_numpy(), minlength=rows)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), found["word"].combine_chunks())
