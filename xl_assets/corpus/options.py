"""What `clean` and `identify` are told, and the error that both raise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from xl_assets.corpus.errors import CorpusError
from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings

__all__ = ["CleanOptions", "CorpusError", "Identifier", "IdentifyOptions", "ReadOptions"]


class Identifier(Protocol):
    """A language identification model, as `resources.language_identifier` has one; can be sent to another process."""

    @property
    def name(self) -> str:
        """The model's name, for people."""
        ...

    @property
    def fingerprint(self) -> str:
        """Tells two models apart whatever their names."""
        ...

    def predict(self, texts: pl.Series) -> pl.DataFrame:
        """Texts to `labels` and `scores`, best first."""
        ...


@dataclass(frozen=True)
class ReadOptions:
    """How a corpus is read.

    Attributes:
        language: code that every document is declared to be in; None takes each record's own language column,
            and where there is none, the language that is identified.
        columns: our column -> the source's, e.g. ``{"text": "content"}``.
        layout: name of a published corpus' columns, e.g. ``fineweb2``; None for ours.
        sample: share of the documents, chosen by a hash of their id; None for all.
        batch_rows: most records in a batch. Like `batch_bytes` it sets memory and changes no result.
        batch_bytes: most bytes in a batch, unless one record alone is longer.
    """

    language: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    layout: str | None = None
    sample: float | None = None
    batch_rows: int = 1_500
    batch_bytes: int = 6 << 20


@dataclass(frozen=True)
class CleanOptions:
    """How a corpus is cleaned.

    Attributes:
        reading: how it is read.
        identification: thresholds of language identification.
        filters: rules, thresholds, redaction, and what counts as a duplicate.
        duplicates: whether duplicates are looked for.
        workers: processes that judge, this one included. Changes no result.
        fresh: whether what another configuration left in the folder is removed first.
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    identification: IdentificationSettings = field(default_factory=IdentificationSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    duplicates: bool = True
    workers: int = 1
    fresh: bool = False


@dataclass(frozen=True)
class IdentifyOptions:
    """How a corpus is identified.

    Attributes:
        reading: how it is read.
        top: how many languages each document gets.
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    top: int = 1
