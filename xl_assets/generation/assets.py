"""The recipe XL-Instruct as assets: English pairs first, then one partition a target language.

Rows of imported sets join before the language filter.
"""

from collections.abc import Iterator

import dagster as dg
import dataframely as dy
import polars as pl

from resources.configured import Models, Workspace
from resources.lake import LANGUAGE, Partition, TableVersion
from xl_assets.declaring import code_version, english, english_asset, language_asset
from xl_assets.generation.finishing import filter_languages, finish_rows
from xl_assets.generation.recipes import xl_instruct as recipe
from xl_assets.generation.selection import estimate_quality, select_best
from xl_assets.imports.assets import imported_rows
from xl_assets.outcome import Outcome, by_language
from xl_assets.partitions import ENGLISH
from xl_assets.profile import Role
from xl_assets.step import Step
from xl_assets.tables import (
    InstructionCandidate,
    LanguageFiltered,
    Question,
    RefinedResponse,
    ScoredPair,
    SelectedTranslation,
    TranslationCandidate,
    XLInstruct,
    empty_table,
)

GROUP = "xl_instruct"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

_GENERATION = ("calls", "criteria", "directives", "diversity", "finishing", "parsing", "recipes", "selection")
_CODE = (
    *(f"xl_assets.generation.{name}" for name in _GENERATION),
    *("xl_assets.identity", "xl_assets.tables.contract", "xl_assets.tables.generation"),
)


def _version(asset: str) -> str:
    return code_version(*_CODE, prompts=recipe.PROMPTS.get(asset, ()))


