"""Pairwise judging of a release: every model's responses against the reference's."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from xl_assets.evaluation.judges.config import (
    BOTH_ORDERS,
    MODEL_FIRST,
    REFERENCE_FIRST,
    Judge,
    JudgeError,
    check_orders,
    load_judge,
)
from xl_assets.evaluation.judges.pairwise import STEP, TIE, judge_pairs
from xl_assets.generation.calls import Answer, Sampling
from xl_assets.generation.prompts import Prompt
from xl_assets.identity import content_address
from xl_assets.tables import Judgement, check_table, empty_table

__all__ = ["BOTH_ORDERS", "MODEL_FIRST", "REFERENCE_FIRST", "STEP", "TIE", "JudgeSettings", "JudgingError", "judge"]

JudgingError = JudgeError


@dataclass(frozen=True)
class JudgeSettings:
    """Which judge is asked, and how.

    Attributes:
        orders: both by default, so that a judge's liking for a position cancels out; or one of the two.
        sampling: instead of the judge's own.
        attempts: instead of the judge's own.
        prompt_folder: a user's own prompt folder, looked in before the shipped one.
        judge: name of a shipped pairwise judge, or path of a user's folder; see `load_judge`.
    """

    orders: tuple[str, ...] = BOTH_ORDERS
    sampling: Sampling | None = None
    attempts: int | None = None
    prompt_folder: Path | None = None
    judge: str = "pairwise"

    def __post_init__(self) -> None:
        check_orders(self.orders)

    @property
    def config(self) -> Judge:
        """The judge that these settings name, with what they change of it.

        Raises:
            JudgeError: no such judge, or one that can't be used.
        """
        own = load_judge(self.judge, self.prompt_folder)
        sampling, attempts = self.sampling or own.sampling, self.attempts or own.attempts
        return replace(own, orders=self.orders, sampling=sampling, attempts=attempts)

    @property
    def prompt(self) -> Prompt:
        """The template that shows both answers."""
        return self.config.prompt


def judge(
    responses: pl.DataFrame,
    references: pl.DataFrame,
    fingerprint: str,
    answer: Answer,
    settings: JudgeSettings | None = None,
) -> pl.DataFrame:
    """Compare every response with the reference's response to the same prompt.

    Args:
        responses: ``ModelResponse`` of one or more models.
        references: ``ModelResponse`` of the reference, one row a prompt.
        fingerprint: of the judge.
        answer: see `complete_rows`.
        settings: judge, orders, sampling, attempts and prompt folder.

    Returns:
        One row of ``Judgement`` for each response and order. Two equal answers are a tie without a call;
        where one side has no response, or the judge's call failed, there is nothing to go by (``missing``); a verdict
        that could not be read is ``invalid``. Missing and invalid rows have no preference.

    Raises:
        JudgingError: where a prompt has several references or none.
    """
    return check_table(judge_with_reasons(responses, references, fingerprint, answer, settings), Judgement)


def judge_with_reasons(
    responses: pl.DataFrame,
    references: pl.DataFrame,
    fingerprint: str,
    answer: Answer,
    settings: JudgeSettings | None = None,
) -> pl.DataFrame:
    """As `judge`, with the other columns of ``PairVerdict`` too: reason, failure, raw words, label mass, tokens."""
    settings = settings or JudgeSettings()
    if responses.is_empty():
        return empty_table(Judgement)
    config = settings.config
    rows = judge_pairs(_pairs(responses, references), config, fingerprint, answer)
    key = content_address("judgement", "response_id", "reference_id", "order", pl.lit(fingerprint), pl.lit(config.hash))
    return rows.with_columns(key.alias("judgement_id"))


def _pairs(responses: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    right = references.select("prompt_id", reference_id="response_id", reference="response")
    if several := right.height - right["prompt_id"].n_unique():
        raise JudgingError(
            f"{several} prompts have more than one reference response: pass the references of one model and release"
        )
    identity = ["release", "prompt_id", "cluster_id", "language", "kind", "instruction", "model", "response_id"]
    pairs = responses.select(*identity, "response").join(right, on="prompt_id", how="left", maintain_order="left")
    if absent := pairs["reference_id"].null_count():
        raise JudgingError(
            f"{absent} of {pairs.height} responses have no reference response to their prompt: "
            "make reference_responses from the same eval_prompts"
        )
    return pairs
