"""What identification and filters measured, counted batch by batch; and each threshold with where it came from.

Memory does not grow with the documents: of every measure only how often each value occurs is kept, rounded to three
significant figures.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import polars as pl

from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.filters.rules import RULE_SETS, RULES, rules_of, thresholds_of
from xl_assets.languages import SHIPPED_FILE, Language, get_language, load_registry

#: Where a threshold can come from.
SETTINGS, REGISTRY, OWN_LANGUAGES, DEFAULT, RULE_SET = (
    "settings",
    "language registry",
    "own language file",
    "default",
    "rule set",
)

#: Columns of ``ValueCounts.counts``; value is null where a text could not be measured.
_COUNTS = pl.Schema({"measure": pl.String(), "value": pl.Float64(), "documents": pl.Int64(), "failing": pl.Int64()})

#: Rows of counts that wait before they are added up.
_WAITING = 100_000

#: Measures of ``IdentifiedDocument`` that have a threshold.
_IDENTIFIED = ("language_score", "line_share", "script_share")

#: Beyond this a measure is taken for a number of things, and its histogram's bins grow with the value.
_COUNTED = 50

#: Columns of `rule_table`.
_RULE_TABLE = pl.Schema(
    {
        "reason": pl.String(),
        "documents": pl.Int64(),
        "share": pl.Float64(),
        "rule": pl.String(),
        "failing": pl.Int64(),
        "bound": pl.String(),
        "threshold": pl.Float64(),
        "origin": pl.String(),
        "source": pl.String(),
    }
)


class ValueCounts:
    """How often each value of some measures occurs; batches add up to the same in any order."""

    def __init__(self) -> None:
        self._waiting: list[pl.DataFrame] = []

    def add(self, measured: pl.DataFrame) -> None:
        """Count a batch.

        Args:
            measured: columns measure, value (Float64) and failing (Boolean).
        """
        # The fourth decimal bounds how many values there are near 0.
        value = pl.col("value").round(4).round_sig_figs(3) + 0.0
        counted = measured.group_by("measure", value.alias("value")).agg(
            pl.len().cast(pl.Int64).alias("documents"), pl.col("failing").sum().cast(pl.Int64)
        )
        self._waiting.append(counted.select(list(_COUNTS)))
        if sum(frame.height for frame in self._waiting) > _WAITING:
            self._waiting = [self.counts]

    @property
    def counts(self) -> pl.DataFrame:
        """Columns measure, value (null where there was none), documents and failing, sorted."""
        every = pl.concat([_COUNTS.to_frame(), *self._waiting])
        return every.group_by("measure", "value").agg(pl.all().sum()).select(list(_COUNTS)).sort("measure", "value")


class FilterStatistics:
    """What the filters said of a partition's documents.

    Attributes:
        documents: how many there were.
        reasons: reason -> documents that have it, among others or alone.
        measured: each rule's values.
        thresholds: rule -> the threshold that was compared with.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.reasons: Counter[str] = Counter()
        self.measured = ValueCounts()
        self.thresholds: dict[str, float] = {}

    def add(self, judged: pl.DataFrame) -> None:
        """Count a batch of table ``FilteredDocument``."""
        self.documents += judged.height
        self.reasons.update(
            dict(judged.select(pl.col("reasons").explode()).drop_nulls().group_by("reasons").len().rows())
        )
        metrics = judged.select("metrics").explode("metrics").drop_nulls().unnest("metrics")
        least = pl.col("rule").is_in([*(name for name, rule in RULES.items() if rule.least), "quality"])
        value, threshold = pl.col("value"), pl.col("threshold")
        failing = pl.when(least).then(value < threshold).otherwise(value > threshold).fill_null(False)
        self.measured.add(metrics.select(pl.col("rule").alias("measure"), "value", failing.alias("failing")))
        self.thresholds |= dict(metrics.group_by("rule").agg(pl.col("threshold").first()).rows())


class IdentificationStatistics:
    """What language identification measured of a partition's documents."""

    def __init__(self, language: str, settings: IdentificationSettings) -> None:
        entry = get_language(language)
        self.thresholds = {
            "language_score": entry.document_threshold,
            "line_share": settings.least_line_share,
            "script_share": settings.least_script_share,
        }
        self.measured = ValueCounts()

    def add(self, identified: pl.DataFrame) -> None:
        """Count a batch of table ``IdentifiedDocument``."""
        long = identified.select(_IDENTIFIED).unpivot(variable_name="measure", value_name="value")
        least = pl.col("measure").replace_strict(self.thresholds, return_dtype=pl.Float64)
        self.measured.add(long.with_columns((pl.col("value") < least).fill_null(False).alias("failing")))


