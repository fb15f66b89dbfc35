"""Best of n: estimate the quality of every translation, keep the best of each pair.

Estimators, by name in `SelectionSettings.estimator`:

- ``judge``: a model reads source and translation and gives a digit from 1 to 5; the quality is the digit's
  expectation over the answer token's probabilities, for digits alone tie often;
- ``round_trip``: the translation is translated back, and the quality is chrF against the source (0 to 100;
  Popović 2015, https://aclanthology.org/W15-3049, as sacrebleu computes it);
- ``model``: any `QualityModel`, such as a reference-free COMET.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import polars as pl

from xl_assets.filters.reasons import add_reasons
from xl_assets.generation.calls import Answer, Sampling
from xl_assets.generation.parsing import expected_digit, text_answer
from xl_assets.generation.recipes.recipe import Fields, Step, kept_rows, run_step
from xl_assets.languages import get_language
from xl_assets.tables import SelectedTranslation, check_table

SOURCE_LANGUAGE = "en"
ESTIMATORS = ("judge", "round_trip", "model")

#: Templates that an estimator may render; their hashes belong in the code version.
PROMPTS = ("xl_instruct/translation_quality", "xl_instruct/translate")

#: Least quality of each estimator where the settings name none. A COMET-like model's scale is its own.
FLOORS: Mapping[str, float | None] = MappingProxyType({"judge": 3.0, "round_trip": 40.0, "model": None})

#: What an estimator adds to a candidate.
_ESTIMATE = {"estimator": pl.String, "quality": pl.Float64, "quality_call_id": pl.String}


class QualityModel(Protocol):
    """A reference-free quality estimator such as CometKiwi, as a callable with a name.

    The name is stored with every row: let it say model and revision.
    """

    name: str

    def __call__(
        self, sources: Sequence[str], translations: Sequence[str], languages: Sequence[str]
    ) -> Sequence[float]:
        """Scores of translations of English sources into languages, in their order; greater is better."""
        ...


@dataclass(frozen=True)
class SelectionSettings:
    """How the best translation is found.

    Attributes:
        estimator: ``judge``, ``round_trip`` or ``model``.
        min_quality: candidates below it are never chosen; None takes the estimator's own floor (`FLOORS`).
        logprobs: how many top tokens the judge's digit comes with.
        judge_tokens: longest answer of the judge; more than one, so that an answer of one digit can end.
        response_tokens: longest back-translation.
        attempts: at most so many attempts where an answer can't be used.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  read by XLInstructSettings.from_dict
    estimator: str = "judge"
    min_quality: float | None = None
    logprobs: int = 20
    judge_tokens: int = 4
    response_tokens: int = 1024
    attempts: int = 2

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise ValueError(f"no quality estimator {self.estimator!r}: choose one of {', '.join(ESTIMATORS)}")

    @property
    def floor(self) -> float | None:
        """The least quality in force."""
        return FLOORS[self.estimator] if self.min_quality is None else self.min_quality


def judge_step(settings: SelectionSettings, prompt_folder: Path | None = None) -> Step:
    """The judge's step. Samples that say the same are one call: the seed derives from the text, not from the sample."""
    digits = tuple("12345")
    sampling = Sampling(max_tokens=settings.judge_tokens, choice=digits, logprobs=settings.logprobs)
    parser = expected_digit("digit", "quality")
    seed_parts = ("pair_id", "language", "response")
    name = "xl_instruct/translation_quality"
    return Step("translation_quality", name, "quality_estimator", sampling, seed_parts, parser, None, prompt_folder)


def round_trip_step(settings: SelectionSettings, prompt_folder: Path | None = None) -> Step:
    """The step that translates back, greedily."""
    sampling = Sampling(max_tokens=settings.response_tokens)
    parser = text_answer("back_translation")
    seed_parts = ("pair_id", "language", "response")
    return Step("round_trip", "xl_instruct/translate", "translator", sampling, seed_parts, parser, None, prompt_folder)


def estimate_quality(
    candidates: pl.DataFrame,
    fingerprint: str,
    answer: Answer,
    settings: SelectionSettings,
    model: QualityModel | None = None,
    prompt_folder: Path | None = None,
) -> pl.DataFrame:
    """Estimate the quality of every candidate that has a text; all languages in one call of `answer`.

    English candidates pass through with the estimator ``source`` and no quality.

    Args:
        candidates: table `TranslationCandidate`.
        fingerprint: of the model that answers: role quality_estimator, for ``round_trip`` translator; not used
            by ``model``.
        answer: as in `calls.complete_rows`.
        settings: the selection's.
        model: for the estimator ``model``.
        prompt_folder: a user's own templates.

    Returns:
        The candidates in their order with ``estimator``, ``quality``, ``quality_call_id``, ``kept`` and
        ``reasons`` (why there is no estimate).

    Raises:
        ValueError: where the estimator is ``model`` and none was given.
    """
    columns = ("candidate_id", "pair_id", "language", "sample", "instruction", "source_response", "response")
    rows = kept_rows(candidates, *columns).with_row_index("_place")
    is_source = pl.col("language") == SOURCE_LANGUAGE
    foreign = rows.filter(~is_source)
    if settings.estimator == "model":
        estimated = _by_model(foreign, model)
    elif settings.estimator == "judge":
        estimated = _by_judge(foreign, judge_step(settings, prompt_folder), fingerprint, answer, settings)
    else:
        estimated = _by_round_trip(foreign, round_trip_step(settings, prompt_folder), fingerprint, answer, settings)
    wanted = [*rows.columns, *_ESTIMATE, "kept", "reasons"]
    source = _estimate(rows.filter(is_source), estimator="source")
    return pl.concat([source.select(wanted), estimated.select(wanted)]).sort("_place").drop("_place")


