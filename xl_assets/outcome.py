"""What a step made of one partition, and how Dagster is told: metadata, checks, data versions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import dagster as dg
import polars as pl

from resources.lake import LANGUAGE, Record
from xl_assets.evaluation.funnel import FUNNEL
from xl_assets.evaluation.plots import funnel_chart, markdown_image, to_png
from xl_assets.identity import ID_LENGTH, canonical_json

CHECKS = {
    "accounted_for": "Every row that came in is kept or rejected with a reason: none is lost, none counted twice.",
    "contract": "Columns, types, keys and rules are those of the table's contract.",
    "not_empty": "At least one row is kept in every partition.",
    "language_share": "At least half of the rows are kept in every partition: a lower share means a wrong corpus, "
    "model or threshold.",
}

SAMPLE_ROWS = 5
SAMPLE_CHARACTERS = 120


class Tally:
    """What is told of rows that are not held: how many there are, why some are rejected, the first few."""

    def __init__(self) -> None:
        self.rows = self.kept = 0
        self.rejected: Counter[str] = Counter()
        self.sample = pl.DataFrame()

    def add(self, frame: pl.DataFrame) -> None:
        """Count a batch."""
        if self.sample.height < SAMPLE_ROWS:
            few = frame.head(SAMPLE_ROWS - self.sample.height)
            self.sample = pl.concat([self.sample, few]) if self.sample.height else few
        self.rows += frame.height
        if "kept" not in frame.columns:
            self.kept += frame.height
            return
        self.kept += int(frame["kept"].sum())
        first = frame.filter(~pl.col("kept")).select(pl.col("reasons").list.first().alias("reason"))
        self.rejected.update(dict(first.group_by("reason").len().rows()))


@dataclass
class Outcome:
    """What a step made of one partition: a frame, or frames that are counted as they are written.

    Attributes:
        frame: the rows, with ``kept`` and ``reasons`` where the table filters. Frames must be of one schema, at least
            one of them; what gives them may set the other attributes until it ends.
        rows_in: how many rows must come out, kept or rejected; None where that is not defined.
        facts: deterministic facts for the record.
        metadata: further Dagster metadata, e.g. plots.
        least_share: the kept share below which the check ``language_share`` fails.
        rejected_before: reason -> rows that never became rows of this table, e.g. quarantined lines.
        told_later: gives metadata that is only known once the rows are written, e.g. of what was counted on the way.
    """

    frame: pl.DataFrame | Iterable[pl.DataFrame]
    rows_in: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, dg.MetadataValue] = field(default_factory=dict)
    least_share: float = 0.5
    rejected_before: Mapping[str, int] = field(default_factory=dict)
    told_later: Callable[[], Mapping[str, dg.MetadataValue]] = dict
    _tally: Tally | None = field(default=None, init=False, repr=False)

    @classmethod
    def through(
        cls, batches: Iterable[pl.DataFrame], work: Callable[[Iterator[pl.DataFrame]], Iterable[pl.DataFrame]]
    ) -> "Outcome":
        """What comes of batches that are read, worked on and written in turn; each row that comes in must come out."""
        outcome = cls([], 0)

        def counted() -> Iterator[pl.DataFrame]:
            for batch in batches:
                outcome.rows_in = (outcome.rows_in or 0) + batch.height
                yield batch

        outcome.frame = work(counted())
        return outcome

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, once; each frame is counted when it is taken."""
        tally = Tally()
        for frame in [self.frame] if isinstance(self.frame, pl.DataFrame) else self.frame:
            tally.add(frame)
            yield frame
        self._tally = tally

    @property
    def tally(self) -> Tally:
        """What was counted; frames must have been taken to their end."""
        if self._tally is None:
            if not isinstance(self.frame, pl.DataFrame):
                raise RuntimeError("the rows of this outcome were not written yet: nothing is known of them")
            for _ in self.frames():
                pass
        assert self._tally is not None
        return self._tally

    def funnel(self) -> dict[str, Any]:
        """Rows in, kept, and rejected by reason. A row with two reasons counts under its first."""
        rejected = Counter(self.rejected_before)
        rejected.update(self.tally.rejected)
        rows_in = self.rows_in if self.rows_in is not None else self.tally.rows
        return {"in": rows_in, "kept": self.tally.kept, "rejected": dict(sorted(rejected.items()))}


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


def table_metadata(frame: pl.DataFrame) -> dg.MetadataValue:
    """A small frame as a table for the UI; cells are text or numbers there, never markdown. Nulls are empty."""
    shown = frame.with_columns(pl.col(pl.Float64).round_sig_figs(4))
    records = [dg.TableRecord({k: "" if v is None else v for k, v in row.items()}) for row in shown.rows(named=True)]
    return dg.MetadataValue.table(records, _schema({name: str(dtype) for name, dtype in frame.schema.items()}))


