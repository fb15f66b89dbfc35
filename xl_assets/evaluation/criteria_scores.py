"""A judge's scores from 1 to 5 for single responses, one for each named criterion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from xl_assets.evaluation.naming import target_language
from xl_assets.generation.calls import Answer, Request, Sampling, complete_rows
from xl_assets.generation.criteria import DEFAULT_CRITERIA, criteria_schema, criteria_text
from xl_assets.generation.parsing import scores_json
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.tables import CriterionScore, check_table, empty_table

PROMPT = "evaluation/criteria"
STEP = "score_response"


@dataclass(frozen=True)
class CriteriaSettings:
    """What a judge is told to rate, and how it is asked.

    Attributes:
        criteria: name -> what a rater is told.
        max_tokens: longest score answer.
        attempts: at most so many attempts for an answer that does not meet the JSON schema.
        prompt_folder: a user's own prompt folder, looked in before the shipped one.
    """

    criteria: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_CRITERIA))
    max_tokens: int = 96
    attempts: int = 2
    prompt_folder: Path | None = None

    @property
    def prompt(self) -> Prompt:
        """The template that shows criteria, instruction and response."""
        return load_prompt(PROMPT, self.prompt_folder)

    @property
    def sampling(self) -> Sampling:
        """Greedy, and held to the JSON schema of the criteria."""
        return Sampling(temperature=0.0, max_tokens=self.max_tokens, json_schema=criteria_schema(self.criteria))


def score_criteria(
    responses: pl.DataFrame, fingerprint: str, answer: Answer, settings: CriteriaSettings | None = None
) -> pl.DataFrame:
    """Let a judge score every response on every criterion, one call a response.

    Args:
        responses: ``ModelResponse`` of one or more models.
        fingerprint: of the judge.
        answer: see `complete_rows`.
        settings: criteria, longest answer, attempts and prompt folder.

    Returns:
        One row of ``CriterionScore`` for each response and criterion. The score is null where the judge's answer
        could not be read; call and score are null where there was no response to rate.
    """
    settings = settings or CriteriaSettings()
    if responses.is_empty():
        return empty_table(CriterionScore)
    identity = ["response_id", "release", "prompt_id", "language", "kind", "model"]
    criteria = pl.DataFrame({"criterion": list(settings.criteria)})
    rows = responses.select(identity).join(criteria, how="cross", maintain_order="left_right")
    present = responses.filter(pl.col("response").is_not_null())
    if present.is_empty():
        nothing = [pl.lit(None, dtype=pl.Int64).alias("score"), pl.lit(None, dtype=pl.String).alias("call_id")]
        return check_table(rows.with_columns(nothing), CriterionScore)
    rated = _rate(present, fingerprint, answer, settings)
    keys = ["response_id", "release"]
    rows = rows.join(rated.select(*keys, "call_id"), on=keys, how="left", maintain_order="left").join(
        _one_row_a_score(rated), on=[*keys, "criterion"], how="left", maintain_order="left"
    )
    return check_table(rows, CriterionScore)


def _rate(rows: pl.DataFrame, fingerprint: str, answer: Answer, settings: CriteriaSettings) -> pl.DataFrame:
    shown = rows.select("response_id", "release", "language", "instruction", "response")
    message = settings.prompt.expression(
        criteria=criteria_text(settings.criteria),
        instruction=pl.col("instruction"),
        response=pl.col("response"),
        target_language=target_language(shown),
    )
    request = Request(step=STEP, messages=[("user", message)], sampling=settings.sampling, seed_parts=("response_id",))
    return complete_rows(shown, request, scores_json(list(settings.criteria)), fingerprint, answer, settings.attempts)


def _one_row_a_score(rated: pl.DataFrame) -> pl.DataFrame:
    return (
        rated.select("response_id", "release", "scores")
        .explode("scores")
        .filter(pl.col("scores").is_not_null())
        .unnest("scores")
    )
