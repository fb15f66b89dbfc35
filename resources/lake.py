"""The lake: one Delta table per asset, each partition overwritten whole, with a record of what was read.

A commit carries, as its metadata, which asset and partition it holds, the content hash, and the exact
versions of the inputs that were read. The record and the data are one atomic write: a kill at any moment
leaves the earlier version in force, and a release can be built from the records alone.
"""

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import quote

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from resources.batches import read_batches
from resources.record import FILES_KEY, LANGUAGE, RECORD_KEY, RELEASE, LakeError, Partition, Record, TableVersion
from resources.row_index import RowIndex
from resources.staging import Staged, staging
from xl_assets.identity import canonical_json, file_hash
from xl_assets.release.graph import LOOKED_UP

__all__ = ["LANGUAGE", "RELEASE", "Lake", "LakeError", "Partition", "Record", "TableVersion"]

#: Commits that are looked through first for a record.
_RECENT = 64

#: Tries of a commit beside other processes that write other partitions.
_COMMITS = 50


def records_of(table: DeltaTable, most: int | None = None) -> Iterator[Record]:
    """The records of a table's commits, newest first; only of so many commits, if that is said."""
    for commit in table.history(most):
        if text := commit.get(RECORD_KEY):
            yield Record.from_metadata(text, commit["version"])


def record_of(table: DeltaTable, key: str | None) -> Record | None:
    """The newest record of a partition (None: of a table without), or None where there is none."""
    # Most are among the newest; only for the others the whole history is read.
    tries = (records_of(table, _RECENT), records_of(table))
    return next((record for records in tries for record in records if record.partition == key), None)


def _check_root(root: str) -> str:
    if "://" not in root and quote(os.path.abspath(root)) != os.path.abspath(root):
        raise LakeError(
            f"the lake's folder {root} has a blank, a bracket or a letter beyond a-z in its path, which Delta tables "
            "can't have here. Choose a folder with a plain name (--lake or XL_LAKE)."
        )
    return root