def select_best(estimated: pl.DataFrame, settings: SelectionSettings) -> pl.DataFrame:
    """Keep the best candidate of each pair and language; equal quality is decided by the lower sample number.

    Candidates below the floor have the reason ``low_quality``, the others that lose ``not_the_best``.
    ``rank`` counts from 1 over the candidates that have a quality.

    Args:
        estimated: as `estimate_quality` returns it.
        settings: the selection's.

    Returns:
        A checked table `SelectedTranslation`; at most one row per pair and language is kept, and exactly one
        where any candidate reached the floor.
    """
    floor = settings.floor
    too_low = pl.lit(False) if floor is None else pl.col("quality") < floor
    judged = add_reasons(estimated, {"low_quality": too_low})
    group = ["pair_id", "language"]
    candidate = pl.struct(-pl.col("quality").fill_null(0.0), "sample")
    place = pl.when(_has_estimate()).then(candidate)
    ranked = judged.with_columns(place.rank("ordinal").over(group).cast(pl.Int64).alias("rank"))
    best = pl.when("kept").then("rank").min().over(group)
    beaten = pl.col("kept") & (pl.col("rank") > best)
    return check_table(add_reasons(ranked, {"not_the_best": beaten}), SelectedTranslation)


def _has_estimate() -> pl.Expr:
    return pl.col("quality").is_not_null() | (pl.col("estimator") == "source")


def _by_judge(
    rows: pl.DataFrame, step: Step, fingerprint: str, answer: Answer, settings: SelectionSettings
) -> pl.DataFrame:
    fields: Fields = {
        **_languages(rows),
        "text": pl.col("source_response"),
        "translation": pl.col("response"),
    }
    judged = run_step(rows, step, fields, fingerprint, answer, settings.attempts)
    return judged.with_columns(pl.lit("judge").alias("estimator")).rename({"call_id": "quality_call_id"})


def _by_round_trip(
    rows: pl.DataFrame, step: Step, fingerprint: str, answer: Answer, settings: SelectionSettings
) -> pl.DataFrame:
    there = _languages(rows)
    fields: Fields = {
        "source_language": there["target_language"],
        "target_language": there["source_language"],
        "text": pl.col("response"),
    }
    back = run_step(rows, step, fields, fingerprint, answer, settings.attempts)
    quality = pl.Series("quality", _chrf(back["back_translation"], back["source_response"]), dtype=pl.Float64)
    return back.with_columns(quality, pl.lit("round_trip").alias("estimator")).rename({"call_id": "quality_call_id"})


def _by_model(rows: pl.DataFrame, model: QualityModel | None) -> pl.DataFrame:
    if model is None:
        raise ValueError("the estimator 'model' needs a quality model: hand one to estimate_quality, or choose 'judge'")
    scores = model(*(rows[name].to_list() for name in ("source_response", "response", "language")))
    if len(scores) != rows.height:
        raise ValueError(f"{model.name} gave {len(scores)} scores for {rows.height} translations")
    quality = pl.Series("quality", scores, dtype=pl.Float64).fill_nan(None)
    return add_reasons(_estimate(rows, model.name, quality), {"no_estimate": pl.col("quality").is_null()})


def _estimate(rows: pl.DataFrame, estimator: str, quality: pl.Series | None = None) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(estimator).alias("estimator"),
        (pl.lit(None, dtype=pl.Float64) if quality is None else quality).alias("quality"),
        pl.lit(None, dtype=pl.String).alias("quality_call_id"),
        pl.lit(True).alias("kept"),
        pl.lit([], dtype=pl.List(pl.String)).alias("reasons"),
    )


def _languages(rows: pl.DataFrame) -> dict[str, str | pl.Expr]:
    names = {code: get_language(code).name for code in rows["language"].unique().to_list()}
    target = pl.col("language").replace_strict(names, return_dtype=pl.String)
    return {"source_language": get_language(SOURCE_LANGUAGE).name, "target_language": target}


def _chrf(texts: pl.Series, references: pl.Series) -> list[float | None]:
    """Sentence chrF of each text; sacrebleu scores one sentence a call, so this is a loop around the library."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    pairs = zip(texts, references, strict=True)
    return [None if text is None else metric.sentence_score(text, [reference]).score for text, reference in pairs]
