"""Lines that many documents share: navigation, notices, footers; found over a whole corpus and taken out.

As CCNet does with paragraphs (Wenzek et al. 2020, arXiv:1911.00359) and FineWeb tried with lines of a least length
(arXiv:2406.17557): lines are counted by a hash of their letters, with all digits alike. Three passes' worth of
functions: `count_lines` for each batch, `boilerplate_lines` over all counts, `remove_lines` for each batch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.texts import Texts
from xl_assets.languages import any_language
from xl_assets.native.columns import Utf8
from xl_assets.native.lines import Lines, split_lines, without_lines
from xl_assets.native.minhash import letter_keys

#: Counts that are added up at once; bounds memory to about 200 MB.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class LineSettings:
    """Which lines count as boilerplate.

    Attributes:
        words: a shorter line never does; short ones, like headings, are shared by chance.
        documents: a line does that is in more documents than this. A document counts once.
    """

    words: int = 5
    documents: int = 10

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def count_lines(frame: pl.DataFrame, settings: LineSettings | None = None, *, text: str = "text") -> pl.DataFrame:
    """Count the lines of a batch of documents.

    Args:
        frame: rows with `language` and a text column; rows whose `kept` is False are left out.
        settings: how long a line must be.
        text: the text column.

    Returns:
        Columns line (hash of a line that is long enough) and documents (how many have it), sorted by line. About 12
        bytes for each different line.

    Raises:
        UnknownLanguage: a language that is neither registered nor one of lid.176's.
    """
    chosen = settings or LineSettings()
    rows = frame.filter("kept") if "kept" in frame.columns else frame
    parts = [_empty_counts()]
    for (code,), part in rows.partition_by("language", as_dict=True).items():
        texts = Texts(part[text], any_language(code))
        lines = split_lines(texts.utf8)
        hashes = _hashes(texts, lines, chosen)
        listed = pl.DataFrame({"text": np.repeat(np.arange(len(texts)), np.diff(lines.offsets)), "line": hashes})
        once = listed.filter(pl.col("line") != 0).unique()
        parts.append(once.group_by("line").agg(pl.len().cast(pl.UInt32).alias("documents")))
    return pl.concat(parts).group_by("line").agg(pl.col("documents").sum()).sort("line")


def boilerplate_lines(
    counts: Iterable[pl.DataFrame] | Path, settings: LineSettings | None = None
) -> NDArray[np.uint64]:
    """Return the hashes of the lines that are in too many documents, ascending.

    Memory does not grow with a corpus whose counts lie in a folder: they are added up a range of hashes at a time,
    four million counts in each; files are sorted by hash, so each range is a stretch of every file. What is
    returned takes 8 bytes a line.

    Args:
        counts: what `count_lines` returned for each batch, or the folder where it lies as Parquet files.
        settings: how many documents are too many.

    Raises:
        FileNotFoundError: the folder holds no Parquet file.
    """
    chosen = settings or LineSettings()
    every = _scanned(counts)
    total = every.select(pl.len()).collect().item()
    ranges = max(-(-total // _AT_ONCE), 1)
    # Hashes are spread evenly, so equal ranges hold about equally many.
    edges = [2**64 * number // ranges for number in range(ranges + 1)]
    found = [_frequent(every, low, high - 1, chosen.documents) for low, high in pairwise(edges)]
    return np.concatenate(found)


def remove_lines(
    frame: pl.DataFrame, boilerplate: NDArray[np.uint64], settings: LineSettings | None = None, *, text: str = "text"
) -> pl.DataFrame:
    """Take boilerplate lines out of the text column; add Int64 `removed_lines` (to a count that is there).

    A line goes with its line feed, every time it occurs. Texts can become empty; a length rule rejects those.

    Args:
        frame: rows with `language` and a text column.
        boilerplate: what `boilerplate_lines` returned.
        settings: those that the lines were counted with.
        text: the text column.
    """
    parts = [pl.DataFrame(schema={"row": pl.UInt32, "text": pl.String, "removed": pl.Int64})]
    for part, texts, lines, flagged in _judged(frame, text, boilerplate, settings):
        left = without_lines(texts.utf8, lines, flagged)
        parts.append(part.select("row", left.alias("text"), removed=pl.Series(lines.per_text(flagged))))
    ordered = pl.concat(parts).sort("row")
    before = frame["removed_lines"] if "removed_lines" in frame.columns else 0
    return frame.with_columns(ordered["text"].alias(text), (ordered["removed"] + before).alias("removed_lines"))


def boilerplate_share(
    frame: pl.DataFrame, boilerplate: NDArray[np.uint64], settings: LineSettings | None = None, *, text: str = "text"
) -> pl.DataFrame:
    """Add Float64 `boilerplate_share`: the share of a text's characters that are in boilerplate lines; 0 if empty.

    Arguments as for `remove_lines`.
    """
    parts = [pl.DataFrame(schema={"row": pl.UInt32, "share": pl.Float64})]
    for part, _, lines, flagged in _judged(frame, text, boilerplate, settings):
        share = lines.per_text(lines.length * flagged) / np.maximum(lines.per_text(lines.length), 1)
        parts.append(part.select("row", share=pl.Series(share)))
    return frame.with_columns(pl.concat(parts).sort("row")["share"].alias("boilerplate_share"))


def _judged(
    frame: pl.DataFrame, text: str, boilerplate: NDArray[np.uint64], settings: LineSettings | None
) -> Iterator[tuple[pl.DataFrame, Texts, Lines, NDArray[np.bool_]]]:
    """Language by language the rows, their texts and lines, and for each line whether it is boilerplate."""
    rows = frame.select("language", text).with_row_index("row")
    for (code,), part in rows.partition_by("language", as_dict=True).items():
        texts = Texts(part[text], any_language(code))
        lines = split_lines(texts.utf8)
        hashes = _hashes(texts, lines, settings or LineSettings())
        yield part, texts, lines, (hashes != 0) & np.isin(hashes, boilerplate)


def _hashes(texts: Texts, lines: Lines, settings: LineSettings) -> NDArray[np.uint64]:
    """A hash of each line, 0 where it is too short."""
    # The line feeds between the lines are white space, which the keys leave out: lines may be given without gaps.
    bounds = np.append(lines.start, texts.utf8.offsets[-1])
    hashes = letter_keys(Utf8(texts.utf8.data, bounds), numbers=False)
    words = np.searchsorted(texts.words.start, lines.end) - np.searchsorted(texts.words.start, lines.start)
    return np.where(words >= settings.words, hashes, np.uint64(0))


def _scanned(counts: Iterable[pl.DataFrame] | Path) -> pl.LazyFrame:
    if not isinstance(counts, Path):
        return pl.concat([_empty_counts(), *counts]).lazy()
    files = sorted(counts.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"no line counts in {counts}: write the frames of count_lines there as .parquet")
    return pl.scan_parquet(files)


def _frequent(counts: pl.LazyFrame, low: int, high: int, documents: int) -> NDArray[np.uint64]:
    within = pl.col("line").is_between(pl.lit(low, pl.UInt64), pl.lit(high, pl.UInt64))
    summed = counts.filter(within).group_by("line").agg(pl.col("documents").cast(pl.UInt64).sum())
    frequent = summed.filter(pl.col("documents") > documents).select("line").collect(engine="streaming")
    return frequent["line"].sort().to_numpy()


def _empty_counts() -> pl.DataFrame:
    return pl.DataFrame(schema={"line": pl.UInt64, "documents": pl.UInt32})
