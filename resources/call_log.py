"""The call log: every answered call, once, in one append-only Delta table.

Answers are unique by construction: a batch is committed only on top of the version it was checked against, so of two
writers that raced the second sees the first's answer and records its own as a duplicate (its tokens were spent, its
text is never used). Whatever reads the log therefore reads the same answer for ever.
"""

import os
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from xl_assets.generation.calls import ANSWER, WANTED

#: Columns beside ``WANTED`` and ``ANSWER``. `seconds` is the call's share of its batch; `answered_at` is UTC.
PROVENANCE: dict[str, pl.DataType | type[pl.DataType]] = {
    "role": pl.String,
    "model": pl.String,
    "engine": pl.String,
    "engine_version": pl.String,
    "run_id": pl.String,
    "batch_id": pl.String,
    "answered_at": pl.Datetime("us", "UTC"),
    "seconds": pl.Float64,
    "status": pl.String,  # answered, failed, duplicate
}
CALL_LOG = pl.Schema({**WANTED, **{name: dtype for name, dtype in ANSWER.items() if name != "call_id"}, **PROVENANCE})

#: A step's files above which a compaction pays.
COMPACT_ABOVE = 64
COMMIT_ATTEMPTS = 200
NEWEST_LAST = ["answered_at", "batch_id"]


class CallLogError(RuntimeError):
    """The call log can't be read or written; the message names the remedy."""


@dataclass(frozen=True)
class Source:
    """Who answered: recorded beside every call, never part of its address."""

    role: str
    model: str
    engine: str
    engine_version: str
    run_id: str


@dataclass(frozen=True)
class Appended:
    """What one append recorded: numbers of calls."""

    answered: int
    failed: int
    duplicate: int


