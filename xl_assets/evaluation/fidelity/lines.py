"""Responses to the lines that the Language Confusion Benchmark judges."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from xl_assets.evaluation.fidelity.words import spaced
from xl_assets.filters.language_id import Predict
from xl_assets.languages import any_language

#: What Python's str.split() takes for a token, which the benchmark counts; `\s` alone lacks four separators.
TOKEN = r"[^\s\x1c-\x1f]+"

#: ASCII punctuation and the Arabic comma are removed, a long dash becomes a space: so does the benchmark.
_REMOVED, _DASH = r"[!-/:-@\[-`{-~،]", "—"


@dataclass(frozen=True)
class ConfusionSettings:
    """What counts as confusion; the defaults are the benchmark's own.

    Attributes:
        least_tokens: a line with fewer tokens is not judged.
        threshold: a line whose best label is not more probable than this is in no known language, so it is wrong.
        cut_at: a response ends before this: models without instruction tuning go on with questions of their own.
            Empty for never.
        word_languages: languages whose words are compared with English ones; in Latin script too many words of
            the language itself are English words as well.
    """

    least_tokens: int = 5
    threshold: float = 0.3
    cut_at: str = "\nQ:"
    word_languages: tuple[str, ...] = ("ar", "hi", "ja", "ko", "ru", "zh")

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def judged_lines(rows: pl.DataFrame, predict: Predict, settings: ConfusionSettings) -> pl.DataFrame:
    """Find and identify the lines that are long enough to judge.

    Before a line is looked at, ASCII punctuation and the Arabic comma are removed and long dashes become spaces.
    Tokens stand between white space; languages that write none are segmented first. The model sees the line
    without punctuation, not segmented.

    Args:
        rows: columns ``row`` (any key), ``code`` (a language that `languages.any_language` knows), ``response``.
        predict: e.g. ``LanguageIdentifier().predict``.
        settings: see there.

    Returns:
        One row per judged line, sorted by ``row`` and ``line``: ``row``, ``line`` (from 1, counted in the response
        as it is), ``text`` (the line as it is), ``tokens`` (as one text with spaces), ``label`` and ``score`` (best
        label and its probability; null where the model has none), ``passes`` (whether it is in the language).
    """
    long = pl.col("tokens").str.count_matches(TOKEN) >= settings.least_tokens
    lines = _with_tokens(_split(rows, settings.cut_at)).filter(long).sort("row", "line")
    found = _best_labels(predict, lines["plain"])
    in_language = (pl.col("label") == pl.col("code")) & (pl.col("score") > settings.threshold)
    return lines.hstack(found).select(
        "row", "line", "text", "tokens", "label", "score", in_language.fill_null(False).alias("passes")
    )


def _split(rows: pl.DataFrame, cut_at: str) -> pl.DataFrame:
    response = pl.col("response").fill_null("")
    if cut_at:
        response = response.str.split(cut_at).list.first()
    text = response.str.split("\n")
    plain = pl.col("text").str.replace_all(_DASH, " ", literal=True).str.replace_all(_REMOVED, "")
    return (
        rows.select("row", "code", text.alias("text"))
        .with_columns(pl.int_ranges(1, pl.col("text").list.len() + 1, dtype=pl.Int64).alias("line"))
        .explode("text", "line", empty_as_null=False)
        .with_columns(plain.alias("plain"))
    )


def _with_tokens(lines: pl.DataFrame) -> pl.DataFrame:
    parts = [
        part.with_columns(spaced(part["plain"], any_language(part["code"][0])).alias("tokens"))
        for part in lines.partition_by("code", maintain_order=True)
    ]
    return pl.concat(parts) if parts else lines.with_columns(pl.col("plain").alias("tokens"))


def _best_labels(predict: Predict, texts: pl.Series) -> pl.DataFrame:
    """Columns label and score; equal lines are asked for once, so repetition costs nothing and changes nothing."""
    distinct = texts.unique().sort().alias("plain")
    found: Any = predict(distinct)
    labels, scores = found if isinstance(found, tuple) else (found["labels"], found["scores"])
    best = pl.DataFrame(
        {"plain": distinct, "label": _firsts(labels, pl.String()), "score": _firsts(scores, pl.Float64())}
    )
    return texts.alias("plain").to_frame().join(best, on="plain", how="left", maintain_order="left").drop("plain")


def _firsts(lists: pl.Series | Sequence[Sequence[object]], dtype: pl.DataType) -> pl.Series:
    return pl.Series(lists, dtype=pl.List(dtype)).list.first()