@english_asset(
    name="questions",
    group=GROUP,
    kinds={"vllm", "polars"},
    version=_version("questions"),
    deps=[english("seed_passages")],
)
def questions(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """The question that each English passage answers (reverse instruction), written by the teacher."""
    step = Step(context, workspace)
    passages = step.read_language("seed_passages", ENGLISH).collect()
    teacher = models.answerer(step, "teacher")
    frame = recipe.write_questions(passages, teacher.fingerprint, teacher, step.settings("xl_instruct"))
    yield from step.write(Outcome(frame, passages.height, metadata=teacher.metadata()), Question)


@english_asset(
    name="refined_responses",
    group=GROUP,
    kinds={"vllm", "polars"},
    version=_version("refined_responses"),
    deps=["questions"],
)
def refined_responses(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """Each passage rewritten by the teacher as a response to its question, against the named criteria."""
    step = Step(context, workspace)
    asked = step.read("questions").collect()
    teacher = models.answerer(step, "teacher")
    frame = recipe.refine_responses(asked, teacher.fingerprint, teacher, step.settings("xl_instruct"))
    yield from step.write(Outcome(frame, asked.height, metadata=teacher.metadata()), RefinedResponse)


@english_asset(
    name="scored_pairs",
    group=GROUP,
    kinds={"vllm", "polars"},
    version=_version("scored_pairs"),
    deps=["refined_responses"],
)
def scored_pairs(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """English pairs with a score from 1 to 5 on each criterion; a low mean is rejected."""
    step = Step(context, workspace)
    refined = step.read("refined_responses").collect()
    teacher = models.answerer(step, "teacher")
    frame = recipe.score_pairs(refined, teacher.fingerprint, teacher, step.settings("xl_instruct"))
    yield from step.write(Outcome(frame, refined.height, metadata=teacher.metadata()), ScoredPair)


@language_asset(
    name="translation_candidates",
    group=GROUP,
    kinds={"vllm", "polars"},
    version=_version("translation_candidates"),
    deps=["scored_pairs"],
)
def translation_candidates(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """n translations of every pair's response, sampled by the translator; one engine start for all languages of a run.

    For English the response itself stands here, without a call.
    """
    step = Step(context, workspace)
    pairs = step.read("scored_pairs").collect()
    settings = step.settings("xl_instruct")
    translator = models.answerer(step, "translator")
    frame = recipe.translate(pairs, step.keys, translator.fingerprint, translator, settings)
    rows_in = {key: pairs.height * (1 if key == ENGLISH else settings.samples) for key in step.keys}
    outcomes = by_language(frame, step.keys, rows_in, metadata=translator.metadata())
    yield from step.write(outcomes, TranslationCandidate)


@language_asset(
    name="selected_translations",
    group=GROUP,
    kinds={"vllm", "polars"},
    version=_version("selected_translations"),
    deps=["translation_candidates"],
    checks=("accounted_for", "contract", "not_empty"),
)
def selected_translations(context: dg.AssetExecutionContext, workspace: Workspace, models: Models) -> Events:
    """All candidates with their estimated quality and rank; the best of each pair is kept, the others say why not."""
    step = Step(context, workspace)
    candidates = step.read_languages("translation_candidates").collect()
    settings = step.settings("xl_instruct")
    role: Role = "translator" if settings.selection.estimator == "round_trip" else "quality_estimator"
    estimator = models.answerer(step, role)
    folder = settings.prompt_folder
    estimated = estimate_quality(candidates, estimator.fingerprint, estimator, settings.selection, prompt_folder=folder)
    frame = select_best(estimated, settings.selection)
    yield from step.write(
        by_language(frame, step.keys, step.counts(candidates), metadata=estimator.metadata()), SelectedTranslation
    )


@language_asset(
    name="instruction_candidates",
    group=GROUP,
    kinds={"polars"},
    version=_version("instruction_candidates"),
    deps=["selected_translations"],
    checks=("accounted_for", "contract", "not_empty"),
)
def instruction_candidates(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """English instruction with its directive ("Answer in German.") and the response in the language."""
    step = Step(context, workspace)
    selected = step.read_languages("selected_translations").collect()
    frame = recipe.to_instruction_candidates(selected)
    yield from step.write(by_language(frame, step.keys, step.counts(selected)), InstructionCandidate)


@language_asset(
    name="language_filtered",
    group=GROUP,
    kinds={"fasttext", "polars"},
    version=code_version(*_CODE, "xl_assets.filters", "xl_assets.languages"),
    deps=["instruction_candidates", "imported_rows"],
)
def language_filtered(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Candidates and imported rows whose response is in its language, as fastText sees the whole and every line."""
    step = Step(context, workspace)
    identifier = step.language_identifier()
    columns = InstructionCandidate.column_names()
    imported = step.read_languages("imported_rows")
    own = _own(step, "instruction_candidates", imported, InstructionCandidate)
    candidates = pl.concat([own.select(columns), imported.select(columns)]).collect()
    frame = filter_languages(candidates, identifier.predict, step.settings("identification"))
    yield from step.write(by_language(frame, step.keys, step.counts(candidates)), LanguageFiltered)


@language_asset(
    name="xl_instruct",
    group=GROUP,
    kinds={"polars"},
    version=code_version(*_CODE, "xl_assets.filters"),
    deps=["language_filtered", "selected_translations", "imported_rows", "eval_prompts"],
)
def xl_instruct(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """The finished rows: quality filtered, decontaminated against the evaluation prompts, capped by diversity."""
    step = Step(context, workspace)
    candidates = step.read_languages("language_filtered").collect()
    imported = step.read_languages("imported_rows")
    selected = _own(step, "selected_translations", imported, SelectedTranslation)
    known = ("candidate_id", "quality", "source_response")
    quality = pl.concat([selected.select(known), imported.select(known)]).collect()
    prompts = step.read_languages("eval_prompts").select("prompt_id", "language", "instruction").collect()
    frame = finish_rows(candidates, quality, prompts, step.settings("xl_instruct").finishing)
    yield from step.write(by_language(frame, step.keys, step.counts(candidates)), XLInstruct)


def _own(step: Step, table: str, imported: pl.LazyFrame, schema: type[dy.Schema]) -> pl.LazyFrame:
    """Our own rows of this run's languages. A language that was only imported may have none.

    That it had none is noted: a release's manifest says so.
    """
    has_imports = set(imported.select(LANGUAGE).unique().collect()[LANGUAGE])
    parts = [empty_table(schema).lazy()]
    for key in step.keys:
        if key in has_imports and step.lake.record(table, Partition(LANGUAGE, key)) is None:
            step.note(TableVersion(f"absent:{table}", key, 0, "0" * 32))
        else:
            parts.append(step.read_language(table, key))
    columns = schema.column_names()
    return pl.concat([part.select(columns) for part in parts])


# It is loaded from here, beside what reads it.
__all__ = ["imported_rows"]
