"""A partition's columns as the engine judges them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DERIVED = {"repaired_any": "repaired", "repaired_invalid": "repaired"}


class Frames:
    """Pandas frames over a table, each of the few columns that a check looks at.

    The engine copies all columns of a frame when it drops a row, so a check gets no column it does not name. A column
    is converted once: text stays in Arrow's memory, dictionaries become categoricals and are never expanded.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._columns: dict[str, pd.Series[Any]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """Columns that checks may name, the derived ones included."""
        names = set(self._table.column_names)
        return frozenset(names | {derived for derived, source in _DERIVED.items() if source in names})

    def of(self, names: Iterable[str]) -> pd.DataFrame:
        """Return the frame of some columns, in any case with the table's number of rows."""
        import pandas as pd

        rows = pd.RangeIndex(self._table.num_rows)
        return pd.DataFrame({name: self._column(name) for name in names}, index=rows, copy=False)

    def _column(self, name: str) -> pd.Series[Any]:
        if name not in self._columns:
            self._columns[name] = _judged(self._table, name).to_pandas(date_as_object=False)
        return self._columns[name]


def _judged(table: pa.Table, name: str) -> Any:
    """A column in a type that pandas handles as numbers or text, decimals as floats, times as local."""
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pa.compute  # its type stubs know no columns of unknown type
    if name in _DERIVED and name not in table.column_names:
        return _marked(table.column(_DERIVED[name]), only_invalid=name == "repaired_invalid")
    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.unify_dictionaries()
    if pa.types.is_boolean(kind):
        # a nullable boolean would become Python objects; text keeps the three states and compares in C
        return compute.if_else(column, "true", "false").dictionary_encode()
    if pa.types.is_timestamp(kind) and kind.tz:
        return compute.local_timestamp(column.cast(pa.timestamp("us", "Asia/Shanghai")))
    if pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and column.null_count):
        return column.cast(pa.float64(), safe=False)
    # Of whole numbers only 64 bits are compared as a column; shorter ones would be taken one by one.
    return column.cast(pa.int64()) if pa.types.is_integer(kind) else column


def _marked(marks: Any, *, only_invalid: bool) -> Any:
    """Per row whether it bears a mark, as text like every boolean of the frame."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pa.compute
    flat = marks.combine_chunks()
    parents = compute.list_parent_indices(flat).to_numpy(zero_copy_only=False)
    if only_invalid:
        invalid = compute.ends_with(compute.list_flatten(flat), "_invalid")
        parents = parents[invalid.to_numpy(zero_copy_only=False).astype(bool)]
    flags = np.zeros(len(flat), dtype=bool)
    flags[parents] = True
    return compute.if_else(pa.array(flags), "true", "false").dictionary_encode()
