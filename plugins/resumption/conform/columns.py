"""The engine: apply a rule to a whole column by way of its distinct values.

A column of 600,000 cells has few distinct values in most columns, so the rule, plain Python that reads like the
specification, runs once a distinct value, and Arrow spreads the answers over the rows.
"""

from __future__ import annotations

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
        parts, marks, reasons = _pairs(column.conform, values, context)
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
    items, odd = _shortcut(spec, values, context)
    marks: list[str | None] = [None] * len(items)
    reasons: list[str | None] = [None] * len(items)
    reasons[-1] = blank_reason = _blank_reason(spec)
    rule = single(spec, context)
    for i, text in odd:
        if not text.strip():
            reasons[i] = blank_reason
            continue
        answer = rule(text)
        if isinstance(answer, Conformed):
            items[i], marks[i] = answer
        elif spec.on_invalid == "quarantine":
            reasons[i] = answer.reason
        else:
            marks[i] = "invalid"
    return [items], marks, reasons


def _pairs(spec: ConformSpec, values: pa.StringArray, context: RuleContext) -> Parts:
    """Return both values, marks and reasons of a two-column rule, the blank's answer last."""
    first, odd = _shortcut(spec, values, context)
    second: list[str | None] = [None] * len(first)
    marks: list[str | None] = [None] * len(first)
    reasons: list[str | None] = [None] * len(first)
    reasons[-1] = blank_reason = _blank_reason(spec)
    rule = paired(spec)
    for i, text in odd:
        if text.strip():
            first[i], second[i], marks[i] = rule(text)
        else:
            reasons[i] = blank_reason
    return [first, second], marks, reasons


def _shortcut(
    spec: ConformSpec, values: pa.StringArray, context: RuleContext
) -> tuple[list[Any], list[tuple[int, str]]]:
    """Return the answers that need no rule (None elsewhere, the blank's last), and position and text of the others."""
    texts: list[str] = values.to_pylist()
    quick = shortcut(spec, context)
    if quick is None:
        return [None] * (len(texts) + 1), list(enumerate(texts))
    clean = quick.clean(values)
    answers = [quick.convert(text) if ok else None for text, ok in zip(texts, clean.to_pylist(), strict=True)]
    return [*answers, None], [(i, texts[i]) for i in pc.indices_nonzero(pc.invert(clean)).to_pylist()]


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
