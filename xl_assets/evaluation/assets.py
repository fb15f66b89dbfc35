"""Evaluation: prompts, responses, judgements and the report of a release; see `scores.assets` for the scores."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from resources.configured import Models, Workspace
from xl_assets.declaring import code_version, every_partition, language_asset, release_asset
from xl_assets.evaluation.contract_prompts import PromptTranslation
from xl_assets.evaluation.criteria_scores import score_criteria
from xl_assets.evaluation.judges.contract import KnownJudgement
from xl_assets.evaluation.judges.known_pairs import judge_known, read_known
from xl_assets.evaluation.judging import judge_with_reasons
from xl_assets.evaluation.prompt_sets import (
    build_eval_prompts,
    read_prompt_file,
    translate_prompts,
    with_translations,
)
from xl_assets.evaluation.report import render_report
from xl_assets.evaluation.report_metadata import report_metadata
from xl_assets.evaluation.responses import respond
from xl_assets.outcome import Outcome, by_language, table_metadata
from xl_assets.partitions import ENGLISH
from xl_assets.reporting import EVALUATION_TABLES, report_data
from xl_assets.settings import PromptSettings
from xl_assets.step import Step
from xl_assets.tables import CriterionScore, EvalPrompt, Judgement, ModelResponse, ReleaseFile, empty_table

GROUP = "evaluation"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

prompt_file = dg.AssetSpec(
    "prompt_file",
    group_name="sources",
    kinds={"file"},
    description="The evaluation prompts as the profile names them, outside the lake.",
)


_PROMPT_CODE = (
    "xl_assets.evaluation.prompt_sets",
    "xl_assets.evaluation.prompts",
    "xl_assets.evaluation.contract_prompts",
    "xl_assets.generation.directives",
)


@language_asset(
    name="prompt_translations",
    group="evaluation_prompts",
    kinds={"vllm", "polars"},
    version=code_version(*_PROMPT_CODE, "xl_assets.generation.parsing", prompts=["evaluation/translate_prompt"]),
    deps=["prompt_file"],
    checks=("accounted_for", "contract"),
)
def prompt_translations(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """The English instructions in the language itself (m-AlpacaEval), by the role prompt_translator; empty unless
    the profile's `[evaluation] translate` asks for it.
    """
    step = Step(context, workspace)
    settings = step.settings("evaluation_prompts")
    base = _base_prompts(step, settings)
    targets = [key for key in step.keys if key != ENGLISH] if settings.translate else []
    metadata = {}
    if targets:
        translator = models.answerer(step, "prompt_translator")
        frame = translate_prompts(base, targets, translator.fingerprint, translator, settings.translation)
        metadata = translator.metadata()
    else:
        frame = translate_prompts(base, [], "", lambda wanted: wanted)
    wanted = base.filter((pl.col("kind") == "base") & pl.col("excluded").is_null()).height
    rows_in = {key: wanted if key in targets else 0 for key in step.keys}
    yield from step.write(by_language(frame, step.keys, rows_in, metadata), PromptTranslation)


@language_asset(
    name="eval_prompts",
    group="evaluation_prompts",
    kinds={"polars"},
    version=code_version(*_PROMPT_CODE),
    deps=["prompt_file", "prompt_translations"],
    checks=("contract", "not_empty"),
)
def eval_prompts(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """The prompts of a language: English with a directive (cross-lingual), in the language itself, or English."""
    step = Step(context, workspace)
    settings = step.settings("evaluation_prompts")
    base = _base_prompts(step, settings)
    excluded = base.drop_nulls("excluded")
    rules = excluded.group_by("excluded").len("prompts").sort("excluded").rename({"excluded": "rule"})
    shown = {"excluded": table_metadata(rules)}
    outcomes = {}
    for language in step.keys:
        translated = step.read_language("prompt_translations", language).collect()
        prompts = build_eval_prompts(with_translations(base, translated), language)
        outcomes[language] = Outcome(prompts, facts={"excluded": excluded.height}, metadata=shown)
    yield from step.write(outcomes, EvalPrompt)


@release_asset(
    name="model_responses",
    group=GROUP,
    kinds={"vllm"},
    version=code_version("xl_assets.evaluation.responses", prompts=["evaluation/respond"]),
    deps=["sft_model", "sft_mixture", every_partition("eval_prompts")],
    checks=("accounted_for", "contract", "not_empty"),
)
def model_responses(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """Answers of the base and of the fine-tuned model (its adapter by LoRA request) to every prompt."""
    step = Step(context, workspace)
    release = context.partition_key
    prompts = _prompts(step, release)
    settings = step.settings("evaluation").responses
    base = models.answerer(step, "base")
    tuned = models.fine_tuned(step, step.read_release("sft_model", release).collect())
    frames = [
        respond(prompts, "base", base.fingerprint, base, release, settings),
        respond(prompts, "fine_tuned", tuned.fingerprint, tuned, release, settings),
    ]
    metadata = {**base.metadata("base_"), **tuned.metadata("fine_tuned_")}
    yield from step.write({release: Outcome(pl.concat(frames), 2 * prompts.height, metadata=metadata)}, ModelResponse)


@release_asset(
    name="reference_responses",
    group=GROUP,
    kinds={"vllm"},
    version=code_version("xl_assets.evaluation.responses", prompts=["evaluation/respond"]),
    deps=["sft_mixture", every_partition("eval_prompts")],
    checks=("accounted_for", "contract", "not_empty"),
)
def reference_responses(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """The reference model's answers, which the others are compared with."""
    step = Step(context, workspace)
    release = context.partition_key
    prompts = _prompts(step, release)
    reference = models.answerer(step, "reference")
    settings = step.settings("evaluation").responses
    frame = respond(prompts, "reference", reference.fingerprint, reference, release, settings)
    yield from step.write({release: Outcome(frame, prompts.height, metadata=reference.metadata())}, ModelResponse)


