"""From the lake to a release's report: collects what `evaluation.report` shows. Reads records, changes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dataframely as dy
import polars as pl
from rich.table import Table

from resources.configured import Workspace
from resources.lake import RELEASE, Lake, LakeError, Partition, Record, TableVersion
from xl_assets.evaluation.contract_fidelity import LanguageConfusionRow
from xl_assets.evaluation.contract_surrogate import SurrogateScore
from xl_assets.evaluation.funnel import FUNNEL
from xl_assets.evaluation.report_data import STEPS, EarlierRelease, ModelCard, ReportData, as_table
from xl_assets.evaluation.report_machines import figures_for_machines, headlines_only
from xl_assets.evaluation.summary import summary_table
from xl_assets.generation.binding import ModelBinding
from xl_assets.partitions import ENGLISH
from xl_assets.release.closure import TableRecord, collect_closure
from xl_assets.tables import (
    CriterionScore,
    JudgeFigure,
    Judgement,
    LanguageFidelity,
    ModelResponse,
    ModelScore,
    ReferenceMetric,
    WinRate,
)

#: Tables that a release's report reads directly, with their contracts.
_CONTRACTS: Mapping[str, type[dy.Schema]] = {
    "win_rates": WinRate,
    "model_scores": ModelScore,
    "language_fidelity": LanguageFidelity,
    "language_confusion": LanguageConfusionRow,
    "reference_metrics": ReferenceMetric,
    "criteria_scores": CriterionScore,
    "judge_quality": JudgeFigure,
    "surrogate_scores": SurrogateScore,
    "judgements": Judgement,
    "model_responses": ModelResponse,
    "reference_responses": ModelResponse,
}
EVALUATION_TABLES = tuple(_CONTRACTS)

#: Asset -> its steps in the call log, in the pipeline's order; steps without calls cost time only.
STEP_CALLS: Mapping[str, tuple[str, ...]] = {
    "seed_documents": (),
    "seed_documents_identified": (),
    "seed_documents_filtered": (),
    "seed_passages": (),
    "prompt_translations": ("translate_prompt",),
    "eval_prompts": (),
    "questions": ("question",),
    "refined_responses": ("refine",),
    "scored_pairs": ("score",),
    "translation_candidates": ("translate",),
    "selected_translations": ("translation_quality", "round_trip"),
    "instruction_candidates": (),
    "language_filtered": (),
    "xl_instruct": (),
    "sft_mixture": (),
    "sft_model": (),
    "model_responses": ("respond_base", "respond_fine_tuned"),
    "reference_responses": ("respond_reference",),
    "judgements": ("judge_pair",),
    "known_judgements": ("judge_known",),
    "criteria_scores": ("score_response",),
    "language_fidelity": (),
    "language_confusion": (),
    "win_rates": (),
    "model_scores": (),
    "reference_metrics": (),
    "judge_quality": (),
    "surrogate_scores": (),
}

#: Steps whose funnel is shown; the others pass every row on.
FUNNEL_STEPS = (
    "seed_documents",
    "seed_documents_identified",
    "seed_documents_filtered",
    "questions",
    "refined_responses",
    "scored_pairs",
    "translation_candidates",
    "selected_translations",
    "language_filtered",
    "xl_instruct",
)


def report_data(workspace: Workspace, release: str, inputs: Sequence[TableVersion], date: str) -> ReportData:
    """Collect what a report shows from exactly the versions that a release was made of.

    Args:
        workspace: profile and lake.
        release: its name.
        inputs: versions of ``EVALUATION_TABLES`` of this release.
        date: as it shall be written.
    """
    lake = workspace.tables
    lookup = lake.lookup()
    read = [record for v in inputs if (record := lookup(v.table, v.partition, v.version))]
    records = collect_closure(read, lookup).records
    tables = {table: as_table(_rows(lake, table, release, inputs), schema) for table, schema in _CONTRACTS.items()}
    return ReportData(
        release=release,
        date=date,
        models=_models(workspace, records),
        funnel=_funnel([*records, *_other_seeds(lake, records)], FUNNEL_STEPS),
        translations=_funnel(records, ("prompt_translations",)),
        win_rates=tables["win_rates"],
        language_fidelity=tables["language_fidelity"],
        criterion_scores=tables["criteria_scores"],
        responses=pl.concat([tables["model_responses"], tables["reference_responses"]]),
        judgements=tables["judgements"],
        model_scores=tables["model_scores"],
        language_confusion=tables["language_confusion"],
        reference_metrics=tables["reference_metrics"],
        judge_figures=tables["judge_quality"],
        surrogate_scores=tables["surrogate_scores"],
        surrogate_report=_surrogate_report(read),
        earlier=earlier_release(lake, release, read, tables["judgements"]),
        steps=_costs(workspace, records),
        training_rows=_training_rows(lake, records),
        confidence=workspace.settings_of("evaluation").win_rate.confidence,
    )


def earlier_release(
    lake: Lake, release: str, read: Sequence[Record], judgements: pl.DataFrame
) -> EarlierRelease | None:
    """The newest release that was judged before this one on the same prompts of at least one language and kind.

    Judged before: by the versions of the table of judgements, so that a report that is made again finds the same one.

    Args:
        lake: that the releases are in.
        release: name of this one.
        read: the records that its report is made from, that of ``judgements`` among them.
        judgements: its rows of ``Judgement``.
    """
    own = next((record for record in read if record.table == "judgements"), None)
    if own is None:
        return None
    before: dict[str, Record] = {}
    for record in lake.records("judgements"):
        if record.version < own.version and record.partition not in (None, release):
            before.setdefault(str(record.partition), record)
    prompts = _prompt_sets(judgements)
    for name, record in before.items():
        rows = lake.scan("judgements", Partition(RELEASE, name), record.version).collect()
        if prompts & _prompt_sets(rows):
            return EarlierRelease(name, as_table(rows, Judgement), _differing(own, record))
    return None


def release_summary(workspace: Workspace, release: str | None) -> dict:
    """The figures of a finished release for machines; see `evaluation.report_machines.figures_for_machines`.

    Raises:
        LakeError: where the release was not evaluated yet.
    """
    return figures_for_machines(_finished(workspace, release))


def summary_for_terminal(workspace: Workspace, release: str | None) -> Table:
    """The summary of a finished release as a table."""
    return summary_table(headlines_only(_finished(workspace, release)))


def report_file(workspace: Workspace, release: str | None) -> Path:
    """Where the HTML report of a release is."""
    return Path(workspace.tables.root) / "reports" / (release or workspace.settings.release) / "report.html"


def _finished(workspace: Workspace, release: str | None) -> ReportData:
    release = release or workspace.settings.release
    lake = workspace.tables
    record = lake.record("evaluation_report", Partition(RELEASE, release))
    if record is None:
        raise LakeError(
            f"release {release} has no report in the lake at {lake.root} yet: run `xl run` (or `xl demo`) first, "
            "or name another release or lake"
        )
    return report_data(workspace, release, record.inputs, str(record.facts["date"]))


def _rows(lake: Lake, table: str, release: str, inputs: Sequence[TableVersion]) -> pl.DataFrame:
    """The release's rows of a table; a release made before there was such a table has none."""
    version = next((v for v in inputs if v.table == table), None)
    if version is None:
        return _CONTRACTS[table].create_empty()
    return lake.scan(table, Partition(RELEASE, release), version.version).collect()


