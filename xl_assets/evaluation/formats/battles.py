"""Battles between models, as Arena-Hard and Chatbot Arena keep them: a Parquet file, one row a battle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xl_assets.evaluation.formats import FormatError

KEYS = ("prompt_id", "model_a", "model_b", "winner")

#: The features of style, and the names that the column of side `a` may have; those of `b` end in `b` instead.
STYLE = {
    "tokens": ("tokens_a", "token_len_a", "sum_assistant_a_tokens"),
    "headers": ("headers_a", "header_count_a"),
    "lists": ("lists_a", "list_count_a"),
    "bold": ("bold_a", "bold_count_a"),
}

#: What the winner may be called; Chatbot Arena's words are understood, too.
WINNERS = {"a": 1.0, "model_a": 1.0, "b": 0.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5, "both_bad": 0.5}


@dataclass(frozen=True)
class Battles:
    """Battles that count, and why others don't.

    Attributes:
        rows: `prompt_id`, `model_a`, `model_b` as String; `points` of a, 0, 0.5 or 1; `weight`, above 0; with style
            for each feature its columns `<feature>_a` and `<feature>_b`, Float64.
        rejected: how many rows for each reason; no reason that has none.
    """

    rows: pl.DataFrame
    rejected: dict[str, int]


def read_battles(path: Path, style: bool = False) -> Battles:
    """Read a file of battles.

    Args:
        path: Parquet with `prompt_id`, `model_a`, `model_b`, `winner` (a, b or tie); `weight`, 1 where the column is
            missing. With style, too, for both sides: see `STYLE`; a struct counts as the sum of its fields, as the
            counts by level of Arena-Hard's files do.
        style: whether the features of style are read.

    Raises:
        FormatError: no such file, no Parquet, or a column is missing.
    """
    try:
        frame = pl.read_parquet(path, glob=False)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(f"{path}: no Parquet file ({str(error).splitlines()[0]})") from None
    try:
        return as_battles(frame, style)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def as_battles(frame: pl.DataFrame, style: bool = False) -> Battles:
    """Check battles; see `read_battles`.

    A battle of a model with itself is rejected: it says nothing of the model.
    """
    if missing := [name for name in KEYS if name not in frame.columns]:
        raise FormatError(f"no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    features = _features(frame) if style else []
    weight = pl.col("weight").cast(pl.Float64, strict=False) if "weight" in frame.columns else pl.lit(1.0)
    winner = pl.col("winner").cast(pl.String, strict=False).str.to_lowercase().str.strip_chars()
    rows = frame.select(
        *(pl.col(name).cast(pl.String, strict=False) for name in KEYS[:3]),
        winner.replace_strict(WINNERS, default=None, return_dtype=pl.Float64).alias("points"),
        weight.alias("weight"),
        *features,
    )
    rows = rows.with_columns(_reason([name for name in rows.columns if name not in {*KEYS, "points", "weight"}]))
    rejected = rows.drop_nulls("reason").group_by("reason").len().sort("reason")
    return Battles(rows.filter(pl.col("reason").is_null()).drop("reason"), dict(rejected.iter_rows()))


def _reason(features: Sequence[str]) -> pl.Expr:
    weight = pl.col("weight")
    usable = [pl.col(name).is_finite().fill_null(False) & (pl.col(name) >= 0) for name in features]
    return (
        pl.when(pl.col("prompt_id").is_null())
        .then(pl.lit("no prompt_id"))
        .when(pl.col("model_a").is_null() | pl.col("model_b").is_null())
        .then(pl.lit("no model"))
        .when(pl.col("model_a") == pl.col("model_b"))
        .then(pl.lit("a model against itself"))
        .when(pl.col("points").is_null())
        .then(pl.lit("winner is neither a, b nor tie"))
        .when(~(weight.is_finite() & (weight > 0)).fill_null(False))
        .then(pl.lit("weight is not above 0"))
        .when(~pl.all_horizontal(*usable) if usable else pl.lit(False))
        .then(pl.lit("a feature of style is missing or negative"))
        .alias("reason")
    )


def _features(frame: pl.DataFrame) -> list[pl.Expr]:
    found = []
    for feature, names in STYLE.items():
        for side in ("a", "b"):
            known = [_of_side(name, side) for name in names]
            name = next((name for name in known if name in frame.columns), None)
            if name is None:
                raise FormatError(f"style needs the column {' or '.join(known)}; leave --style out, or add it")
            found.append(_number(frame, name).alias(f"{feature}_{side}"))
    return found


def _of_side(name: str, side: str) -> str:
    return name.replace("assistant_a_", f"assistant_{side}_") if "assistant" in name else f"{name[:-1]}{side}"


def _number(frame: pl.DataFrame, name: str) -> pl.Expr:
    dtype = frame.schema[name]
    if isinstance(dtype, pl.Struct):
        fields = [pl.col(name).struct.field(field.name).cast(pl.Float64, strict=False) for field in dtype.fields]
        return pl.sum_horizontal(*fields)
    return pl.col(name).cast(pl.Float64, strict=False)
