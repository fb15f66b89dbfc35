"""Thresholds of one language from a reference corpus, in the ways of FineWeb2 and CulturaX.

FineWeb2 (arXiv:2506.20920) starts from English thresholds that are known to work, and asks what they would be
elsewhere; reference corpora are Wikipedia, or the language's own web text. CulturaX (arXiv:2309.09400, section 2)
looks at the language alone. Both judge a rule at a time.

| method | threshold | needs English text |
| --- | --- | --- |
| ``english`` | the English one | no |
| ``mean_std`` | as many standard deviations from the mean as the English one from the English mean | yes |
| ``quantile`` | where the same share of documents breaks the rule as in English | yes |
| ``median_ratio`` | as many times the median as the English one is of the English median | yes |
| ``tail`` | where a tenth of the documents breaks the rule (FineWeb2's 10Tail, CulturaX's percentiles) | no |
| ``iqr`` | the fences Q1 - 1.5 (Q3 - Q1) and Q3 + 1.5 (Q3 - Q1), from which CulturaX starts | no |

``english`` and ``median_ratio`` keep a rule's strictness where the reference is small; ``mean_std`` needs a bell;
``quantile`` and ``tail`` want a reference of the kind of text that will be filtered, at least some hundred documents;
``tail`` always loses a tenth to each rule, whatever the text.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import polars as pl

from xl_assets.filters.measures.fineweb import FINEWEB2_ADAPTED
from xl_assets.filters.rules import RULES, Rule, UnknownRule, measure_texts
from xl_assets.filters.texts import Texts
from xl_assets.languages import any_language
from xl_assets.native.words import HAS_LETTER
from xl_assets.seeds.normalise import normalised

#: Texts that are measured at once.
_BATCH = 2_000

_Method = Callable[[Rule, float, pl.Series, pl.Series, float], float | None]


class UnknownMethod(ValueError):
    """A way of deriving thresholds that does not exist, or one without the English text it needs."""


def derive_thresholds(
    documents: pl.DataFrame,
    method: str = "tail",
    *,
    rules: Mapping[str, float] = FINEWEB2_ADAPTED,
    english: pl.DataFrame | None = None,
    share: float = 0.1,
) -> dict[str, dict[str, float]]:
    """Derive each language's thresholds, ready for the registry's ``thresholds``.

    Args:
        documents: columns ``language`` and ``text``: the reference corpus of one or more languages.
        method: one of `METHODS`, see above.
        rules: rule -> its English threshold, for instance one of `rules.RULE_SETS`.
        english: English documents of the same kind, columns as above.
        share: of the documents that ``tail`` lets break a rule.

    Returns:
        Language -> rule -> threshold, rounded to three decimals so that no more documents break it. A rule is
        missing where nothing can be said: all values null, or no spread or a median of zero to compare with.

    Raises:
        UnknownMethod: names the methods there are, or says that English text is missing.
        UnknownRule: names the rules there are.
        UnknownLanguage: a code that is neither registered nor one of lid.176's.
    """
    if method not in METHODS:
        raise UnknownMethod(f"no method is called {method!r}; the methods are {', '.join(METHODS)}")
    if english is None and method in _COMPARING:
        raise UnknownMethod(f"method {method!r} compares with English; hand over English documents as `english`")
    if unknown := sorted(set(rules) - set(RULES)):
        raise UnknownRule(f"no rule is called {', '.join(unknown)}; the rules are {', '.join(RULES)}")
    own = _measured(documents, rules)
    base = next(iter(_measured(english, rules).values())) if english is not None else pl.DataFrame()
    derived: dict[str, dict[str, float]] = {}
    for code, measured in own.items():
        for name, threshold in rules.items():
            rule = RULES[name]
            values = measured[rule.measure].drop_nulls()
            compared = base[rule.measure].drop_nulls() if base.width else values
            value = METHODS[method](rule, threshold, values, compared, share) if len(values) and len(compared) else None
            if value is not None and math.isfinite(value):
                derived.setdefault(code, {})[name] = _rounded(rule, value)
    return derived


def derive_stop_words(
    documents: pl.DataFrame, *, share: float = 0.008, least: int = 8, most: int = 40
) -> dict[str, tuple[str, ...]]:
    """Return each language's most frequent words, as FineWeb2 takes its stop words from a reference corpus.

    Args:
        documents: columns ``language`` and ``text``.
        share: of all words that a stop word must be at least.
        least: so many words are taken even if they are less frequent.
        most: so many at most.

    Returns:
        Language -> words in small letters, the most frequent first; only words in the language's script.
    """
    return {
        code: _frequent_words(part.select(normalised("text")).to_series(), code, share, least, most)
        for (code,), part in documents.partition_by("language", as_dict=True, maintain_order=True).items()
    }


def _measured(documents: pl.DataFrame, rules: Mapping[str, float]) -> dict[str, pl.DataFrame]:
    """Language -> a column for each measure that the rules judge."""
    texts = documents.select("language", normalised("text"))
    wanted = frozenset(RULES[name].measure for name in rules)
    return {
        code: pl.concat(
            measure_texts(Texts(batch["text"], any_language(code)), wanted) for batch in part.iter_slices(_BATCH)
        )
        for (code,), part in texts.partition_by("language", as_dict=True, maintain_order=True).items()
    }


def _same(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float:
    return threshold


def _mean_std(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float | None:
    spread = _number(english.std())
    if not spread:
        return None
    return _number(own.mean()) + (threshold - _number(english.mean())) / spread * _number(own.std())


def _quantile(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float:
    if rule.least:
        return _number(own.quantile(_number((english < threshold).mean()), "lower"))
    return _number(own.quantile(_number((english <= threshold).mean()), "higher"))


def _median_ratio(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float | None:
    median = _number(english.median())
    return threshold / median * _number(own.median()) if median else None


def _tail(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float:
    return _number(own.quantile(share, "lower") if rule.least else own.quantile(1 - share, "higher"))


def _iqr(rule: Rule, threshold: float, own: pl.Series, english: pl.Series, share: float) -> float:
    low, high = _number(own.quantile(0.25, "linear")), _number(own.quantile(0.75, "linear"))
    return low - 1.5 * (high - low) if rule.least else high + 1.5 * (high - low)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _rounded(rule: Rule, value: float) -> float:
    """Three decimals, to the mild side; a measure is never below zero."""
    return max((math.floor if rule.least else math.ceil)(round(value * 1000, 6)) / 1000, 0.0)


def _frequent_words(texts: pl.Series, code: str, share: float, least: int, most: int) -> tuple[str, ...]:
    language = any_language(code)
    taken = Texts(texts, language)
    words, data = taken.words, taken.utf8.data
    lettered = np.flatnonzero((words.flags & HAS_LETTER != 0) & (words.term != 0))
    _, first, counts = np.unique(words.term[lettered], return_index=True, return_counts=True)
    # The same count: whichever stands first in the corpus.
    order = np.lexsort((first, -counts))[: 4 * most]
    spelt = pl.DataFrame(
        {
            "word": [bytes(data[words.start[at] : words.end[at]]).decode() for at in lettered[first[order]]],
            "share": counts[order] / max(len(lettered), 1),
        }
    ).with_columns(pl.col("word").str.to_lowercase().str.replace_all(r"^[^\p{L}]+|[^\p{L}\p{M}]+$", ""))
    own = spelt.filter(pl.col("word").str.contains(language.script_class)).head(most)
    return tuple(own["word"].filter((own["share"] >= share) | (pl.int_range(own.height, eager=True) < least)))


#: Method -> how a rule's threshold comes from its values in the language and in English.
METHODS: Mapping[str, _Method] = MappingProxyType(
    {
        "english": _same,
        "mean_std": _mean_std,
        "quantile": _quantile,
        "median_ratio": _median_ratio,
        "tail": _tail,
        "iqr": _iqr,
    }
)

_COMPARING = ("mean_std", "quantile", "median_ratio")
