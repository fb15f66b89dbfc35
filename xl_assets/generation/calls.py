"""Calls: one prompt to one model with fixed parameters and a seed, each with a content address.

Generation is a join. `plan_calls` says which calls are wanted; the call log says which are answered;
somebody answers the difference (`answer`, handed in); `collect_calls` joins the answers back to their
rows. Nothing here knows a model, an engine or a disk.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from polars._typing import PolarsDataType

from xl_assets.identity import canonical_json, content_address, derived_seed

#: Where a repeated attempt samples if the first was greedy: greedy decoding would only repeat itself.
RETRY_TEMPERATURE = 0.7

#: Columns that `plan_calls` adds to its rows; together what a worker needs.
WANTED: dict[str, PolarsDataType] = {
    "call_id": pl.String,
    "step": pl.String,
    "model_fingerprint": pl.String,
    "messages": pl.List(pl.Struct({"role": pl.String, "content": pl.String})),
    "parameters": pl.String,
    "seed": pl.Int64,
    "attempt": pl.Int64,
}

#: What an engine says of a call. `text` is raw; `failure` is null unless transport or engine failed.
ANSWER: dict[str, PolarsDataType] = {
    "call_id": pl.String,
    "text": pl.String,
    "finish_reason": pl.String,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "logprobs": pl.List(pl.Struct({"token": pl.String, "logprob": pl.Float64})),
    "failure": pl.String,
}


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters: all that, beside model, messages and seed, decides an answer.

    Attributes:
        temperature: 0 is greedy.
        top_p: nucleus mass.
        max_tokens: longest answer; one that is cut there counts as unusable.
        stop: strings that end an answer.
        choice: the only answers allowed (structured output), or None.
        json_schema: a JSON schema that the answer must meet (structured output), or None.
        logprobs: how many top tokens of the *first* answer token come back with their log probability.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    choice: tuple[str, ...] | None = None
    json_schema: Mapping[str, object] | None = None
    logprobs: int | None = None

    def parameters(self) -> str:
        """Canonical JSON of every parameter, defaults included: a changed default is another call."""
        return canonical_json(
            {
                "temperature": float(self.temperature),
                "top_p": float(self.top_p),
                "max_tokens": self.max_tokens,
                "stop": list(self.stop),
                "choice": list(self.choice) if self.choice else None,
                # As text: engines write an object's fields in the schema's own order, which sorting would change.
                "json_schema": json.dumps(self.json_schema, ensure_ascii=False) if self.json_schema else None,
                "logprobs": self.logprobs,
            }
        )

    def retry(self, attempt: int) -> "Sampling":
        """Parameters of a repeated attempt."""
        if attempt == 0 or self.temperature > 0:
            return self
        return Sampling(**{**self.__dict__, "temperature": RETRY_TEMPERATURE})


@dataclass(frozen=True)
class Request:
    """How rows become calls.

    Attributes:
        step: name of the step, e.g. ``question``; part of the address.
        messages: (role, content expression) pairs in order; content over the rows' columns.
        sampling: the parameters of every call of this request.
        seed_parts: columns that the seed derives from: the row's id and, where it has one, the sample number.
    """

    step: str
    messages: Sequence[tuple[str, pl.Expr]]
    sampling: Sampling
    seed_parts: tuple[str | pl.Expr, ...]


@dataclass(frozen=True)
class Parser:
    """How an answer becomes columns.

    Attributes:
        values: column name -> expression over the columns of ``ANSWER``.
        problem: expression that is null for a usable answer and else names what is wrong with it.
    """

    values: Mapping[str, pl.Expr]
    problem: pl.Expr = field(default_factory=lambda: pl.lit(None, dtype=pl.String))


Answer = Callable[[pl.DataFrame], pl.DataFrame]


def plan_calls(rows: pl.DataFrame, request: Request, fingerprint: str, attempt: int = 0) -> pl.DataFrame:
    """Add to every row the call that it wants: the columns of ``WANTED``.

    The address covers step, messages, model fingerprint, sampling parameters and seed, and nothing of
    how the call travels (batch size, server, engine).
    """
    parameters = request.sampling.retry(attempt).parameters()
    seed_parts = (*request.seed_parts, pl.lit(str(attempt)))
    message = [
        pl.struct(pl.lit(role).alias("role"), content.cast(pl.String).alias("content"))
        for role, content in request.messages
    ]
    return (
        rows.with_columns(
            pl.lit(request.step).alias("step"),
            pl.lit(fingerprint).alias("model_fingerprint"),
            pl.concat_list(message).alias("messages"),
            pl.lit(parameters).alias("parameters"),
            derived_seed(*seed_parts).alias("seed"),
            pl.lit(attempt, dtype=pl.Int64).alias("attempt"),
        )
        .with_columns(call_address().alias("call_id"))
        .with_columns(pl.col(name).cast(dtype) for name, dtype in WANTED.items())
    )


def call_address() -> pl.Expr:
    """The address of a call over the columns of ``WANTED``."""
    element = pl.element().struct
    written = pl.col("messages").list.eval(
        pl.concat_str(
            [
                element.field("role"),
                element.field("content").str.len_bytes().cast(pl.String),
                element.field("content"),
            ],
            separator="\x1e",
        )
    )
    return content_address("call", "step", written.list.join("\x1f"), "model_fingerprint", "parameters", "seed")


def wanted_calls(planned: pl.DataFrame) -> pl.DataFrame:
    """The distinct calls of planned rows: two rows that ask the same are one call."""
    return planned.select(list(WANTED)).unique("call_id", keep="first", maintain_order=True)


def collect_calls(planned: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Join answers to their rows; a row whose call has none gets nulls and the failure ``not_answered``."""
    found = answers.select(list(ANSWER)).unique("call_id", keep="first")
    joined = planned.join(found, on="call_id", how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(pl.col("text").is_null()).then(pl.coalesce("failure", pl.lit("not_answered"))).alias("failure")
    )


