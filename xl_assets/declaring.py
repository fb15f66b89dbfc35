"""What every `assets.py` shares: read with a record, write with a record, show what a user wants to see.

An asset reads its inputs through a `Step`, which notes the exact version of each; what it writes is checked
against the table's contract, stored as one commit a partition, and reported to Dagster with its content
hash as data version. Reading what was not declared as a dependency is an error, so lineage cannot lie.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from resources.configured import Workspace
from resources.lake import LANGUAGE, RELEASE, LakeError, Partition, Record, TableVersion
from resources.language_identifier import LanguageIdentifier
from xl_assets.generation.prompts import load_prompt
from xl_assets.identity import canonical_json, parameters_hash
from xl_assets.partitions import ENGLISH, LANGUAGES, RELEASES
from xl_assets.settings import plain
from xl_assets.tables import check_table

#: One engine start for however many partitions.
SINGLE_RUN = dg.BackfillPolicy.single_run()

CHECKS = {
    "accounted_for": "Every row that came in is kept or rejected with a reason: none is lost, none counted twice.",
    "contract": "Columns, types, keys and rules are those of the table's contract.",
    "not_empty": "At least one row is kept in every partition.",
    "language_share": "At least half of the rows are kept in every partition: a lower share means a wrong corpus, "
    "model or threshold.",
}

SAMPLE_ROWS = 5
SAMPLE_CHARACTERS = 120


@dataclass
class Outcome:
    """What a step made of one partition.

    Attributes:
        frame: the rows, with ``kept`` and ``reasons`` where the table filters.
        rows_in: how many rows must come out, kept or rejected; None where that is not defined.
        facts: deterministic facts for the record.
        metadata: further Dagster metadata, e.g. plots.
        least_share: the kept share below which the check ``language_share`` fails.
        rejected_before: reason -> rows that never became rows of this table, e.g. quarantined lines.
    """

    frame: pl.DataFrame
    rows_in: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, dg.MetadataValue] = field(default_factory=dict)
    least_share: float = 0.5
    rejected_before: Mapping[str, int] = field(default_factory=dict)

    def funnel(self) -> dict[str, Any]:
        """Rows in, kept, and rejected by reason. A row with two reasons counts under its first."""
        frame, rejected = self.frame, dict(self.rejected_before)
        kept = frame.height
        if "kept" in frame.columns:
            kept = int(frame["kept"].sum())
            first = frame.filter(~pl.col("kept")).select(pl.col("reasons").list.first().alias("reason"))
            rejected |= dict(first.group_by("reason").len().rows())
        rows_in = self.rows_in if self.rows_in is not None else frame.height
        return {"in": rows_in, "kept": kept, "rejected": dict(sorted(rejected.items()))}


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
        self._began = time.monotonic()

    @property
    def keys(self) -> list[str]:
        """The partition keys of this run, in order."""
        return list(self.context.partition_keys) if self.context.has_partition_key else []

    def read(self, table: str, partition: Partition | None = None, kept_only: bool = True) -> pl.LazyFrame:
        """Scan a declared input (only its kept rows by default) and note the version that was read."""
        self._refuse_undeclared(table)
        record = self.lake.record(table, partition)
        if record is None:
            what = f"{table}[{partition.key}]" if partition else table
            raise LakeError(f"{what} was never materialised, and {self.table} needs it. Materialise {what} first.")
        self.note(TableVersion(table, record.partition, record.version, record.content_hash))
        frame = self.lake.scan(table, partition, record.version)
        return frame.filter("kept") if kept_only and "kept" in frame.collect_schema() else frame

    def read_language(self, table: str, language: str, kept_only: bool = True) -> pl.LazyFrame:
        return self.read(table, Partition(LANGUAGE, language), kept_only)

    def read_languages(self, table: str, kept_only: bool = True) -> pl.LazyFrame:
        """All partitions of this run, one below the other."""
        return pl.concat([self.read_language(table, key, kept_only) for key in self.keys])

    def read_release(self, table: str, release: str, kept_only: bool = True) -> pl.LazyFrame:
        return self.read(table, Partition(RELEASE, release), kept_only)

    def note(self, version: TableVersion) -> None:
        """Note an input; also what is no table: a source file, a model, settings."""
        self._inputs[version.table, version.partition] = version

    def settings(self, name: str) -> Any:
        """Settings by name; noted, so that changing them makes the table stale."""
        values = self.workspace.settings_of(name)
        self.note(TableVersion(f"settings:{name}", None, 0, parameters_hash(plain(values))))
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
        for key, outcome in outcomes.items():
            partition = Partition(column, key) if column else None
            inputs = self.inputs_of(key)
            records[key] = self.store(self.table, outcome, schema, partition, inputs)
        yield from _report(self.context, records, outcomes)

    def store(
        self,
        table: str,
        outcome: Outcome,
        schema: type[dy.Schema],
        partition: Partition | None,
        inputs: Sequence[TableVersion] | None = None,
    ) -> Record:
        """Write one partition of a table without telling Dagster; for side tables such as quarantine."""
        frame = check_table(outcome.frame, schema)
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
        return self.lake.overwrite(frame, record, partition)

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
        return tuple(v for v in self._sorted_inputs() if v.partition not in others)

    def _sorted_inputs(self) -> list[TableVersion]:
        return sorted(self._inputs.values(), key=lambda v: (v.table, v.partition or ""))

    def _refuse_undeclared(self, table: str) -> None:
        if table not in self._declared:
            raise LakeError(f"{self.table} reads {table} without declaring it: add it to the asset's deps.")


def by_language(
    frame: pl.DataFrame,
    keys: Sequence[str],
    rows_in: Mapping[str, int],
    metadata: Mapping[str, dg.MetadataValue] | None = None,
) -> dict[str, Outcome]:
    """Cut a table of several languages into one outcome each; a language without rows has an empty one."""
    parts = frame.partition_by(LANGUAGE, as_dict=True)
    empty = frame.clear()
    return {key: Outcome(parts.get((key,), empty), rows_in.get(key), metadata=metadata or {}) for key in keys}


def _report(
    context: dg.AssetExecutionContext, records: Mapping[str, Record], outcomes: Mapping[str, Outcome]
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
    metadata = {key: _metadata(records[key], outcomes[key]) for key in records}
    hashes = canonical_json({key: record.content_hash for key, record in records.items()})
    whole = next(iter(records.values())).content_hash if len(records) == 1 else sha256(hashes.encode()).hexdigest()[:32]
    only = next(iter(metadata.values())) if len(metadata) == 1 else {}
    for key, entries in metadata.items():
        if len(metadata) > 1:
            context.add_asset_metadata(entries, partition_key=key)
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(whole), metadata=only, check_results=list(_checks(context, outcomes))
    )
    if len(records) > 1:
        # Dagster gives all partitions of one run one data version; each partition's own is its content hash.
        for key, record in records.items():
            tags = {
                "dagster/data_version": record.content_hash,
                "dagster/data_version_is_user_provided": "true",
                "dagster/code_version": record.code_version,
            }
            context.log_event(
                dg.AssetMaterialization(context.asset_key, partition=key, metadata=metadata[key], tags=tags)
            )


def _checks(context: dg.AssetExecutionContext, outcomes: Mapping[str, Outcome]) -> Iterator[dg.AssetCheckResult]:
    names = {spec.name for spec in context.assets_def.check_specs}
    for name in sorted(names):
        failed = {key or "all": told for key, outcome in outcomes.items() if (told := _FAILURES[name](outcome))}
        yield dg.AssetCheckResult(
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity.WARN if name == "language_share" else dg.AssetCheckSeverity.ERROR,
            metadata={"partitions": len(outcomes), **failed},
        )


def _lost(outcome: Outcome) -> str | None:
    told = outcome.funnel()
    kept, rejected = told["kept"], sum(told["rejected"].values())
    return None if told["in"] == kept + rejected else f"{told['in']} rows in, {kept} kept + {rejected} rejected"


def _empty(outcome: Outcome) -> str | None:
    return None if outcome.funnel()["kept"] else "no row is kept"


def _low_share(outcome: Outcome) -> str | None:
    told = outcome.funnel()
    share = told["kept"] / told["in"] if told["in"] else 1.0
    return None if share >= outcome.least_share else f"only {share:.1%} of the rows are kept"


# The contract was checked before anything was stored: what reaches this point meets it.
_FAILURES = {
    "accounted_for": _lost,
    "not_empty": _empty,
    "language_share": _low_share,
    "contract": lambda outcome: None,
}


def _metadata(record: Record, outcome: Outcome) -> dict[str, dg.MetadataValue]:
    told = outcome.funnel()
    rejected: Mapping[str, int] = told["rejected"]
    rows = [dg.TableRecord({"step": "in", "rows": told["in"]}), dg.TableRecord({"step": "kept", "rows": told["kept"]})]
    rows += [dg.TableRecord({"step": f"rejected: {reason}", "rows": count}) for reason, count in rejected.items()]
    return {
        "dagster/row_count": dg.MetadataValue.int(record.rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(_columns(outcome.frame)),
        "content_hash": dg.MetadataValue.text(record.content_hash),
        "delta_version": dg.MetadataValue.int(record.version),
        "funnel": dg.MetadataValue.table(rows, _schema({"step": "string", "rows": "int"})),
        "sample": _sample(outcome.frame),
        "inputs": dg.MetadataValue.json([f"{v.table}[{v.partition or ''}]@{v.version}" for v in record.inputs]),
        **outcome.metadata,
    }


def _columns(frame: pl.DataFrame) -> dg.TableSchema:
    return _schema({name: str(dtype) for name, dtype in frame.schema.items()})


def _schema(columns: Mapping[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, dtype) for name, dtype in columns.items()])


def _sample(frame: pl.DataFrame) -> dg.MetadataValue:
    """A few rows as a plain table: cells are text there, never markdown or HTML, and cut short."""
    shown = frame.select(
        pl.col(name).cast(pl.String).str.slice(0, SAMPLE_CHARACTERS)
        for name, dtype in frame.schema.items()
        if not dtype.is_nested()
    ).head(SAMPLE_ROWS)
    records = [dg.TableRecord({k: v or "" for k, v in row.items()}) for row in shown.rows(named=True)]
    return dg.MetadataValue.table(records, _schema(dict.fromkeys(shown.columns, "string")))


def code_version(*modules: str, prompts: Sequence[str] = ()) -> str:
    """Hash of the source files of modules (packages: all their files) and of prompts; an asset's code version."""
    digest = sha256()
    for module in modules:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise ValueError(f"no module {module}")
        origin = Path(spec.origin)
        files = sorted(origin.parent.glob("*.py")) if origin.name == "__init__.py" else [origin]
        for file in files:
            if file.name != "assets.py":
                digest.update(file.read_bytes())
    for name in prompts:
        digest.update(load_prompt(name).hash.encode())
    return digest.hexdigest()[:16]


