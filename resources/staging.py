"""Rows on their way into a table: written to Parquet files as they come, with their content hash, never held whole."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from types import TracebackType
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction
from pyarrow.fs import LocalFileSystem, PyFileSystem, copy_files

from xl_assets.identity import ContentHash, content_address
from xl_assets.seeds.occurrences import Occurrences

#: Bytes in memory that become one row group, and one file.
GROUP_BYTES, FILE_BYTES = 32 << 20, 512 << 20

_PREFIX = "xl-stage-"

#: A folder that is older was left by a process that was killed.
_STALE_SECONDS = 2 * 24 * 3600


class StagingError(ValueError):
    """Frames that can't become one table."""


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file without the partition's column.

    Attributes:
        path: where it is now.
        rows: in it.
    """

    path: Path
    rows: int

    def put(self, table: str, values: Mapping[str, str], options: Mapping[str, str] | None = None) -> AddAction:
        """Bring the file below a table's root under a name of its own; readers see it when the action is committed.

        Args:
            table: folder or URL.
            values: of the partition's column; empty without one.
            options: of the object store.
        """
        folder = "".join(f"{column}={value}/" for column, value in values.items())
        name = f"{folder}part-{self.path.stem}-{uuid4()}.parquet"
        size = self.path.stat().st_size
        if "://" in table:
            store = PyFileSystem(DeltaStorageHandler(table, dict(options or {})))
            copy_files(str(self.path), name, source_filesystem=LocalFileSystem(), destination_filesystem=store)
        else:
            target = Path(table) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.path, target)
        return AddAction(name, size, values, int(time() * 1000), True, json.dumps({"numRecords": self.rows}))


@dataclass(frozen=True)
class Staged:
    """All rows of a partition in files; gone when `staging` ends.

    Attributes:
        files: at least one, in the order of the rows.
        schema: of the rows, the partition's column included.
        rows: in all files.
        content_hash: as `identity.content_hash` of all rows together.
        values: distinct values of the partition's column; empty without one.
    """

    files: tuple[StagedFile, ...]
    schema: pl.Schema
    rows: int
    content_hash: str
    values: frozenset[object]

    @property
    def arrow_schema(self) -> pa.Schema:
        return _arrow(pl.DataFrame(schema=self.schema)).schema

    def repeated(self, key: Sequence[str]) -> pl.DataFrame:
        """Values of a key that more than one row has, with `rows`; at most ten.

        Of all keys 8 bytes are compared first, in bounded memory; those that agree are compared in full.
        """
        paths = [file.path for file in self.files]
        short = content_address("key", *key).str.head(16).str.to_integer(base=16, dtype=pl.UInt64).alias("short")
        seen, suspects = Occurrences(), [pl.Series("short", [], dtype=pl.UInt64)]
        for path in paths:
            for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(columns=list(key), batch_size=100_000):
                keys = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch]))).select(short)["short"]
                suspects.append(keys.filter(pl.Series(seen.number(keys.to_numpy()) > 0)))
        wanted = pl.concat(suspects).unique()
        if wanted.is_empty():
            return pl.DataFrame(schema={**{name: self.schema[name] for name in key}, "rows": pl.UInt32})
        found = pl.scan_parquet(paths).select(*key, short).filter(pl.col("short").is_in(wanted.implode()))
        counted = found.group_by(*key).agg(pl.len().alias("rows")).filter(pl.col("rows") > 1)
        return counted.sort(*key).head(10).collect()


@contextmanager
def staging(frames: Iterable[pl.DataFrame], beside: Path | None, column: str | None) -> Iterator[Staged]:
    """Write frames to files of a temporary folder.

    Args:
        frames: at least one, all of one schema; one without rows tells the schema of an empty partition.
        beside: folder that the temporary one is made in, best on the file system of the table; None for the
            system's.
        column: the partition's; left out of the files.

    Raises:
        StagingError: no frame, or frames of different schemas.
    """
    with _folder_beside(beside) as folder:
        yield _staged(frames, folder, column)


class Spool:
    """Frames that wait in files until all of them are there; see `spooling`.

    Args:
        folder: empty.
        empty: a frame without rows, for the columns.
    """

    def __init__(self, folder: Path, empty: pl.DataFrame) -> None:
        self._folder, self._empty = folder, empty
        self._files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Put a frame away."""
        if frame.height:
            file = self._folder / f"{len(self._files):08}.parquet"
            frame.select(self._empty.columns).write_parquet(file, compression="lz4", statistics=False)
            self._files.append(file)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The frames in order, after one without rows."""
        yield self._empty
        yield from map(pl.read_parquet, self._files)

    def scan(self) -> pl.LazyFrame:
        """All rows in order."""
        return pl.scan_parquet(self._files) if self._files else self._empty.lazy()


@contextmanager
def spooling(empty: pl.DataFrame, beside: Path | None) -> Iterator[Spool]:
    """Keep frames in files of a temporary folder, for what can only be done once all are there.

    Args:
        empty: a frame without rows, for the columns.
        beside: folder that the temporary one is made in; None for the system's.
    """
    with _folder_beside(beside) as folder:
        yield Spool(folder, empty)


@contextmanager
def _folder_beside(beside: Path | None) -> Iterator[Path]:
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
        _remove_stale(beside)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=beside) as folder:
        yield Path(folder)


def _staged(frames: Iterable[pl.DataFrame], folder: Path, column: str | None) -> Staged:
    schema: pl.Schema | None = None
    values: set[object] = set()
    rows = 0
    with _Files(folder) as files:
        for frame in frames:
            if schema is None:
                schema, content = frame.schema, ContentHash(frame.schema)
                files.begin(frame.drop(column) if column else frame)
            elif frame.schema != schema:
                raise StagingError(f"a batch has other columns than the first: {sorted(_differing(schema, frame))}")
            content.add(frame)
            rows += frame.height
            if column:
                values.update(frame[column].unique())
            files.add(frame.drop(column) if column else frame)
    if schema is None:
        raise StagingError("no frame was given, so the columns are not known: give one without rows")
    return Staged(tuple(files.written), schema, rows, content.hexdigest(), frozenset(values))


class _Files:
    """Writes row groups of a good size into files of a good size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: list[StagedFile] = []
        self._waiting: list[pl.DataFrame] = []
        self._waiting_bytes = self._file_bytes = self._file_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def begin(self, empty: pl.DataFrame) -> None:
        self._schema = _arrow(empty.clear()).schema
        self._open()

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self._writer is not None:
            self._flush()
        self._close()

    def add(self, frame: pl.DataFrame) -> None:
        self._waiting.append(frame)
        self._waiting_bytes += int(frame.estimated_size())
        if self._waiting_bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        group = pl.concat(self._waiting) if self._waiting else None
        if group is not None and group.height:
            if self._file_bytes >= FILE_BYTES:
                self._close()
                self._open()
            assert self._writer is not None
            self._writer.write_table(_arrow(group), row_group_size=group.height)
            self._file_bytes += self._waiting_bytes
            self._file_rows += group.height
        self._waiting, self._waiting_bytes = [], 0

    def _open(self) -> None:
        self._path = self._folder / f"{len(self.written):05}.parquet"
        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        self._file_bytes = self._file_rows = 0

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self.written.append(StagedFile(self._path, self._file_rows))
            self._writer = None


def _differing(schema: pl.Schema, frame: pl.DataFrame) -> set[str]:
    return {name for name, _ in set(schema.items()) ^ set(frame.schema.items())}


def _remove_stale(folder: Path) -> None:
    for entry in folder.glob(f"{_PREFIX}*"):
        if time() - entry.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(entry, ignore_errors=True)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
