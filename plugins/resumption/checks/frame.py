"""A partition's columns as the engine judges them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DERIVED = {"repaired_any": "repaired", "repaired_invalid": "repaired"}


def known_columns(table: pa.Table) -> frozenset[str]:
    """Return the columns that checks may name, the derived ones included."""
    names = set(table.column_names)
    return frozenset(names | {derived for derived, source in _DERIVED.items() if source in names})


def frame_of(table: pa.Table, names: Iterable[str]) -> pd.DataFrame:
    """Return the frame of some columns, in any case with the table's number of rows.

    Text stays in Arrow's memory; dictionaries become categoricals and are never expanded.
    """
    import pandas as pd

    columns = {name: _judged(table, name).to_pandas(date_as_object=False) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


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
