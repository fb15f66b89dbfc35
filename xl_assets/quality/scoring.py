"""The score of a document: the probability that it is like a language's good examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from xl_assets.quality.settings import HIGH, QualityError
from xl_assets.quality.texts import LABEL_PREFIX, prepare


class Scorer(Protocol):
    """A loaded fastText classifier."""

    @property
    def labels(self) -> Sequence[str]:
        """The model's labels with their prefix."""

    def score(self, texts: pl.Series, k: int) -> pl.DataFrame:
        """Return ``labels`` (List[String]) and ``scores`` (List[Float64]) of each text, best first, at most k."""


def score_quality(
    frame: pl.DataFrame,
    models: Mapping[str, Scorer],
    text: str = "text",
    language: str = "language",
    is_normalised: bool = False,
) -> pl.DataFrame:
    """Add Float64 ``quality``: the probability of the high class, in [0, 1].

    Null where the row's language has no model, and where a text has nothing to read. A row's score depends on its
    text only, so batches don't matter.

    Args:
        frame: any rows with a text and a language.
        models: language -> its classifier, see `load_scorer`.
        text: column of the text; it is prepared here as it was for training.
        language: column of the language's code.
        is_normalised: whether the texts went through `seeds.normalise` already: saves half of the time, same scores.

    Raises:
        QualityError: a model that does not know the classes.
    """
    rows = frame.select(pl.col(language).alias("language"), pl.col(text).alias("text")).with_row_index("row")
    wanted = rows.filter(pl.col("language").is_in(list(models)) & pl.col("text").is_not_null())
    scored = [
        part.select("row", _high(models[code], part["text"], code, is_normalised).alias("quality"))
        for (code,), part in wanted.partition_by("language", as_dict=True).items()
    ]
    empty = pl.DataFrame(schema={"row": rows.schema["row"], "quality": pl.Float64})
    found = rows.select("row").join(pl.concat([empty, *scored]), on="row", how="left", maintain_order="left")
    return frame.with_columns(found["quality"])


def load_scorer(file: str | Path) -> Scorer:
    """Load a classifier's file with what scores it fastest.

    A model over character n-grams gets the cached batch scorer. One over words and their sequences, as
    `train_quality_model` makes it, has little that a cache could save (a word is one row, and sequences hardly
    repeat), so there it is fastText's own list call. Both give the same scores.

    Raises:
        QualityError: no such file, or no fastText model.
    """
    if not Path(file).is_file():
        raise QualityError(f"no quality model {file}; materialise quality_model for its language again")
    stock = StockScorer(Path(file))
    if not stock.has_character_ngrams:
        return stock
    from xl_assets.fasttext import FastTextScorer

    return FastTextScorer.load(file)


@dataclass
class StockScorer:
    """fastText's own list call; pickles as its path.

    Attributes:
        path: a fastText classifier.
    """

    path: Path
    _loaded: Any = field(default=None, init=False, repr=False, compare=False)

    @property
    def labels(self) -> list[str]:
        """The model's labels with their prefix."""
        return self._model.get_labels()

    @property
    def has_character_ngrams(self) -> bool:
        """Whether a word's vector is made of those of its parts."""
        return self._model.f.getArgs().maxn > 0

    def score(self, texts: pl.Series, k: int) -> pl.DataFrame:
        """Return ``labels`` (List[String], best first, with their prefix) and ``scores`` (List[Float64])."""
        labels, scores = self._model.predict(texts.to_list(), k=k) if len(texts) else ([], [])
        counts = np.fromiter(map(len, labels), dtype=np.int64, count=len(labels))
        names = pl.Series(list(chain.from_iterable(labels)), dtype=pl.String)
        values = pl.Series(np.concatenate([np.zeros(0), *scores]), dtype=pl.Float64)
        return pl.DataFrame({"labels": _lists(counts, names), "scores": _lists(counts, values)})

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            import fasttext

            # load_model() prints a warning about its own API; the class it returns can be made directly.
            try:
                self._loaded = fasttext.FastText._FastText(model_path=str(self.path))
            except (ValueError, RuntimeError, MemoryError) as error:
                raise QualityError(f"{self.path} is no fastText model ({error}); train it again") from error
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded model out: another process loads its own."""
        return {**self.__dict__, "_loaded": None}


def _lists(counts: NDArray[np.int64], values: pl.Series) -> pl.Series:
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), type=pa.int64())
    made = pa.LargeListArray.from_arrays(offsets, values.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return pl.Series(pl.from_arrow(made))


def _high(model: Scorer, texts: pl.Series, language: str, is_normalised: bool) -> pl.Series:
    if LABEL_PREFIX + HIGH not in model.labels:
        raise QualityError(
            f"the quality model of {language} has no class {HIGH!r}: give one that train_quality_model made"
        )
    read = prepare(texts, is_normalised)
    # Two classes and two labels a text: the high one is the first or the second.
    first = pl.col("labels").list.get(0, null_on_oob=True).str.strip_prefix(LABEL_PREFIX) == HIGH
    best, other = (pl.col("scores").list.get(place, null_on_oob=True) for place in (0, 1))
    found = model.score(read, 2).select(pl.when(first).then(best).otherwise(other).alias("quality"))["quality"]
    return pl.select(pl.when(read != "").then(found.clip(0.0, 1.0))).to_series()
