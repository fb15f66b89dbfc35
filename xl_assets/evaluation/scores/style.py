"""Style of answers as covariates of battles, as Arena-Hard controls it: tokens, headers, lists, bold."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.evaluation.formats.battles import STYLE


def style_covariates(rows: pl.DataFrame) -> tuple[NDArray[np.float64], list[str]]:
    """Differences of style between side a and side b.

    (a - b) / (a + b + 1) of each feature, less its mean, over its standard deviation (ddof=0), both weighted as if
    each battle were there so many times (Li, Angelopoulos, Chiang, Does style matter?, 2024; Arena-Hard's
    `construct_style_matrices`). As there, the mean is over the battles as they are written: which of two models is
    called a has a part in it, so call them the same everywhere.

    Args:
        rows: `formats.battles.Battles.rows` with features.

    Returns:
        (battles, features that differ), and the names of these features. One that never differs can't be controlled.
    """
    a, b = (rows.select(f"{name}_{side}" for name in STYLE).to_numpy() for side in ("a", "b"))
    ratio = (a - b) / (a + b + 1)
    weight = rows["weight"].to_numpy()[:, None]
    total = max(weight.sum(), 1e-300)
    centred = ratio - (weight * ratio).sum(axis=0) / total
    deviation = np.sqrt((weight * centred**2).sum(axis=0) / total)
    differs = deviation > 1e-12
    return np.asfortranarray(centred[:, differs] / deviation[differs]), [
        name for name, kept in zip(STYLE, differs, strict=True) if kept
    ]
