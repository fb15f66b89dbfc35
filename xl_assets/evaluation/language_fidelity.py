"""Language fidelity: whether a model answers in the language that it was asked for.

Two measures: the whole answer by identifier and script (`language_fidelity`), and line by line and word by word as the
Language Confusion Benchmark has it (`confusion_of_responses`; see the room `fidelity`).
"""

from dataclasses import dataclass

import polars as pl

from xl_assets.evaluation.contract_fidelity import LanguageConfusionRow, LanguagePassRateRow
from xl_assets.evaluation.fidelity.confusion import language_confusion, pass_rates
from xl_assets.evaluation.fidelity.lines import ConfusionSettings
from xl_assets.evaluation.naming import AVERAGE
from xl_assets.filters.language_id import Predict, identify
from xl_assets.tables import LanguageFidelity, check_table, empty_table

#: One row for each release, model, kind and language; see `fidelity_by_language`.
SHARES = pl.Schema(
    {
        "release": pl.String(),
        "model": pl.String(),
        "kind": pl.String(),
        "language": pl.String(),
        "share": pl.Float64(),
        "responses": pl.Int64(),
        "in_language": pl.Int64(),
        "missing": pl.Int64(),
    }
)


@dataclass(frozen=True)
class FidelitySettings:
    """When an answer counts as in its language.

    Attributes:
        least_score: least probability of the wanted language, which must be the most probable one in any case.
            0 by default: identifiers are unsure of short answers and small languages, and the best label is
            what published document-level pass rates count.
        least_script_share: least share of letters in the language's script.
    """

    least_score: float = 0.0
    least_script_share: float = 0.5


def language_fidelity(
    responses: pl.DataFrame, predict: Predict, settings: FidelitySettings | None = None
) -> pl.DataFrame:
    """Identify the language of every response and compare it with the one asked for.

    Args:
        responses: ``ModelResponse`` of one or more models.
        predict: see `xl_assets.filters.language_id.identify`.
        settings: when an answer counts as in its language.

    Returns:
        One row of ``LanguageFidelity`` for each response, in their order. ``in_language`` is False for a missing
        response, and its measures are null.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    settings = settings or FidelitySettings()
    if responses.is_empty():
        return empty_table(LanguageFidelity)
    asked = responses.select("response_id", "release", "prompt_id", "language", "kind", "model", "response")
    in_language = (
        (pl.col("lid_language") == pl.col("language"))
        & (pl.col("language_score") >= settings.least_score)
        & (pl.col("script_share") >= settings.least_script_share)
    )
    found = identify(asked, "response", predict).with_columns(in_language.fill_null(False).alias("in_language"))
    return check_table(found, LanguageFidelity)


def fidelity_by_language(fidelity: pl.DataFrame) -> pl.DataFrame:
    """Share of answers in the requested language.

    Args:
        fidelity: rows of ``LanguageFidelity``.

    Returns:
        A frame of ``SHARES``: ``share`` in [0, 1] is ``in_language`` over ``responses``. An answer
        without any letter, or none at all, is among the responses, is not in the language, and is counted as
        ``missing`` as well. Each
        kind ends with the language ``average``: the mean of the languages' shares, and sums of the counts.
    """
    group = ["release", "model", "kind"]
    shares = fidelity.group_by([*group, "language"]).agg(
        pl.col("in_language").mean().alias("share"),
        pl.len().cast(pl.Int64).alias("responses"),
        pl.col("in_language").sum().cast(pl.Int64),
        (pl.col("lid_language").is_null() & ~pl.col("in_language")).sum().cast(pl.Int64).alias("missing"),
    )
    average = shares.group_by(group).agg(
        pl.lit(AVERAGE).alias("language"),
        pl.col("share").mean(),
        pl.col("responses", "in_language", "missing").sum(),
    )
    last = pl.col("language") == AVERAGE
    rows = pl.concat([shares.select(SHARES.names()), average.select(SHARES.names())])
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SHARES.items()).sort(*group, last, "language")


def confusion_of_responses(
    responses: pl.DataFrame,
    predict: Predict,
    words: pl.Series | None = None,
    settings: ConfusionSettings | None = None,
) -> pl.DataFrame:
    """Judge the lines and words of ``ModelResponse`` rows; a checked table `LanguageConfusionRow`, in their order.

    Args:
        responses: of one or more models.
        predict, words, settings: as for `fidelity.confusion.language_confusion`.
    """
    asked = responses.select("response_id", "release", "prompt_id", "language", "kind", "model", "response")
    return check_table(language_confusion(asked, predict, words, settings), LanguageConfusionRow)


def pass_rates_of_models(confusion: pl.DataFrame) -> pl.DataFrame:
    """Pass rates of each release, model, kind and language; a checked table `LanguagePassRateRow`.

    Args:
        confusion: as `confusion_of_responses` returns it.
    """
    return check_table(pass_rates(confusion, ("release", "model", "kind", "language")), LanguagePassRateRow)
