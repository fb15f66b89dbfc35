"""Names of languages, models and kinds, as prompts and readers see them."""

import polars as pl

from xl_assets.languages import UnknownLanguage, get_language

#: Stands in the column ``language`` for the mean over languages.
AVERAGE = "average"

MODEL_NAMES = {"base": "base", "fine_tuned": "fine-tuned", "reference": "reference"}
KIND_NAMES = {"cross_lingual": "cross-lingual", "same_language": "same language", "english": "English"}


def target_language(frame: pl.DataFrame) -> pl.Expr:
    """The English name of each row's ``language``.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    names = {code: get_language(code).name for code in frame["language"].unique().sort()}
    return pl.col("language").replace_strict(names, default=None, return_dtype=pl.String)


def language_name(code: str) -> str:
    """The English name for a reader; a code that the registry does not hold is shown as it is."""
    if code == AVERAGE:
        return "Average"
    try:
        return get_language(code).name
    except UnknownLanguage:
        return code


def model_name(model: str) -> str:
    """How a reader sees the role of a model."""
    return MODEL_NAMES.get(model, model)


def kind_name(kind: str) -> str:
    """How a reader sees a kind of prompt."""
    return KIND_NAMES.get(kind, kind)


def spaced(name: str) -> str:
    """How a reader sees the name of a step, a reason or an outcome."""
    return name.replace("_", " ")
