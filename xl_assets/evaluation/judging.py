"""Pairwise judging: which of two answers to one instruction is better."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xl_assets.evaluation.naming import target_language
from xl_assets.generation.calls import Answer, Parser, Request, Sampling, complete_rows
from xl_assets.generation.parsing import choice_by_logprobs
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.identity import content_address
from xl_assets.tables import Judgement, check_table, empty_table

PROMPT = "evaluation/pairwise"
STEP = "judge_pair"

REFERENCE_FIRST = "reference_first"
MODEL_FIRST = "model_first"
BOTH_ORDERS = (REFERENCE_FIRST, MODEL_FIRST)

#: Preference of a tie on AlpacaEval's scale from 1 (the reference is better) to 2 (the model is better).
TIE = 1.5

#: What a verdict may look like. A few tokens, not one: the engine must be able to end the answer,
#: else every verdict would count as cut.
VERDICT = Sampling(temperature=0.0, max_tokens=8, choice=("A", "B"), logprobs=20)


class JudgingError(ValueError):
    """Responses and references do not fit together."""


@dataclass(frozen=True)
class JudgeSettings:
    """How a judge is asked.

    Attributes:
        orders: both by default, so that a judge's liking for a position cancels out; or one of the two.
        sampling: greedy, with the log probabilities of the first token.
        attempts: at most so many attempts for a verdict that is neither A nor B.
        prompt_folder: a user's own prompt folder, looked in before the shipped one.
    """

    orders: tuple[str, ...] = BOTH_ORDERS
    sampling: Sampling = VERDICT
    attempts: int = 2
    prompt_folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.orders or set(self.orders) - set(BOTH_ORDERS) or len(set(self.orders)) != len(self.orders):
            raise JudgingError(f"orders must be some of {', '.join(BOTH_ORDERS)}, each once; got {self.orders}")

    @property
    def prompt(self) -> Prompt:
        """The template that shows both answers."""
        return load_prompt(PROMPT, self.prompt_folder)


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
        settings: orders, sampling, attempts and prompt folder.

    Returns:
        One row of ``Judgement`` for each response and order. Two equal answers are a tie without a call;
        where one side has no response there is nothing to compare (``missing``); a verdict that could not
        be read is ``invalid``. Missing and invalid rows have no preference.

    Raises:
        JudgingError: where a prompt has several references or none.
    """
    settings = settings or JudgeSettings()
    if responses.is_empty():
        return empty_table(Judgement)
    comparisons = _comparisons(responses, references, settings)
    decided = comparisons.filter(pl.col("outcome").is_not_null())
    asked = comparisons.filter(pl.col("outcome").is_null()).drop("outcome")
    judged = _judge(asked, fingerprint, answer, settings)
    # The empty table brings the columns that neither has where no call was needed.
    parts = [decided.drop("response", "reference"), judged, empty_table(Judgement)]
    rows = pl.concat(parts, how="diagonal_relaxed")
    key = content_address(
        "judgement", "response_id", "reference_id", "order", pl.lit(fingerprint), pl.lit(settings.prompt.hash)
    )
    rows = rows.sort("_row").with_columns(key.alias("judgement_id"))
    return check_table(rows, Judgement)


def verdict_parser() -> Parser:
    """`choice_by_logprobs`, and nothing but A or B as the answer.

    A refusal has log probabilities too: what little A and B have of them is no verdict (``bad_verdict``). Engines
    with structured choice never write anything else; a server without it may.
    """
    parser = choice_by_logprobs(a="A", b="B")
    refused = pl.when(~pl.col("text").str.strip_chars().is_in(["A", "B"])).then(pl.lit("bad_verdict"))
    return Parser(parser.values, pl.coalesce(refused, parser.problem))


def _comparisons(responses: pl.DataFrame, references: pl.DataFrame, settings: JudgeSettings) -> pl.DataFrame:
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
    missing = pl.col("response").is_null() | pl.col("reference").is_null()
    identical = pl.col("response").str.strip_chars() == pl.col("reference").str.strip_chars()
    orders = pl.DataFrame({"order": settings.orders}, schema={"order": pl.String})
    return pairs.join(orders, how="cross", maintain_order="left_right").with_columns(
        pl.when(missing).then(pl.lit("missing")).when(identical).then(pl.lit("identical")).alias("outcome"),
        pl.when(identical).then(TIE).alias("preference"),
        pl.int_range(pl.len()).alias("_row"),
    )


def _judge(asked: pl.DataFrame, fingerprint: str, answer: Answer, settings: JudgeSettings) -> pl.DataFrame:
    """Ask for every comparison that needs a verdict and turn the verdict into a preference for the model."""
    rows = asked.drop("preference")
    if rows.is_empty():
        return rows.drop("response", "reference")
    shown = complete_rows(rows, _request(rows, settings), verdict_parser(), fingerprint, answer, settings.attempts)
    a_is_better = pl.col("probability")
    preference = pl.when(pl.col("order") == MODEL_FIRST).then(1 + a_is_better).otherwise(2 - a_is_better)
    return shown.select(
        pl.all().exclude("response", "reference", "probability", "kept", "reasons"),
        preference.clip(1, 2).alias("preference"),
        pl.when("kept").then(pl.lit("judged")).otherwise(pl.lit("invalid")).alias("outcome"),
    )


def _request(rows: pl.DataFrame, settings: JudgeSettings) -> Request:
    reference_first = pl.col("order") == REFERENCE_FIRST
    message = settings.prompt.expression(
        instruction=pl.col("instruction"),
        response_a=pl.when(reference_first).then("reference").otherwise("response"),
        response_b=pl.when(reference_first).then("response").otherwise("reference"),
        target_language=target_language(rows),
    )
    return Request(
        step=STEP, messages=[("user", message)], sampling=settings.sampling, seed_parts=("response_id", "order")
    )
