"""Passages: stretches of kept documents, long enough to ask about and short enough to answer with."""

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.personal_data import placeholders
from xl_assets.filters.words import word_count
from xl_assets.identity import content_address
from xl_assets.languages import get_language
from xl_assets.tables import Passage, check_table, empty_table

#: A sentence with the blanks after it; pieces put together again are the line.
_SENTENCE = r"(?s).+?(?:[.!?…।]+[\"'”’»)\]]*(?:\s+|$)|[。！？]+[”’」』）]*\s*|$)"


@dataclass(frozen=True)
class PassageSettings:
    """How documents are cut.

    Attributes:
        min_words: a passage has at least so many words; in languages written without spaces characters are
            counted and divided by the language's characters a word.
        max_words: and at most so many.
        cap: most passages of a language, chosen by the hash that is their id, so that a greater cap only adds.
        per_document: most passages of one document, chosen in the same way.
        skip_redacted: leave out passages with a placeholder for personal data.
    """

    min_words: int = 15
    max_words: int = 200
    cap: int | None = 10_000
    per_document: int | None = None
    skip_redacted: bool = True

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def cut_passages(documents: pl.DataFrame | pl.LazyFrame, settings: PassageSettings | None = None) -> pl.DataFrame:
    """Cut the kept documents into passages: table ``FilteredDocument`` to table ``Passage``.

    A line of a document (a paragraph, that is) of at least `min_words` is a passage; shorter ones are joined
    with those that follow until they are long enough. A line of more than `max_words` is cut at sentence
    ends. What is left over below `min_words`, a lone heading for instance, is no passage.
    ``text == document_text[start:end]`` in code points. Of passages with equal text the one of the smallest
    id is taken. Rows are sorted by id.

    Args:
        documents: columns document_id, language, text, and `kept` where they were filtered.
        settings: lengths and caps.

    Raises:
        UnknownLanguage: a language that the registry does not hold.
    """
    chosen = settings or PassageSettings()
    rows = documents.lazy()
    if "kept" in rows.collect_schema():
        rows = rows.filter("kept")
    kept = rows.select("document_id", "language", "text").collect()
    parts = [
        _sample(_cut(part, language, chosen), chosen)
        for (language,), part in kept.partition_by("language", as_dict=True, maintain_order=True).items()
    ]
    return check_table(pl.concat(parts).sort("passage_id"), Passage) if parts else empty_table(Passage)


def _sample(passages: pl.DataFrame, settings: PassageSettings) -> pl.DataFrame:
    wanted = passages.filter(~placeholders("text")) if settings.skip_redacted else passages
    sampled = wanted.sort("passage_id").unique("text", keep="first", maintain_order=True)
    if settings.per_document is not None:
        sampled = sampled.filter(pl.int_range(pl.len()).over("document_id") < settings.per_document)
    return sampled.head(settings.cap) if settings.cap is not None else sampled


def _cut(documents: pl.DataFrame, language: str, settings: PassageSettings) -> pl.DataFrame:
    """Every passage of documents in one language."""
    pieces = _pieces(documents, language, settings.max_words)
    first = _first_pieces(
        pieces["document"].to_numpy(), pieces["words"].to_numpy(), settings.min_words, settings.max_words
    )
    passages = (
        pieces.with_columns(pl.Series("passage", np.cumsum(first)))
        .group_by("passage", maintain_order=True)
        .agg(
            pl.col("document").first(),
            pl.col("start").first(),
            pl.col("end").last(),
            pl.col("words").sum(),
        )
        .filter(pl.col("words").is_between(settings.min_words, settings.max_words))
    )
    texts = documents.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("document"), "document_id", "language", "text"
    )
    return (
        passages.join(texts, on="document", maintain_order="left")
        .with_columns(pl.col("text").str.slice(pl.col("start"), pl.col("end") - pl.col("start")))
        .select(
            content_address("passage", "document_id", "start", "end", "text").alias("passage_id"),
            *(name for name in Passage.column_names() if name != "passage_id"),
        )
    )


def _pieces(documents: pl.DataFrame, language: str, max_words: int) -> pl.DataFrame:
    """Columns document, start, end, words: the lines with text, those that are too long as their sentences."""
    words = word_count("piece", get_language(language))
    length = pl.col("piece").str.len_chars().cast(pl.Int64)
    lines = (
        documents.select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("document"), pl.col("text").str.split("\n").alias("piece")
        )
        .explode("piece")
        .with_columns(_offsets(length + 1, "document").alias("start"))
    )
    split = (
        pl.when(words > max_words).then(pl.col("piece").str.extract_all(_SENTENCE)).otherwise(pl.concat_list("piece"))
    )
    return (
        lines.with_row_index("line")
        .with_columns(split.alias("piece"))
        .explode("piece")
        .with_columns((pl.col("start") + _offsets(length, "line")).alias("start"))
        .filter(pl.col("piece").str.contains(r"\S"))
        .with_columns(_blanks_before(pl.col("piece")).alias("before"))
        .select(
            "document",
            (pl.col("start") + pl.col("before")).alias("start"),
            (pl.col("start") + pl.col("piece").str.strip_chars_end().str.len_chars().cast(pl.Int64)).alias("end"),
            words.alias("words"),
        )
    )


def _offsets(length: pl.Expr, group: str) -> pl.Expr:
    """Where each piece begins: the lengths of those before it."""
    return (length.cum_sum() - length).over(group)


def _blanks_before(piece: pl.Expr) -> pl.Expr:
    return (piece.str.len_chars() - piece.str.strip_chars_start().str.len_chars()).cast(pl.Int64)


def _first_pieces(
    document: NDArray[np.int64], words: NDArray[np.float64], min_words: int, max_words: int
) -> NDArray[np.bool_]:
    """Which pieces begin a passage, when each passage takes pieces until it has `min_words`.

    `after[i]` is where the next passage would begin if one began at i; the beginnings are what can be reached
    from the first piece of each document. Following all paths at once, doubling their length each time, takes
    a round per power of two of the pieces instead of one per passage.
    """
    count = len(words)
    if not count:
        return np.zeros(0, dtype=bool)
    ends = np.cumsum(words)
    begin = ends - words
    last_of_document = np.searchsorted(document, document, side="right")
    enough = np.searchsorted(ends, begin + min_words - 1e-6) + 1
    # A piece that would make the passage too long begins the next one.
    fits = np.searchsorted(ends, begin + max_words + 1e-6, side="right")
    after = np.minimum(np.maximum(np.minimum(enough, fits), np.arange(count) + 1), last_of_document)
    reached = np.zeros(count + 1, dtype=bool)
    reached[:count] = np.concatenate([[True], document[1:] != document[:-1]])
    jump = np.append(after, count)
    for _ in range(max(count, 2).bit_length()):
        reached[jump[np.flatnonzero(reached)]] = True
        jump = jump[jump]
    return reached[:count]
