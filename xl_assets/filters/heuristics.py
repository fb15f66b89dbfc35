"""Quality rules: each a named expression with its threshold, the reason it gives and the paper it is from.

Thresholds: a rule's own, else (stronger) the language's in the registry, else (strongest) the settings'.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from xl_assets.filters.reasons import add_reasons
from xl_assets.filters.repetition import DUPLICATE, TOP, gram_repetition, line_repetition
from xl_assets.filters.tokens import Tokens
from xl_assets.filters.words import word_count
from xl_assets.languages import Language, get_language

GOPHER = "Gopher quality rules (arXiv:2112.11446, A1.1)"
GOPHER_REPETITION = "Gopher repetition rules (arXiv:2112.11446, table A1)"
CULTURAX = "CulturaX metrics (arXiv:2309.09400, section 3)"

METRIC = pl.Struct({"rule": pl.String, "value": pl.Float64, "threshold": pl.Float64})

#: Texts that are measured at once; bounds memory.
_BATCH = 2_000


class UnknownRule(ValueError):
    """A threshold for a rule that does not exist."""


@dataclass(frozen=True)
class Rule:
    """One quality rule.

    Attributes:
        name: of the measured value in `metrics`.
        reason: what a failing row gets; several rules may share one.
        threshold: the bound where neither language nor settings give another.
        least: True where the value must not be below the threshold, False where not above.
        source: the paper that the rule, and the threshold unless said otherwise, is from.
    """

    name: str
    reason: str
    threshold: float
    least: bool
    source: str

    def fails(self, threshold: float) -> pl.Expr:
        """Whether the measured column breaks the rule; a value that could not be measured does not."""
        value = pl.col(self.name)
        return (value < threshold if self.least else value > threshold).fill_null(False)


RULES: tuple[Rule, ...] = (
    # Gopher asks for 50 words; its texts are English web pages, ours may be short news in compounding languages.
    Rule("words", "too_short", 20, True, GOPHER),
    Rule("words_most", "too_long", 100_000, False, GOPHER),
    Rule("mean_word_length", "word_length", 3, True, GOPHER),
    # Gopher: 10, for English. Finnish and Hungarian words are longer.
    Rule("mean_word_length_most", "word_length", 12, False, GOPHER),
    Rule("alphabetic_words", "symbols", 0.7, True, GOPHER),
    Rule("symbols_per_word", "symbols", 0.1, False, GOPHER),
    Rule("symbol_share", "symbols", 0.3, False, CULTURAX),
    Rule("bullet_lines", "bullets", 0.9, False, GOPHER),
    Rule("ellipsis_lines", "ellipses", 0.3, False, GOPHER),
    Rule("stop_word_share", "stop_words", 0.06, True, CULTURAX),
    Rule("duplicate_lines", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("duplicate_line_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    Rule("duplicate_paragraphs", "repetition", 0.3, False, GOPHER_REPETITION),
    Rule("duplicate_paragraph_characters", "repetition", 0.2, False, GOPHER_REPETITION),
    *(
        Rule(f"top_{n}_gram", "repetition", limit, False, GOPHER_REPETITION)
        for n, limit in zip(TOP, (0.20, 0.18, 0.16), strict=True)
    ),
    *(
        Rule(f"duplicate_{n}_gram", "repetition", limit, False, GOPHER_REPETITION)
        for n, limit in zip(DUPLICATE, (0.15, 0.14, 0.13, 0.12, 0.11, 0.10), strict=True)
    ),
)


def apply_heuristics(
    frame: pl.DataFrame, text: str = "text", *, thresholds: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """Measure every rule on every text; add `metrics`, and `kept` and `reasons` after those that are there.

    Args:
        frame: rows with `language` and a text column, normalised (see `seeds.normalise`).
        text: the text column.
        thresholds: rule -> threshold for all languages, instead of the registry's and the rule's own.

    Raises:
        UnknownRule: names the rules there are.
        UnknownLanguage: a code that the registry does not hold.
    """
    rows = frame.with_row_index("_row")
    parts = [
        _judge(part.slice(start, _BATCH), text, get_language(code), thresholds or {})
        for (code,), part in rows.partition_by("language", as_dict=True, maintain_order=True).items()
        for start in range(0, part.height, _BATCH)
    ]
    return pl.concat(parts).sort("_row").drop("_row") if parts else _judge_nothing(frame)


def thresholds_of(language: Language, thresholds: Mapping[str, float] | None = None) -> dict[str, float]:
    """Every rule's threshold for a language.

    Raises:
        UnknownRule: a name among the language's or the given thresholds that is no rule's.
    """
    own = {rule.name: rule.threshold for rule in RULES}
    for place, given in ((f"language {language.code}", language.thresholds), ("settings", thresholds or {})):
        if unknown := sorted(set(given) - set(own)):
            raise UnknownRule(f"{place}: no rule is called {', '.join(unknown)}; the rules are {', '.join(own)}")
        own |= given
    return own


def _judge(part: pl.DataFrame, text: str, language: Language, given: Mapping[str, float]) -> pl.DataFrame:
    limits = thresholds_of(language, given)
    tokens = Tokens.of(part[text], language.stop_words)
    measured = part.select(**_measures(text, language)).hstack(_term_measures(tokens, language, limits))
    failed = measured.select(
        pl.any_horizontal(rule.fails(limits[rule.name]) for rule in RULES if rule.reason == reason).alias(reason)
        for reason in dict.fromkeys(rule.reason for rule in RULES)
    )
    metrics = measured.select(
        pl.concat_list(
            pl.struct(
                pl.lit(rule.name).alias("rule"),
                pl.col(rule.name).cast(pl.Float64).alias("value"),
                pl.lit(limits[rule.name], dtype=pl.Float64).alias("threshold"),
            )
            for rule in RULES
        ).alias("metrics")
    )
    named = failed.rename({reason: f"_failed_{reason}" for reason in failed.columns})
    judged = add_reasons(part.hstack(named), {reason: pl.col(f"_failed_{reason}") for reason in failed.columns})
    return judged.drop(named.columns).hstack(metrics)


def _judge_nothing(frame: pl.DataFrame) -> pl.DataFrame:
    return add_reasons(frame, {"": pl.lit(False)}).with_columns(pl.lit(None, dtype=pl.List(METRIC)).alias("metrics"))


def _measures(text: str, language: Language) -> dict[str, pl.Expr]:
    """The measured values that need only patterns. A share of nothing is null, which no rule fails."""
    written = pl.col(text)
    words = word_count(text, language)
    characters = written.str.count_matches(r"\S")
    alphabetic = written.str.count_matches(r"\S*\p{L}\S*")
    if not language.spaces_between_words:  # one run of characters is many words there; `symbol_share` speaks alone
        alphabetic = pl.lit(None, dtype=pl.UInt32)
    lines = written.str.count_matches(r"(?m)^.*\S.*$")
    line_share, line_characters = line_repetition(text, "\n")
    paragraph_share, paragraph_characters = line_repetition(text, "\n\n")
    return {
        "words": words,
        "words_most": words,
        "alphabetic_words": _share(alphabetic, written.str.count_matches(r"\S+")),
        "symbols_per_word": _share(written.str.count_matches(r"#|\.\.\.|…"), words),
        "symbol_share": _share(written.str.count_matches(r"[\S--[\p{L}\p{M}\p{N}]]"), characters),
        "bullet_lines": _share(written.str.count_matches(r"(?m)^\s*[-•*‣▪●◦·–]\s*\S"), lines),
        "ellipsis_lines": _share(written.str.count_matches(r"(?m)(?:\.\.\.|…)\s*$"), lines),
        "duplicate_lines": line_share,
        "duplicate_line_characters": line_characters,
        "duplicate_paragraphs": paragraph_share,
        "duplicate_paragraph_characters": paragraph_characters,
    }


def _term_measures(tokens: Tokens, language: Language, limits: Mapping[str, float]) -> pl.DataFrame:
    """The measured values that need the text split into terms."""
    # Where every character is a token, a word's length means nothing; without stop words nothing can be said.
    length = tokens.mean_length() if language.spaces_between_words else None
    measures = {
        "mean_word_length": length,
        "mean_word_length_most": length,
        "stop_word_share": tokens.stop_share() if language.stop_words else None,
    }
    unknown = np.full(tokens.texts, np.nan)
    rows = pl.DataFrame({name: unknown if values is None else values for name, values in measures.items()})
    return rows.fill_nan(None).hstack(gram_repetition(tokens, language, limits))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)
