"""The engine: apply a rule to a whole column by way of its distinct values.

A column of 600,000 cells has few distinct values in most columns. What stands in its plain form is converted by Arrow
at one go; the rest meets the rule, plain Python that reads like the specification, once a distinct value (or a pair of
values, where the rule must see another column too). The answers are spread over the rows last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from resumption.conform import tokens
from resumption.conform.rules import BLANK_REASONS, Rule, RuleContext, mask, rule_of
from resumption.conform.values import Conformed, Distinct
from resumption.contracts.feed import TOKEN_RULES, ConformSpec, FeedColumn
from resumption.contracts.lake_schema import column_fields
from resumption.contracts.reasons import RowReason

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Notes:
    """What some rows bear: ``rows[i]``, ascending, bears ``words[which[i]]``."""

    rows: Positions
    which: Positions
    words: list[str]


@dataclass(frozen=True)
class ColumnResult:
    """A conformed column.

    Attributes:
        answers: an array for each lake field; the same answer may stand in it twice.
        index: for each row the position of its answer.
        marks: rows whose value was repaired or lost.
        reasons: rows that must be quarantined.
        identities: what the answers are tokens of, at the same positions; None where they are no tokens.
    """

    answers: list[pa.Array]
    index: Positions
    marks: Notes
    reasons: Notes
    identities: pa.StringArray | None = None

    def arrays(self, rows: Positions | None) -> list[pa.Array]:
        """Return the lake arrays of ``rows``, of all where None."""
        index = pa.array(self.index if rows is None else self.index[rows])
        return [answer.take(index) for answer in self.answers]

    def known(self, kind: str, rows: Positions | None) -> pa.Table:
        """Return the distinct identities behind the tokens of ``rows``, as kind, token and value."""
        used = np.zeros(len(self.answers[0]), bool)
        used[self.index if rows is None else self.index[rows]] = True
        both = pa.table({"token": self.answers[0], "value": self.identities}).filter(pa.array(used)).drop_null()
        return both.add_column(0, "kind", pa.repeat(pa.scalar(kind, pa.string()), both.num_rows))


@dataclass(frozen=True)
class Encoded:
    """A column by its distinct values; ``index`` gives each row's. A blank cell is the value null."""

    values: pa.StringArray
    index: Positions

    @classmethod
    def of(cls, column: pa.ChunkedArray | None, rows: int) -> Encoded:
        """Encode strings, or strings that are dictionary-encoded already; None is a column that was not delivered."""
        if column is None:
            return cls(pa.nulls(1, pa.string()), np.zeros(rows, np.int64))
        if pa.types.is_dictionary(column.type):
            array = column.unify_dictionaries().combine_chunks()
        else:
            array = column.combine_chunks().dictionary_encode()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
        values, blank = array.dictionary.cast(pa.string()), len(array.dictionary)
        if array.null_count:
            values = pa.concat_arrays([values, pa.nulls(1, pa.string())])
        index = pc.fill_null(array.indices.cast(pa.int64()), blank) if array.null_count else array.indices
        return cls(values, index.to_numpy(zero_copy_only=False).astype(np.int64, copy=False))

    def beside(self, other: Encoded) -> tuple[Distinct, Positions]:
        """Return the distinct pairs with another column's values, and each row's."""
        pairs = pa.array(self.index * len(other.values) + other.index).dictionary_encode()
        first, second = np.divmod(pairs.dictionary.to_numpy(zero_copy_only=False), len(other.values))
        distinct = Distinct(self.values.take(pa.array(first)), other.values.take(pa.array(second)))
        return distinct, pairs.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def conform_column(column: FeedColumn, raw: Encoded, companion: Encoded | None, context: RuleContext) -> ColumnResult:
    """Conform one column; ``companion`` is the column that its rule must see too, where the contract names one."""
    distinct, index = raw.beside(companion) if companion else (Distinct(raw.values), raw.index)
    rule = rule_of(column, context)
    types = [field.type for field in column_fields(column)]
    plain, quick = _quick(rule, distinct, types)
    odd = np.flatnonzero(~plain)
    slow, marks, reasons = _slow(rule, column.conform, distinct.take(odd), len(types))
    # The answers to plain values come first, then those to the others.
    position = np.cumsum(plain) - 1
    position[odd] = plain.sum() + np.arange(len(odd))
    answers = [
        pa.concat_arrays([q, pa.array(list(s), t)]) if len(odd) else q
        for q, s, t in zip(quick, zip(*slow, strict=True) if len(odd) else quick, types, strict=True)
    ]
    base = column.name.removesuffix("_token").removesuffix("_c").removesuffix("_on").removesuffix("_at")
    result = ColumnResult(
        answers,
        position[index],
        _notes([mark and f"{base}_{mark}" for mark in marks], odd, index, len(plain)),
        _notes(reasons, odd, index, len(plain)),
    )
    return _tokenised(result, column, context, 0 if companion else int(plain.sum()))