def identification_thresholds(language: Language, settings: IdentificationSettings) -> pl.DataFrame:
    """The thresholds of identification: columns threshold, value, of (what is compared) and origin."""
    registry, standard = _registry_origin(language), IdentificationSettings()
    told = {item.name: getattr(settings, item.name) for item in fields(settings)}
    rows = [
        ("document_threshold", language.document_threshold, "probability of the language, whole text", registry),
        ("line_threshold", language.line_threshold, "probability of the language, one line", registry),
        *(
            (name, float(value), _COMPARED[name], _given(value, getattr(standard, name)))
            for name, value in told.items()
        ),
    ]
    schema = {"threshold": pl.String, "value": pl.Float64, "of": pl.String, "origin": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def threshold_origins(language: Language, settings: FilterSettings) -> dict[str, str]:
    """Rule -> where the threshold that holds came from: the settings, the language's entry, or which rule set."""
    registry = _registry_origin(language)
    found: dict[str, str] = {}
    for name in settings.sets:
        found |= dict.fromkeys(RULE_SETS[name], f"{RULE_SET} {name}")
    own = {name: registry for name in language.thresholds if name in found}
    return {**found, **own, **dict.fromkeys(settings.thresholds, SETTINGS)}


def rule_table(statistics: FilterStatistics, language: Language, settings: FilterSettings) -> pl.DataFrame:
    """One row for each rule, and for each reason that no rule gives; frequent reasons first.

    Columns: reason; documents (that have it) and their share; rule; failing (documents that fail this rule); bound
    (whether the threshold is the least or the most); threshold; origin (see `threshold_origins`); source (paper or
    code).
    """
    failing = dict(statistics.measured.counts.group_by("measure").agg(pl.col("failing").sum()).rows())
    origins, limits = threshold_origins(language, settings), thresholds_of(language, settings.thresholds, settings.sets)
    rows: list[tuple] = [
        (
            rule.reason,
            rule.name,
            failing.get(rule.name, 0),
            rule.least,
            limits[rule.name],
            origins[rule.name],
            rule.source,
        )
        for rule in rules_of(settings.sets)
    ]
    rows += _without_rule(statistics, settings, language.code)
    of_rules = {row[0] for row in rows}
    rows.extend((reason, *(None,) * 6) for reason in statistics.reasons if reason not in of_rules)
    every = max(statistics.documents, 1)
    told = [
        (reason, statistics.reasons[reason], statistics.reasons[reason] / every, rule, failed, _BOUND[least], *rest)
        for reason, rule, failed, least, *rest in rows
    ]
    table = pl.DataFrame(told, schema=_RULE_TABLE, orient="row")
    return table.sort("documents", "reason", "rule", descending=[True, False, False], nulls_last=True)


def histogram(counts: pl.DataFrame, thresholds: Mapping[str, float], bins: int = 40) -> pl.DataFrame:
    """Bins of every measure that has a value: columns measure, low, high, documents and is_log.

    Bins cover values and threshold; they are of equal width, but of equal ratio where values are numbers of things
    (`is_log`; there 0 is in the first bin, which begins at 1).

    Args:
        counts: of `ValueCounts`.
        thresholds: measure -> threshold, where it has one.
        bins: of each measure.
    """
    parts = [
        _bins(measure, part, thresholds.get(measure), bins)
        for (measure,), part in counts.drop_nulls("value")
        .partition_by("measure", as_dict=True, maintain_order=True)
        .items()
    ]
    schema = {"measure": pl.String, "low": pl.Float64, "high": pl.Float64, "documents": pl.Int64, "is_log": pl.Boolean}
    return pl.concat([pl.DataFrame(schema=schema), *parts])


_BOUND = {True: "least", False: "most", None: None}

_COMPARED = {
    "least_script_share": "share of the letters that are of the language's script",
    "least_line_share": "share of the judged lines' letters in lines of the language",
    "line_letters": "letters of a line that is judged",
    "foreign_threshold": "probability of a language outside the registry",
}


def _without_rule(statistics: FilterStatistics, settings: FilterSettings, language: str) -> list[tuple]:
    """Rows of what is no rule of a set but has a threshold."""
    near, quality, lists = settings.duplicates, settings.quality, settings.compliance
    standard = FilterSettings()
    rows: list[tuple] = [
        (
            "exact_duplicate",
            "letters and digits",
            None,
            None,
            None,
            DEFAULT,
            "equal but for case, punctuation and white space",
        ),
        (
            *("near_duplicate", "jaccard", None, True, near.jaccard, _given(near.jaccard, standard.duplicates.jaccard)),
            f"MinHash of word {near.words}-grams, {near.bands} bands of {near.rows} (Broder 1997), verified",
        ),
    ]
    if "quality" in statistics.thresholds:
        share = quality.share_of(language)
        rows.append(
            (
                *("low_quality", "quality", None, True, statistics.thresholds["quality"]),
                *(f"best {share:.4g} of the scored documents", "the language's quality model"),
            )
        )
    if language in lists.toxic_words:
        origin = _given(lists.toxic_share, standard.compliance.toxic_share)
        rows.append(
            ("toxic_words", "toxic_share", None, False, lists.toxic_share, origin, "the word list of the settings")
        )
    return rows


def _given(value: object, standard: object) -> str:
    return DEFAULT if value == standard else SETTINGS


def _registry_origin(language: Language) -> str:
    return REGISTRY if load_registry(SHIPPED_FILE).get(language.code) == language else OWN_LANGUAGES


def _bins(measure: str, counts: pl.DataFrame, threshold: float | None, bins: int) -> pl.DataFrame:
    values, documents = counts["value"].to_numpy(), counts["documents"].to_numpy()
    bounds = values if threshold is None or not np.isfinite(threshold) else np.append(values, threshold)
    low, high = float(bounds.min()), float(bounds.max())
    is_log = low >= 0 and float(values.max()) > _COUNTED
    if is_log:
        edges = np.geomspace(max(low, 1.0), max(high, 2.0), bins + 1)
    else:
        low = min(low, 0.0)
        edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    found, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges, weights=documents)
    return pl.DataFrame(
        {
            "measure": measure,
            "low": edges[:-1],
            "high": edges[1:],
            "documents": found.astype(np.int64),
            "is_log": is_log,
        }
    )
