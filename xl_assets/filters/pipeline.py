"""From identified documents to filtered ones: normalise, redact, judge, deduplicate."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import polars as pl

from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.near_duplicates import DuplicateSettings, mark_duplicates
from xl_assets.filters.personal_data import redact
from xl_assets.seeds.normalise import normalised
from xl_assets.tables import FilteredDocument, SeedDocument, check_table, empty_table


@dataclass(frozen=True)
class FilterSettings:
    """What the filters do beside the registry's thresholds.

    Attributes:
        thresholds: rule -> threshold for all languages (see `heuristics.RULES`), stronger than the registry's.
        redact: whether personal data are replaced.
        duplicates: when two texts are near duplicates; a mapping, as from a profile, will do.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    redact: bool = True
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)

    def __post_init__(self) -> None:
        if isinstance(self.duplicates, Mapping):
            object.__setattr__(self, "duplicates", DuplicateSettings(**self.duplicates))

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def filter_documents(documents: pl.DataFrame | pl.LazyFrame, settings: FilterSettings | None = None) -> pl.DataFrame:
    """Judge documents: the kept rows of ``IdentifiedDocument`` to table ``FilteredDocument``, in their order.

    Every row that comes in comes out, kept or with all of its reasons: those of `heuristics.RULES`, or
    ``exact_duplicate`` or ``near_duplicate``. Texts are normalised and redacted. Duplicates are looked for
    among all rows given, within each language.

    Args:
        documents: columns of ``SeedDocument`` at least; rows whose `kept` is False are left out.
        settings: thresholds.

    Raises:
        UnknownRule: a threshold for a rule that does not exist.
        UnknownLanguage: a language that the registry does not hold.
    """
    chosen = settings or FilterSettings()
    rows = documents.lazy()
    if "kept" in rows.collect_schema():
        rows = rows.filter("kept")
    texts = rows.select(SeedDocument.column_names()).with_columns(normalised("text"), redactions=pl.lit(0, pl.Int64))
    frame = texts.collect()
    if frame.is_empty():
        return empty_table(FilteredDocument)
    clean = redact(frame) if chosen.redact else frame
    judged = apply_heuristics(clean, thresholds=chosen.thresholds)
    return check_table(mark_duplicates(judged, settings=chosen.duplicates), FilteredDocument)
