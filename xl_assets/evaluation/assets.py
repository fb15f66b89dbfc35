"""Evaluation: prompts, responses, judgements, scores and the report of a release."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from resources.configured import Models, Workspace
from xl_assets.declaring import code_version, every_partition, language_asset, release_asset
from xl_assets.evaluation.criteria_scores import score_criteria
from xl_assets.evaluation.judging import judge
from xl_assets.evaluation.language_fidelity import fidelity_by_language
from xl_assets.evaluation.language_fidelity import language_fidelity as measure_fidelity
from xl_assets.evaluation.plots import fidelity_chart, markdown_image, to_png, win_rate_chart
from xl_assets.evaluation.prompt_sets import build_eval_prompts, read_prompt_file
from xl_assets.evaluation.report import render_report
from xl_assets.evaluation.report_data import HEADLINE_KIND
from xl_assets.evaluation.responses import respond
from xl_assets.evaluation.win_rate import win_rates as compute_win_rates
from xl_assets.outcome import Outcome
from xl_assets.reporting import EVALUATION_TABLES, report_data
from xl_assets.step import Step
from xl_assets.tables import (
    CriterionScore,
    EvalPrompt,
    Judgement,
    LanguageFidelity,
    ModelResponse,
    ReleaseFile,
    WinRate,
)

GROUP = "evaluation"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

prompt_file = dg.AssetSpec(
    "prompt_file",
    group_name="sources",
    kinds={"file"},
    description="The evaluation prompts as the profile names them, outside the lake.",
)


@language_asset(
    name="eval_prompts",
    group="evaluation_prompts",
    kinds={"polars"},
    version=code_version("xl_assets.evaluation.prompt_sets", "xl_assets.generation.directives"),
    deps=["prompt_file"],
    checks=("contract", "not_empty"),
)
def eval_prompts(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """The prompts of a language: English with a directive (cross-lingual), in the language itself, or English."""
    step = Step(context, workspace)
    source = workspace.settings.evaluation
    step.note_source("prompt_file")
    base = read_prompt_file(workspace.settings.place(source.prompts), exclude=source.exclude)
    outcomes = {language: Outcome(build_eval_prompts(base, language)) for language in step.keys}
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
    version=code_version("xl_assets.evaluation.judging", prompts=["evaluation/pairwise"]),
    deps=["model_responses", "reference_responses"],
)
def judgements(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """Pairwise comparisons with the reference in both orders; equal answers are a tie without a call."""
    step = Step(context, workspace)
    release = context.partition_key
    responses = step.read_release("model_responses", release, kept_only=False).collect()
    references = step.read_release("reference_responses", release, kept_only=False).collect()
    asked = models.answerer(step, "judge")
    settings = step.settings("evaluation").judge
    frame = judge(responses, references, asked.fingerprint, asked, settings)
    expected = responses.height * len(settings.orders)
    yield from step.write({release: Outcome(frame, expected, metadata=asked.metadata())}, Judgement)


@release_asset(
    name="criteria_scores",
    group=GROUP,
    kinds={"vllm"},
    version=code_version("xl_assets.evaluation.criteria_scores", prompts=["evaluation/criteria"]),
    deps=["model_responses", "reference_responses"],
)
def criteria_scores(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """The judge's scores from 1 to 5 of every response on every criterion."""
    step = Step(context, workspace)
    release = context.partition_key
    responses = _all_responses(step, release)
    asked = models.answerer(step, "judge")
    frame = score_criteria(responses, asked.fingerprint, asked, step.settings("evaluation").criteria)
    yield from step.write({release: Outcome(frame, metadata=asked.metadata())}, CriterionScore)


@release_asset(
    name="language_fidelity",
    group=GROUP,
    kinds={"fasttext"},
    version=code_version("xl_assets.evaluation.language_fidelity", "xl_assets.filters.language_id"),
    deps=["model_responses", "reference_responses"],
)
def language_fidelity(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Whether each response is in the language that was asked for, by fastText and script."""
    step = Step(context, workspace)
    release = context.partition_key
    frame = measure_fidelity(_all_responses(step, release), step.language_identifier().predict)
    yield from step.write({release: Outcome(frame, metadata=_fidelity_plot(frame))}, LanguageFidelity)


@release_asset(
    name="win_rates",
    group=GROUP,
    kinds={"polars"},
    version=code_version("xl_assets.evaluation.win_rate", "xl_assets.evaluation.bootstrap"),
    deps=["judgements"],
)
def win_rates(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Win rates against the reference with intervals, per model, kind of prompt and language, and on average."""
    step = Step(context, workspace)
    release = context.partition_key
    rows = step.read_release("judgements", release).collect()
    frame = compute_win_rates(rows, step.settings("evaluation").win_rate)
    yield from step.write({release: Outcome(frame, metadata=_win_rate_plot(frame))}, WinRate)


@release_asset(
    name="evaluation_report",
    group=GROUP,
    kinds={"html"},
    version=code_version("xl_assets.evaluation", "xl_assets.reporting"),
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
    plots = {**_win_rate_plot(data.win_rates), **_fidelity_plot(data.language_fidelity)}
    frame = step.write_file(release, f"reports/{release}/report.html", render_report(data).encode())
    yield from step.write({release: Outcome(frame, facts={"date": date}, metadata=plots)}, ReleaseFile)


def _win_rate_plot(rates: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """Win rates of the headline prompts with their intervals, as a picture for the UI."""
    shown = rates.filter(pl.col("kind") == HEADLINE_KIND)
    if shown.is_empty():
        return {}
    picture = to_png(win_rate_chart(shown))
    return {"win_rate_plot": dg.MetadataValue.md(markdown_image(picture, "Win rate against the reference"))}


def _fidelity_plot(fidelity: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """Language fidelity of the headline prompts before and after, as a picture for the UI."""
    shown = fidelity_by_language(fidelity).filter(pl.col("kind") == HEADLINE_KIND)
    if shown.is_empty():
        return {}
    picture = to_png(fidelity_chart(shown))
    return {"fidelity_plot": dg.MetadataValue.md(markdown_image(picture, "Answers in the requested language"))}


def _prompts(step: Step, release: str) -> pl.DataFrame:
    """The prompts of the release's languages: those of its mixture."""
    mixture = step.read_release("sft_mixture", release).select("language").unique().collect()
    languages = mixture["language"].sort().to_list()
    return pl.concat([step.read_language("eval_prompts", language) for language in languages]).collect()


def _all_responses(step: Step, release: str) -> pl.DataFrame:
    tables = ("model_responses", "reference_responses")
    return pl.concat([step.read_release(table, release, kept_only=False).collect() for table in tables])