class Lake:
    """Tables below one root.

    Args:
        root: folder or object-store URL.
        storage_options: passed to Delta for object stores; never logged.

    Raises:
        LakeError: a folder whose path deltalake and Polars would spell differently.
    """

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = _check_root(str(root))
        self.storage_options = dict(storage_options) if storage_options else None

    def uri(self, table: str) -> str:
        return f"{self.root.rstrip('/')}/tables/{table}"

    def folder(self, name: str) -> Path:
        """A local folder of the lake for things that are not tables (models, reports)."""
        path = Path(self.root) / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def scratch(self) -> Path | None:
        """Where temporary folders go: beside the tables, or None (the system's place) where these are in a store."""
        return None if "://" in self.root else self.folder("work")

    @cached_property
    def index(self) -> RowIndex | None:
        """Where rows stand by their ids, see `RowIndex`; None for tables in a store, which are scanned."""
        return None if "://" in self.root else RowIndex(Path(self.root))

    def exists(self, table: str) -> bool:
        return DeltaTable.is_deltatable(self.uri(table), storage_options=self.storage_options)

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """Open a table.

        Raises:
            LakeError: where it was never written.
        """
        try:
            return DeltaTable(self.uri(table), version=version, storage_options=self.storage_options)
        except TableNotFoundError as error:
            raise LakeError(
                f"the lake at {self.root} has no table {table!r} yet. Materialise the asset {table} first."
            ) from error

    def scan(self, table: str, partition: Partition | None = None, version: int | None = None) -> pl.LazyFrame:
        """Scan a table or one partition of it, now or as it was at a version."""
        frame = pl.scan_delta(self.open(table, version))
        return frame.filter(pl.col(partition.column) == partition.key) if partition else frame

    def batches(
        self, table: str, partition: Partition | None, version: int, rows: int = 1_000
    ) -> Iterator[pl.DataFrame]:
        """Read a partition batch by batch, in the order of its rows, in bounded memory; at least one frame."""
        values = {partition.column: partition.key} if partition else {}
        return read_batches(self.open(table, version), values, rows, self.storage_options)

    def records(self, table: str) -> Iterator[Record]:
        """All records of a table, newest first."""
        if self.exists(table):
            yield from records_of(self.open(table))

    def record(self, table: str, partition: Partition | None = None) -> Record | None:
        """The record in force of a table's partition, or None where it was never written."""
        return record_of(self.open(table), partition.key if partition else None) if self.exists(table) else None

    def current(self, table: str) -> dict[str | None, Record]:
        """Partition key -> record in force."""
        found: dict[str | None, Record] = {}
        for record in self.records(table):
            found.setdefault(record.partition, record)
        return found

    def lookup(self) -> Callable[[str, str | None, int], Record | None]:
        """Finds the record of (table, partition, version); reads each table's history once."""
        history = cache(lambda table: {(r.partition, r.version): r for r in self.records(table)})
        return lambda table, partition, version: history(table).get((partition, version))

    def in_force(self) -> Callable[[str, str | None, int, str], Record | None]:
        """Finds the record in force of (table, partition), if its content is still what was read of any version."""
        now = cache(self.current)

        def found(table: str, partition: str | None, version: int, content_hash: str) -> Record | None:
            record = now(table).get(partition)
            return record if record is not None and record.content_hash == content_hash else None

        return found

    def overwrite(
        self, rows: pl.DataFrame | Iterable[pl.DataFrame] | Staged, record: Record, partition: Partition | None
    ) -> Record:
        """Replace exactly one partition, unless it already holds the same work.

        Rows are written to files as they come and the files are then committed, so they never have to fit in memory.

        Args:
            rows: of this partition: a frame, frames of one schema (at least one), or what `stage` made of them.
            record: what the commit says; content hash, rows and version are filled in here.
            partition: None for a table without partitions.

        Returns:
            The record in force afterwards.

        Raises:
            LakeError: where the columns differ from the table's, or rows belong to another partition.
            StagingError: frames of different columns, or none.
        """
        if not isinstance(rows, Staged):
            with self.stage(rows, partition) as staged:
                return self.overwrite(staged, record, partition)
        self._check(record.table, rows, partition)
        record = replace(record, content_hash=rows.content_hash, rows=rows.rows)
        before = self.record(record.table, partition)
        if before and before.same_work(record):
            return before
        self._commit(rows, record, partition)
        after = self.record(record.table, partition)
        assert after is not None
        return after

    def stage(
        self, rows: pl.DataFrame | Iterable[pl.DataFrame], partition: Partition | None
    ) -> AbstractContextManager[Staged]:
        """Write rows to files beside the tables; see `staging`. Nothing is in the table before `overwrite`."""
        frames = [rows] if isinstance(rows, pl.DataFrame) else rows
        return staging(frames, self.scratch, partition.column if partition else None)

    def _check(self, table: str, staged: Staged, partition: Partition | None) -> None:
        if partition and staged.values - {partition.key}:
            raise LakeError(f"rows of other partitions than {partition.predicate} were handed to table {table}")
        if not self.exists(table):
            return
        there = pl.scan_delta(self.open(table)).collect_schema()
        if dict(there) != dict(staged.schema):
            changed = sorted(set(there.items()) ^ set(staged.schema.items()), key=str)
            raise LakeError(
                f"table {table} has other columns than this version of the code writes: "
                f"{', '.join(f'{name}: {dtype}' for name, dtype in changed)}. Nothing was written. "
                "Move the lake aside (or choose another with XL_LAKE) and materialise anew: "
                "answers in the call log are reused if you keep its `calls` folder."
            )

    def _commit(self, staged: Staged, record: Record, partition: Partition | None) -> None:
        """Move the staged files into the table and commit them as the partition's only ones.

        deltalake's own writer would read them all and hold them, compressed, until the commit.
        """
        self._create(record.table, staged, partition)
        values = {partition.column: partition.key} if partition else {}
        hashes, added = _placed(staged, self.uri(record.table), values, self.storage_options)
        for attempt in range(_COMMITS):
            try:
                self.open(record.table).create_write_transaction(
                    added,
                    "overwrite",
                    staged.arrow_schema,
                    [partition.column] if partition else None,
                    [(partition.column, "=", partition.key)] if partition else None,
                    commit_properties=CommitProperties(
                        custom_metadata={**record.as_metadata(), FILES_KEY: canonical_json(hashes)},
                        max_commit_retries=20,
                    ),
                )
                self._make_index(record.table, added)
                return
            except CommitFailedError:
                # Another partition was committed at the same moment: a try on the newest version may go ahead.
                if attempt == _COMMITS - 1:
                    raise
                time.sleep(random.uniform(0, 0.1 * (attempt + 1)))

    def _make_index(self, table: str, added: Iterable[AddAction | RemoveAction]) -> None:
        """Index what was just committed: the first who traces a row need not wait for it."""
        for action in added:
            if self.index is not None and table in LOOKED_UP:
                self.index.make(Path(self.uri(table)) / action.path, LOOKED_UP[table])

    def _create(self, table: str, staged: Staged, partition: Partition | None) -> None:
        """Create an empty table first: two languages that start at once must not each create it whole."""
        if self.exists(table):
            return
        try:
            DeltaTable.create(
                self.uri(table),
                schema=staged.arrow_schema,
                mode="ignore",
                partition_by=[partition.column] if partition else None,
                # Records live in the log, so the log must not expire.
                configuration={
                    "delta.logRetentionDuration": "interval 36500 days",
                    "delta.enableExpiredLogCleanup": "false",
                },
                storage_options=self.storage_options,
            )
        except (CommitFailedError, DeltaError):
            if not self.exists(table):
                raise


def _placed(
    staged: Staged, table: str, values: Mapping[str, str], options: Mapping[str, str] | None
) -> tuple[dict[str, str], list[AddAction | RemoveAction]]:
    """Move staged files below a table's root; their SHA-256 by path, and the actions that commit them."""
    hashes: dict[str, str] = {}
    added: list[AddAction | RemoveAction] = []
    for file in staged.files:
        digest = file_hash(file.path)
        action = file.put(table, values, options)
        hashes[action.path] = digest
        added.append(action)
    return hashes, added