class CallLog:
    """A call log on disk or in an object store.

    Args:
        uri: folder or object-store address of the Delta table; made at the first append.
        storage_options: credentials and settings of the object store, as `deltalake` takes them.

    Raises:
        CallLogError: a local path that Delta tables can't have.
    """

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.uri = _check_uri(str(uri))
        self._options = dict(storage_options) if storage_options else None
        self._table: DeltaTable | None = None
        # Files known to hold none of our calls, and the answered calls of all others.
        self._seen: set[str] = set()
        self._recent = pl.Series("call_id", [], dtype=pl.String)

    def exists(self) -> bool:
        """Whether anything was ever appended."""
        return self._fresh() is not None

    def answers(self, calls: pl.DataFrame) -> pl.DataFrame:
        """What the log holds for calls.

        Args:
            calls: any frame with the column `call_id`; with `step` and `model_fingerprint` less is read.

        Returns:
            ``ANSWER``, at most one row a call, in the order of `calls`: its answer, or where there is none its newest
            failure.
        """
        wanted = calls.select("call_id").unique(maintain_order=True)
        found = self._scan(calls, list(ANSWER) + NEWEST_LAST + ["status"], pl.col("status") != "duplicate")
        rows = found.join(wanted.lazy(), on="call_id", how="semi").collect(engine="streaming").sort(NEWEST_LAST)
        is_answer = pl.col("status") == "answered"
        good = rows.filter(is_answer).unique("call_id", keep="first", maintain_order=True)
        bad = rows.filter(~is_answer).unique("call_id", keep="last").join(good, on="call_id", how="anti")
        best = pl.concat([good, bad]).select(list(ANSWER))
        return wanted.join(best, on="call_id", how="inner", maintain_order="left")

    def missing(self, calls: pl.DataFrame) -> pl.DataFrame:
        """The rows of `calls` that have no answer yet, in their order. A failure is not an answer."""
        self._recent = self._recent.clear()
        found = self._scan(calls, ["call_id"], pl.col("status") == "answered")
        answered = found.join(calls.lazy().select("call_id"), on="call_id", how="semi").collect(engine="streaming")
        self._seen = self._files(self._table, calls)
        return calls.join(answered.unique(), on="call_id", how="anti", maintain_order="left")

    def append(self, calls: pl.DataFrame, answers: pl.DataFrame, source: Source, seconds: float) -> Appended:
        """Record a finished batch whole or not at all, safe beside other processes that append.

        Args:
            calls: columns ``WANTED``; at least those of the answers.
            answers: columns ``ANSWER``.
            source: who answered.
            seconds: how long the batch took; shared out evenly over its calls.

        Raises:
            CallLogError: the table has another schema, or could not be committed to.
        """
        batch = _batch(calls, answers, source, seconds)
        for attempt in range(COMMIT_ATTEMPTS):
            table = self._fresh() or self._create()
            rows = self._mark_duplicates(table, batch)
            try:
                self._commit(table, rows)
            except CommitFailedError:
                # Somebody else committed first: look at what they wrote, then try again.
                time.sleep(random.uniform(0, min(0.01 * 2**attempt, 1.0)))
                continue
            self._remember(table, rows)
            count = rows["status"].value_counts().rows()
            return Appended(**{"answered": 0, "failed": 0, "duplicate": 0, **dict(count)})
        raise CallLogError(f"call log {self.uri}: other writers won {COMMIT_ATTEMPTS} commits in a row; run again")

    def compact(self, above: int = COMPACT_ABOVE) -> int:
        """Merge the small files of every step that has more than `above`; returns how many steps were merged.

        Answers stay the same. Files that are merged stay on disk for older versions until a vacuum.
        """
        table = self._fresh()
        if table is None:
            return 0
        actions = pl.DataFrame(table.get_add_actions(flatten=True)).select(pl.col("partition.step").alias("step"))
        steps = actions.group_by("step").len().filter(pl.col("len") > above)["step"].sort()
        merged = 0
        for step in steps:
            try:
                table.optimize.compact(partition_filters=[("step", "=", step)])
                merged += 1
            except CommitFailedError:
                continue  # another worker compacts the same step: its work serves us too
        return merged

    def statistics(self, run_id: str | None = None, step: str | None = None) -> pl.DataFrame:
        """What calls cost: one row per `step`, `role` and `model`.

        Columns `answered`, `failed`, `duplicate` (calls), `prompt_tokens`, `completion_tokens`, `seconds`.
        """
        chosen = pl.lit(True)
        chosen = chosen & (pl.col("step") == step) if step else chosen
        chosen = chosen & (pl.col("run_id") == run_id) if run_id else chosen
        names = ["step", "role", "model", "status", "prompt_tokens", "completion_tokens", "seconds"]
        counts = [
            (pl.col("status") == status).sum().cast(pl.Int64).alias(status)
            for status in ("answered", "failed", "duplicate")
        ]
        sums = pl.col("prompt_tokens", "completion_tokens", "seconds").sum()
        return (
            self._scan(None, names, chosen)
            .group_by("step", "role", "model")
            .agg(*counts, sums)
            .sort("step", "role", "model")
            .collect(engine="streaming")
        )

    def scan(self) -> pl.LazyFrame:
        """The whole log (``CALL_LOG``), lazily; for traces and audits."""
        return self._scan(None, list(CALL_LOG), pl.lit(True))

    def _scan(self, calls: pl.DataFrame | None, columns: Sequence[str], chosen: pl.Expr) -> pl.LazyFrame:
        table = self._fresh()
        if table is None:
            return pl.LazyFrame(schema={name: CALL_LOG[name] for name in columns})
        frame = pl.scan_delta(table, storage_options=self._options)
        for name in ("step", "model_fingerprint"):  # partitions and row groups that can't match are not read
            if calls is not None and name in calls.columns:
                frame = frame.filter(pl.col(name).is_in(calls[name].unique().to_list()))
        return frame.filter(chosen).select(columns)

    def _fresh(self) -> DeltaTable | None:
        """The newest version of the table, or None where there is none yet."""
        try:
            if self._table is None:
                self._table = _check_schema(DeltaTable(self.uri, storage_options=self._options), self.uri)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise CallLogError(f"call log {self.uri} can't be opened: {error}") from error
        return self._table

    def _create(self) -> DeltaTable:
        schema = pl.DataFrame(schema=CALL_LOG).to_arrow().schema
        try:
            DeltaTable.create(self.uri, schema, mode="ignore", partition_by=["step"], storage_options=self._options)
        except DeltaError:
            # Two processes made it at once; there is one now, or the next line says what is wrong.
            time.sleep(random.uniform(0, 0.05))
        table = self._fresh()
        if table is None:
            raise CallLogError(f"call log {self.uri} can't be made: is the folder writable?")
        return table

    def _mark_duplicates(self, table: DeltaTable, batch: pl.DataFrame) -> pl.DataFrame:
        unseen = sorted(self._files(table, batch) - self._seen)
        if unseen:
            ids = pl.scan_parquet(unseen, glob=False, storage_options=self._options).filter(
                pl.col("status") == "answered"
            )
            self._recent = pl.concat([self._recent, ids.select("call_id").collect()["call_id"]])
            self._seen |= set(unseen)
        taken = pl.col("call_id").is_in(self._recent.implode()) & (pl.col("status") == "answered")
        return batch.with_columns(pl.when(taken).then(pl.lit("duplicate")).otherwise("status").alias("status"))

    def _commit(self, table: DeltaTable, rows: pl.DataFrame) -> None:
        stamped = rows.with_columns(pl.lit(datetime.now(UTC)).cast(CALL_LOG["answered_at"]).alias("answered_at"))
        write_deltalake(
            table,
            stamped.select(list(CALL_LOG)),
            mode="append",
            # No retry inside deltalake: it would append without looking at what the winner wrote.
            commit_properties=CommitProperties(max_commit_retries=0, custom_metadata={"run_id": rows["run_id"][0]}),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )

    def _remember(self, table: DeltaTable, rows: pl.DataFrame) -> None:
        self._seen |= self._files(table, rows)
        self._recent = pl.concat([self._recent, rows.filter(pl.col("status") == "answered")["call_id"]])

    def _files(self, table: DeltaTable | None, calls: pl.DataFrame) -> set[str]:
        if table is None:
            return set()
        if "step" not in calls.columns:
            return set(table.file_uris())
        steps = calls["step"].unique().to_list()
        return set(table.file_uris([("step", "in", steps)])) if steps else set()


