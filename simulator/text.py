"""Functions on Arrow text arrays: everything a feed writes is built from them, without a loop over rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.rng import Bools, Ints


def join(*parts: pa.Array | str, sep: str = "") -> pa.Array:
    """Return the parts joined row by row; a null part counts as empty text."""
    return pc.binary_join_element_wise(*parts, sep, null_handling="replace", null_replacement="")


def pick(pool: Sequence[str] | pa.Array, index: Ints) -> pa.Array:
    """Return pool[index] row by row; a negative index gives empty text."""
    values = pool if isinstance(pool, pa.Array) else pa.array(pool, pa.string())
    index = np.asarray(index)
    return pc.fill_null(values.take(pa.array(np.maximum(index, 0), mask=index < 0)), "")


def digits(numbers: Ints, width: int) -> pa.Array:
    """Return numbers as text, padded with zeros on the left."""
    return pc.utf8_lpad(pa.array(np.asarray(numbers)).cast(pa.string()), width, "0")


def whole(numbers: Ints) -> pa.Array:
    """Return whole numbers as text."""
    return pa.array(np.asarray(numbers)).cast(pa.string())


def choose(mask: Bools, yes: pa.Array | str, no: pa.Array | str) -> pa.Array:
    """Return `yes` where the mask holds and `no` elsewhere."""
    return pc.if_else(pa.array(mask), yes, no).cast(pa.string())


def blank_where(mask: Bools, values: pa.Array) -> pa.Array:
    """Return the values with null where the mask holds."""
    return pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), values)


def replace(values: pa.Array, rows: Ints, new: Sequence[str | None]) -> pa.Array:
    """Return the values with those rows (ascending positions) replaced."""
    mask = np.zeros(len(values), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array(list(new), pa.string()))


def lines(values: pa.Array) -> bytes:
    """Return the texts one after the other as one run of UTF-8 bytes."""
    whole_text = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values), "")
    return bytes(whole_text[0].as_buffer()) if len(values) else b""
