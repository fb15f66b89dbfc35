"""Maximum likelihood of the Bradley-Terry model, with covariates of the battles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xl_assets.evaluation.scores.logistic import probability
from xl_assets.evaluation.scores.newton import PRECISION, Vector, minimise

#: The last step of a rough fit, in logits; the error is about its square.
_NEAR = 1e-4


@dataclass(frozen=True)
class Sides:
    """Who meets whom.

    Attributes:
        models: how many models there are.
        a, b: index of either side's model, one a row.
        covariates: (rows, features) of a against b.
        components: of each model, which group of models it is connected with.
    """

    models: int
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    covariates: NDArray[np.float64]
    components: NDArray[np.int64]


def fit_battles(sides: Sides, won: Vector, lost: Vector, prior: Vector, start: Vector | None = None) -> Vector:
    """Fit logit P(a beats b) = strength of a - strength of b + covariates * effects.

    Args:
        sides: who meets whom.
        won, lost: weight of the battles that a won and that it lost; a tie is half of each.
        prior: precision of a normal prior of every strength and effect; 0 for none.
        start: where to begin: a point near by, for which the fit may be a rough one; 0 for a fit in full precision.

    Returns:
        Strengths (natural logits; those of a component sum to 0), then effects.
    """
    width = sides.models + sides.covariates.shape[1]
    near = start is not None
    gauge = _gauge(sides, won.sum() + lost.sum())
    return minimise(
        np.zeros(width) if start is None else start,
        lambda point: _loss(point, sides, won, lost, prior, gauge),
        _NEAR if near else PRECISION,
        # Faster than the solution of least norm; a prior makes it fit for resamples in which some model has no battle.
        (lambda hessian, gradient: np.linalg.solve(hessian, gradient)) if near and prior.all() else None,
    ).point


def connected(models: int, a: NDArray[np.int64], b: NDArray[np.int64], directed: bool = False) -> NDArray[np.int64]:
    """Of each model the component that links from a to b put it in; if directed, the strong one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a)), (a, b)), shape=(models, models))
    return connected_components(graph, directed=directed, connection="strong")[1].astype(np.int64)


def _gauge(sides: Sides, total: float) -> NDArray[np.float64]:
    """Curvature along what the battles can't tell, a component's common level: keeps its sum at 0."""
    same = (sides.components[:, None] == sides.components[None, :]).astype(np.float64)
    return same / same.sum(axis=1) * max(total, 1.0) / max(sides.models, 1)


def _loss(
    point: Vector, sides: Sides, won: Vector, lost: Vector, prior: Vector, gauge: NDArray[np.float64]
) -> tuple[float, Vector, NDArray[np.float64]]:
    count, strength = sides.models, point[: sides.models]
    logits = strength[sides.a] - strength[sides.b] + sides.covariates @ point[count:]
    chance, total = probability(logits), won + lost
    surplus = total * chance - won
    level = gauge @ strength
    value = total @ np.logaddexp(0, logits) - won @ logits + prior / 2 @ point**2 + level @ strength / 2
    gradient = prior * point
    gradient[:count] += np.bincount(sides.a, surplus, count) - np.bincount(sides.b, surplus, count) + level
    gradient[count:] += sides.covariates.T @ surplus
    return float(value), gradient, _hessian(sides, total * chance * (1 - chance), prior, gauge)


def _hessian(sides: Sides, curvature: Vector, prior: Vector, gauge: NDArray[np.float64]) -> NDArray[np.float64]:
    count = sides.models
    hessian = np.diag(prior)
    pairs = np.bincount(sides.a * count + sides.b, curvature, count * count).reshape(count, count)
    pairs = pairs + pairs.T
    hessian[:count, :count] += np.diag(pairs.sum(axis=1)) - pairs + gauge
    bent = curvature[:, None] * sides.covariates
    hessian[count:, count:] += sides.covariates.T @ bent
    for column in range(bent.shape[1]):
        cross = np.bincount(sides.a, bent[:, column], count) - np.bincount(sides.b, bent[:, column], count)
        hessian[:count, count + column] += cross
        hessian[count + column, :count] += cross
    return hessian
