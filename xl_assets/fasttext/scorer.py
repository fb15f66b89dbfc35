"""A fastText classifier that scores whole columns."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.fasttext.kernels import embed
from xl_assets.fasttext.memory import Memory, new_memory
from xl_assets.fasttext.model_file import ModelFile, read_model
from xl_assets.fasttext.outputs import Outputs, Top
from xl_assets.fasttext.vocabulary import Vocabulary, vocabulary_of
from xl_assets.native.columns import Utf8, utf8

#: Texts whose vectors are in memory at once.
_BATCH = 4096

_NO_LINES = np.zeros(0, dtype=np.bool_)


@dataclass
class FastTextScorer:
    """Scores texts as ``fasttext`` does, with a bounded cache of words; pickles as its path.

    Attributes:
        path: the model's file.
        cache_bytes: most memory that the cache of words may take.
    """

    path: Path
    cache_bytes: int = 64 << 20
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path, cache_bytes: int = 64 << 20) -> Self:
        """Read the model at once, so that a wrong one is known here.

        Raises:
            UnsupportedModel: one that only the `fasttext` library reads.
            ModelFileError: no such file, cut off, or no fastText model.
        """
        scorer = cls(Path(path), cache_bytes)
        scorer._vocabulary  # noqa: B018 - the property reads the file
        return scorer

    @property
    def labels(self) -> list[str]:
        """The model's labels with their prefix; `Top.labels` are positions among them."""
        return self._model.labels

    def score(self, texts: pl.Series, k: int = 1) -> pl.DataFrame:
        """Return the columns labels (List[String], best first) and scores (List[Float64]), one row per text.

        A line feed counts as a space. A text that gives no row of the model (only possible where the model has no
        row for the end of a text) gets empty lists.

        Args:
            texts: a null counts as an empty text.
            k: how many labels; fewer where the model gives the others a probability below 1e-5.
        """
        return as_frame(self.top(utf8(texts), k), self._names)

    def top(self, texts: Utf8, k: int = 1) -> Top:
        """The k most probable labels of each text."""
        return self.top_with_lines(texts, _NO_LINES, k)[0]

    def top_with_lines(self, texts: Utf8, wanted: NDArray[np.bool_], k: int = 1) -> tuple[Top, Top]:
        """The labels of texts and of some of their lines, in one pass over the bytes.

        Args:
            texts: the column.
            wanted: for each line of all texts, in order, whether it is scored. A text has one line more than it
                has line feeds.
            k: how many labels.
        """
        parts, line = [], 0
        for start in range(0, len(texts.offsets) - 1, _BATCH):
            offsets = texts.offsets[start : start + _BATCH + 1]
            lines = len(offsets) - 1 + _line_feeds(texts.data, offsets) if len(wanted) else 0
            parts.append(self._score(texts.data, offsets, wanted[line : line + lines], k))
            line += lines
        if not parts:
            return _nothing(k), _nothing(k)
        return _joined([part for part, _ in parts]), _joined([part for _, part in parts])

    def _score(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64], wanted: NDArray[np.bool_], k: int
    ) -> tuple[Top, Top]:
        dim, texts, lines = self._model.arguments.dim, len(offsets) - 1, int(wanted.sum())
        vectors, rows = np.zeros((texts, dim), np.float32), np.zeros(texts, np.int64)
        line_vectors, line_rows = np.zeros((lines, dim), np.float32), np.zeros(lines, np.int64)
        # The compiled code runs without the interpreter's lock and writes into the cache.
        with self._lock:
            embed(data, offsets, wanted, self._vocabulary, self._memory, vectors, rows, line_vectors, line_rows)
        return self._outputs.best(vectors, rows, k), self._outputs.best(line_vectors, line_rows, k)

    @cached_property
    def _model(self) -> ModelFile:
        return read_model(self.path)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return vocabulary_of(self._model)

    @cached_property
    def _names(self) -> pl.Series:
        return pl.Series([*self.labels, None], dtype=pl.String)

    @cached_property
    def _outputs(self) -> Outputs:
        return Outputs(self._model)

    @cached_property
    def _memory(self) -> Memory:
        return new_memory(self._model.arguments.dim, self.cache_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.cache_bytes)


def as_frame(top: Top, names: pl.Series) -> pl.DataFrame:
    """Return the columns labels and scores, given the labels' names and, behind them, one null."""
    # Indexing and casts only: an expression costs more than scoring a short text.
    found = pl.DataFrame(
        {
            "labels": _lists(names[pl.Series(top.labels.ravel() % len(names))], top.labels.shape),
            "scores": _lists(pl.Series(top.scores.ravel()).cast(pl.Float64), top.labels.shape),
        }
    )
    if top.labels.size and top.labels.min() < 0:
        labels = pl.col("labels").list
        return found.select(labels.drop_nulls(), pl.col("scores").list.head(labels.drop_nulls().list.len()))
    return found


def _lists(values: pl.Series, shape: tuple[int, ...]) -> pl.Series:
    return values.reshape(shape).cast(pl.List(values.dtype))


def _line_feeds(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(data[offsets[0] : offsets[-1]] == ord("\n")))


def _nothing(k: int) -> Top:
    return Top(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32))


def _joined(parts: list[Top]) -> Top:
    if len(parts) == 1:
        return parts[0]
    return Top(np.concatenate([part.labels for part in parts]), np.concatenate([part.scores for part in parts]))
