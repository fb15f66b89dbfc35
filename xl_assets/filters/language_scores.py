"""A model's answers for texts and their lines, as arrays: from the model itself in one pass, or through `Predict`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.native.columns import Utf8, utf8

#: Texts -> columns labels (List[String]: registry codes where known, best first) and scores (List[Float64]).
Predict = Callable[[pl.Series], pl.DataFrame]


class Scores(NamedTuple):
    """The most probable languages of texts, best first; one may be there twice, its probabilities add up.

    Attributes:
        codes: the languages.
        labels: int32, a row per text, positions among `codes`; -1 where there are no more.
        scores: float64, their probabilities.
    """

    codes: Sequence[str]
    labels: NDArray[np.int32]
    scores: NDArray[np.float64]


@runtime_checkable
class LineScorer(Protocol):
    """What can answer for texts and their lines in one pass."""

    def score_lines(self, texts: Utf8, wanted: NDArray[np.bool_]) -> tuple[Scores, Scores] | None:
        """The languages of all texts, and of those of all their lines in order that are wanted.

        None where it can't; then `Predict` is asked.
        """


class Verdicts(NamedTuple):
    """What scores say of texts that should be in a language.

    Attributes:
        best: int64, the most probable language's position among the scores' codes; -1 where there is none.
        score: float64, its probability.
        wanted_score: float64, the wanted language's probability; 0 where it is not among the labels.
        is_wanted: bool, whether the most probable language is the wanted one.
    """

    best: NDArray[np.int64]
    score: NDArray[np.float64]
    wanted_score: NDArray[np.float64]
    is_wanted: NDArray[np.bool_]


def score_texts(
    texts: pl.Series, asked: NDArray[np.bool_], wanted_lines: NDArray[np.bool_], predict: Predict
) -> tuple[Scores, Scores]:
    """Score texts, and those of their lines that are wanted.

    Args:
        texts: without nulls.
        asked: which texts are worth the question; the others get no label.
        wanted_lines: of all lines of all texts, in order.
        predict: its owner answers itself where it is a `LineScorer`.
    """
    owner = getattr(predict, "__self__", None)
    if isinstance(owner, LineScorer) and (found := owner.score_lines(utf8(texts), wanted_lines)):
        documents, lines = found
        return documents._replace(labels=np.where(asked[:, None], documents.labels, np.int32(-1))), lines
    split = texts.str.split("\n").explode().filter(pl.Series(wanted_lines)) if len(texts) else texts
    every = pl.concat([texts.filter(pl.Series(asked, dtype=pl.Boolean)), split]).alias("text")
    distinct = every.unique(maintain_order=True)
    answers = _as_scores(_answers(predict, distinct))
    places = every.to_frame().join(
        distinct.to_frame().with_row_index("place"), on="text", how="left", maintain_order="left"
    )["place"]
    rows = places.to_numpy().astype(np.int64)
    count = int(asked.sum())
    labels = np.full((len(texts), answers.labels.shape[1]), -1, np.int32)
    scores = np.zeros(labels.shape, np.float64)
    labels[asked], scores[asked] = answers.labels[rows[:count]], answers.scores[rows[:count]]
    lines = Scores(answers.codes, answers.labels[rows[count:]], answers.scores[rows[count:]])
    return Scores(answers.codes, labels, scores), lines


def verdicts(scores: Scores, wanted: Sequence[str], wanted_at: NDArray[np.int64]) -> Verdicts:
    """Compare the most probable language with the wanted one.

    Args:
        scores: of the texts.
        wanted: languages.
        wanted_at: per text the position of its wanted language among these.
    """
    labels = scores.labels
    # Labels that mean the same language add up.
    total = np.stack([(scores.scores * (labels == column[:, None])).sum(axis=1) for column in labels.T], axis=1)
    total = np.where(labels >= 0, np.clip(total, 0.0, 1.0), -1.0)
    place = total.argmax(axis=1)
    best, score = (np.take_along_axis(part, place[:, None], axis=1)[:, 0] for part in (labels, total))
    position = {code: number for number, code in enumerate(scores.codes)}
    codes = np.array([position.get(code, -2) for code in wanted], dtype=np.int64)[wanted_at]
    wanted_score = np.clip((scores.scores * (labels == codes[:, None])).sum(axis=1), 0.0, 1.0)
    return Verdicts(best.astype(np.int64), score, wanted_score, best == codes)


def _answers(predict: Callable[[Any], Any], texts: pl.Series) -> pl.DataFrame:
    found = predict(texts)
    if isinstance(found, tuple):
        labels, scores = ([list(row) for row in part] for part in found)
        schema = {"labels": pl.List(pl.String), "scores": pl.List(pl.Float64)}
        return pl.DataFrame({"labels": labels, "scores": scores}, schema=schema)
    return found.select(pl.col("labels").cast(pl.List(pl.String)), pl.col("scores").cast(pl.List(pl.Float64)))


def _as_scores(answers: pl.DataFrame) -> Scores:
    counts = answers["labels"].list.len().to_numpy().astype(np.int64)
    names = answers["labels"].explode(empty_as_null=False)
    codes = names.unique(maintain_order=True)
    width = max(int(counts.max(initial=1)), 1)
    labels, scores = np.full((len(counts), width), -1, np.int32), np.zeros((len(counts), width), np.float64)
    there = np.arange(width) < counts[:, None]
    positions = pl.Series(range(len(codes)), dtype=pl.Int32)
    labels[there] = names.replace_strict(codes, positions, return_dtype=pl.Int32).to_numpy()
    scores[there] = answers["scores"].explode(empty_as_null=False).to_numpy()
    return Scores(codes.to_list(), labels, scores)
