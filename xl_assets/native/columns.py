"""Text columns as what compiled code can read: one array of bytes and one of offsets."""

from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray


class Utf8(NamedTuple):
    """The texts of a column: text i is ``data[offsets[i]:offsets[i + 1]]``, in UTF-8.

    Attributes:
        data: all bytes, uint8.
        offsets: int64, one more than there are texts; the first may be above 0.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]


def utf8(texts: pl.Series) -> Utf8:
    """Return a text column's buffers; a null counts as an empty text.

    >>> utf8(pl.Series(["ab", None, "ü"])).offsets.tolist()
    [0, 2, 2, 4]
    """
    texts = texts.cast(pl.String)
    # An expression costs more than all the rest where there are few texts.
    if texts.null_count():
        texts = texts.fill_null("")
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    if offsets is None or not len(array):
        return Utf8(np.zeros(0, dtype=np.uint8), np.zeros(len(array) + 1, dtype=np.int64))
    first = array.offset
    bounds = np.frombuffer(offsets, dtype=np.int64)[first : first + len(array) + 1]
    values = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return Utf8(values, bounds)
