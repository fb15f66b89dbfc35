"""The terms of a batch of texts as one flat table, split once and shared by every rule.

n-grams are sums of token hashes in NumPy over the whole batch; no text is looked at alone.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_hash as plh
from numpy.typing import NDArray

from xl_assets.filters.words import terms

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD1B54A32D192ED03)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tokens:
    """All tokens of a batch of texts, one below the other."""

    texts: int
    text: NDArray[np.int64]  # to which text a token belongs, ascending
    hash: NDArray[np.uint64]
    length: NDArray[np.int64]
    total: Floats  # characters of each text

    stop: NDArray[np.bool_]  # whether it is a stop word

    @classmethod
    def of(cls, texts: pl.Series, stop_words: Collection[str] = ()) -> "Tokens":
        """Split texts into terms (see `words.terms`)."""
        split = pl.DataFrame({"term": texts}).select(terms("term"))
        counts = split["term"].list.len().to_numpy()
        flat = split.select(pl.col("term").explode(empty_as_null=False))
        columns = flat.select(
            plh.col("term").nchash.xxh3_64().alias("hash"),  # stable between versions, unlike Polars' own
            pl.col("term").str.len_chars().cast(pl.Int64).alias("length"),
            pl.col("term").is_in(list(stop_words)).alias("stop"),
        )
        row = np.repeat(np.arange(len(texts)), counts)
        length = columns["length"].to_numpy()
        total = np.bincount(row, weights=length, minlength=len(texts)).astype(np.float64)
        return cls(len(texts), row, columns["hash"].to_numpy(), length, total, columns["stop"].to_numpy())

    def count(self) -> NDArray[np.int64]:
        """Terms of each text."""
        return np.bincount(self.text, minlength=self.texts)

    def mean_length(self) -> Floats:
        """Mean characters of a term; NaN for a text without any."""
        with np.errstate(invalid="ignore"):
            return self.total / self.count()

    def stop_share(self) -> Floats:
        """Share of the terms that are stop words; NaN for a text without any."""
        with np.errstate(invalid="ignore"):
            return np.bincount(self.text, weights=self.stop, minlength=self.texts) / self.count()

    def select(self, texts: NDArray[np.int64]) -> "Tokens":
        """The tokens of some texts; the others have none."""
        mask = np.isin(self.text, texts)
        return Tokens(self.texts, self.text[mask], self.hash[mask], self.length[mask], self.total, self.stop[mask])

    def shingles(self, n: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes of the n-grams, equal for equal ones of any text, and the token where each begins."""
        count = max(len(self.hash) - n + 1, 0)
        key = np.zeros(count, dtype=np.uint64)
        for offset in range(n):
            key = key * _FACTOR + self.hash[offset : offset + count]
        starts = np.flatnonzero(self.text[:count] == self.text[n - 1 : n - 1 + count])
        return key[starts], starts

    def duplicated(self, n: int) -> Floats:
        """Share of each text's characters that is covered by n-grams that occurred before."""
        _, repeated = self._repeats(n)
        size = len(self.hash) + n
        steps = np.bincount(repeated, minlength=size) - np.bincount(repeated + n, minlength=size)
        covered = np.cumsum(steps)[: len(self.hash)] > 0
        characters = np.bincount(self.text, weights=self.length * covered, minlength=self.texts)
        return characters / np.maximum(self.total, 1)

    def top(self, n: int) -> Floats:
        """Share of each text's characters in its most frequent n-gram, if that occurs at least twice."""
        keys, starts = self._repeats(n)
        ends = np.concatenate([[0], np.cumsum(self.length)])
        size = ends[starts + n] - ends[starts]
        best = (
            pl.DataFrame({"key": keys, "row": self.text[starts], "n": size})
            .cast({"key": pl.UInt64, "row": pl.Int64, "n": pl.Int64})
            .group_by("key")
            .agg(pl.col("row").first(), pl.col("n").first(), (pl.len() + 1).alias("count"))
            .group_by("row")
            # Of equally frequent ones the longest.
            .agg((pl.col("n") * pl.col("count")).filter(pl.col("count") == pl.col("count").max()).max())
        )
        values = np.zeros(self.texts)
        values[best["row"].to_numpy()] = best["n"].to_numpy()
        # Overlapping occurrences ("ha ha ha") can cover a character twice.
        return np.minimum(values / np.maximum(self.total, 1), 1.0)

    def _repeats(self, n: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Keys and beginnings of the n-grams that occurred before in the same text."""
        hashes, starts = self.shingles(n)
        keys = hashes + self.text[starts].astype(np.uint64) * _MIX
        again = ~pl.Series(keys, dtype=pl.UInt64).is_first_distinct().to_numpy()
        return keys[again], starts[again]
