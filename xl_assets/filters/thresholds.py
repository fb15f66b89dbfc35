"""Thresholds computed from text: where the registry's numbers come from, and FineWeb2's way to those of a crawl."""

import math

import polars as pl

from xl_assets.filters.heuristics import RULES, apply_heuristics
from xl_assets.filters.language_id import IdentificationSettings, Predict, score_languages
from xl_assets.languages import registered
from xl_assets.seeds.normalise import normalised

#: FineWeb2's bounds of a language's threshold.
_LEAST, _MOST = 0.3, 0.9

#: A passage of so many lines is about as long as a generated response.
_LINES = 3


def derive_lid_thresholds(documents: pl.DataFrame, predict: Predict) -> pl.DataFrame:
    """Per language, thresholds that clean text passes.

    `document_threshold` is three quarters of the lowest percentile of the probability of passages of three
    lines, within [0.1, 0.65]; `line_threshold` half of the fifth percentile of lines long enough to be
    judged, within [0.05, 0.3]. The margins allow for text unlike the reference; the upper bounds keep a
    reference of one clean domain from asking too much of others.

    Args:
        documents: columns ``language`` and ``text``: clean documents, their lines separated by line ends.
        predict: as for `language_id.identify`.

    Returns:
        Columns language, document_threshold, line_threshold, method (``clean``) and passages (how many it rests on).
    """
    lines = (
        documents.select("language", pl.col("text").str.split("\n"))
        .with_row_index("document")
        .explode("text")
        .filter(pl.col("text").str.contains(r"\p{L}"))
        .with_columns((pl.int_range(pl.len()).over("document") // _LINES).alias("passage"))
    )
    passages = (
        lines.group_by("language", "document", "passage", maintain_order=True)
        .agg(pl.col("text").str.join(" "), pl.len())
        .filter(pl.col("len") == _LINES)
    )
    letters = IdentificationSettings().line_letters
    judged = lines.filter(pl.col("text").str.count_matches(r"\p{L}") >= letters)
    return (
        _lowest(passages, predict, 0.01, 0.75, (0.1, 0.65), "document_threshold")
        .join(_lowest(judged, predict, 0.05, 0.5, (0.05, 0.3), "line_threshold"), on="language")
        .join(passages.group_by("language").agg(pl.len().alias("passages")), on="language")
        .select("language", "document_threshold", "line_threshold", pl.lit("clean").alias("method"), "passages")
        .sort("language")
    )


def derive_score_thresholds(documents: pl.DataFrame, predict: Predict) -> pl.DataFrame:
    """Per language, FineWeb2's threshold (arXiv:2506.20920): median less one standard deviation, in [0.3, 0.9].

    It is computed from the model's probabilities of the documents that it takes for the language, whatever they
    are declared as; so a crawl will do, no clean text is needed. The standard deviation is that of a sample.

    Args:
        documents: column ``text``, and ``language`` where they are declared.
        predict: as for `language_id.identify`.

    Returns:
        Columns language (what the model says), document_threshold, method (``fineweb2``) and documents (how many
        it rests on), sorted by language. Documents without letters count for none.
    """
    asked = documents.select("text").with_columns(language=pl.lit(registered()[0]))
    scored = score_languages(asked, "text", predict).drop_nulls("lid_language")
    score = pl.col("lid_score")
    threshold = (score.median() - score.std().fill_null(0.0)).clip(_LEAST, _MOST)
    return (
        scored.group_by(pl.col("lid_language").alias("language"))
        .agg(
            threshold.round(4).alias("document_threshold"),
            pl.lit("fineweb2").alias("method"),
            pl.len().alias("documents"),
        )
        .sort("language")
    )


def _lowest(
    rows: pl.DataFrame, predict: Predict, quantile: float, margin: float, bounds: tuple[float, float], name: str
) -> pl.DataFrame:
    scored = score_languages(rows.select("language", "text"), "text", predict)
    low = pl.col("language_score").quantile(quantile, "linear") * margin
    return scored.group_by("language").agg(((low.clip(*bounds) * 100).floor() / 100).alias(name))


def derive_rule_thresholds(documents: pl.DataFrame, loss: float = 0.0) -> dict[str, dict[str, float]]:
    """Per language, the heuristics' thresholds that clean text needs wider than the rules' own.

    A rule's own threshold stays where no more than a share `loss` of the documents fails it; otherwise it
    becomes the value that lets only that share fail, rounded outwards to two decimals. So a language is
    never judged more strictly than the papers do, and clean text of it passes.

    Args:
        documents: columns ``language`` and ``text``: clean documents.
        loss: share of clean documents that each rule may lose.

    Returns:
        Language -> rule -> threshold, only where it differs from the rule's own.
    """
    texts = documents.select("language", normalised("text"))
    own = {rule.name: rule.threshold for rule in RULES}
    values = apply_heuristics(texts, thresholds=own).select("language", "metrics").explode("metrics").unnest("metrics")
    derived: dict[str, dict[str, float]] = {}
    for rule in RULES:
        quantile = pl.col("value").quantile(loss if rule.least else 1 - loss, "nearest")
        measured = values.filter(pl.col("rule") == rule.name).group_by("language").agg(quantile).drop_nulls()
        for language, value in measured.sort("language").iter_rows():
            wider = math.floor(value * 100) / 100 if rule.least else math.ceil(value * 100) / 100
            if (wider < rule.threshold) if rule.least else (wider > rule.threshold):
                derived.setdefault(language, {})[rule.name] = wider
    return derived
