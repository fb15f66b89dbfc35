"""Good and bad examples of a language: read, freed of repeats, held out by a hash, balanced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from xl_assets.identity import content_address, parameters_hash
from xl_assets.profile import QualitySource
from xl_assets.quality.settings import HIGH, LOW, QualityError, QualityTrainingSettings
from xl_assets.quality.texts import prepare
from xl_assets.seeds.readers import read_seeds
from xl_assets.seeds.source_hash import ABSENT, source_hash

_EXAMPLE = {"key": pl.String, "document_id": pl.String, "text": pl.String, "held_out": pl.Boolean}


@dataclass(frozen=True)
class ExampleSource:
    """Where the examples of one class are.

    Attributes:
        paths: files, folders, globs or URLs, as `seeds.readers.read_seeds` takes them.
        columns: our column -> the source's.
        license: licence of the examples, where the rows have none.
    """

    paths: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    license: str | None = None

    @property
    def hash(self) -> str:
        """Hash of the files; does not depend on where they are."""
        return parameters_hash({"files": sorted(source_hash(path) for path in self.paths)})


def classes_of(source: QualitySource) -> tuple[ExampleSource, ExampleSource]:
    """The good and the bad examples that a profile names."""
    high, low = (
        ExampleSource(tuple(paths), source.columns, source.license) for paths in (source.positives, source.negatives)
    )
    return high, low


def examples_hash(source: QualitySource | None) -> str:
    """Hash of a language's examples, as the table's record notes it; ``ABSENT`` where the profile names none."""
    return examples_version(*classes_of(source)) if source else ABSENT


class ClassCounts(NamedTuple):
    """What became of the examples of a class.

    Attributes:
        read: documents in the sources.
        distinct: texts that are neither empty nor repeats, at most the settings' cap.
        training: examples that the classifier is trained on.
        held_out: examples that it is measured on.
        source_hash: of the files.
        licenses: licences of the documents, in order; "not stated" where none is.
    """

    read: int
    distinct: int
    training: int
    held_out: int
    source_hash: str
    licenses: tuple[str, ...]


class Examples(NamedTuple):
    """Examples of both classes, in an order that only their texts decide.

    Attributes:
        frame: columns ``key`` (hash of the text), ``document_id``, ``text`` (prepared), ``held_out``, ``class``.
        counts: by class.
        ambiguous: texts that were left out because both classes have them.
    """

    frame: pl.DataFrame
    counts: Mapping[str, ClassCounts]
    ambiguous: int


def read_examples(
    positives: ExampleSource, negatives: ExampleSource, language: str, settings: QualityTrainingSettings
) -> Examples:
    """Read the examples of both classes and make them equally many on each side of the split.

    Memory holds `settings.most` examples of a class and one batch of documents, however large the sources are.

    Raises:
        QualityError: a class has fewer examples than `settings.least` on one side.
        SeedError: a source can't be read.
    """
    high, read_high, licenses_high = _read(positives, language, settings)
    low, read_low, licenses_low = _read(negatives, language, settings)
    both = set(high["key"]) & set(low["key"])
    ambiguous = pl.Series("key", sorted(both), dtype=pl.String)
    parts = {
        name: part.filter(~pl.col("key").is_in(ambiguous.implode())) for name, part in {HIGH: high, LOW: low}.items()
    }
    balanced = _balanced(parts)
    _refuse_few(balanced, language, settings)
    counts = {
        name: ClassCounts(read, parts[name].height, *_sides(balanced, name), source.hash, licenses)
        for name, read, source, licenses in (
            (HIGH, read_high, positives, licenses_high),
            (LOW, read_low, negatives, licenses_low),
        )
    }
    return Examples(balanced, counts, len(both))


def examples_version(positives: ExampleSource, negatives: ExampleSource) -> str:
    """Hash of all that the sources decide, so that changed examples make a classifier stale."""
    parts = [[source.hash, dict(source.columns), source.license] for source in (positives, negatives)]
    return parameters_hash({"examples": parts})


def _read(
    source: ExampleSource, language: str, settings: QualityTrainingSettings
) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    kept, read, licenses = pl.DataFrame(schema=_EXAMPLE), 0, set[str]()
    for path in source.paths:
        for batch in read_seeds(path, language, columns=source.columns):
            read += batch.documents.height
            licenses |= set(batch.documents["license"].fill_null(source.license or "not stated"))
            kept = _smallest(pl.concat([kept, _examples(batch.documents, settings)]), settings.most)
    return kept, read, tuple(sorted(licenses))


def _examples(documents: pl.DataFrame, settings: QualityTrainingSettings) -> pl.DataFrame:
    together = pl.coalesce(settings.split_by, "document_id")
    side = content_address("held_out", together).str.head(8).str.to_integer(base=16, dtype=pl.Int64)
    return (
        documents.with_columns(prepare(documents["text"]))
        .filter(pl.col("text") != "")
        .select(
            content_address("quality_text", "text").alias("key"),
            "document_id",
            "text",
            (side < settings.held_out * 2**32).alias("held_out"),
        )
    )


def _smallest(examples: pl.DataFrame, most: int) -> pl.DataFrame:
    """A sample by hash: it does not depend on batches, and a larger one holds a smaller one."""
    return examples.sort("key", "document_id").unique("key", keep="first", maintain_order=True).head(most)


def _balanced(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    labelled = pl.concat([part.with_columns(pl.lit(name).alias("class")) for name, part in parts.items()])
    place = pl.int_range(pl.len()).over("held_out", "class", order_by="key")
    sizes = (
        labelled.group_by("held_out", "class").len().group_by("held_out").agg(pl.col("len").min(), pl.len().alias("n"))
    )
    smaller = sizes.select("held_out", pl.when(pl.col("n") == len(parts)).then("len").otherwise(0).alias("size"))
    return (
        labelled.with_columns(place.alias("place"))
        .join(smaller, on="held_out")
        .filter(pl.col("place") < pl.col("size"))
        .drop("place", "size")
        .sort("key")
    )


def _sides(balanced: pl.DataFrame, name: str) -> tuple[int, int]:
    own = balanced.filter(pl.col("class") == name)["held_out"]
    return own.len() - int(own.sum()), int(own.sum())


def _refuse_few(balanced: pl.DataFrame, language: str, settings: QualityTrainingSettings) -> None:
    training, held_out = _sides(balanced, HIGH)
    if min(training, held_out) < settings.least:
        raise QualityError(
            f"quality examples of {language}: {training} of each class to train on and {held_out} to measure on, and "
            f"at least {settings.least} are needed. Name more documents, raise held_out, or lower least."
        )
