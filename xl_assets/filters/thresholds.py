"""Thresholds computed from text that is known to be good: where the registry's numbers come from."""

import polars as pl

from xl_assets.filters.language_id import IdentificationSettings, Predict, identify

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
        Columns language, document_threshold, line_threshold, passages (how many it rests on).
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
        .sort("language")
    )


def _lowest(
    rows: pl.DataFrame, predict: Predict, quantile: float, margin: float, bounds: tuple[float, float], name: str
) -> pl.DataFrame:
    scored = identify(rows.select("language", "text"), "text", predict)
    low = pl.col("language_score").quantile(quantile, "linear") * margin
    return scored.group_by("language").agg(((low.clip(*bounds) * 100).floor() / 100).alias(name))
