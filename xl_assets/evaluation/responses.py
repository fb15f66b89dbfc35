"""Answers of an evaluated model to the evaluation prompts."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xl_assets.generation.calls import Answer, Request, Sampling, complete_rows
from xl_assets.generation.parsing import text_answer
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.identity import content_address
from xl_assets.tables import ModelResponse, check_table, empty_table

PROMPT = "evaluation/respond"
GREEDY = Sampling(temperature=0.0, max_tokens=256)


@dataclass(frozen=True)
class ResponseSettings:
    """How an evaluated model is asked.

    Attributes:
        sampling: greedy by default, so that a difference between two models is not a difference of luck.
        attempts: one by default: a second try for an answer that ran into the length limit would flatter
            the model and sample where the first one was greedy.
        prompt_folder: a user's own prompt folder, looked in before the shipped one.
    """

    sampling: Sampling = GREEDY
    attempts: int = 1
    prompt_folder: Path | None = None

    @property
    def prompt(self) -> Prompt:
        """The template that wraps an instruction."""
        return load_prompt(PROMPT, self.prompt_folder)


def respond(
    prompts: pl.DataFrame,
    model: str,
    fingerprint: str,
    answer: Answer,
    release: str,
    settings: ResponseSettings | None = None,
) -> pl.DataFrame:
    """Ask one model every prompt.

    Args:
        prompts: rows of ``EvalPrompt``.
        model: the role that answers: ``base``, ``fine_tuned`` or ``reference``.
        fingerprint: of the model that answers.
        answer: see `complete_rows`.
        release: partition of the answers.
        settings: sampling, attempts and prompt folder.

    Returns:
        One row of ``ModelResponse`` for each prompt, in the prompts' order. A prompt without a usable answer
        has a null response, ``kept`` False and the reason.
    """
    settings = settings or ResponseSettings()
    if prompts.is_empty():
        return empty_table(ModelResponse)
    asked = prompts.select("prompt_id", "cluster_id", "language", "kind", "instruction")
    request = Request(
        step=f"respond_{model}",
        messages=[("user", settings.prompt.expression(instruction=pl.col("instruction")))],
        sampling=settings.sampling,
        seed_parts=("prompt_id",),
    )
    answered = complete_rows(asked, request, text_answer("response"), fingerprint, answer, settings.attempts)
    rows = answered.with_columns(
        pl.lit(release).alias("release"),
        pl.lit(model).alias("model"),
        pl.lit(fingerprint).alias("model_fingerprint"),
        content_address("response", "prompt_id", pl.lit(model), "call_id").alias("response_id"),
    )
    return check_table(rows, ModelResponse)
