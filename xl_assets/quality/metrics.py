"""How well a classifier tells held-out examples apart, and what its scores are worth as probabilities."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.quality.settings import HIGH, LOW

#: Bins of the calibration table and of the histogram over [0, 1].
BINS = 10

#: A score from here on counts as the high class in accuracy, precision, recall and F1.
DECISION = 0.5


@dataclass(frozen=True)
class QualityMetrics:
    """Figures of held-out examples, both classes equally many. The high class counts as positive.

    Attributes:
        accuracy: share of examples on the right side of 0.5.
        precision: share of high examples among those scored 0.5 or more.
        recall: share of the high examples that are scored 0.5 or more.
        f1: harmonic mean of the two.
        roc_auc: chance that a high example is scored above a low one.
        average_precision: mean precision over the ranks of the high examples.
        brier: mean squared difference between score and truth (0 or 1).
        calibration_error: mean difference between score and share of high examples over the calibration bins,
            weighted by their examples.
        calibration: columns ``low``, ``high`` (bounds of the score), ``documents``, ``mean_score``, ``share_high``;
            bins without examples have no row.
        histogram: columns ``low``, ``high``, ``class``, ``documents``, all bins.
        roc: columns ``false_positive_rate``, ``true_positive_rate``.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    roc_auc: float
    average_precision: float
    brier: float
    calibration_error: float
    calibration: pl.DataFrame
    histogram: pl.DataFrame
    roc: pl.DataFrame

    def figures(self) -> dict[str, float]:
        """The single figures by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, float)}


def measure_quality(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> QualityMetrics:
    """Measure scores in [0, 1] against the truth.

    Args:
        truth: True where the example is of the high class; both classes must occur.
        scores: of the same examples.
    """
    from sklearn import metrics

    decided = scores >= DECISION
    calibration = _calibration(truth, scores)
    off = (calibration["mean_score"] - calibration["share_high"]).abs()
    false_positive, true_positive, _ = metrics.roc_curve(truth, scores)
    return QualityMetrics(
        accuracy=float(metrics.accuracy_score(truth, decided)),
        precision=float(metrics.precision_score(truth, decided, zero_division=0.0)),
        recall=float(metrics.recall_score(truth, decided)),
        f1=float(metrics.f1_score(truth, decided, zero_division=0.0)),
        roc_auc=float(metrics.roc_auc_score(truth, scores)),
        average_precision=float(metrics.average_precision_score(truth, scores)),
        brier=float(metrics.brier_score_loss(truth, scores)),
        calibration_error=float((off * calibration["documents"]).sum() / len(scores)),
        calibration=calibration,
        histogram=_histogram(truth, scores),
        roc=pl.DataFrame({"false_positive_rate": false_positive, "true_positive_rate": true_positive}),
    )


def _calibration(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> pl.DataFrame:
    rows = pl.DataFrame({"bin": _bin(scores), "score": scores, "truth": truth})
    return (
        rows.group_by("bin")
        .agg(pl.len().cast(pl.Int64).alias("documents"), pl.col("score").mean(), pl.col("truth").mean())
        .sort("bin")
        .select(*_bounds(), "documents", pl.col("score").alias("mean_score"), pl.col("truth").alias("share_high"))
    )


def _histogram(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> pl.DataFrame:
    parts = []
    for name, chosen in ((HIGH, truth), (LOW, ~truth)):
        counts = np.bincount(_bin(scores[chosen]), minlength=BINS)
        parts.append(pl.DataFrame({"bin": np.arange(BINS), "class": name, "documents": counts.astype(np.int64)}))
    return pl.concat(parts).select(*_bounds(), "class", "documents")


def _bin(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((scores * BINS).astype(np.int64), BINS - 1)


def _bounds() -> tuple[pl.Expr, pl.Expr]:
    return (pl.col("bin") / BINS).alias("low"), ((pl.col("bin") + 1) / BINS).alias("high")