def report(
    context: dg.AssetExecutionContext,
    records: Mapping[str, Record],
    outcomes: Mapping[str, Outcome],
    shown: Mapping[str, Mapping[str, dg.MetadataValue]],
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
    """Tell Dagster what was written: metadata, data versions and results of the checks.

    Args:
        context: of the step.
        records: partition key -> its record.
        outcomes: partition key -> what it was made of.
        shown: partition key -> further metadata, of columns and releases.
    """
    metadata = metadata_of(records, outcomes, shown)
    hashes = canonical_json({key: record.content_hash for key, record in records.items()})
    whole = (
        next(iter(records.values())).content_hash
        if len(records) == 1
        else sha256(hashes.encode()).hexdigest()[:ID_LENGTH]
    )
    only = next(iter(metadata.values())) if len(metadata) == 1 else {}
    for key, entries in metadata.items():
        if len(metadata) > 1:
            context.add_asset_metadata(entries, partition_key=key)
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(whole), metadata=only, check_results=list(_checks(context, outcomes))
    )
    if len(records) > 1:
        # Dagster gives all partitions of one run one data version; each partition's own is its content hash.
        report_partitions(context, records, metadata)


def report_partitions(
    context: dg.AssetExecutionContext,
    records: Mapping[str, Record],
    metadata: Mapping[str, Mapping[str, dg.MetadataValue]],
) -> None:
    """Tell Dagster of partitions that are stored, each with its content hash as data version."""
    for key, record in records.items():
        tags = {
            "dagster/data_version": record.content_hash,
            "dagster/data_version_is_user_provided": "true",
            "dagster/code_version": record.code_version,
        }
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=key, metadata=dict(metadata[key]), tags=tags)
        )


def metadata_of(
    records: Mapping[str, Record],
    outcomes: Mapping[str, Outcome],
    shown: Mapping[str, Mapping[str, dg.MetadataValue]],
) -> dict[str, dict[str, dg.MetadataValue]]:
    """What Dagster is told of each partition that is stored; arguments as for `report`."""
    return {key: {**_metadata(records[key], outcomes[key]), **shown[key]} for key in records}


def judged(names: Iterable[str], outcome: Outcome) -> dict[str, str | None]:
    """Name of each check -> what is wrong with a partition by it, or None where it passes."""
    return {name: _FAILURES[name](outcome) for name in sorted(names)}


def severity_of(check: str) -> dg.AssetCheckSeverity:
    """A low share may be right for a corpus, so it only warns."""
    return dg.AssetCheckSeverity.WARN if check == "language_share" else dg.AssetCheckSeverity.ERROR


def contract_broken(context: dg.AssetExecutionContext, key: str, told: str) -> dg.AssetCheckResult:
    """The check ``contract``, failed: to be yielded before the step fails, since nothing was stored.

    Args:
        context: of the step.
        key: of the partition; empty where there is none.
        told: what breaks the contract.
    """
    return dg.AssetCheckResult(
        check_name="contract",
        asset_key=context.asset_key,
        passed=False,
        severity=severity_of("contract"),
        metadata={"partitions": _listed([key]), key or "all": told},
    )


def _checks(context: dg.AssetExecutionContext, outcomes: Mapping[str, Outcome]) -> Iterator[dg.AssetCheckResult]:
    names = {spec.name for spec in context.assets_def.check_specs}
    results = {key: judged(names, outcome) for key, outcome in outcomes.items()}
    for name in sorted(names):
        failed = {key or "all": told for key, result in results.items() if (told := result[name])}
        yield dg.AssetCheckResult(
            check_name=name,
            passed=not failed,
            severity=severity_of(name),
            metadata={"partitions": _listed(outcomes), **failed},
        )


def _listed(keys: Iterable[str]) -> dg.MetadataValue:
    """Partition keys as text: of a number the UI would draw a plot."""
    return dg.MetadataValue.text(", ".join(keys) or "all")


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


# What breaks its contract is told by `contract_broken` and never stored: what reaches this point meets it.
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
        "content_hash": dg.MetadataValue.text(record.content_hash),
        "delta_version": dg.MetadataValue.int(record.version),
        "funnel": dg.MetadataValue.table(rows, _schema({"step": "string", "rows": "int"})),
        "sample": _sample(outcome.tally.sample),
        **_funnel_plot(record, told),
        "inputs": dg.MetadataValue.json([f"{v.table}[{v.partition or ''}]@{v.version}" for v in record.inputs]),
        **outcome.metadata,
        **outcome.told_later(),
    }


def _funnel_plot(record: Record, told: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """What was kept and why the rest was not, as a picture, where anything was rejected."""
    if not told["rejected"]:
        return {}
    language = record.partition or "all"
    rejected = [{"reason": reason, "rows": count} for reason, count in told["rejected"].items()]
    rows = pl.DataFrame([(record.table, language, told["in"], told["kept"], rejected)], schema=FUNNEL, orient="row")
    picture = to_png(funnel_chart(rows, language))
    return {"funnel_plot": dg.MetadataValue.md(markdown_image(picture, f"Funnel of {record.table} {language}"))}


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