@release_asset(
    name="judgements",
    group=GROUP,
    kinds={"vllm"},
    version=code_version("xl_assets.evaluation.judging", "xl_assets.evaluation.judges", "xl_assets.generation.parsing"),
    deps=["model_responses", "reference_responses"],
)
def judgements(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """Pairwise comparisons with the reference, in both orders by default; equal answers are a tie without a call.

    A verdict that is missing or invalid is counted with its reason and never scored.
    """
    step = Step(context, workspace)
    release = context.partition_key
    responses = step.read_release("model_responses", release, kept_only=False).collect()
    references = step.read_release("reference_responses", release, kept_only=False).collect()
    asked = models.answerer(step, "judge")
    settings = step.settings("evaluation").judge
    frame = judge_with_reasons(responses, references, asked.fingerprint, asked, settings)
    expected = responses.height * len(settings.orders)
    metadata = asked.metadata() | {"outcomes": _outcomes(frame)}
    yield from step.write({release: Outcome(frame, expected, metadata=metadata)}, Judgement)


@release_asset(
    name="known_judgements",
    group=GROUP,
    kinds={"vllm"},
    version=code_version("xl_assets.evaluation.judges", "xl_assets.generation.parsing"),
    checks=("accounted_for", "contract"),
)
def known_judgements(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """What the judge says of pairs of which the better answer is known, as the profile's `[evaluation] known` has them.

    Empty, and no model is asked, where it names no file. Another release with the same judge asks nothing again.
    """
    step = Step(context, workspace)
    release = context.partition_key
    settings = step.settings("evaluation")
    if settings.known is None:
        yield from step.write({release: Outcome(empty_table(KnownJudgement), 0)}, KnownJudgement)
        return
    known, config = read_known(settings.known), settings.judge.config
    asked = models.answerer(step, "judge")
    frame = judge_known(known, release, config, asked.fingerprint, asked)
    expected = known.rows.height * len(config.orders) + sum(known.rejected.values())
    outcome = Outcome(frame, expected, metadata=asked.metadata(), rejected_before=known.rejected)
    yield from step.write({release: outcome}, KnownJudgement)


@release_asset(
    name="criteria_scores",
    group=GROUP,
    kinds={"vllm"},
    version=code_version(
        "xl_assets.evaluation.criteria_scores",
        "xl_assets.evaluation.judges",
        "xl_assets.generation.parsing",
        "xl_assets.generation.criteria",
    ),
    deps=["model_responses", "reference_responses"],
)
def criteria_scores(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """The judge's scores from 1 to 5 of every response on every criterion, against an English reference if asked."""
    step = Step(context, workspace)
    release = context.partition_key
    tables = ("model_responses", "reference_responses")
    answers = [step.read_release(table, release, kept_only=False).collect() for table in tables]
    settings = step.settings("evaluation")
    references = _english_references(answers[1]) if settings.english_references else None
    asked = models.answerer(step, "judge")
    frame = score_criteria(pl.concat(answers), asked.fingerprint, asked, settings.criteria, references)
    yield from step.write({release: Outcome(frame, metadata=asked.metadata())}, CriterionScore)


@release_asset(
    name="evaluation_report",
    group=GROUP,
    kinds={"html"},
    version=code_version(
        "xl_assets.evaluation",
        "xl_assets.evaluation.templates",
        "xl_assets.evaluation.scores",
        "xl_assets.evaluation.judges.coverage",
        "xl_assets.reporting",
    ),
    deps=[*EVALUATION_TABLES],
    checks=("contract",),
)
def evaluation_report(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """The release's report: one HTML page without scripts or requests, and its plots here."""
    step = Step(context, workspace)
    release = context.partition_key
    for table in EVALUATION_TABLES:
        step.read_release(table, release)
    date = datetime.now(UTC).date().isoformat()
    data = report_data(workspace, release, step.inputs_of(release), date)
    metadata = {name: dg.MetadataValue.md(text) for name, text in report_metadata(data).items()}
    frame = step.write_file(release, f"reports/{release}/report.html", render_report(data).encode())
    # The earlier release's judgements are no input: they belong to a manifest of their own.
    facts = {"date": date, "compared_with": data.earlier.release if data.earlier else None}
    yield from step.write({release: Outcome(frame, facts=facts, metadata=metadata)}, ReleaseFile)


def _prompts(step: Step, release: str) -> pl.DataFrame:
    """The prompts of the release's languages: those of its mixture."""
    mixture = step.read_release("sft_mixture", release).select("language").unique().collect()
    languages = mixture["language"].sort().to_list()
    return pl.concat([step.read_language("eval_prompts", language) for language in languages]).collect()


def _base_prompts(step: Step, settings: PromptSettings) -> pl.DataFrame:
    """The file of instructions; read before it is hashed, so that what is wrong with it is told by its reader."""
    place = step.workspace.settings.place(step.workspace.settings.evaluation.prompts)
    base = read_prompt_file(place, settings.columns, settings.exclude)
    step.note_source("prompt_file")
    return base


def _english_references(references: pl.DataFrame) -> pl.DataFrame:
    """For every prompt the reference's answer to the English prompt that it was made from."""
    answered = references.filter((pl.col("kind") == "english") & pl.col("response").is_not_null())
    english = answered.group_by("cluster_id").agg(pl.col("response").sort_by("prompt_id").first().alias("reference"))
    others = references.filter(pl.col("kind") != "english").select("prompt_id", "cluster_id")
    return others.join(english, on="cluster_id").select("prompt_id", "reference")


def _outcomes(judgements: pl.DataFrame) -> dg.MetadataValue:
    """How many verdicts there are, and why the others are not, by model."""
    counts = judgements.group_by("model", pl.col("outcome").cast(pl.String), "reason").len("rows")
    return table_metadata(counts.sort("model", "outcome", "reason"))
