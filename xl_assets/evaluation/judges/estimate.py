"""Dry run: calls, tokens and cost of judging before anything runs."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.evaluation.judges.config import Judge
from xl_assets.evaluation.judges.pairwise import lay_out, pair_request
from xl_assets.evaluation.judges.rubric import rubric_parts, rubric_request
from xl_assets.generation.binding import ModelBinding
from xl_assets.generation.calls import WANTED, plan_calls, wanted_calls

#: Characters a token where the judge's own tokenizer is not at hand.
CHARACTERS_PER_TOKEN = 4
BY_CHARACTERS = f"estimate: characters / {CHARACTERS_PER_TOKEN}"


@dataclass(frozen=True)
class Estimate:
    """What judging would come to. Tokens and cost are of the calls that the log has no answer to.

    Attributes:
        calls_wanted: distinct calls of first attempts.
        calls_answered: of those, how many the log answers already.
        calls: to be made. An answer that can't be read is asked for again, so `calls_at_most`.
        calls_at_most: if every answer had to be asked for as often as the judge allows.
        prompt_tokens: to be read, in first attempts.
        completion_tokens_at_most: to be written, in first attempts.
        tokens_by: how tokens were counted: the judge's tokenizer, or an estimate.
        cost: of reading, plus of writing as much as is allowed; in the currency of the prices.
        cost_at_most: if every answer had to be asked for as often as the judge allows.
        price_in, price_out: of 1M tokens read and written.
    """

    calls_wanted: int
    calls_answered: int
    calls: int
    calls_at_most: int
    prompt_tokens: int
    completion_tokens_at_most: int
    tokens_by: str
    cost: float
    cost_at_most: float
    price_in: float
    price_out: float

    def as_dict(self) -> dict[str, int | float | str]:
        """The figures by name."""
        return asdict(self)


def estimate(
    wanted: pl.DataFrame, judge: Judge, binding: ModelBinding, missing: pl.DataFrame | None = None
) -> Estimate:
    """Count calls and tokens, and price them.

    Args:
        wanted: of `wanted_judge_calls`.
        judge: for the longest answer and the attempts.
        binding: for tokenizer and prices.
        missing: those of them that the call log has no answer to; None: all.
    """
    made = wanted if missing is None else missing
    read, by = count_prompt_tokens(made, binding)
    written = made.height * judge.sampling.max_tokens
    cost = binding.cost(read, written)
    return Estimate(
        calls_wanted=wanted.height,
        calls_answered=wanted.height - made.height,
        calls=made.height,
        calls_at_most=made.height * judge.attempts,
        prompt_tokens=read,
        completion_tokens_at_most=written,
        tokens_by=by,
        cost=cost,
        cost_at_most=cost * judge.attempts,
        price_in=binding.price_in,
        price_out=binding.price_out,
    )


def wanted_judge_calls(rows: pl.DataFrame, judge: Judge, fingerprint: str) -> pl.DataFrame:
    """The distinct calls (``WANTED``) of the first attempts that `judge_pairs` or `score_rubric` would ask for."""
    if judge.kind == "pairwise":
        asked = lay_out(rows, judge).filter(pl.col("outcome").is_null())
        parts = [(asked, pair_request(asked, judge))] if not asked.is_empty() else []
    else:
        parts = [(part, rubric_request(part, judge, with_it)) for with_it, part in rubric_parts(rows, judge)]
    planned = [plan_calls(part, request, fingerprint).select(list(WANTED)) for part, request in parts]
    return wanted_calls(pl.concat(planned) if planned else pl.DataFrame(schema=WANTED))


def count_prompt_tokens(calls: pl.DataFrame, binding: ModelBinding) -> tuple[int, str]:
    """Tokens of all messages, and how they were counted.

    With the model's folder at hand its tokenizer counts, chat template included, as the engine does. Else it is
    characters by four, without what a chat template adds.
    """
    if calls.is_empty():
        return 0, "nothing to count"
    if binding.folder is not None and (binding.folder / "tokenizer.json").is_file():
        return _by_tokenizer(calls, binding.folder), f"tokenizer of {binding.name}"
    text = pl.col("messages").list.eval(pl.element().struct.field("content").str.len_chars().sum()).list.first()
    return -(-int(calls.select(text).to_series().sum()) // CHARACTERS_PER_TOKEN), BY_CHARACTERS


def _by_tokenizer(calls: pl.DataFrame, folder: Path) -> int:
    from transformers import PreTrainedTokenizerFast

    # The class that reads any tokenizer.json, not AutoTokenizer: that one takes seconds to import all of torch.
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    chats = calls["messages"].to_list()
    made: Any = tokenizer.apply_chat_template(chats, tokenize=True, add_generation_prompt=True, return_dict=True)
    return sum(map(len, made["input_ids"]))