def complete_rows(
    rows: pl.DataFrame,
    request: Request,
    parser: Parser,
    fingerprint: str,
    answer: Answer,
    attempts: int = 2,
) -> pl.DataFrame:
    """Ask, parse, and ask again where an answer could not be used.

    Args:
        rows: one row per wanted answer; column names must not collide with ``WANTED`` or ``ANSWER``.
        request: how rows become calls.
        parser: how answers become columns.
        fingerprint: of the model that answers.
        answer: takes the distinct wanted calls, returns what the log holds for them afterwards (``ANSWER``).
        attempts: at most so many attempts a row, each with a seed of its own.

    Returns:
        The rows in their order with ``call_id`` of the last attempt, the parser's columns,
        ``kept`` and ``reasons``. A row without a usable answer is not kept; its values are null.
    """
    _refuse_collisions(rows, parser)
    results, open_rows = [], rows.with_row_index("_order")
    for attempt in range(attempts):
        planned = plan_calls(open_rows, request, fingerprint, attempt)
        collected = _parse(collect_calls(planned, answer(wanted_calls(planned))), parser)
        # A fault of transport or engine is wanted again in the next run, not as another attempt.
        again = pl.col("_problem").is_not_null() & pl.col("failure").is_null()
        last = attempt == attempts - 1
        results.append(collected if last else collected.filter(~again))
        open_rows = collected.filter(again).select(open_rows.columns)
        if last or open_rows.is_empty():
            break
    return _finish(pl.concat(results), rows.columns, parser)


def _refuse_collisions(rows: pl.DataFrame, parser: Parser) -> None:
    taken = (set(WANTED) | set(ANSWER) | set(parser.values) | {"kept", "reasons"}) & set(rows.columns)
    if taken:
        raise ValueError(f"rename the columns {sorted(taken)} before complete_rows: an answer would overwrite them")


def _parse(collected: pl.DataFrame, parser: Parser) -> pl.DataFrame:
    problem = (
        pl.when(pl.col("failure").is_not_null())
        .then(pl.lit("engine_failure"))
        .when(pl.col("finish_reason") == "length")
        .then(pl.lit("ran_into_length_limit"))
        .when(pl.col("text").str.strip_chars() == "")
        .then(pl.lit("empty_answer"))
        .otherwise(parser.problem)
    )
    return collected.with_columns(problem.alias("_problem"), *(e.alias(n) for n, e in parser.values.items()))


def _finish(collected: pl.DataFrame, columns: Sequence[str], parser: Parser) -> pl.DataFrame:
    usable = pl.col("_problem").is_null()
    no_reason = pl.lit([], dtype=pl.List(pl.String))
    return collected.sort("_order").select(
        *columns,
        "call_id",
        *(pl.when(usable).then(pl.col(name)).alias(name) for name in parser.values),
        usable.alias("kept"),
        pl.when(usable).then(no_reason).otherwise(pl.concat_list("_problem")).alias("reasons"),
    )
