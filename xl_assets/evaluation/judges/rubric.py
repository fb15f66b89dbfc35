"""Rubrics: scores of single answers on named criteria, against a reference answer where there is one."""

import polars as pl

from xl_assets.evaluation.judges.asking import (
    Witness,
    check_columns,
    judge_messages,
    judge_parser,
    language_names,
    told_reason,
)
from xl_assets.evaluation.judges.config import Judge, JudgeError
from xl_assets.evaluation.judges.contract import RubricScore
from xl_assets.generation.calls import Answer, Request, complete_rows
from xl_assets.generation.criteria import criteria_text
from xl_assets.tables import check_table, empty_table

STEP = "score_response"
NEEDED = ("response_id", "instruction", "response")


def score_rubric(rows: pl.DataFrame, judge: Judge, fingerprint: str, answer: Answer) -> pl.DataFrame:
    """Let a judge score every response on every criterion, one call a response.

    The reference may be in English though the response is not, as for Hercule (Doddapaneni et al. 2024,
    Cross-Lingual Auto Evaluation for Assessing Multilingual LLMs).

    Args:
        rows: ``response_id``, ``instruction``, ``response`` (null where there is none), ``reference`` and
            ``language`` where they are known.
        judge: of the kind ``rubric``.
        fingerprint: of the model that judges.
        answer: see `complete_rows`.

    Returns:
        ``RubricScore``: one row for each response and criterion, in their order. What could not be read strictly is
        null with the reason, never a guess.

    Raises:
        JudgeError: columns are missing, ids repeat, or the judge is of another kind.
    """
    check_columns(rows, judge, "rubric", NEEDED)
    if rows["response_id"].is_duplicated().any():
        raise JudgeError("response_id repeats: give each response an id of its own")
    if rows.is_empty():
        return empty_table(RubricScore)
    witness, parser = Witness(answer), judge_parser(judge)
    parts = [
        complete_rows(part, rubric_request(part, judge, with_it), parser, fingerprint, witness, judge.attempts)
        for with_it, part in rubric_parts(rows, judge)
    ]
    return check_table(_one_row_a_criterion(_shown(rows, judge), parts, witness, judge), RubricScore)


def rubric_parts(rows: pl.DataFrame, judge: Judge) -> list[tuple[bool, pl.DataFrame]]:
    """The rows that need a call, apart by whether a reference is shown."""
    present = _shown(rows, judge).filter(pl.col("response").is_not_null())
    parts = [(shows, present.filter(pl.col("with_reference") == shows)) for shows in (True, False)]
    return [(shows, part) for shows, part in parts if not part.is_empty()]


def rubric_request(rows: pl.DataFrame, judge: Judge, with_reference: bool) -> Request:
    """The call of every row; all of them have a reference, or none is shown."""
    prompt = judge.prompt if with_reference or judge.without_reference is None else judge.without_reference
    messages = judge_messages(
        judge,
        prompt,
        instruction=pl.col("instruction"),
        response=pl.col("response"),
        reference=pl.col("reference"),
        criteria=criteria_text(judge.criteria),
        target_language=language_names(rows),
    )
    return Request(step=STEP, messages=messages, sampling=judge.sampling, seed_parts=("response_id",))


def _shown(rows: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    known = rows.select(*NEEDED, *_optional(rows, "language"), *_optional(rows, "reference"))
    shows = pl.lit("reference" in judge.prompt.fields) & pl.col("reference").is_not_null()
    return known.with_columns(shows.alias("with_reference"))


def _optional(rows: pl.DataFrame, name: str) -> list[pl.Expr]:
    return [pl.col(name) if name in rows.columns else pl.lit(None, dtype=pl.String).alias(name)]


def _one_row_a_criterion(
    shown: pl.DataFrame, parts: list[pl.DataFrame], witness: Witness, judge: Judge
) -> pl.DataFrame:
    criteria = pl.DataFrame({"criterion": list(judge.criteria)})
    grid = shown.select("response_id", "with_reference").join(criteria, how="cross", maintain_order="left_right")
    if not parts:
        nothing = {name: dtype for name, dtype in RubricScore.create_empty().schema.items() if name not in grid.columns}
        empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in nothing.items()]
        return grid.with_columns(empty).with_columns(pl.lit("no_response").alias("reason"))
    rated = witness.testify(pl.concat(parts)).with_columns(told_reason().alias("_problem"))
    scores = rated.select("response_id", "scores").explode("scores").filter(pl.col("scores").is_not_null())
    facts = ["call_id", "raw_completion", "failure", "prompt_tokens", "completion_tokens"]
    return (
        grid.join(rated.select("response_id", "_problem", *facts), on="response_id", how="left", maintain_order="left")
        .join(scores.unnest("scores"), on=["response_id", "criterion"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("call_id").is_null()).then(pl.lit("no_response")).otherwise("_problem").alias("reason")
        )
    )
