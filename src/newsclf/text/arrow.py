"""Arrow arrays made and read without what imports pandas: ``pa.array``, ``to_numpy``, scalars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def string_array(texts: Sequence[bytes]) -> pa.LargeStringArray:
    """Return UTF-8 texts as an Arrow array.

    Examples
    --------
    >>> string_array([b"border", b"", "caf\u00e9".encode()]).to_pylist()
    ['border', '', 'caf\u00e9']
    """
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    data = pa.py_buffer(b"".join(texts))
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), data)


def picked(array: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    """Return some rows of an Arrow array.

    Examples
    --------
    >>> picked(pa.array(["a", "b", "c"]), np.array([0, 2])).to_pylist()
    ['a', 'c']
    """
    return array.take(pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(rows)]))


def numbers(array: pa.Array) -> NDArray[np.int64]:
    """Return an Arrow array of integers or booleans as 64-bit integers; a null is any number.

    Examples
    --------
    >>> numbers(pa.array([False, True])).tolist()
    [0, 1]
    """
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    _, values = array.buffers()
    if values is None:
        return np.zeros(len(array), dtype=np.int64)
    found = np.frombuffer(values, dtype=str(array.type))
    return found[array.offset : array.offset + len(array)].astype(np.int64)
