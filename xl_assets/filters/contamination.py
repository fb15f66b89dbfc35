"""Texts that hold an evaluation prompt: overlap of word n-grams, and where it is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.reasons import add_reasons
from xl_assets.native.columns import utf8
from xl_assets.native.matching import Stretches, alphabet, index_stretches, split_terms, stretch_keys
from xl_assets.native.overlaps import best_owners, best_windows

#: Prompts with fewer terms are too common to be recognised by them.
_LEAST_TERMS = 4


@dataclass(frozen=True, eq=False)
class PromptIndex:
    """The n-grams of evaluation prompts, made once for any number of texts.

    Attributes:
        ids: of the prompts, ascending.
        table: prompt (place in `ids`) and key, one row per different n-gram of a prompt.
        sizes: lengths of n-grams that occur.
    """

    ids: pl.Series
    table: pl.DataFrame
    sizes: NDArray[np.int64]

    @classmethod
    def of(
        cls, prompts: pl.DataFrame, *, prompt: str = "instruction", prompt_id: str = "prompt_id", n: int = 8
    ) -> "PromptIndex":
        """Index prompts.

        A prompt of fewer than n terms counts as one n-gram of its own length, one of fewer than four is not
        looked for.

        Args:
            prompts: columns of the prompts' ids and texts.
            prompt, prompt_id: their names.
            n: terms in an n-gram.
        """
        wanted = prompts.select(pl.col(prompt_id).cast(pl.String).alias("id"), pl.col(prompt).alias("text"))
        ordered = wanted.sort("id", "text")
        terms = split_terms(utf8(ordered["text"]))
        lengths = np.diff(terms.offsets)
        owner = np.repeat(np.arange(len(ordered)), lengths)
        grams, used = [], []
        for size in range(_LEAST_TERMS, n + 1):
            keys = stretch_keys(terms.hash, size)
            first, last = owner[: len(keys)], owner[size - 1 :]
            inside = (first == last) & (np.minimum(lengths, n)[first] == size)
            if inside.any():
                grams.append(pl.DataFrame({"prompt": first[inside], "key": keys[inside]}))
                used.append(size)
        empty = pl.DataFrame(schema={"prompt": pl.Int64, "key": pl.UInt64})
        table = pl.concat([empty, *grams]).unique().sort("key", "prompt")
        return cls(ordered["id"], table, np.array(used, dtype=np.int64))

    @cached_property
    def stretches(self) -> Stretches:
        """The index over `keys`."""
        return index_stretches(self.keys, self.sizes)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """The different n-grams, ascending."""
        return np.unique(self.table["key"].to_numpy())

    @cached_property
    def owned(self) -> NDArray[np.int64]:
        """How many different n-grams each prompt has."""
        return np.bincount(self.table["prompt"].to_numpy(), minlength=len(self.ids)).astype(np.int64)

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Where the rows of each n-gram begin in `table`, and where the last ends."""
        starts = np.searchsorted(self.table["key"].to_numpy(), self.keys)
        return np.append(starts, len(self.table)).astype(np.int64)


def find_contamination(
    frame: pl.DataFrame,
    prompts: pl.DataFrame | PromptIndex,
    text: str,
    *,
    prompt: str = "instruction",
    prompt_id: str = "prompt_id",
    n: int = 8,
    share: float = 0.8,
    spans: bool = False,
) -> pl.DataFrame:
    """Add `contaminated_by`, the id of the prompt that a text holds, and `contamination`, how much of it.

    Overlap is the share of a prompt's n-grams of terms that occur in the text. Any common n-gram would be too
    much to ask of instructions that share a wording; a share near 1 is the prompt itself, or one changed in a
    word (Llama 2, arXiv:2307.09288 A.6, calls a sample dirty from 80 % too). Terms are the same in every language,
    so a frame may hold any. Memory does not grow with the texts' length.

    Args:
        frame: rows with a text column; a null text holds nothing.
        prompts: columns of the prompts' ids and texts, or their index; the next three are the index's then.
        text: the text column of `frame`.
        prompt, prompt_id: the columns of `prompts`.
        n: terms in an n-gram.
        share: least overlap at which a text is contaminated.
        spans: add `contamination_start` and `contamination_end` too: code points of the shortest stretch of the text
            with every n-gram that it shares with that prompt; null where `contaminated_by` is.

    Returns:
        The rows in their order; the best overlapping prompt (the smallest id of equals), null below `share`;
        `contamination` is the best overlap whatever `share` is, 0 where there is none.
    """
    given = prompts if isinstance(prompts, PromptIndex) else None
    index = given or PromptIndex.of(prompts, prompt=prompt, prompt_id=prompt_id, n=n)  # type: ignore[arg-type]
    best, overlap = _overlaps(frame[text], index)
    held = (best >= 0) & (overlap >= share)
    added = [_where(held, best, "place"), pl.Series("contamination", overlap)]
    if spans:
        added += _spans(frame[text], index, best, held)
    return frame.with_columns(index.ids.gather(added[0]).alias("contaminated_by"), *added[1:])


def judge_contamination(
    frame: pl.DataFrame, index: PromptIndex, text: str = "text", *, share: float = 0.8
) -> pl.DataFrame:
    """Add the reason ``contaminated`` to texts that hold a prompt, e.g. to seed documents; no other column is new."""
    best, overlap = _overlaps(frame[text], index)
    flagged = frame.with_columns(pl.Series("_contaminated", (best >= 0) & (overlap >= share), dtype=pl.Boolean))
    return add_reasons(flagged, {"contaminated": pl.col("_contaminated")}).drop("_contaminated")


def _overlaps(texts: pl.Series, index: PromptIndex) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    best, common = np.full(len(texts), -1, dtype=np.int32), np.zeros(len(texts), dtype=np.int32)
    if not len(index.keys):
        return best, common.astype(np.float64)
    owners = index.table["prompt"].to_numpy().astype(np.int32)
    best_owners(*utf8(texts), *alphabet(), index.stretches, index.bounds, owners, index.owned, best, common)
    return best, np.where(best >= 0, common / np.maximum(index.owned[np.maximum(best, 0)], 1), 0.0)


def _spans(texts: pl.Series, index: PromptIndex, best: NDArray[np.int32], held: NDArray[np.bool_]) -> list[pl.Series]:
    rows = np.flatnonzero(held)
    spans = np.zeros((2, len(texts)), dtype=np.int64)
    if len(rows):
        stretch = np.repeat(np.arange(len(index.keys)), np.diff(index.bounds))
        by_prompt = stretch[np.argsort(index.table["prompt"].to_numpy(), kind="stable")]
        first = np.concatenate([[0], np.cumsum(index.owned)])
        sizes = index.owned[best[rows]]
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        wanted = by_prompt[np.repeat(first[best[rows]] - bounds[:-1], sizes) + np.arange(bounds[-1])]
        found = np.zeros((2, len(rows)), dtype=np.int64)
        best_windows(*utf8(texts), *alphabet(), index.stretches, rows, bounds, wanted, *found)
        spans[:, rows] = found
    names = ("contamination_start", "contamination_end")
    return [_where(held, values, name) for name, values in zip(names, spans, strict=True)]


def _where(held: NDArray[np.bool_], values: NDArray[np.integer], name: str) -> pl.Series:
    """The values as whole numbers, null where they don't hold."""
    column = pl.Series(name, values.astype(np.int64))
    return column.to_frame().select(pl.when(pl.Series(held, dtype=pl.Boolean)).then(column).alias(name))[name]
