"""Rows as they go over the wire, beside what is known about each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from simulator.rng import Ints
from simulator.text import replace as replace_rows

REASONS = (
    "",
    "USCC_MISSING",
    "USCC_INVALID",
    "USCC_UNKNOWN",
    "NAME_UNKNOWN",
    "NAME_AMBIGUOUS",
    "ID_INVALID",
    "ID_ROUNDED",
    "UNDER_14",
    "PHONE_INVALID",
    "PHONE_MASKED",
    "PLACE_UNKNOWN",
    "REGION_UNRESOLVED",
    "DATE_INVALID",
    "DATE_AMBIGUOUS",
    "DATE_OUT_OF_RANGE",
    "NUMBER_INVALID",
    "VALUE_NOT_ALLOWED",
    "REQUIRED_MISSING",
    "ROW_MALFORMED",
)
"""Why a row must be quarantined; the first stands for "accepted"."""
IGNORED = -1


@dataclass(frozen=True)
class Frame:
    """Rows of one delivery or day.

    `columns` are the texts as sent (null = empty cell or JSON null). `facts` are what the rows mean, as numbers; a
    row's `id` stays the same whenever it is sent. `reason` is an index into `REASONS`, or `IGNORED` for a subtotal
    or a blank line.
    """

    columns: Mapping[str, pa.Array]
    facts: Mapping[str, Ints]
    reason: Ints

    @property
    def rows(self) -> int:
        """Number of rows, ignored ones included."""
        return len(self.reason)

    def take(self, rows: Ints) -> "Frame":
        """Return those rows in that order."""
        index = pa.array(rows)
        columns = {name: values.take(index) for name, values in self.columns.items()}
        return Frame(columns, {name: values[rows] for name, values in self.facts.items()}, self.reason[rows])

    def plus(self, other: "Frame") -> "Frame":
        """Return the rows of both, the other's last."""
        columns = {name: pa.concat_arrays([values, other.columns[name]]) for name, values in self.columns.items()}
        facts = {name: np.concatenate([values, other.facts[name]]) for name, values in self.facts.items()}
        return Frame(columns, facts, np.concatenate([self.reason, other.reason]))

    def accepted(self) -> "Frame":
        """Return the rows that a pipeline must accept."""
        return self.take(np.flatnonzero(self.reason == 0))

    def with_values(self, column: str, rows: Ints, values: list[str | None]) -> "Frame":
        """Return the frame with some cells of a column replaced."""
        return replace(self, columns={**self.columns, column: replace_rows(self.columns[column], rows, values)})

    def with_fact(self, fact: str, rows: Ints, value: int) -> "Frame":
        """Return the frame with one fact of some rows changed."""
        values = self.facts[fact].copy()
        values[rows] = value
        return replace(self, facts={**self.facts, fact: values})

    def with_reason(self, rows: Ints, reason: Ints | int) -> "Frame":
        """Return the frame with the verdict of some rows changed."""
        verdicts = self.reason.copy()
        verdicts[rows] = reason
        return replace(self, reason=verdicts)

    def quarantined(self) -> dict[str, int]:
        """Return the number of rows to be quarantined by reason."""
        codes, counts = np.unique(self.reason[self.reason > 0], return_counts=True)
        return {REASONS[code]: int(count) for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}

    def ignored(self) -> int:
        """Return the number of rows that are no data (subtotals, blank lines)."""
        return int((self.reason == IGNORED).sum())


def clean(columns: Mapping[str, pa.Array], facts: Mapping[str, Ints]) -> Frame:
    """Return a frame whose rows are all good."""
    return Frame(columns, facts, np.zeros(len(facts["id"]), dtype=np.int64))