def _check_uri(uri: str) -> str:
    """Refuse folders that deltalake and Polars spell differently: what one writes the other would not find."""
    local = uri.removeprefix("file://")
    if "://" not in local and quote(os.path.abspath(local)) != os.path.abspath(local):
        raise CallLogError(
            f"call log {uri}: its path has a blank, a bracket or a letter beyond a-z in it, which Delta tables can't "
            "have here. Put the data lake into a folder with a plain name"
        )
    return uri


def _batch(calls: pl.DataFrame, answers: pl.DataFrame, source: Source, seconds: float) -> pl.DataFrame:
    batch = calls.select(list(WANTED)).join(answers.select(list(ANSWER)), on="call_id", how="inner")
    if batch.height != answers.height or batch["call_id"].n_unique() != batch.height:
        raise CallLogError("a batch must answer each of its calls exactly once, and only calls that were wanted")
    status = pl.when(pl.col("text").is_null() | pl.col("failure").is_not_null()).then(pl.lit("failed"))
    return batch.with_columns(
        *(pl.lit(value).alias(name) for name, value in vars(source).items()),
        pl.lit(uuid.uuid4().hex).alias("batch_id"),
        pl.lit(seconds / max(batch.height, 1)).alias("seconds"),
        status.otherwise(pl.lit("answered")).alias("status"),
    )


def _check_schema(table: DeltaTable, uri: str) -> DeltaTable:
    found = pl.scan_delta(table).collect_schema()
    wrong = sorted(name for name, dtype in CALL_LOG.items() if found.get(name) != dtype)
    if wrong:
        raise CallLogError(
            f"call log {uri} has no or other columns {wrong}: another version of this program, or something else, "
            "wrote it. Name another folder for the call log, or move this one aside"
        )
    return table
