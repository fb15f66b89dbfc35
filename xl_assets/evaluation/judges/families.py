"""Families of models, from their names."""

import re
from collections.abc import Mapping

import polars as pl

_VENDOR = re.compile(r"^(?:meta|nvidia|microsoft|google|mistralai|anthropic|openai|cohere)[-_]")


def model_family(name: str, families: Mapping[str, str] | None = None) -> str:
    """The family of a model, from its name: what stands before the first digit or separator, without the owner.

    ``meta-llama/Llama-3.1-8B-Instruct`` is ``llama``, ``gpt-4o-mini`` is ``gpt``, ``Qwen2.5-72B`` is ``qwen``. A rule
    of thumb: name families yourself where it is wrong.

    Args:
        name: of a model or of an AlpacaEval generator.
        families: model name -> family, for those that the rule gets wrong.
    """
    if families and name in families:
        return families[name]
    base = _VENDOR.sub("", name.rstrip("/").rsplit("/", 1)[-1].lower())
    found = re.match(r"[^\W\d_]+", base)
    return found[0] if found else base


def is_of_family(column: str, rows: pl.DataFrame, family: str, families: Mapping[str, str] | None = None) -> pl.Expr:
    """Whether each row's model is of a family."""
    members = [name for name in rows[column].drop_nulls().unique() if model_family(name, families) == family]
    return pl.col(column).is_in(members).fill_null(False)
