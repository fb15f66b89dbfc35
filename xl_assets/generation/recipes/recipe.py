"""What a recipe is: a few steps that turn kept rows into rows of `InstructionCandidate`.

A recipe is a file in this folder. It lists its model steps as `Step`s and has one function a step, from kept
rows to a table; the last one ends in `instruction_candidates`. Nothing registers, schedules or wraps these functions.
What other recipes need is there already:

- native text as the answer (reverse direction): a question step whose candidates keep the passage as response;
- summarise first, then ask: one more step between passage and question;
- several turns, or a system prompt: `run_step(before=...)`;
- re-pairing, code-switching, pruning: functions from frame to frame without a model;
- self-instruct and refine-again loops: the same functions called again on what they kept;
- rating one's own answers: a step with a digit parser, then `selection.select_best`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xl_assets.generation.calls import ANSWER, Answer, Parser, Request, Sampling, complete_rows
from xl_assets.generation.directives import chosen_directive, with_directive
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.identity import content_address
from xl_assets.tables import InstructionCandidate, check_table

ENGLISH = "en"

#: Template field -> what fills it: an expression over the rows, or a constant.
Fields = Mapping[str, str | pl.Expr]


@dataclass(frozen=True)
class Step:
    """One kind of call.

    Attributes:
        name: part of every call's address, e.g. ``question``.
        prompt: name of the template, e.g. ``xl_instruct/question``.
        role: the model role that answers: teacher, translator, quality_estimator or judge.
        sampling: sampling parameters.
        seed_parts: columns that the seed derives from, the row's id first.
        parser: how an answer becomes columns.
        fan_out: answers per row; None is one answer, without a column ``sample``.
        prompt_folder: a user's own templates, looked in before the shipped ones.
    """

    name: str
    prompt: str
    role: str
    sampling: Sampling
    seed_parts: tuple[str, ...]
    parser: Parser
    fan_out: int | None = None
    prompt_folder: Path | None = None

    def template(self) -> Prompt:
        """The step's prompt; its ``hash`` belongs in the code version of the asset."""
        return load_prompt(self.prompt, self.prompt_folder)


def run_step(
    rows: pl.DataFrame,
    step: Step,
    fields: Fields,
    fingerprint: str,
    answer: Answer,
    attempts: int = 2,
    before: Sequence[tuple[str, pl.Expr]] = (),
) -> pl.DataFrame:
    """Ask a step's question of every row.

    Args:
        rows: one row per question; with a fan-out each is repeated, with ``sample`` counting from 0.
        step: what is asked and how.
        fields: for each field of the template an expression over the rows, or a constant.
        fingerprint: of the model that answers.
        answer: as in `calls.complete_rows`; not called where there are no rows, so that no engine starts for nothing.
        attempts: at most so many attempts a row.
        before: earlier messages, (role, content) pairs: a system prompt or earlier turns.

    Returns:
        The rows with ``call_id``, the parser's columns, ``kept`` and ``reasons``.
    """
    seed_parts = step.seed_parts
    if step.fan_out is not None:
        rows, seed_parts = repeat_rows(rows, step.fan_out), (*seed_parts, "sample")
    messages = [*before, ("user", step.template().expression(**fields))]
    request = Request(step.name, messages, step.sampling, seed_parts)
    if rows.is_empty():
        answer = no_answers
    return complete_rows(rows, request, step.parser, fingerprint, answer, attempts)


def repeat_rows(rows: pl.DataFrame, samples: int) -> pl.DataFrame:
    """Each row so many times, numbered by ``sample`` from 0, the samples of a row side by side."""
    numbers = pl.DataFrame({"sample": range(samples)}, schema={"sample": pl.Int64})
    return rows.join(numbers, how="cross", maintain_order="left_right")


def no_answers(wanted: pl.DataFrame) -> pl.DataFrame:
    """The answer of nobody: a frame of ``ANSWER`` without rows."""
    return pl.DataFrame(schema=ANSWER)


def kept_rows(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Some columns of the rows that an upstream table kept; all rows of a table that does not filter."""
    rows = frame.filter("kept") if "kept" in frame.columns else frame
    return rows.select(columns)


def instruction_candidates(rows: pl.DataFrame, recipe: str, directives: bool = True) -> pl.DataFrame:
    """The end of every recipe.

    Args:
        rows: with ``language`` (of the response), ``instruction`` (without directive), ``response``, ``pair_id``
            and ``candidate_id``.
        recipe: name of the recipe.
        directives: whether the language is asked for in words; False where the instruction is written in it.

    Returns:
        A checked table `InstructionCandidate`.
    """
    languages = rows["language"].unique(maintain_order=True).to_list()
    # An English answer to an English instruction is asked for by nothing: with a directive on every row, a model
    # learns to need one, and answers a plain English prompt in any language.
    is_english = pl.col("language") == ENGLISH
    chosen = pl.when(~is_english).then(chosen_directive(languages, "pair_id")).otherwise(pl.lit(""))
    chosen = chosen if directives else pl.lit("")
    written = rows.with_columns(chosen.alias("directive"), pl.lit(recipe).alias("recipe")).with_columns(
        with_directive().alias("instruction")
    )
    row_id = content_address("row", "recipe", "candidate_id", "language", "instruction", "response")
    return check_table(written.with_columns(row_id.alias("row_id")), InstructionCandidate)
