"""Sketches: the few numbers by which a document's duplicates are found when its text is no longer at hand."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl
import polars_hash  # noqa: F401  registers the `nchash` namespace, stable between versions unlike Polars' own hash
from numpy.typing import NDArray

from xl_assets.filters.texts import Texts
from xl_assets.identity import address_of
from xl_assets.languages import any_language
from xl_assets.native.minhash import band_keys, letter_keys, shingles


class SketchError(ValueError):
    """Sketches or texts can't be compared; says what is missing and the remedy."""


@dataclass(frozen=True)
class DuplicateSettings:
    """When two texts are near duplicates.

    Attributes:
        jaccard: least share of common n-grams among all n-grams of the two.
        words: words in an n-gram.
        bands: bands of the sketch. A pair of similarity s becomes a candidate with probability
            1 - (1 - s^rows)^bands: with the defaults 0.99 at 0.7 and 0.9999 at 0.8.
        rows: hash values in a band.
        seed: of the permutations.
        across_languages: whether texts of different languages are compared too.
    """

    jaccard: float = 0.75
    words: int = 5
    bands: int = 25
    rows: int = 5
    seed: int = 42
    across_languages: bool = False

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)

    @property
    def band_columns(self) -> list[str]:
        """Names of a sketch's columns with band keys."""
        return [f"band_{band:02}" for band in range(self.bands)]


def sketch_documents(
    frame: pl.DataFrame,
    settings: DuplicateSettings | None = None,
    *,
    text: str = "text",
    key: str = "document_id",
    quality: str | None = None,
) -> pl.DataFrame:
    """Sketch a batch of documents; how documents are batched changes nothing.

    Rows whose `kept` is False are left out: a text is never dropped for one that is not kept. A sketch is 25 + 5
    numbers and the id, about 300 bytes. Band keys are columns of their own, so that clustering reads one at a time.

    Args:
        frame: rows with `language`, a key and a text column; `redactions` where personal data were replaced.
        settings: what counts as near.
        text: the text column.
        key: name of the id column, unique in the whole corpus.
        quality: name of a column with a score, higher is better.

    Returns:
        A row for each kept row, in their order: document_id, language, exact (equal for texts that differ in
        case, punctuation and white space only; 0 for texts of only these), order (a hash of the id), quality,
        redactions, length (characters), and the band keys (0 where a text is shorter than an n-gram).

    Raises:
        UnknownLanguage: a language that is neither registered nor one of lid.176's.
    """
    chosen = settings or DuplicateSettings()
    rows = frame.filter("kept") if "kept" in frame.columns else frame
    score = pl.col(quality).cast(pl.Float64).fill_nan(None).fill_null(-np.inf) if quality else pl.lit(0.0)
    redactions = pl.col("redactions").cast(pl.Int64) if "redactions" in rows.columns else pl.lit(0, pl.Int64)
    described = rows.select(
        pl.col(key).cast(pl.String).alias("document_id"),
        "language",
        pl.col(key).cast(pl.String).nchash.xxh3_64().alias("order"),  # type: ignore[attr-defined]
        score.alias("quality"),
        redactions.alias("redactions"),
        pl.col(text).cast(pl.String).str.len_chars().cast(pl.Int64).alias("length"),
    )
    keys = np.zeros((rows.height, 1 + chosen.bands), dtype=np.uint64, order="F")
    numbered = rows.select("language", text).with_row_index("row")
    for (code,), part in numbered.partition_by("language", as_dict=True).items():
        keys[part["row"].to_numpy()] = _keys(Texts(part[text], any_language(code)), chosen)
    return described.hstack(_columns(keys, chosen))


def sketch_texts(texts: Texts, settings: DuplicateSettings) -> pl.DataFrame:
    """The columns `exact` and band keys of a batch in one language, in its order."""
    return _columns(_keys(texts, settings), settings)


def _keys(texts: Texts, settings: DuplicateSettings) -> NDArray[np.uint64]:
    """The exact key and the band keys, a row per text."""
    salt = 0 if settings.across_languages else int(address_of("language", texts.language.code)[:16], 16)
    bands = band_keys(shingles(texts.words, settings.words), settings.bands, settings.rows, settings.seed, salt)
    return np.column_stack([letter_keys(texts.utf8, salt), bands])


def _columns(keys: NDArray[np.uint64], settings: DuplicateSettings) -> pl.DataFrame:
    return pl.DataFrame({name: keys[:, place] for place, name in enumerate(["exact", *settings.band_columns])})


class Sketches:
    """Sketched documents, numbered in the order of the parts they came in; read a column or a few rows at a time.

    Args:
        source: frames that `sketch_documents` made, or a folder where they lie as Parquet files. Frames stay in
            memory; files are read one at a time.

    Raises:
        SketchError: the folder holds no sketches.
    """

    def __init__(self, source: Iterable[pl.DataFrame] | Path) -> None:
        self._all: Callable[[list[str]], pl.DataFrame]
        self._parts: list[Callable[[list[str]], pl.DataFrame]]
        if isinstance(source, Path):
            files = sorted(source.glob("*.parquet"))
            if not files:
                raise SketchError(f"no sketches in {source}: write the frames of sketch_documents there as .parquet")
            # All files in one call for a column of all documents: opening them costs more than reading them.
            self._all = partial(_read, files)
            self._parts = [partial(_read, file) for file in files]
            heights = [pl.scan_parquet(file).select(pl.len()).collect().item() for file in files]
        else:
            frames = list(source)
            self._all = lambda names: pl.concat(frame.select(names) for frame in frames)
            self._parts = [frame.select for frame in frames]
            heights = [frame.height for frame in frames]
        self._bounds = np.concatenate([[0], np.cumsum(heights, dtype=np.int64)])

    def __len__(self) -> int:
        return int(self._bounds[-1])

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place of each document in an order that does not depend on that of the rows."""
        places = np.empty(len(self), dtype=np.int64)
        places[np.argsort(self.column("order"), kind="stable")] = np.arange(len(self))
        return places

    def column(self, name: str) -> NDArray[np.uint64]:
        """One column of numbers, of all documents."""
        # A copy: what NumPy is given may be Arrow's own memory, which must not be written to.
        return self._all([name])[name].to_numpy().copy()

    def rows(self, numbers: NDArray[np.int64], *names: str) -> pl.DataFrame:
        """Some columns of some documents.

        Args:
            numbers: of the documents, ascending.
            names: of the columns.
        """
        found: list[pl.DataFrame] = []
        for part, begin, end in self._numbered():
            first, last = np.searchsorted(numbers, (begin, end))
            if first < last or not found:
                found.append(part(list(names))[numbers[first:last] - begin])
        return pl.concat(found)

    def _numbered(self) -> Iterable[tuple[Callable[[list[str]], pl.DataFrame], int, int]]:
        return zip(self._parts, self._bounds[:-1].tolist(), self._bounds[1:].tolist(), strict=True)


def _read(file: Path | list[Path], names: list[str]) -> pl.DataFrame:
    return pl.read_parquet(file, columns=names)
