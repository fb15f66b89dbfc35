"""Surprise of a language model: measured only where the caller gave a model for the language."""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.perplexity import model_of
from xl_assets.filters.texts import Texts

MEASURES: Mapping[str, str] = {
    "perplexity": "perplexity a word of the text's lines to the language's KenLM model; null without a model",
}

RULES: tuple[Rule, ...] = (
    Rule(
        name="perplexity",
        reason="perplexity",
        # A figure means nothing across models: CCNet and CulturaX take percentiles of each language's own scores.
        threshold=10_000.0,
        least=False,
        source="CCNet (arXiv:1911.00359); threshold: ROOTS (arXiv:2303.03915), to be replaced by the language's own",
    ),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """Return the column ``perplexity`` (Float64) where it is wanted; see `filters.perplexity.perplexity_models`.

    Raises:
        PerplexityError: the language's model can't be loaded.
    """
    if "perplexity" not in wanted:
        return pl.DataFrame()
    model = model_of(texts.language.code)
    values = model.score(texts.series) if model else pl.Series([None] * len(texts), dtype=pl.Float64)
    return pl.DataFrame({"perplexity": values})
