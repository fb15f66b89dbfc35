"""Asking a judge: messages, parser, and a witness of every answer that comes back."""

import polars as pl

from xl_assets.evaluation.judges.config import Judge, JudgeError
from xl_assets.evaluation.naming import target_language
from xl_assets.generation.calls import ANSWER, Answer, Parser
from xl_assets.generation.parsing import score_after_result, scores_json, verdict_by_choice, verdict_by_logprobs
from xl_assets.generation.prompts import Prompt

#: Stands for the language where a row names none: what the instruction says then counts.
ANY_LANGUAGE = "the requested language"

#: What `complete_rows` calls a call that failed.
ENGINE_FAILURE = "engine_failure"

RAW = {
    "text": "raw_completion",
    "failure": "failure",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
}


class Witness:
    """Passes calls on to `answer` and remembers what came back.

    Where a judge is asked for one token, an answer that was cut after it is whole: ``length`` is told as ``stop``.

    Attributes:
        seen: every answer so far, attempts that were repeated included (``call_id``, ``finish_reason`` and `RAW`).
    """

    def __init__(self, answer: Answer, one_token: bool = False) -> None:
        self._answer, self._one_token = answer, one_token
        self.seen = pl.DataFrame(schema={name: ANSWER[name] for name in ("call_id", "finish_reason", *RAW)})

    def __call__(self, wanted: pl.DataFrame) -> pl.DataFrame:
        answers = self._answer(wanted)
        # An answer that failed is none, whatever text came with it: what is not asked for is not passed on either.
        seen = answers.select(self.seen.columns).join(wanted.select("call_id"), on="call_id", how="semi")
        self.seen = pl.concat([self.seen, seen]).unique("call_id", keep="first", maintain_order=True)
        if not self._one_token:
            return answers
        cut = (pl.col("finish_reason") == "length") & pl.col("failure").is_null()
        whole = pl.when(cut).then(pl.lit("stop")).otherwise("finish_reason")
        return answers.with_columns(whole.alias("finish_reason"))

    def testify(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with the raw answer to their ``call_id``: ``raw_completion``, ``failure`` and tokens."""
        raw = self.seen.select("call_id", *(pl.col(name).alias(ours) for name, ours in RAW.items()))
        return rows.join(raw, on="call_id", how="left", maintain_order="left")


def told_reason() -> pl.Expr:
    """Why a row of `Witness.testify` has no value: its problem, or of a failed call the failure's own code."""
    code = pl.col("failure").str.split(":").list.first()
    problem = pl.col("reasons").list.first()
    return pl.when(problem == ENGINE_FAILURE).then(pl.coalesce(code, problem)).otherwise(problem)


def judge_messages(judge: Judge, prompt: Prompt, **values: pl.Expr | str) -> list[tuple[str, pl.Expr]]:
    """The messages of a judge: its system message, if it has one, and the prompt with the fields that it names.

    Args:
        judge: whose system message it is.
        prompt: one of the judge's templates.
        values: for each field that templates of its kind may have, a column or a text.
    """
    named = {name: value for name, value in values.items() if name in prompt.fields}
    system = [("system", pl.lit(judge.system.render()))] if judge.system is not None else []
    return [*system, ("user", prompt.expression(**named))]


def language_names(rows: pl.DataFrame) -> pl.Expr:
    """The English name of each row's ``language``; `ANY_LANGUAGE` for a null, and for all without such a column.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    if "language" not in rows.columns:
        return pl.lit(ANY_LANGUAGE)
    known = rows.select(pl.col("language").drop_nulls())
    if known.is_empty():
        return pl.lit(ANY_LANGUAGE)
    return target_language(known).fill_null(ANY_LANGUAGE)


def judge_parser(judge: Judge) -> Parser:
    """What a judge's answer is turned into: ``probability``, ``verdict``, ``label_mass``; or ``scores``."""
    if judge.kind == "pairwise":
        if judge.verdict == "logprob":
            return verdict_by_logprobs(*judge.labels, exact=judge.exact_tokens, strict=judge.strict)
        return verdict_by_choice(*judge.labels, tie=judge.tie)
    if judge.answer == "result":
        return score_after_result(next(iter(judge.criteria)), *judge.scale)
    return scores_json(judge.criteria, *judge.scale)


def check_columns(rows: pl.DataFrame, judge: Judge, kind: str, needed: tuple[str, ...]) -> None:
    """Refuse rows that lack a column, and a judge of another kind.

    Raises:
        JudgeError: names what is wrong.
    """
    if judge.kind != kind:
        raise JudgeError(f"judge {judge.name} is of the kind {judge.kind}; here one of the kind {kind} is needed")
    if missing := [name for name in needed if name not in rows.columns]:
        raise JudgeError(f"rows for judge {judge.name} lack the columns {', '.join(missing)}")