def check_specs(asset: str, *names: str) -> list[dg.AssetCheckSpec]:
    """The checks that an asset yields itself."""
    return [dg.AssetCheckSpec(name, asset=asset, description=CHECKS[name]) for name in names]


def english(table: str) -> dg.AssetDep:
    """Depend on the English partition of a table."""
    return dg.AssetDep(table, partition_mapping=dg.SpecificPartitionsPartitionMapping([ENGLISH]))


def every_partition(table: str) -> dg.AssetDep:
    """Depend on all partitions of a table."""
    return dg.AssetDep(table, partition_mapping=dg.AllPartitionMapping())


FILTER_CHECKS = ("accounted_for", "contract", "language_share", "not_empty")
TABLE_CHECKS = ("contract", "not_empty")
OWNERS = ["team:multilingual-post-training"]


def language_asset(
    *,
    name: str,
    group: str,
    kinds: set[str],
    version: str,
    deps: Sequence[str | dg.AssetDep] = (),
    checks: Sequence[str] = FILTER_CHECKS,
):
    """Decorate an asset with one partition a language; all partitions of a run are one step."""
    return dg.asset(
        **_shared(name, group, kinds, version, deps, checks), partitions_def=LANGUAGES, backfill_policy=SINGLE_RUN
    )


def english_asset(
    *,
    name: str,
    group: str,
    kinds: set[str],
    version: str,
    deps: Sequence[str | dg.AssetDep] = (),
    checks: Sequence[str] = FILTER_CHECKS,
):
    """Decorate an asset of the English half: it has no partitions, so every language's backfill may share it."""
    return dg.asset(**_shared(name, group, kinds, version, deps, checks))


def release_asset(
    *,
    name: str,
    group: str,
    kinds: set[str],
    version: str,
    deps: Sequence[str | dg.AssetDep] = (),
    checks: Sequence[str] = TABLE_CHECKS,
):
    """Decorate an asset with one partition a release."""
    return dg.asset(
        **_shared(name, group, kinds, version, deps, checks), partitions_def=RELEASES, backfill_policy=SINGLE_RUN
    )


def _shared(name, group, kinds, version, deps, checks) -> dict:
    return {
        "name": name,
        "group_name": group,
        "kinds": kinds,
        "code_version": version,
        "deps": list(deps),
        "check_specs": check_specs(name, *checks),
        "owners": OWNERS,
        "tags": {"stage": group},
    }
