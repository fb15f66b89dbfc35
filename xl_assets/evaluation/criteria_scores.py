"""A judge's scores for a release's single responses, one for each named criterion."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from xl_assets.evaluation.judges.config import Judge, load_judge
from xl_assets.evaluation.judges.rubric import STEP, score_rubric
from xl_assets.generation.calls import Answer, Sampling
from xl_assets.generation.criteria import DEFAULT_CRITERIA, criteria_schema
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.tables import CriterionScore, check_table, empty_table

__all__ = ["PROMPT", "STEP", "CriteriaSettings", "score_criteria"]

PROMPT = "evaluation/criteria"


@dataclass(frozen=True)
class CriteriaSettings:
    """What a judge is told to rate, and how it is asked.

    Attributes:
        criteria: name -> what a rater is told.
        max_tokens: longest score answer.
        attempts: at most so many attempts for an answer that does not meet the JSON schema.
        prompt_folder: a user's own prompt folder, looked in before the shipped one.
        judge: name of a shipped rubric judge, or path of a user's folder, which then says all of the above but the
            prompt folder; None is the shipped rubric with these settings.
    """

    criteria: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_CRITERIA))
    max_tokens: int = 96
    attempts: int = 2
    prompt_folder: Path | None = None
    judge: str | None = None

    @property
    def prompt(self) -> Prompt:
        """The template that shows criteria, instruction and response where there is no reference."""
        return load_prompt(PROMPT, self.prompt_folder)

    @property
    def sampling(self) -> Sampling:
        """Greedy, and held to the JSON schema of the criteria."""
        return Sampling(temperature=0.0, max_tokens=self.max_tokens, json_schema=criteria_schema(self.criteria))

    @property
    def config(self) -> Judge:
        """The judge that these settings come to.

        Raises:
            JudgeError: no such judge, or one that can't be used.
        """
        if self.judge is not None:
            return load_judge(self.judge, self.prompt_folder)
        return replace(
            load_judge("rubric", self.prompt_folder),
            criteria=self.criteria,
            attempts=self.attempts,
            sampling=self.sampling,
            without_reference=self.prompt,
        )


def score_criteria(
    responses: pl.DataFrame,
    fingerprint: str,
    answer: Answer,
    settings: CriteriaSettings | None = None,
    references: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Let a judge score every response on every criterion, one call a response.

    Args:
        responses: ``ModelResponse`` of one or more models.
        fingerprint: of the judge.
        answer: see `complete_rows`.
        settings: judge, criteria, longest answer, attempts and prompt folder.
        references: ``prompt_id``, ``reference``: an answer, in English say, that would get the best score. A response
            to a prompt that is not in it is scored without one.

    Returns:
        One row of ``CriterionScore`` for each response and criterion. The score is null where the judge's answer
        could not be read; call and score are null where there was no response to rate.
    """
    config = (settings or CriteriaSettings()).config
    if responses.is_empty():
        return empty_table(CriterionScore)
    identity = ["response_id", "release", "prompt_id", "language", "kind", "model"]
    rows = responses.select(*identity, "instruction", "response")
    if references is not None:
        known = references.select("prompt_id", "reference")
        rows = rows.join(known, on="prompt_id", how="left", validate="m:1", maintain_order="left")
    scored = [
        part.select(identity).join(
            score_rubric(part.select(pl.all().exclude("model", "kind")), config, fingerprint, answer),
            on="response_id",
            maintain_order="left_right",
        )
        for part in rows.partition_by("release", maintain_order=True)
    ]
    return check_table(pl.concat(scored), CriterionScore)
