"""From the evaluation's tables to the rows that the surrogate judge learns from."""

import polars as pl

from xl_assets.evaluation.reference_metrics import ReferenceMetricSettings, response_metrics

#: What the surrogate may learn from a table of measures beside overlap, where the table has it.
MEASURES = ("line_pass", "word_pass", "script_share", "language_score", "perplexity", "quality")

_KEYS = ("response_id", "release", "prompt_id", "cluster_id", "language", "kind", "model")


def surrogate_rows(
    responses: pl.DataFrame,
    references: pl.DataFrame,
    judgements: pl.DataFrame | None = None,
    *measured: pl.DataFrame,
    settings: ReferenceMetricSettings | None = None,
) -> pl.DataFrame:
    """Put beside every response its reference, the overlap with it, measures and the mean of its judgements.

    Args:
        responses: ``ModelResponse`` of one or more models.
        references: ``ModelResponse`` of the reference, one per prompt.
        judgements: ``response_id``, ``release`` and ``preference`` in [1, 2], several a response; those without a
            preference (invalid, missing) have no say. None where nothing is judged.
        measured: tables with ``response_id``, ``release`` and some of ``MEASURES``, e.g. ``LanguageConfusionRow`` and
            ``LanguageFidelity``; of a measure that two of them have, the first one's counts.
        settings: how overlap is measured.

    Returns:
        The responses in their order, as `surrogate.fit_surrogate` takes them: keys, ``response``, ``reference``,
        ``chrf``, ``bleu``, the measures that are there, and ``preference``.
    """
    texts = references.select("prompt_id", pl.col("response").alias("reference"))
    rows = responses.select(*_KEYS, "response").join(texts, on="prompt_id", how="left", maintain_order="left")
    rows = response_metrics(rows, settings)
    for table in measured:
        names = [name for name in MEASURES if name in table.columns and name not in rows.columns]
        found = table.select("response_id", "release", *names)
        rows = rows.join(found, on=["response_id", "release"], how="left", maintain_order="left")
    if judgements is None:
        return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("preference"))
    # Sorted, because the last bit of a sum of floats depends on the order of the rows.
    mean = judgements.group_by("response_id", "release").agg(pl.col("preference").drop_nulls().sort().mean())
    return rows.join(mean, on=["response_id", "release"], how="left", maintain_order="left")
