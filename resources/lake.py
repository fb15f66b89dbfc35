"""The lake: one Delta table per asset, each partition overwritten whole, with a record of what was read.

A commit carries, as its metadata, which asset and partition it holds, the content hash, and the exact
versions of the inputs that were read. The record and the data are one atomic write: a kill at any moment
leaves the earlier version in force, and a release can be built from the records alone.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from xl_assets.identity import canonical_json, content_hash

#: Partition columns; a table has at most one of them.
LANGUAGE, RELEASE = "language", "release"

#: Where a commit's metadata keeps our record.
RECORD_KEY = "xl_assets"

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class LakeError(RuntimeError):
    """A table that is not there, does not have the partition, or cannot take the frame."""


@dataclass(frozen=True)
class Partition:
    """One value of a partition column, e.g. ``Partition("language", "de")``."""

    column: str
    key: str

    def __post_init__(self) -> None:
        if not _SAFE_KEY.fullmatch(self.key):
            raise LakeError(
                f"{self.key!r} cannot be a partition key: use letters, digits, '.', '_' and '-', at most 100 of them."
            )

    @property
    def predicate(self) -> str:
        return f"{self.column} = '{self.key}'"


@dataclass(frozen=True)
class TableVersion:
    """A partition of a table as it was read."""

    table: str
    partition: str | None
    version: int
    content_hash: str


@dataclass(frozen=True)
class Record:
    """What the commit of a partition says of itself.

    Attributes:
        table: asset name.
        partition: key, or None for a table without partitions.
        content_hash: of the partition's rows; the data version.
        rows: number of rows.
        code_version: of the asset that wrote it.
        run_id: of the run that wrote it.
        inputs: the versions that were really read.
        version: the Delta version that holds it; -1 before the commit.
        facts: small JSON facts of the step (funnel, models), for reports and manifests; the same for the same work.
        seconds: how long the step took; like the run id not part of what makes work the same.
    """

    table: str
    partition: str | None
    content_hash: str
    rows: int
    code_version: str
    run_id: str
    inputs: tuple[TableVersion, ...] = ()
    version: int = -1
    facts: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    def as_metadata(self) -> dict[str, str]:
        fields = asdict(self)
        del fields["version"]
        return {RECORD_KEY: canonical_json(fields)}

    @classmethod
    def from_metadata(cls, text: str, version: int) -> "Record":
        fields = json.loads(text)
        inputs = tuple(TableVersion(**entry) for entry in fields.pop("inputs"))
        return cls(**fields, inputs=inputs, version=version)

    def same_work(self, other: "Record") -> bool:
        """Whether two records stand for the same bytes made the same way from the same inputs."""

        def essence(record: Record) -> tuple:
            inputs = sorted((i.table, i.partition or "", i.content_hash) for i in record.inputs)
            return record.content_hash, record.code_version, inputs, canonical_json(record.facts)

        return essence(self) == essence(other)


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

    def records(self, table: str) -> Iterator[Record]:
        """All records of a table, newest first."""
        if not self.exists(table):
            return
        for commit in self.open(table).history():
            if text := commit.get(RECORD_KEY):
                yield Record.from_metadata(text, commit["version"])

    def record(self, table: str, partition: Partition | None = None) -> Record | None:
        """The record in force of a table's partition, or None where it was never written."""
        key = partition.key if partition else None
        return next((record for record in self.records(table) if record.partition == key), None)

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

    def overwrite(self, frame: pl.DataFrame | pl.LazyFrame, record: Record, partition: Partition | None) -> Record:
        """Replace exactly one partition by the frame, unless it already holds the same work.

        A lazy frame is streamed to a file first, so that it never has to fit in memory.

        Args:
            frame: the rows; for a partitioned table all of this partition.
            record: what the commit says; content hash, rows and version are filled in here.
            partition: None for a table without partitions.

        Returns:
            The record in force afterwards.

        Raises:
            LakeError: where the frame's columns differ from the table's, or rows belong to another partition.
        """
        with TemporaryDirectory(prefix="xl-stage-") as stage:
            if isinstance(frame, pl.LazyFrame):
                staged = Path(stage) / "rows.parquet"
                frame.sink_parquet(staged)
                frame = pl.read_parquet(staged, memory_map=True)
            self._check(record.table, frame, partition)
            fields = {**record.__dict__, "content_hash": content_hash(frame), "rows": frame.height}
            record = Record(**fields)
            before = self.record(record.table, partition)
            if before and before.same_work(record):
                return before
            self._commit(frame, record, partition)
        after = self.record(record.table, partition)
        assert after is not None
        return after

    def _check(self, table: str, frame: pl.DataFrame, partition: Partition | None) -> None:
        if partition and frame.filter(pl.col(partition.column) != partition.key).height:
            raise LakeError(f"rows of other partitions than {partition.predicate} were handed to table {table}")
        if not self.exists(table):
            return
        there = pl.scan_delta(self.open(table)).collect_schema()
        if dict(there) != dict(frame.schema):
            changed = sorted(set(there.items()) ^ set(frame.schema.items()), key=str)
            raise LakeError(
                f"table {table} has other columns than this version of the code writes: "
                f"{', '.join(f'{name}: {dtype}' for name, dtype in changed)}. Nothing was written. "
                "Move the lake aside (or choose another with XL_LAKE) and materialise anew: "
                "answers in the call log are reused if you keep its `calls` folder."
            )

    def _commit(self, frame: pl.DataFrame, record: Record, partition: Partition | None) -> None:
        self._create(record.table, frame, partition)
        options: dict[str, object] = {
            "commit_properties": CommitProperties(custom_metadata=record.as_metadata(), max_commit_retries=20)
        }
        if partition:
            options |= {"partition_by": [partition.column], "predicate": partition.predicate}
        frame.write_delta(
            self.uri(record.table),
            mode="overwrite",
            storage_options=self.storage_options,
            delta_write_options=options,
        )

    def _create(self, table: str, frame: pl.DataFrame, partition: Partition | None) -> None:
        """Create an empty table first: two languages that start at once must not each create it whole."""
        if self.exists(table):
            return
        try:
            DeltaTable.create(
                self.uri(table),
                schema=pa.schema(frame.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema),
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
