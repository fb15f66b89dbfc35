"""Ratings of many models from battles: the Bradley-Terry model, as Arena-Hard and Chatbot Arena use it.

Bradley and Terry, Rank Analysis of Incomplete Block Designs, 1952; Chiang et al., Chatbot Arena, 2024; Li et al.,
Arena-Hard, 2024. P(a beats b) = 1 / (1 + 10^((rating of b - rating of a) / 400)).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.evaluation.bootstrap import Resampling, cluster_weights, generator
from xl_assets.evaluation.formats.battles import Battles
from xl_assets.evaluation.scores import ScoreError, intervals
from xl_assets.evaluation.scores.battle_fit import Sides, connected, fit_battles
from xl_assets.evaluation.scores.intervals import Interval, rounded
from xl_assets.evaluation.scores.logistic import PRIOR, probability
from xl_assets.evaluation.scores.newton import Vector
from xl_assets.evaluation.scores.style import style_covariates

#: Rating points of a natural logit.
POINTS = 400 / np.log(10)


@dataclass(frozen=True)
class ModelRating:
    """Of one model.

    Attributes:
        rating: of the anchor, `anchor_rating`; in a group of models without it, their mean is.
        win_rate_vs_anchor: percent, as the ratings tell; null where no battles connect it with the anchor.
        interval: of the rating, prompts drawn; null for fewer than two prompts, and without a connection.
        win_rate_interval: of the win rate against the anchor.
        n_battles: battles that count.
        component: number of its group of connected models.
        separated: it won, or lost, everything against those whom the anchor can be compared with; its rating is
            finite by a weak prior only.
    """

    rating: float
    win_rate_vs_anchor: float | None
    interval: Interval | None
    win_rate_interval: Interval | None
    n_battles: int
    component: int
    separated: bool


@dataclass(frozen=True)
class BradleyTerry:
    """Ratings, best first.

    Attributes:
        models: of each model.
        anchor, anchor_rating: whose rating is given.
        style: effect of each feature of style, logits for one standard deviation; null without style control.
        n_battles, n_prompts: what counted. n_rejected: what did not; `rejected` says how many for which reason.
        n_components: groups of models that no battle connects.
        notes: what else must be known to read the ratings.
    """

    models: dict[str, ModelRating]
    anchor: str
    anchor_rating: float
    style: dict[str, float] | None
    n_battles: int
    n_prompts: int
    n_rejected: int
    rejected: dict[str, int]
    n_components: int
    notes: list[str]


def score_bradley_terry(
    battles: Battles,
    anchor: str | None = None,
    anchor_rating: float = 1000.0,
    style: bool = False,
    c: float | None = None,
    resampling: Resampling = intervals.DEFAULT,
) -> BradleyTerry:
    """Rate models by maximum likelihood; a tie is half a battle won and half of one lost.

    Args:
        battles: what counts; see `formats.battles.as_battles`.
        anchor: the model whose rating is given; if none is named, the one with the greatest weight of battles.
        anchor_rating: its rating.
        style: whether differences of style are covariates; battles need their features.
        c: inverse strength of an L2 penalty in the units of Arena-Hard's scikit-learn model; its style control has 1.
        resampling: how intervals are made; all battles of a prompt are a cluster.

    Raises:
        ScoreError: no battle counts, or the anchor has none.
    """
    rows = battles.rows.sort("model_a", "model_b", pl.all()) if style else _one_way(battles.rows)
    if rows.is_empty():
        raise ScoreError(
            f"no battle counts ({battles.rejected or 'the file is empty'}); give battles of two models with a winner"
        )
    models = pl.concat([rows["model_a"], rows["model_b"]]).unique().sort().to_list()
    anchor = _anchor(rows, models, anchor)
    covariates, features = style_covariates(rows) if style else (np.zeros((rows.height, 0)), [])
    units = _Units.of(rows, models, covariates)
    every = np.ones(units.prompts)
    prior, separated = _prior(units, models.index(anchor), c)
    point = fit_battles(units.sides, *units.outcomes(every), prior)
    replicates = _replicates(units, point, prior, models.index(anchor), resampling)
    table = _table(models, models.index(anchor), anchor_rating, units, point, replicates, separated, resampling)
    return BradleyTerry(
        models=table,
        anchor=anchor,
        anchor_rating=anchor_rating,
        style=dict(zip(features, map(rounded, point[len(models) :]), strict=True)) if style else None,
        n_battles=rows.height,
        n_prompts=units.prompts,
        n_rejected=sum(battles.rejected.values()),
        rejected=battles.rejected,
        n_components=int(units.sides.components.max()) + 1,
        notes=_notes(table, units, style, features, c),
    )


@dataclass(frozen=True)
class _Units:
    """Battles summed up to what is fitted: one row a pair of models, or a battle where it has covariates.

    `won` and `lost` are (units, prompts), sparse.
    """

    sides: Sides
    won: Any
    lost: Any
    prompts: int
    battles: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pl.DataFrame, models: list[str], covariates: NDArray[np.float64]) -> "_Units":
        from scipy.sparse import csr_array

        number = {name: index for index, name in enumerate(models)}
        a, b = (rows[side].replace_strict(number, return_dtype=pl.Int64).to_numpy() for side in ("model_a", "model_b"))
        pairs, starts, pair = np.unique(a * len(models) + b, return_index=True, return_inverse=True)
        prompt = rows["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
        points, weight = rows["points"].to_numpy(), rows["weight"].to_numpy()
        fought = np.bincount(np.concatenate([a, b]), minlength=len(models))
        a, b, unit = pairs // len(models), pairs % len(models), np.arange(rows.height)
        if not covariates.shape[1]:
            starts, unit, covariates = np.arange(len(pairs)), pair, np.zeros((len(pairs), 0))
        shape = (len(covariates), int(prompt.max()) + 1)
        won, lost = (csr_array((weight * share, (unit, prompt)), shape=shape) for share in (points, 1 - points))
        sides = Sides(len(models), a, b, starts, covariates, connected(len(models), a, b))
        return cls(sides, won, lost, shape[1], fought)

    def outcomes(self, weights: NDArray) -> tuple[Vector, Vector]:
        """Weight won by a and lost by a of each unit, if prompts count so many times."""
        return self.won @ weights, self.lost @ weights


def _one_way(rows: pl.DataFrame) -> pl.DataFrame:
    """Every pair the same way round, so that it makes no difference who is called a."""
    turned = pl.col("model_a") > pl.col("model_b")
    return rows.select(
        pl.min_horizontal("model_a", "model_b").alias("model_a"),
        pl.max_horizontal("model_a", "model_b").alias("model_b"),
        "prompt_id",
        pl.when(turned).then(1 - pl.col("points")).otherwise("points").alias("points"),
        "weight",
    ).sort(pl.all())


def _anchor(rows: pl.DataFrame, models: list[str], anchor: str | None) -> str:
    if anchor is None:
        sides = pl.concat(rows.select(pl.col(side).alias("model"), "weight") for side in ("model_a", "model_b"))
        weights = sides.group_by("model").agg(pl.col("weight").sum().round(9))
        return weights.sort("weight", "model", descending=[True, False])["model"][0]
    if anchor not in models:
        raise ScoreError(f"the anchor {anchor} has no battle that counts; models with battles: {', '.join(models)}")
    return anchor


def _prior(units: _Units, anchor: int, c: float | None) -> tuple[Vector, NDArray[np.bool_]]:
    """Precision of the prior of every strength and effect, and which models are separated from their group.

    A maximum of the likelihood exists where wins lead from every model to every other of its group (Ford 1957).
    """
    sides = units.sides
    won, lost = (np.add.reduceat(side, sides.starts) > 0 for side in units.outcomes(np.ones(units.prompts)))
    tails, heads = np.concatenate([sides.a[won], sides.b[lost]]), np.concatenate([sides.b[won], sides.a[lost]])
    strong = connected(sides.models, tails, heads, directed=True)
    main = np.array([_main(strong, sides.components == group, anchor) for group in range(sides.components.max() + 1)])
    separated = strong != main[sides.components]
    effects = sides.covariates.shape[1]
    if c is not None:
        # Arena-Hard has each battle twice, and its strengths in units of log 10.
        return np.concatenate(
            [np.full(sides.models, 1 / (2 * c * np.log(10) ** 2)), np.full(effects, 1 / (2 * c))]
        ), separated
    weak = PRIOR if separated.any() else 0.0
    return np.concatenate([np.full(sides.models, weak), np.full(effects, PRIOR)]), separated


def _main(strong: NDArray[np.int64], group: NDArray[np.bool_], anchor: int) -> int:
    """Which strong component of a group the others are compared with: the anchor's, else the greatest."""
    return int(strong[anchor]) if group[anchor] else int(np.bincount(strong[group]).argmax())


