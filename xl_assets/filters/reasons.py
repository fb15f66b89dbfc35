"""How a filter says what it rejects: `kept`, and a list of `reasons` without repeats."""

from collections.abc import Mapping

import polars as pl


def add_reasons(frame: pl.DataFrame, flags: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Set `kept` and `reasons` from flags, after the reasons that are there already.

    Args:
        frame: any rows; may have `kept` and `reasons` of an earlier filter.
        flags: reason -> boolean expression, True where it applies; null counts as False.
    """
    new = pl.concat_list(
        pl.when(flag.fill_null(False)).then(pl.lit(reason)).otherwise(pl.lit(None, dtype=pl.String))
        for reason, flag in flags.items()
    ).list.drop_nulls()
    if "reasons" in frame.columns:
        new = pl.concat_list("reasons", new)
    return frame.with_columns(new.list.unique(maintain_order=True).alias("reasons")).with_columns(
        (pl.col("reasons").list.len() == 0).alias("kept")
    )
