"""From identified documents to filtered ones: what is done to a batch, and what needs all documents at once.

A batch is judged by itself (`judge_documents`), in any order and size; duplicates are then looked for among all
kept documents (`near_duplicates`), and what was found is written into the batches. `filter_documents` does both
in memory, `xl_assets.corpus` in files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import polars as pl

from xl_assets.filters.compliance import ComplianceSettings, judge_compliance
from xl_assets.filters.evaluation_prompts import ContaminationSettings, judge_prompts
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.mojibake import repair_mojibake
from xl_assets.filters.near_duplicates import DuplicateSettings, mark_duplicates
from xl_assets.filters.perplexity import PerplexityModel, perplexity_models
from xl_assets.filters.personal_data import redact
from xl_assets.filters.quality_model import QualitySettings, Scorer, score_quality, select_top_share
from xl_assets.filters.refinement import refine_lines
from xl_assets.filters.rules import HOUSE, families_hash, rules_of
from xl_assets.filters.segmentation import segmenter_version
from xl_assets.seeds.normalise import normalised
from xl_assets.tables import FilteredDocument, SeedDocument, check_table, empty_table


@dataclass(frozen=True)
class FilterSettings:
    """What the filters do beside the registry's thresholds.

    Attributes:
        sets: names of rule sets (see `rules.RULE_SETS`); their rules together.
        thresholds: rule -> threshold for all languages, stronger than the registry's and the sets'.
        repair: whether mojibake is decoded again.
        refine: whether boilerplate lines are taken out of the texts.
        redact: whether personal data are replaced.
        compliance: licences, opt-out and block lists, word lists; a mapping, as from a profile, will do.
        contamination: evaluation prompts that no document may hold; a mapping will do.
        quality: what share of the scored documents is kept; a mapping will do.
        duplicates: when two texts are near duplicates; a mapping will do.
    """

    sets: Sequence[str] = HOUSE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    repair: bool = True
    refine: bool = True
    redact: bool = True
    compliance: ComplianceSettings = field(default_factory=ComplianceSettings)
    contamination: ContaminationSettings = field(default_factory=ContaminationSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sets", tuple(self.sets))
        for name, kind in _SECTIONS.items():
            given = getattr(self, name)
            if isinstance(given, Mapping):
                object.__setattr__(self, name, kind(**given))

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record; lists and own filters by their content."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            **plain,
            "sets": list(self.sets),
            "thresholds": dict(self.thresholds),
            "segmenter": segmenter_version(),
            "families": families_hash(self.sets),
            "compliance": self.compliance.as_dict(),
            "contamination": self.contamination.as_dict(),
            "quality": asdict(self.quality),
            "duplicates": self.duplicates.as_dict(),
        }

    def with_share(self, quality: QualitySettings) -> "FilterSettings":
        """With the share of the best documents that is kept, where these settings name none themselves."""
        return self if self.quality != QualitySettings() else replace(self, quality=quality)

    @property
    def asks_perplexity(self) -> bool:
        """Whether a rule of the chosen sets is over the perplexity."""
        return any(rule.measure == "perplexity" for rule in rules_of(self.sets))


_SECTIONS: Mapping[str, type] = {
    "compliance": ComplianceSettings,
    "contamination": ContaminationSettings,
    "quality": QualitySettings,
    "duplicates": DuplicateSettings,
}


@dataclass(frozen=True)
class FilterModels:
    """Models that score documents; a language without one gets no score.

    Attributes:
        quality: language -> classifier.
        perplexity: language -> KenLM model.
    """

    quality: Mapping[str, Scorer] = field(default_factory=dict)
    perplexity: Mapping[str, PerplexityModel] = field(default_factory=dict)


def filter_documents(
    documents: pl.DataFrame | pl.LazyFrame, settings: FilterSettings | None = None, models: FilterModels | None = None
) -> pl.DataFrame:
    """Judge documents: the kept rows of ``IdentifiedDocument`` to table ``FilteredDocument``, in their order.

    Every row that comes in comes out, kept or with all of its reasons: those of the licences and lists, of the
    rules, ``exact_duplicate`` or ``near_duplicate``, and ``low_quality``. Texts are normalised, refined and redacted.
    Duplicates are looked for among all rows given, within each language unless the settings say otherwise; of what
    is left the best share is kept.

    Args:
        documents: columns of ``SeedDocument`` at least; rows whose `kept` is False are left out.
        settings: thresholds.
        models: that score the documents.

    Raises:
        UnknownRule: a threshold for a rule that does not exist.
        UnknownLanguage: a language that is neither registered nor one of lid.176's.
    """
    chosen = settings or FilterSettings()
    judged = judge_documents(documents.lazy().collect(), chosen, models)
    if judged.is_empty():
        return empty_table(FilteredDocument)
    marked = mark_duplicates(judged, quality="quality", settings=chosen.duplicates)
    return check_table(select_top_share(marked, chosen.quality), FilteredDocument)


def judge_documents(
    documents: pl.DataFrame, settings: FilterSettings, models: FilterModels | None = None
) -> pl.DataFrame:
    """Judge the kept rows of a batch; how documents are batched changes nothing.

    Returns:
        The columns of ``FilteredDocument`` but for those that tell of duplicates, in the order of the rows; also
        `removed_lines` and `quality`.

    Raises:
        UnknownRule: a threshold for a rule that does not exist.
        UnknownLanguage: a language that is neither registered nor one of lid.176's.
        BlockListError: a list that is not there.
        PromptListError: evaluation prompts that can't be read.
    """
    known = models or FilterModels()
    rows = documents.filter("kept") if "kept" in documents.columns else documents
    written = written_documents(rows.select(SeedDocument.column_names()), settings)
    judged = judge_prompts(judge_compliance(written, settings.compliance), settings.contamination)
    with perplexity_models(known.perplexity):
        measured = apply_heuristics(judged, thresholds=settings.thresholds, sets=settings.sets)
    return score_quality(measured, known.quality)


def written_documents(documents: pl.DataFrame, settings: FilterSettings) -> pl.DataFrame:
    """The documents with their texts as they are kept: repaired, normalised, refined, redacted.

    Adds Int64 `removed_lines` and `redactions`.
    """
    repaired = repair_mojibake(documents).drop("repaired") if settings.repair else documents
    plain = repaired.with_columns(normalised("text"), redactions=pl.lit(0, pl.Int64))
    refined = refine_lines(plain) if settings.refine else plain.with_columns(removed_lines=pl.lit(0, pl.Int64))
    return redact(refined) if settings.redact else refined