def _replicates(
    units: _Units, point: Vector, prior: Vector, anchor: int, resampling: Resampling
) -> NDArray[np.float64]:
    """(resamples, models): strength less the anchor's, logits; NaN where a resample does not connect the two."""
    if units.prompts < 2:
        return np.empty((0, units.sides.models))
    sides, prior = units.sides, np.maximum(prior, PRIOR)
    found = []
    for block in cluster_weights(units.prompts, resampling.resamples, generator(resampling.seed, "scores")):
        for weights in block.astype(np.float64):
            won, lost = units.outcomes(weights)
            strength = fit_battles(sides, won, lost, prior, point)[: sides.models]
            drawn = np.add.reduceat(won + lost, sides.starts) > 0
            groups = connected(sides.models, sides.a[drawn], sides.b[drawn])
            found.append(np.where(groups == groups[anchor], strength - strength[anchor], np.nan))
    return np.array(found)


def _table(
    models: list[str],
    anchor: int,
    anchor_rating: float,
    units: _Units,
    point: Vector,
    replicates: NDArray[np.float64],
    separated: NDArray[np.bool_],
    resampling: Resampling,
) -> dict[str, ModelRating]:
    groups = units.sides.components
    strength = point[: len(models)]
    level = np.array([strength[anchor if group == groups[anchor] else groups == group].mean() for group in groups])
    found = {}
    for index in sorted(range(len(models)), key=lambda index: (rounded(level[index] - strength[index]), models[index])):
        near = groups[index] == groups[anchor]
        against = strength[index] - level[index]
        drawn = replicates[:, index]
        found[models[index]] = ModelRating(
            rating=rounded(anchor_rating + POINTS * against),
            win_rate_vs_anchor=rounded(100 * probability(against)) if near else None,
            interval=intervals.interval(anchor_rating + POINTS * drawn, resampling) if near else None,
            win_rate_interval=intervals.interval(100 * probability(drawn), resampling) if near else None,
            n_battles=int(units.battles[index]),
            component=int(groups[index]),
            separated=bool(separated[index]),
        )
    return found


def _notes(
    table: dict[str, ModelRating], units: _Units, style: bool, features: list[str], c: float | None
) -> list[str]:
    notes = []
    if units.sides.components.any():
        notes.append(
            "no battles connect all models: ratings of different components can't be compared, and have no win rate "
            "against the anchor"
        )
    if apart := [name for name, rating in table.items() if rating.separated]:
        held = "an L2 penalty" if c is not None else f"a normal prior of precision {PRIOR:g} on logits"
        notes.append(f"won or lost everything against the others, so that only {held} holds them: {', '.join(apart)}")
    if style and len(features) < 4:
        notes.append("features of style that are the same in all battles are left out")
    if c is not None:
        notes.append(f"L2 penalty with C={c:g}")
    return notes