def _surrogate_report(read: Sequence[Record]) -> Mapping[str, object]:
    facts = next((record.facts for record in read if record.table == "surrogate_scores"), {})
    told = facts.get("surrogate", {})
    return told if isinstance(told, dict) else {}


def _prompt_sets(judgements: pl.DataFrame) -> set[tuple[str, str, tuple[str, ...]]]:
    grouped = judgements.group_by("kind", "language").agg(pl.col("prompt_id").unique().sort())
    return {(kind, language, tuple(prompts)) for kind, language, prompts in grouped.iter_rows()}


def _differing(one: Record, other: Record) -> tuple[str, ...]:
    """What else than the models differs between how two releases were judged."""
    told = {"model:judge": "The judge was another model then.", "settings:evaluation": "Evaluation settings differ."}
    then, now = ({v.table: v.content_hash for v in record.inputs} for record in (other, one))
    return tuple(words for name, words in told.items() if then.get(name) != now.get(name))


def _other_seeds(lake: Lake, records: Sequence[TableRecord]) -> list[Record]:
    """Seed tables of the release's languages that no training row was made from: read and filtered all the same."""
    seen = {(record.table, record.partition) for record in records}
    languages = sorted({r.partition for r in records if r.table == "xl_instruct" and r.partition})
    found = []
    for table in (step for step in FUNNEL_STEPS if step.startswith("seed_")):
        current = lake.current(table)
        found += [current[code] for code in languages if code in current and (table, code) not in seen]
    return found


