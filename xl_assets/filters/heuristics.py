"""Judging texts by rules: every rule of the chosen sets is measured, and what fails gives its reason."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from xl_assets.filters.reasons import add_reasons
from xl_assets.filters.rules import HOUSE, Rule, UnknownRule, measure_texts, rules_of, thresholds_of
from xl_assets.filters.texts import Texts
from xl_assets.languages import any_language

__all__ = ["METRIC", "RULES", "UnknownRule", "apply_heuristics"]

METRIC = pl.Struct({"rule": pl.String, "value": pl.Float64, "threshold": pl.Float64})

#: The rules of the default set.
RULES = rules_of(HOUSE)

#: What is measured at once at most, texts and bytes; bounds memory. A longer text is measured alone.
_BATCH, _BYTES = 2_000, 4 << 20


def apply_heuristics(
    frame: pl.DataFrame,
    text: str = "text",
    thresholds: Mapping[str, float] | None = None,
    sets: Sequence[str] = HOUSE,
) -> pl.DataFrame:
    """Measure every rule on every text; add `metrics`, and `kept` and `reasons` after those that are there.

    Args:
        frame: rows with `language` and a text column, normalised (see `seeds.normalise`).
        text: the text column.
        thresholds: rule -> threshold for all languages, instead of the registry's and the sets'.
        sets: names among `rules.RULE_SETS`; their rules together, a later one's threshold holds.

    Raises:
        UnknownRule: names the rules there are.
        UnknownRuleSet: names the sets there are.
        UnknownLanguage: a code that is neither registered nor one of lid.176's.
    """
    rules = rules_of(sets)
    if frame.is_empty() or not rules:
        return _judge_nothing(frame)
    rows, parts = frame.with_row_index("_row"), []
    for (code,), part in rows.partition_by("language", as_dict=True, maintain_order=True).items():
        limits = thresholds_of(any_language(code), thresholds, sets)
        parts += [_judge(batch, text, code, rules, limits) for batch in _batches(part, text)]
    return pl.concat(parts).sort("_row").drop("_row")


def _batches(part: pl.DataFrame, text: str) -> Iterator[pl.DataFrame]:
    sizes = part[text].fill_null("").str.len_bytes().to_numpy().astype(np.int64)
    ends, start = np.cumsum(sizes), 0
    while start < part.height:
        room = (ends[start - 1] if start else 0) + _BYTES
        stop = min(max(int(np.searchsorted(ends, room, side="right")), start + 1), start + _BATCH)
        yield part[start:stop]
        start = stop


def _judge(
    part: pl.DataFrame, text: str, code: str, rules: tuple[Rule, ...], limits: Mapping[str, float]
) -> pl.DataFrame:
    measured = measure_texts(Texts(part[text], any_language(code)), frozenset(rule.measure for rule in rules))
    failing: dict[str, list[pl.Expr]] = {}
    for rule in rules:
        failing.setdefault(rule.reason, []).append(rule.fails(limits[rule.name]))
    failed = measured.select(pl.any_horizontal(flags).alias(f"_failed_{reason}") for reason, flags in failing.items())
    judged = add_reasons(part.hstack(failed), {reason: pl.col(f"_failed_{reason}") for reason in failing})
    return judged.drop(failed.columns).with_columns(_metrics(measured, rules, limits))


def _metrics(measured: pl.DataFrame, rules: tuple[Rule, ...], limits: Mapping[str, float]) -> pl.Series:
    """One struct per text and rule, built as three flat columns: far cheaper than a list of structs by expression."""
    rows, count = measured.height, len(rules)
    values = measured.select(pl.col(rule.measure).alias(rule.name) for rule in rules).to_numpy(order="c")
    names = pl.Series([rule.name for rule in rules])
    flat = pl.DataFrame(
        {
            "rule": names.gather(np.tile(np.arange(count), rows)),
            "value": pl.Series(values.ravel()).fill_nan(None),
            "threshold": np.tile(np.array([limits[rule.name] for rule in rules], dtype=np.float64), rows),
        }
    )
    return flat.to_struct("metrics").reshape((rows, count)).cast(pl.List(METRIC))


def _judge_nothing(frame: pl.DataFrame) -> pl.DataFrame:
    return add_reasons(frame, {"": pl.lit(False)}).with_columns(pl.lit([], dtype=pl.List(METRIC)).alias("metrics"))
