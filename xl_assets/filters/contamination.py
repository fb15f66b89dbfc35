"""Training text that holds an evaluation prompt: overlap of word n-grams."""

import numpy as np
import polars as pl

from xl_assets.filters.tokens import Tokens

#: Prompts with fewer terms are too common to be recognised by them.
_LEAST_TERMS = 4


def find_contamination(
    frame: pl.DataFrame,
    prompts: pl.DataFrame,
    text: str,
    *,
    prompt: str = "instruction",
    prompt_id: str = "prompt_id",
    n: int = 8,
    share: float = 0.8,
) -> pl.DataFrame:
    """Add `contaminated_by`, the id of the prompt that a text holds, and `contamination`, how much of it.

    Overlap is the share of a prompt's n-grams of terms that occur in the text. Any common n-gram would be too
    much to ask of instructions that share a wording; a share near 1 is the prompt itself, or one changed in a
    word (Llama 2, arXiv:2307.09288 A.6, calls a sample dirty from 80 % too). A prompt of fewer than n
    terms counts as one n-gram of its own length, one of fewer than four is not looked for.

    Args:
        frame: rows with a text column; a null text holds nothing.
        prompts: columns of the prompts' ids and texts.
        text: the text column of `frame`.
        prompt, prompt_id: the columns of `prompts`.
        n: terms in an n-gram.
        share: least overlap at which a text is contaminated.

    Returns:
        The rows in their order; the best overlapping prompt (the smallest id of equals), null below `share`;
        `contamination` is the best overlap whatever `share` is, 0 where there is none.
    """
    tokens = Tokens.of(prompts[prompt].fill_null(""))
    texts = Tokens.of(frame[text].fill_null(""))
    lengths = tokens.count()
    overlaps = [
        _overlaps(tokens.select(np.flatnonzero(np.minimum(lengths, n) == size)), texts, size)
        for size in range(_LEAST_TERMS, n + 1)
    ]
    ids = prompts.select(pl.col(prompt_id).cast(pl.String).alias("contaminated_by")).with_row_index("prompt")
    best = (
        pl.concat(overlaps)
        .join(ids.cast({"prompt": pl.Int64}), on="prompt")
        .sort("overlap", "contaminated_by", descending=[True, False])
        .group_by("row", maintain_order=True)
        .agg(pl.col("contaminated_by", "overlap").first())
    )
    rows = frame.with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    found = rows.join(best, left_on="_row", right_on="row", how="left", maintain_order="left")
    enough = pl.col("overlap") >= share
    return found.with_columns(
        pl.when(enough).then("contaminated_by").alias("contaminated_by"),
        pl.col("overlap").fill_null(0.0).alias("contamination"),
    ).drop("_row", "overlap")


def _overlaps(prompts: Tokens, texts: Tokens, n: int) -> pl.DataFrame:
    """Columns row, prompt, overlap: for every text and prompt with a common n-gram the share of the prompt's."""
    wanted = _grams(prompts, n, "prompt")
    sizes = wanted.group_by("prompt").agg(pl.len().alias("size"))
    common = wanted.join(_grams(texts, n, "row"), on="gram").group_by("row", "prompt").agg(pl.len().alias("common"))
    return common.join(sizes, on="prompt").select("row", "prompt", (pl.col("common") / pl.col("size")).alias("overlap"))


def _grams(tokens: Tokens, n: int, name: str) -> pl.DataFrame:
    hashes, starts = tokens.shingles(n)
    return pl.DataFrame({name: tokens.text[starts], "gram": hashes}).cast({name: pl.Int64, "gram": pl.UInt64}).unique()
