"""Passages: stretches of kept documents, long enough to ask about and short enough to answer with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import polars as pl
import polars_hash  # noqa: F401  registers the stable `nchash` namespace
from numpy.typing import NDArray

from xl_assets.filters.personal_data import placeholders
from xl_assets.filters.rebalancing import repeat_weight
from xl_assets.filters.words import word_count
from xl_assets.identity import content_address, derived_seed
from xl_assets.languages import get_language
from xl_assets.seeds.domains import domains
from xl_assets.tables import Passage, check_table, empty_table

#: A sentence with the blanks after it; pieces put together again are the line.
_SENTENCE = r"(?s).+?(?:[.!?…।]+[\"'”’»)\]]*(?:\s+|$)|[。！？]+[”’」』）]*\s*|$)"


@dataclass(frozen=True)
class PassageSettings:
    """How documents are cut, and which passages are taken.

    Attributes:
        min_words: a passage has at least so many words; in languages written without spaces characters are
            counted and divided by the language's characters a word.
        max_words: and at most so many.
        cap: most passages of a language, chosen by the hash that is their id, so that a greater cap only adds.
        per_document: most passages of one document, chosen in the same way.
        skip_redacted: leave out passages with a placeholder for personal data.
        diversity: what else the choice looks at, so that passages differ; a greater cap still only adds.
            ``length``: true to take short and long passages by turns, in steps of the square root of two, as long
            as each length has some. ``domain``: most passages of one registered domain, by the documents' `url`.
            ``cluster``: true to prefer documents by how many duplicates they stand for, in proportion to the
            repeats of `rebalancing.FINEWEB2_REPEATS`.
    """

    min_words: int = 15
    max_words: int = 200
    cap: int | None = 10_000
    per_document: int | None = None
    skip_redacted: bool = True
    diversity: Mapping[str, bool | int] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.diversity) - {"length", "domain", "cluster"}):
            raise ValueError(f"unknown diversity {unknown}: known are length, domain, cluster")
        domain = self.diversity.get("domain")
        if isinstance(domain, bool) or (domain is not None and domain < 1):
            raise ValueError(f"diversity.domain is {domain}: write the most passages of one domain, at least 1")

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def cut_passages(documents: pl.DataFrame | pl.LazyFrame, settings: PassageSettings | None = None) -> pl.DataFrame:
    """Cut the kept documents into passages: table ``FilteredDocument`` to table ``Passage``.

    What `cut_batch` does with a batch and `sample_passages` with what all batches gave, for documents that fit
    into memory. Rows are sorted by id.

    Args:
        documents: columns document_id, language, text, and `kept` where they were filtered; `url` and
            `cluster_size` where the settings' diversity looks at them.
        settings: lengths and caps.

    Raises:
        UnknownLanguage: a language that the registry does not hold.
    """
    rows = documents.lazy()
    names = rows.collect_schema().names()
    if "kept" in names:
        rows = rows.filter("kept")
    wanted = ["document_id", "language", "text", *(name for name in ("url", "cluster_size") if name in names)]
    return sample_passages(cut_batch(rows.select(wanted).collect(), settings), settings)


def cut_batch(documents: pl.DataFrame, settings: PassageSettings | None = None) -> pl.DataFrame:
    """Cut a batch of documents into all of their passages; how documents are batched changes nothing.

    A line of a document (a paragraph, that is) of at least `min_words` is a passage; shorter ones are joined
    with those that follow until they are long enough. A line of more than `max_words` is cut at sentence
    ends. What is left over below `min_words`, a lone heading for instance, is no passage.
    ``text == document_text[start:end]`` in code points.

    Args:
        documents: as for `cut_passages`.
        settings: lengths, and whether passages with placeholders are left out.

    Returns:
        The columns of table ``Passage`` and, for `sample_passages`, `domain` and `weight` (both may be null).
    """
    chosen = settings or PassageSettings()
    kept = documents.filter("kept") if "kept" in documents.columns else documents
    parts = [
        _cut(part, language, chosen)
        for (language,), part in kept.partition_by("language", as_dict=True, maintain_order=True).items()
    ]
    passages = pl.concat([empty_table(Passage).select(Passage.column_names()), *parts])
    if chosen.skip_redacted:
        passages = passages.filter(~placeholders("text"))
    return passages.join(_origins(kept, chosen), on="document_id", how="left", maintain_order="left")


def sample_passages(passages: pl.DataFrame | pl.LazyFrame, settings: PassageSettings | None = None) -> pl.DataFrame:
    """Choose among all passages that `cut_batch` made: table ``Passage``, sorted by id.

    Of passages with equal text the one of the smallest id is taken. Each language has its own cap. The choice
    follows from ids and hashes, so order and batches change nothing. From a lazy frame over files, the texts of
    chosen passages alone are in memory, and about 120 bytes of each other one.

    Args:
        passages: what `cut_batch` returned, of all batches.
        settings: caps and diversity.
    """
    chosen = settings or PassageSettings()
    rows = passages.lazy()
    described = rows.select(
        "passage_id",
        "document_id",
        "language",
        pl.col("text").nchash.xxh3_64().alias("text"),  # type: ignore[attr-defined]
        (2 * pl.col("text").str.len_chars().log(2)).floor().cast(pl.Int32).alias("length"),
        "domain",
        "weight",
    ).collect(engine="streaming")
    ids = _chosen(described, chosen).select("passage_id")
    taken = rows.select(Passage.column_names()).join(ids.lazy(), on="passage_id", how="semi")
    return check_table(taken.collect(engine="streaming").sort("passage_id"), Passage)


def _origins(documents: pl.DataFrame, settings: PassageSettings) -> pl.DataFrame:
    """Of each document the domain and the weight, where the settings ask for them and the columns are there."""
    domain = pl.lit(None, pl.String)
    if "domain" in settings.diversity and "url" in documents.columns:
        domain = pl.lit(domains(documents["url"]))
    by_cluster = settings.diversity.get("cluster") and "cluster_size" in documents.columns
    weight = repeat_weight() if by_cluster else pl.lit(None, pl.Float64)
    return documents.select("document_id", domain.alias("domain"), weight.alias("weight"))


def _chosen(passages: pl.DataFrame, settings: PassageSettings) -> pl.DataFrame:
    """The rows that are taken. Every cap counts in one order of the language's passages, so caps nest."""
    taken = passages.sort("language", "passage_id").unique(["language", "text"], keep="first", maintain_order=True)
    if settings.diversity.get("cluster"):
        # The smallest -ln(u) / weight are a sample in proportion to weights (Efraimidis and Spirakis 2006).
        chance = (derived_seed(pl.lit("sample"), "passage_id") + 0.5) / 2.0**28
        taken = taken.sort("language", -chance.log() / pl.col("weight").fill_null(1.0), "passage_id")
    if settings.per_document is not None:
        taken = taken.filter(_turn("document_id") < settings.per_document)
    if (most := settings.diversity.get("domain")) is not None:
        taken = taken.filter(pl.col("domain").is_null() | (_turn("language", "domain") < most))
    if settings.diversity.get("length"):
        taken = taken.sort(_turn("language", "length"), maintain_order=True)
    return taken.filter(_turn("language") < settings.cap) if settings.cap is not None else taken


def _turn(*group: str) -> pl.Expr:
    """How many rows of a group come before each."""
    return pl.int_range(pl.len()).over(*group)


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