def _quick(rule: Rule, distinct: Distinct, types: list[pa.DataType]) -> tuple[NDArray[np.bool_], list[pa.Array]]:
    """Return which values are plain, and the answers to these alone."""
    if rule.many is None:
        return np.zeros(len(distinct.values), bool), [pa.nulls(0, kind) for kind in types]
    plain, answers = rule.many(distinct)
    mask = plain.to_numpy(zero_copy_only=False)
    return mask, [(answer if mask.all() else answer.filter(plain)) for answer in answers]


Slow = tuple[list[tuple[Any, ...]], list[str | None], list[str | None]]


def _slow(rule: Rule, spec: ConformSpec, odd: Distinct, width: int) -> Slow:
    """Return answers, marks and reasons of the values that are not plain, one by one."""
    answers: list[tuple[Any, ...]] = []
    marks: list[str | None] = []
    reasons: list[str | None] = []
    nothing = (None,) * width
    for text, beside in odd.pairs():
        value, mark, reason = nothing, None, None
        if text is None or not text.strip():
            reason = _blank_reason(spec, beside)
        elif isinstance(answer := rule.one(text, beside), Conformed):
            value, mark = (answer.value if width > 1 else (answer.value,)), answer.mark
        elif spec.on_invalid == "quarantine":
            reason = answer.reason
        else:
            mark = "invalid"
        answers.append(value)
        marks.append(mark)
        reasons.append(reason)
    return answers, marks, reasons


def _blank_reason(spec: ConformSpec, beside: str | None) -> RowReason | None:
    if spec.rule == "city_code":
        return RowReason.REGION_UNRESOLVED if beside and beside.strip() else None
    return BLANK_REASONS.get(spec.rule, RowReason.REQUIRED_MISSING) if spec.on_blank == "quarantine" else None


def _notes(said: list[str | None], odd: Positions, index: Positions, distinct: int) -> Notes:
    """Return which rows bear what was said of the odd values."""
    words = sorted({word for word in said if word})
    if not words:
        return Notes(np.empty(0, np.int64), np.empty(0, np.int64), [])
    of_value = np.full(distinct, -1, np.int64)
    of_value[odd] = [words.index(word) if word else -1 for word in said]
    of_row = of_value[index]
    rows = np.flatnonzero(of_row >= 0)
    return Notes(rows, of_row[rows], words)


def _tokenised(result: ColumnResult, column: FeedColumn, context: RuleContext, distinct: int) -> ColumnResult:
    """Put tokens in the place of identities, of which the first ``distinct`` are known to differ."""
    if column.conform.rule not in TOKEN_RULES:
        return result
    identities = result.answers[0]
    made = tokens.tokenise(identities, context.token_key, tokens.KINDS[column.conform.rule])
    index = _first_alike(identities, distinct)[result.index]
    return replace(result, answers=[made], index=index, identities=identities)


def _first_alike(values: pa.StringArray, distinct: int) -> Positions:
    """Return for each position the first with the same value: an identity may have come in several spellings.

    The first ``distinct`` values, nearly all, are known to differ and are only looked up among the few others.
    """
    others = values.slice(distinct).dictionary_encode()
    which = pc.fill_null(others.indices, len(others.dictionary)).to_numpy(zero_copy_only=False)
    first = np.full(len(others.dictionary) + 1, len(values))
    np.minimum.at(first, which, np.arange(distinct, len(values)))
    known = pc.index_in(values.slice(0, distinct), value_set=others.dictionary)
    spelled = np.flatnonzero(known.is_valid())
    first[known.take(pa.array(spelled)).to_numpy(zero_copy_only=False)] = spelled
    return np.concatenate([np.arange(distinct), first[which]])


def masked(column: FeedColumn, raw: pa.ChunkedArray) -> pa.Array:
    """Return the raw column with personal values masked."""
    # Plain first: a few rows of a column may bring the dictionary of all of them.
    encoded = Encoded.of(raw.cast(pa.string()), len(raw))
    hide = mask(column.conform.rule)
    shown = [None if value is None else hide(value) for value in encoded.values.to_pylist()]
    return pa.array(shown, pa.string()).take(pa.array(encoded.index))


def gather(notes: list[Notes], rows: int) -> pa.ListArray:
    """Return for each of ``rows`` rows the sorted list of what it bears."""
    words = sorted({word for note in notes for word in note.words})
    none = np.empty(0, np.int64)
    row = np.concatenate([none, *(note.rows for note in notes)])
    rank = np.concatenate([none, *(np.searchsorted(words, note.words)[note.which] for note in notes if note.words)])
    order = np.lexsort((rank, row))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows)))).astype(np.int32)
    found = pa.array(words, pa.string()).take(pa.array(rank[order]))
    return pa.ListArray.from_arrays(pa.array(offsets), found)