def _funnel(records: Sequence[TableRecord], steps: Sequence[str]) -> pl.DataFrame:
    rows = []
    # Of a partition in several versions the newest.
    newest = {(record.table, record.partition or ""): record for record in sorted(records, key=lambda r: r.version)}
    for step in steps:
        for _, record in sorted((key, record) for key, record in newest.items() if key[0] == step):
            told: dict = record.facts["funnel"]  # type: ignore[assignment]
            by_count = sorted(told["rejected"].items(), key=lambda item: (-item[1], item[0]))
            rejected = [{"reason": reason, "rows": count} for reason, count in by_count]
            rows.append((step, record.partition or ENGLISH, told["in"], told["kept"], rejected))
    return pl.DataFrame(rows, schema=FUNNEL, orient="row")


def _costs(workspace: Workspace, records: Sequence[TableRecord]) -> pl.DataFrame:
    """Calls and tokens from the call log; seconds of the step's last run, or of its calls if that run reused them."""
    spent = workspace.call_log.statistics()
    rows = []
    for asset, steps in STEP_CALLS.items():
        made = [getattr(record, "seconds", 0.0) for record in records if record.table == asset]
        calls = spent.filter(pl.col("step").is_in(steps))
        totals = [int(calls[name].sum()) for name in ("answered", "prompt_tokens", "completion_tokens")]
        if made:
            rows.append((asset, *totals, max(*made, float(calls["seconds"].sum()))))
    return pl.DataFrame(rows, schema=STEPS, orient="row")


def used_models(workspace: Workspace, records: Sequence[TableRecord]) -> list[tuple[str, str, ModelBinding]]:
    """(role, fingerprint, binding) of every model that records name; a fine-tuned one has its base's binding."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        seen |= {
            (v.table.removeprefix("model:"), v.content_hash) for v in record.inputs if v.table.startswith("model:")
        }
    found = []
    for role, fingerprint in sorted(seen):
        known = role in workspace.settings.roles
        binding = workspace.binding(role if known else "base")  # type: ignore[arg-type]
        found.append((role, fingerprint, binding))
    return found


def _models(workspace: Workspace, records: Sequence[TableRecord]) -> tuple[ModelCard, ...]:
    return tuple(
        ModelCard(role, binding.name, fingerprint, binding.licence or "not stated")
        for role, fingerprint, binding in used_models(workspace, records)
    )


def _training_rows(lake: Lake, records: Sequence[TableRecord]) -> pl.DataFrame:
    finished = sorted((r for r in records if r.table == "xl_instruct"), key=lambda r: r.partition or "")
    columns = ["row_id", "language", "instruction", "response"]
    parts = [
        lake.scan("xl_instruct", Partition("language", r.partition), r.version)
        .filter("kept")
        .select(columns)
        .sort("row_id")
        .head(3)
        for r in finished
        if r.partition
    ]
    return pl.concat(parts).collect() if parts else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
