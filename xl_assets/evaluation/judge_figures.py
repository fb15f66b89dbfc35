"""How far a release's judge can be trusted, as one table: agreement, consistency, self-preference, coverage, cost."""

from collections.abc import Mapping

import polars as pl

from xl_assets.evaluation.judges.coverage import coverage
from xl_assets.evaluation.judges.known import match_known
from xl_assets.evaluation.judges.meta_evaluation import ALL, judge_quality
from xl_assets.tables import JudgeFigure, check_table, empty_table

_NOTHING = "nothing was judged"


def judge_figures(
    judgements: pl.DataFrame,
    responses: pl.DataFrame,
    references: pl.DataFrame,
    judge: str,
    models: Mapping[str, str],
    known: pl.DataFrame | None = None,
    prices: tuple[float, float] = (0.0, 0.0),
) -> pl.DataFrame:
    """Put together what the judgements of a release say of their judge.

    Args:
        judgements: rows of ``Judgement``.
        responses: ``ModelResponse`` of the judged models.
        references: ``ModelResponse`` of the reference.
        judge: name of the judge.
        models: role -> name of the model: ``judge``, ``reference``, and those of the judgements. Names decide which
            models are of the judge's family.
        known: preferences of people as `read_annotations` gives them; see `match_known`.
        prices: of 1M tokens read and written.

    Returns:
        Rows of ``JudgeFigure``, of all judgements together and of each language.

    Raises:
        JudgeError: nothing is known of any judged pair.
    """
    parts = [
        _figures(part, responses, references, judge, models, known, prices)
        for part in judgements.partition_by("release", maintain_order=True)
    ]
    if not parts:
        return empty_table(JudgeFigure)
    return check_table(pl.concat(parts).sort("release", "group", "metric"), JudgeFigure)


def _figures(
    judgements: pl.DataFrame,
    responses: pl.DataFrame,
    references: pl.DataFrame,
    judge: str,
    models: Mapping[str, str],
    known: pl.DataFrame | None,
    prices: tuple[float, float],
) -> pl.DataFrame:
    named = judgements.with_columns(
        pl.col("model").replace_strict(models, default=pl.col("model"), return_dtype=pl.String),
        pl.lit(models["reference"]).alias("reference_model"),
    )
    matched = None if known is None else match_known(_with_texts(judgements, responses, references), known)
    found = judge_quality(judge, models["judge"], named, known=matched, calls=judgements, by="language", prices=prices)
    shares = pl.concat([_shares(judgements, None), _shares(judgements, "language")]).with_columns(
        pl.lit(judge).alias("judge"), pl.lit(models["judge"]).alias("judge_model")
    )
    rows = pl.concat([found, shares.select(found.columns)])
    return rows.with_columns(pl.lit(judgements["release"][0]).alias("release"))


def _with_texts(judgements: pl.DataFrame, responses: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    answer = responses.select("response_id", "instruction", "response")
    other = references.select(reference_id="response_id", reference="response")
    return judgements.join(answer, on="response_id").join(other, on="reference_id")


def _shares(judgements: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Share of pairs with a verdict in every order, as figures."""
    found = coverage(judgements, [by] if by else [])
    group = pl.format("{}={}", pl.lit(by), pl.col(by)) if by else pl.lit(ALL)
    return found.select(
        group.alias("group"),
        pl.lit("coverage").alias("metric"),
        pl.col("coverage").alias("value"),
        pl.col("n_total").alias("n"),
        pl.when(pl.col("coverage").is_null()).then(pl.lit(_NOTHING)).alias("reason"),
    )
