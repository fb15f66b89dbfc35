"""Parquet files whose bytes follow from their rows alone, however the rows came in batches."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

#: Bytes of text in a row group, and rows in one where no text is. A group is in memory some three times over.
GROUP_BYTES, GROUP_ROWS = 4 << 20, 10_000


def write_rows(frames: Iterable[pl.DataFrame], file: Path, schema: pl.Schema) -> int:
    """Write frames as one file in row groups of ``GROUP_ROWS``; returns how many rows there were."""
    sizes = ((frame, np.ones(frame.height, dtype=np.int64)) for frame in frames)
    return _write(sizes, file, schema, GROUP_ROWS)


def write_texts(frames: Iterable[pl.DataFrame], file: Path, schema: pl.Schema) -> int:
    """Write frames with a column `text` as one file in row groups of about ``GROUP_BYTES``."""
    sizes = ((frame, frame["text"].str.len_bytes().to_numpy().astype(np.int64)) for frame in frames)
    return _write(sizes, file, schema, GROUP_BYTES)


def _write(sized: Iterable[tuple[pl.DataFrame, np.ndarray]], file: Path, schema: pl.Schema, most: int) -> int:
    arrow = _arrow(pl.DataFrame(schema=schema)).schema
    rows = 0
    with pq.ParquetWriter(file, arrow, compression="zstd", write_statistics=True) as writer:
        for group in _groups(sized, most):
            # Pages end where a chunk does: one chunk a column, so that pages follow from rows alone.
            writer.write_table(_arrow(group.rechunk()).combine_chunks(), row_group_size=max(group.height, 1))
            rows += group.height
    return rows


def _groups(sized: Iterable[tuple[pl.DataFrame, np.ndarray]], most: int) -> Iterator[pl.DataFrame]:
    """Rows cut wherever the size of all before has passed another multiple of `most`."""
    waiting: list[pl.DataFrame] = []
    before, current = 0, 0
    for frame, sizes in sized:
        if frame.is_empty():
            continue
        number = (before + np.cumsum(sizes) - sizes) // most
        before += int(sizes.sum())
        bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), frame.height]
        for start, end in pairwise(bounds):
            if waiting and number[start] != current:
                yield pl.concat(waiting)
                waiting = []
            current = number[start]
            waiting.append(frame[start:end])
    if waiting:
        yield pl.concat(waiting)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
