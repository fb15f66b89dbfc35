"""Maximum likelihood of the Bradley-Terry model, with covariates of the battles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xl_assets.evaluation.scores.logistic import probability
from xl_assets.evaluation.scores.newton import PRECISION, Vector, minimise

#: The last step of a rough fit, in logits; the error is about its square.
_NEAR = 1e-2


@dataclass(frozen=True)
class Sides:
    """Who meets whom. Rows of a pair stand side by side.

    Attributes:
        models: how many models there are.
        a, b: index of either side's model, one a pair.
        starts: first row of each pair.
        covariates: (rows, features) of a against b; column by column in memory.
        components: of each model, which group of models it is connected with.
    """

    models: int
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    starts: NDArray[np.int64]
    covariates: NDArray[np.float64]
    components: NDArray[np.int64]


def fit_battles(sides: Sides, won: Vector, lost: Vector, prior: Vector, near: Vector | None = None) -> Vector:
    """Fit logit P(a beats b) = strength of a - strength of b + covariates * effects.

    Args:
        sides: who meets whom.
        won, lost: of each row, weight of the battles that a won and that it lost; a tie is half of each.
        prior: precision of a normal prior of every strength and effect; 0 for none.
        near: a point near by, from which a rough fit is found quickly; without it the fit is in full precision.

    Returns:
        Strengths (natural logits; those of a component sum to 0), then effects.
    """
    gauge = _gauge(sides, won.sum() + lost.sum())
    width = sides.models + sides.covariates.shape[1]
    return minimise(
        np.zeros(width) if near is None else near,
        lambda point: _loss(point, sides, won, lost, prior, gauge),
        PRECISION if near is None else _NEAR,
        # Faster than the solution of least norm; a prior makes it fit for resamples in which some model has no battle.
        None if near is None or not prior.all() else _solve,
    ).point


def connected(models: int, a: NDArray[np.int64], b: NDArray[np.int64], directed: bool = False) -> NDArray[np.int64]:
    """Of each model the component that links from a to b put it in; if directed, the strong one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a)), (a, b)), shape=(models, models))
    return connected_components(graph, directed=directed, connection="strong")[1].astype(np.int64)


def _solve(hessian: NDArray[np.float64], gradient: Vector) -> Vector:
    return np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)


def _gauge(sides: Sides, total: float) -> NDArray[np.float64]:
    """Curvature along what the battles can't tell, a component's common level: keeps its sum at 0."""
    same = (sides.components[:, None] == sides.components[None, :]).astype(np.float64)
    return same / same.sum(axis=1) * max(total, 1.0) / max(sides.models, 1)


def _loss(
    point: Vector, sides: Sides, won: Vector, lost: Vector, prior: Vector, gauge: NDArray[np.float64]
) -> tuple[float, Vector, NDArray[np.float64]]:
    """Negative log-likelihood under the prior, its gradient and its Hessian."""
    count, strength = sides.models, point[: sides.models]
    difference = strength[sides.a] - strength[sides.b]
    per_pair = np.diff(np.append(sides.starts, len(won)))
    logits = np.repeat(difference, per_pair) + np.einsum("rf,f->r", sides.covariates, point[count:])
    chance, total = probability(logits), won + lost
    surplus, curvature = total * chance - won, total * chance * (1 - chance)
    level = gauge @ strength
    # Sums and einsum, not products of vectors: BLAS starts threads for these, and waiting for them takes longer.
    value = (total * np.logaddexp(0, logits) - won * logits).sum() + prior / 2 @ point**2 + level @ strength / 2
    bent = curvature * sides.covariates.T
    pairs = np.add.reduceat(np.vstack([surplus, curvature, bent]), sides.starts, axis=1)
    gradient = prior * point
    gradient[:count] += _spread(sides, pairs[:1])[0] + level
    gradient[count:] += np.einsum("rf,r->f", sides.covariates, surplus)
    hessian = np.diag(prior)
    hessian[:count, :count] += _laplacian(sides, pairs[1]) + gauge
    hessian[count:, count:] += np.einsum("fr,rg->fg", bent, sides.covariates)
    cross = _spread(sides, pairs[2:])
    hessian[count:, :count] += cross
    hessian[:count, count:] += cross.T
    return float(value), gradient, hessian


def _spread(sides: Sides, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the pairs' values for each model, with the sign of its side: (rows, pairs) to (rows, models)."""
    sums = np.zeros((sides.models, len(values)))
    np.add.at(sums, sides.a, values.T)
    np.subtract.at(sums, sides.b, values.T)
    return sums.T


def _laplacian(sides: Sides, values: Vector) -> NDArray[np.float64]:
    matrix = np.zeros((sides.models, sides.models))
    np.add.at(matrix, (sides.a, sides.b), values)
    matrix = matrix + matrix.T
    return np.diag(matrix.sum(axis=1)) - matrix
