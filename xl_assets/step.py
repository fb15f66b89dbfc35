"""One materialisation: reads that leave a record, writes that are checked and recorded.

An asset reads its inputs through a `Step`, which notes the exact version of each; what it writes is checked
against the table's contract, stored as one commit a partition, and reported to Dagster with its content
hash as data version. Reading what was not declared as a dependency is an error, so lineage cannot lie.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import dataframely as dy
import polars as pl

from resources.configured import Workspace
from resources.lake import LANGUAGE, RELEASE, LakeError, Partition, Record, TableVersion
from resources.language_identifier import LanguageIdentifier
from resources.outside import language_hash, prompts_hash
from resources.staging import Staged
from xl_assets.identity import parameters_hash
from xl_assets.outcome import CHECKS, Outcome, judged, metadata_of, report, report_partitions, severity_of
from xl_assets.partitions import LANGUAGES, RELEASES
from xl_assets.release_links import release_metadata
from xl_assets.settings import plain
from xl_assets.tables import TableError, check_table
from xl_assets.telling import StepEvents
from xl_assets.ui_metadata import column_metadata

if TYPE_CHECKING:
    from xl_assets.lineage_events import ReadVersion, Written


class Step:
    """One materialisation: reads and writes that leave a record.

    Args:
        context: Dagster's.
        workspace: profile and lake.
    """

    def __init__(self, context: dg.AssetExecutionContext, workspace: Workspace) -> None:
        self.context, self.workspace, self.lake = context, workspace, workspace.tables
        self.table = context.asset_key.to_user_string()
        self._declared = {key.to_user_string() for key in context.assets_def.asset_deps[context.asset_key]}
        self._inputs: dict[tuple[str, str | None], TableVersion] = {}
        self._columns: dict[str, str] = {}
        self._began = time.monotonic()
        self._events = StepEvents.of(context, workspace)
        self._events.inputs = lambda: self._as_read(self._sorted_inputs())

    @property
    def keys(self) -> list[str]:
        """The partition keys of this run, in order."""
        return list(self.context.partition_keys)

    def read(self, table: str, partition: Partition | None = None, kept_only: bool = True) -> pl.LazyFrame:
        """Scan a declared input (only its kept rows by default) and note the version that was read."""
        frame = self.lake.scan(table, partition, self._noted(table, partition).version)
        return frame.filter("kept") if kept_only and "kept" in frame.collect_schema() else frame

    def read_batches(self, table: str, language: str, kept_only: bool = True) -> Iterator[pl.DataFrame]:
        """`read_language`, batch by batch in bounded memory; at least one frame, which may be empty."""
        partition = Partition(LANGUAGE, language)
        batches = self.lake.batches(table, partition, self._noted(table, partition).version)
        return (frame.filter("kept") if kept_only and "kept" in frame.columns else frame for frame in batches)

    def read_language(self, table: str, language: str, kept_only: bool = True) -> pl.LazyFrame:
        return self.read(table, Partition(LANGUAGE, language), kept_only)

    def read_languages(self, table: str, kept_only: bool = True) -> pl.LazyFrame:
        """All partitions of this run, one below the other."""
        return pl.concat([self.read_language(table, key, kept_only) for key in self.keys])

    def read_release(self, table: str, release: str, kept_only: bool = True) -> pl.LazyFrame:
        return self.read(table, Partition(RELEASE, release), kept_only)

    def _noted(self, table: str, partition: Partition | None) -> Record:
        """The record in force of a declared input, noted."""
        self._refuse_undeclared(table)
        record = self.lake.record(table, partition)
        if record is None:
            what = f"{table}[{partition.key}]" if partition else table
            raise LakeError(f"{what} was never materialised, and {self.table} needs it. Materialise {what} first.")
        self.note(TableVersion(table, record.partition, record.version, record.content_hash))
        if partition:
            self._columns[table] = partition.column
        return record

    def note(self, version: TableVersion) -> None:
        """Note an input; also what is no table: a source file, a model, settings."""
        self._inputs[version.table, version.partition] = version

    def settings(self, name: str) -> Any:
        """Settings by name; noted, so that changing them makes the table stale."""
        values = self.workspace.settings_of(name)
        self.note(TableVersion(f"settings:{name}", None, 0, parameters_hash(plain(values))))
        # Apart from the settings, so that `xl status` can say which of the two changed.
        if prompts := prompts_hash(plain(values)):
            self.note(TableVersion(f"prompts:{name}", None, 0, prompts))
        return values

    def language_identifier(self) -> LanguageIdentifier:
        """The fastText model; noted as an input."""
        identifier = self.workspace.language_identifier
        self.note(TableVersion("source:language_identifier", None, 0, identifier.fingerprint))
        return identifier

    def counts(self, frame: pl.DataFrame) -> dict[str, int]:
        """Rows of each partition of this run."""
        found = dict(frame.group_by(LANGUAGE).len().rows())
        return {key: found.get(key, 0) for key in self.keys}

    def note_source(self, name: str, partition: str | None = None) -> str:
        """Note a source outside the lake; returns its hash."""
        found = self.workspace.source_hash(name, partition)
        self.note(TableVersion(f"source:{name}", partition, 0, found))
        return found

    def partitions_of(self, table: str) -> list[str]:
        """Partition keys that a table has, in order."""
        return sorted(key for key in self.lake.current(table) if key)

    def recorded_partitions(self, table: str) -> list[str]:
        """Partitions of an input that this partition's earlier record was made from; empty where there is none."""
        record = self.lake.record(self.table, Partition(RELEASE, self.context.partition_key))
        return sorted(v.partition for v in record.inputs if v.table == table and v.partition) if record else []

    def note_model(self, role: str, fingerprint: str) -> None:
        """Note the model that this step asks."""
        self.note(TableVersion(f"model:{role}", None, 0, fingerprint))

    def write(
        self, outcomes: Mapping[str, Outcome] | Outcome, schema: type[dy.Schema], column: str | None = None
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
        """Check, store and report one outcome a partition (or the only one).

        Args:
            outcomes: by partition key, or one for a table without partitions.
            schema: the table's contract.
            column: the partition column; default from the asset's partitions.
        """
        if isinstance(outcomes, Outcome):
            outcomes, column = {"": outcomes}, None
        else:
            column = column or (RELEASE if self.context.assets_def.partitions_def == RELEASES else LANGUAGE)
        records: dict[str, Record] = {}
        try:
            for key, outcome in outcomes.items():
                partition = Partition(column, key) if column else None
                self._events.partition = key
                records[key] = self.store(self.table, outcome, schema, partition, self.inputs_of(key))
        except BaseException:
            # They stay in the lake and are not made again, so nothing would ever tell Dagster of them.
            self._tell_stored(records, outcomes, schema, column)
            raise
        yield from report(self.context, records, outcomes, self._shown(records, schema, column))
        self._events.completed(lambda: [self._told(records[key], outcomes[key], schema, column) for key in records])

    def store(
        self,
        table: str,
        outcome: Outcome,
        schema: type[dy.Schema],
        partition: Partition | None,
        inputs: Sequence[TableVersion] | None = None,
    ) -> Record:
        """Write one partition of a table without telling Dagster; for side tables such as quarantine."""
        checked = (check_table(frame, schema) for frame in outcome.frames())
        with self.lake.stage(checked, partition) as staged:
            _refuse_repeated(staged, outcome, schema, partition)
            record = Record(
                table=table,
                partition=partition.key if partition else None,
                content_hash="",
                rows=0,
                code_version=self.context.assets_def.code_versions_by_key.get(self.context.asset_key) or "",
                run_id=self.context.run_id,
                inputs=tuple(self._sorted_inputs() if inputs is None else inputs),
                facts={**outcome.facts, "funnel": outcome.funnel()},
                seconds=round(time.monotonic() - self._began, 3),
            )
            return self.lake.overwrite(staged, record, partition)

    def write_file(self, release: str, name: str, content: bytes) -> pl.DataFrame:
        """Write a file of a release below the lake, whole or not at all; returns its row of ``ReleaseFile``."""
        file = Path(self.lake.root) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_bytes(content)
        beside.replace(file)
        row = {"release": release, "file": name, "sha256": sha256(content).hexdigest(), "bytes": len(content)}
        return pl.DataFrame([row])

    def inputs_of(self, key: str) -> tuple[TableVersion, ...]:
        """What one partition was made from: not the other partitions of the same run."""
        others = set(self.keys) - {key} if key else set()
        inputs = [v for v in self._sorted_inputs() if v.partition not in others]
        if key and self.context.assets_def.partitions_def == LANGUAGES:
            inputs.append(TableVersion("language:entry", key, 0, language_hash(key)))
        return tuple(sorted(inputs, key=lambda v: (v.table, v.partition or "")))

    def _as_read(self, versions: Sequence[TableVersion]) -> "list[ReadVersion]":
        """Inputs as lineage events name them; that a table was absent is no input."""
        from xl_assets.lineage_events import ReadVersion

        return [
            ReadVersion(v.table, v.partition, v.version, v.content_hash, self._columns.get(v.table, LANGUAGE))
            for v in versions
            if not v.table.startswith("absent:")
        ]

    def _told(self, record: Record, outcome: Outcome, schema: type[dy.Schema], column: str | None) -> "Written":
        """A written partition as lineage events tell it."""
        from xl_assets.columns.contracts import columns_of
        from xl_assets.columns.lineage import column_sources
        from xl_assets.lineage_events import Check, ReadVersion, Written

        columns = columns_of(self.table, schema)
        names = {spec.name for spec in self.context.assets_def.check_specs}
        return Written(
            ReadVersion(record.table, record.partition, record.version, record.content_hash, column or LANGUAGE),
            self._as_read(self.inputs_of(record.partition or "")),
            record.rows,
            columns,
            column_sources(self.table, tuple(sorted(self._declared)), tuple(column.name for column in columns)),
            [
                Check(name, told is None, severity_of(name).value.lower(), CHECKS.get(name, ""), told or "")
                for name, told in judged(names, outcome).items()
            ],
        )

    def _tell_stored(
        self,
        records: Mapping[str, Record],
        outcomes: Mapping[str, Outcome],
        schema: type[dy.Schema],
        column: str | None,
    ) -> None:
        """Tell Dagster of partitions that stay although another one failed; never hides why that one did."""
        try:
            shown = self._shown(records, schema, column)
            report_partitions(self.context, records, metadata_of(records, outcomes, shown))
        except Exception as error:
            kept = ", ".join(records)
            self.context.log.warning(f"Dagster could not be told of {kept}: {type(error).__name__}: {error}")

    def _shown(
        self, records: Mapping[str, Record], schema: type[dy.Schema], column: str | None
    ) -> dict[str, dict[str, Any]]:
        """Metadata of columns and releases, by partition key."""
        columns = column_metadata(self.table, sorted(self._declared), schema)
        return {key: {**columns, **release_metadata(self.lake, record, column)} for key, record in records.items()}

    def _sorted_inputs(self) -> list[TableVersion]:
        return sorted(self._inputs.values(), key=lambda v: (v.table, v.partition or ""))

    def _refuse_undeclared(self, table: str) -> None:
        if table not in self._declared:
            raise LakeError(f"{self.table} reads {table} without declaring it: add it to the asset's deps.")


def _refuse_repeated(staged: Staged, outcome: Outcome, schema: type[dy.Schema], partition: Partition | None) -> None:
    """Compare keys across batches; within each, and in a table of one frame, `check_table` did."""
    key = [name for name in schema.primary_key() if not partition or name != partition.column]
    if not key or isinstance(outcome.frame, pl.DataFrame):
        return
    if repeated := staged.repeated(key).rows():
        raise TableError(f"table {schema.__name__}: more than one batch has a row with the key {repeated[0][:-1]}")
