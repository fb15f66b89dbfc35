"""Logistic regression with soft labels and without an intercept: in full precision, or as AlpacaEval fits it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xl_assets.evaluation.scores.newton import Vector, least_norm, minimise

#: Where no finite weights are the best (separated data), they have a normal prior of this precision: it holds them
#: near logits of 14, which is 99.9999 %.
PRIOR = 1e-6

#: A fitted logit beyond this can't be told from certainty: the data are separated.
CERTAIN = 25.0

#: Directions with less than this share of the design's greatest singular value are not in it.
_RANK = 1e-9

_TRACE = 1e-12


@dataclass(frozen=True)
class Design:
    """What a regression is fitted to.

    Attributes:
        features: (rows, columns).
        target: of each row, from 0 to 1.
        weight: of each row.
    """

    features: NDArray[np.float64]
    target: Vector
    weight: Vector


@dataclass(frozen=True)
class Fit:
    """Fitted weights of the features.

    Attributes:
        weights: one a column.
        separated: no finite weights are the best, so these are those under `PRIOR`.
        pull: gradient of the penalty at these weights, in units of the log-likelihood.
        active: columns with a part in the fit; L1 leaves some out.
        prior: precision of the prior, 0 without.
    """

    weights: Vector
    separated: bool
    pull: Vector
    active: NDArray[np.bool_]
    prior: float


def fit_exact(design: Design) -> Fit:
    """Maximum likelihood in full precision; the same whatever the order or the units of the columns."""
    scale = np.sqrt((design.features**2).mean(axis=0)) if len(design.features) else np.ones(design.features.shape[1])
    scale[scale == 0] = 1.0
    scaled = Design(design.features / scale, design.target, design.weight)
    start, prior = np.zeros(len(scale)), 0.0
    found = minimise(start, lambda point: loss(scaled, point))
    separated = not found.converged or bool(np.abs(scaled.features @ found.point).max(initial=0.0) > CERTAIN)
    if separated:
        prior = PRIOR
        found = minimise(start, lambda point: loss(scaled, point, prior))
    # The prior is on the scaled weights.
    pull = prior * found.point / scale
    return Fit(found.point / scale, separated, pull, np.ones(len(scale), dtype=bool), prior)


def fit_l1(design: Design, c: float) -> Fit:
    """As AlpacaEval: scikit-learn's `liblinear` with an L1 penalty, each row twice, weighted by its two labels.

    Its stopping rule leaves an error of about 0.001 percentage points in a win rate.

    Args:
        design: what it is fitted to.
        c: inverse strength of the penalty; AlpacaEval chooses it by cross-validation among powers of ten from 1e-4
            to 1e4 in steps of 8/9, such as 2.7826.
    """
    from sklearn.linear_model import LogisticRegression

    twice = np.vstack([design.features, design.features])
    labels = np.repeat([1, 0], len(design.target))
    weight = np.stack([design.target * design.weight, (1 - design.target) * design.weight])
    # liblinear needs to see both labels, though nothing be won or lost.
    weight[weight.sum(axis=1) == 0] = _TRACE
    model = LogisticRegression(
        C=c, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-4, max_iter=100, random_state=123
    )
    weights = model.fit(twice, labels, sample_weight=weight.ravel()).coef_[0]
    return Fit(weights, False, np.sign(weights) / c, weights != 0, 0.0)


def loss(design: Design, weights: Vector, prior: float = 0.0) -> tuple[float, Vector, NDArray[np.float64]]:
    """Negative log-likelihood under a prior, its gradient and its Hessian."""
    logits = design.features @ weights
    chance = probability(logits)
    # log(1 + exp(x)) - y x, without overflow.
    lost = (design.weight * (np.logaddexp(0, logits) - design.target * logits)).sum() + prior / 2 * weights @ weights
    gradient = design.features.T @ (design.weight * (chance - design.target)) + prior * weights
    curvature = (design.weight * chance * (1 - chance))[:, None]
    hessian = design.features.T @ (curvature * design.features) + prior * np.eye(len(weights))
    return float(lost), gradient, hessian


def probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function."""
    from scipy.special import expit

    return expit(logits)


def determines(design: Design, rows: NDArray[np.float64]) -> bool:
    """Whether what a fit predicts for rows follows from the data: they lie in the span of the design's rows."""
    used = design.features[design.weight > 0]
    gram, asked = used.T @ used, rows.T @ rows
    scale = np.sqrt(np.maximum(np.diag(gram), np.diag(asked)))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    outside = vectors[:, values <= _RANK * max(values.max(initial=0.0), 1e-300)]
    rest = np.einsum("ik,ij,jk->k", outside, asked / np.outer(scale, scale), outside)
    return bool((rest <= _RANK).all())


def one_step(fit: Fit, scores: NDArray[np.float64], hessians: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of resamples by one Newton step from the fitted ones (Moulton and Zeger 1991, Bootstrapping generalized
    linear models, Computational Statistics and Data Analysis 11: the one-step bootstrap).

    Args:
        fit: of all data.
        scores: (resamples, columns): gradient of each resample's log-likelihood at the fitted weights.
        hessians: (resamples, columns, columns): its negative Hessian there.

    Returns:
        (resamples, columns): how far each resample's weights lie from the fitted ones.
    """
    uphill = np.where(fit.active, scores - fit.pull, 0.0)
    inner = hessians * np.outer(fit.active, fit.active) + fit.prior * np.eye(len(fit.active))
    return least_norm(inner, uphill)
