"""Agreement of two raters: accuracy and Cohen's kappa, plain and weighted. Arrays in, a number or None out."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weights = Literal["none", "linear", "quadratic"]


class AgreementError(ValueError):
    """Two raters' labels can't be compared."""


def accuracy(judged: ArrayLike, known: ArrayLike) -> float | None:
    """Share of equal labels; None without any."""
    a, b = _pair(judged, known)
    return float(np.mean(a == b)) if len(a) else None


def cohen_kappa(judged: ArrayLike, known: ArrayLike, weights: Weights = "none") -> float | None:
    """Cohen's kappa: agreement beyond that of two raters who label independently with the same frequencies.

    1 - sum(w o) / sum(w e), with o the observed and e the expected shares of each pair of labels and w their
    disagreement: 0 or 1 (Cohen 1960, A Coefficient of Agreement for Nominal Scales), or the distance of the
    labels, or its square (Cohen 1968, Weighted Kappa).

    Args:
        judged, known: labels of the two raters; numbers where `weights` is not ``none``.
        weights: ``linear`` weighs by the distance of the values themselves, so a score that nobody gave changes
            nothing (scikit-learn weighs by the position among the labels given: pass it `labels` for the same).

    Returns:
        None without labels, and where all labels are one and the same: chance alone then agrees always.

    Raises:
        AgreementError: the lengths differ.
    """
    a, b = _pair(judged, known)
    if not len(a):
        return None
    labels, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    first, second = codes[: len(a)], codes[len(a) :]
    observed = np.zeros((len(labels), len(labels)))
    np.add.at(observed, (first, second), 1.0)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(a)
    weight = _weight(labels, weights)
    by_chance = float(np.sum(weight * expected))
    return 1.0 - float(np.sum(weight * observed)) / by_chance if by_chance > 0 else None


def _pair(judged: ArrayLike, known: ArrayLike) -> tuple[NDArray, NDArray]:
    a, b = np.asarray(judged), np.asarray(known)
    if a.shape != b.shape or a.ndim != 1:
        raise AgreementError(f"labels of the shapes {a.shape} and {b.shape}: give one of each rater for every item")
    return a, b


def _weight(labels: NDArray, weights: Weights) -> NDArray:
    if weights == "none":
        return 1.0 - np.eye(len(labels))
    distance = np.abs(labels[:, None].astype(float) - labels[None, :].astype(float))
    return distance if weights == "linear" else distance**2
