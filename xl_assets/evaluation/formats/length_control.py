"""What length control needs beside annotations: how hard instructions are, and the rows of models that gamed length."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.files import read_csv


def read_difficulty(path: Path) -> pl.DataFrame:
    """Read a CSV of `instruction` and `difficulty`.

    Returns:
        One row an instruction, sorted.

    Raises:
        FormatError: a column is missing, a difficulty is no finite number, an instruction has two difficulties.
    """
    frame = _named(read_csv(path), {"difficulty": ("instruction_difficulty",)})
    frame = _numbers(frame, ("instruction",), ("difficulty",), path).unique().sort("instruction")
    if twice := frame.filter(pl.col("instruction").is_duplicated())["instruction"].to_list():
        raise FormatError(f"{path}: two difficulties for the instruction {twice[0][:80]!r}; keep one")
    return frame


def read_gamed(path: Path) -> pl.DataFrame:
    """Read a CSV of the rows that hold the length's weight in place: those of models that gamed the length.

    Args:
        path: `difficulty`, `std_delta_length`, `preference`, `weight`; AlpacaEval's own names are understood.
            Preferences from 0 to 1, as in AlpacaEval's `df_gamed.csv`, or from 1 to 2, if any is above 1.
            Without `weight` it is 0.1: AlpacaEval's 0.2 shared by two models.

    Returns:
        These columns; `preference` from 0 to 1.

    Raises:
        FormatError: a column is missing, a value is no finite number, preferences lie on both sides of 1.
    """
    frame = _named(
        read_csv(path),
        {"difficulty": ("instruction_difficulty",), "std_delta_length": ("std_delta_len",), "weight": ()},
    )
    if "weight" not in frame.columns:
        frame = frame.with_columns(weight=pl.lit("0.1"))
    frame = _numbers(frame, (), ("difficulty", "std_delta_length", "preference", "weight"), path)
    shift = 1.0 if (frame["preference"] > 1).any() else 0.0
    frame = frame.with_columns(pl.col("preference") - shift)
    if not frame["preference"].is_between(0, 1).all() or (frame["weight"] < 0).any():
        raise FormatError(
            f"{path}: preferences must all lie from 0 to 1, or all from 1 to 2; weights must not be negative"
        )
    return frame


def _named(frame: pl.DataFrame, aliases: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Give columns the names of this project; the first alias there is, where the name itself is not."""
    found = {
        next(alias for alias in known if alias in frame.columns): name
        for name, known in aliases.items()
        if name not in frame.columns and any(alias in frame.columns for alias in known)
    }
    return frame.rename(found)


def _numbers(frame: pl.DataFrame, texts: Sequence[str], numbers: Sequence[str], path: Path) -> pl.DataFrame:
    if missing := [name for name in (*texts, *numbers) if name not in frame.columns]:
        raise FormatError(f"{path}: no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    cast = frame.select(*texts, *(pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in numbers))
    for name in numbers:
        finite = cast[name].is_finite().fill_null(False)
        if not finite.all():
            row = int((~finite).arg_true()[0])
            raise FormatError(f"{path}: row {row + 1} has {frame[name][row]!r} as `{name}`; it must be a finite number")
    return cast
