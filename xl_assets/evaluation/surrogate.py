"""A surrogate judge: preferences predicted from cheap features, where asking a judge costs too much.

As MIRAGE-Bench (Thakur et al. 2024, arXiv:2410.13716) predicts a judge's verdicts from heuristic features. It is no
judge: whatever it says is named ``surrogate``, and how well it agrees with the judge on prompts that it has not
seen (R2, Kendall's tau) is part of the result.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.identity import content_address, parameters_hash

#: Feature -> how it follows from columns of the lake. Those whose columns are absent are left out, and said to be.
FEATURES: dict[str, pl.Expr] = {
    "log_length": pl.col("response").str.len_chars().log1p(),
    "log_length_ratio": pl.col("response").str.len_chars().log1p() - pl.col("reference").str.len_chars().log1p(),
    "log_lines_ratio": pl.col("response").str.count_matches("\n").log1p()
    - pl.col("reference").str.count_matches("\n").log1p(),
    "line_pass": pl.col("line_pass").cast(pl.Float64),
    "word_pass": pl.col("word_pass").cast(pl.Float64),
    "language_score": pl.col("language_score"),
    "script_share": pl.col("script_share"),
    "chrf": pl.col("chrf") / 100,
    "bleu": pl.col("bleu") / 100,
    "log_perplexity": pl.col("perplexity").log(),
    "quality": pl.col("quality"),
}

_KEY = ("cluster_id", "prompt_id", "model", "response_id")
_LEAST_ROWS = 10


class SurrogateError(ValueError):
    """No surrogate can be learned from what was given; names what is missing and the remedy."""


@dataclass(frozen=True)
class SurrogateSettings:
    """How the surrogate learns.

    Attributes:
        method: ``ridge`` or ``random_forest``.
        holdout: share of the prompt clusters that it is tested on, chosen by a hash of the cluster.
        alpha: strength of the ridge, on standardised features.
        trees: of the forest.
        seed: of the split and of the forest.
    """

    method: Literal["ridge", "random_forest"] = "ridge"
    holdout: float = 0.2
    alpha: float = 1.0
    trees: int = 200
    seed: int = 0


@dataclass(frozen=True)
class SurrogateJudge:
    """A learned surrogate.

    Attributes:
        report: figures, every name with ``surrogate``: ``surrogate_r2`` and ``surrogate_kendall_tau`` (tau-b) on
            held-out rows, ``surrogate_model_kendall_tau`` between the models' mean preferences there, rows and
            clusters on both sides, features used and absent. A figure over too little is null.
        settings: how it was learned.
    """

    report: dict[str, Any]
    settings: SurrogateSettings
    _columns: tuple[str, ...]
    _centre: NDArray[np.float64]
    _scale: NDArray[np.float64]
    _model: Any

    @property
    def id(self) -> str:
        """Address of settings and report; in the column ``surrogate_id`` of what it says."""
        return parameters_hash({"settings": asdict(self.settings), "report": self.report})

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add ``surrogate_preference`` in [1, 2] (null without a response), ``surrogate_part`` and ``surrogate_id``.

        Args:
            rows: as for `fit_surrogate`; ``preference`` may be absent.
        """
        values = _matrix(rows, self._columns, self._centre, self._scale)
        found = np.clip(self._model.predict(values), 1.0, 2.0) if rows.height else np.zeros(0)
        there = pl.col("response").fill_null("").str.strip_chars() != ""
        return rows.with_columns(
            pl.when(there).then(pl.Series(found, dtype=pl.Float64)).alias("surrogate_preference"),
            _part(rows, self.settings).alias("surrogate_part"),
            pl.lit(self.id).alias("surrogate_id"),
        )


def fit_surrogate(rows: pl.DataFrame, settings: SurrogateSettings | None = None) -> SurrogateJudge:
    """Learn what a judge prefers.

    Args:
        rows: one per response: ``cluster_id``, ``prompt_id``, ``model``, ``response_id``, ``response``, ``preference``
            (the mean of the response's valid judgements, in [1, 2]; null where there is none) and those of the columns
            that ``FEATURES`` are made of which are there: ``reference``, ``line_pass``, ``word_pass``,
            ``language_score``, ``script_share``, ``chrf``, ``bleu``, ``perplexity``, ``quality``. A null in one of
            them counts as its mean, and that it is missing is a feature of its own.
        settings: how it learns.

    Returns:
        The surrogate with its report. The order of the rows changes nothing.

    Raises:
        SurrogateError: no feature's columns are there, or fewer than 10 judged rows to learn from.
    """
    settings = settings or SurrogateSettings()
    columns = tuple(name for name, feature in FEATURES.items() if set(feature.meta.root_names()) <= set(rows.columns))
    part = pl.col("_part")
    judged = rows.with_columns(_part(rows, settings).alias("_part")).filter(part != "unjudged").sort(*_KEY)
    train, holdout = judged.filter(part == "train"), judged.filter(part == "holdout")
    if not columns or train.height < _LEAST_ROWS:
        raise SurrogateError(
            f"{train.height} judged rows with {len(columns)} features to learn from: a surrogate needs at least "
            f"{_LEAST_ROWS} rows and one feature. Judge more answers, or compute fidelity or overlap first"
        )
    centre, scale = _moments(train, columns)
    model = _estimator(settings).fit(_matrix(train, columns, centre, scale), train["preference"].to_numpy())
    values = _matrix(holdout, columns, centre, scale)
    predicted = np.clip(model.predict(values), 1.0, 2.0) if holdout.height else np.zeros(0)
    report = {
        "surrogate_method": settings.method,
        "surrogate_features": list(columns),
        "surrogate_absent_features": [name for name in FEATURES if name not in columns],
        "surrogate_train_rows": train.height,
        "surrogate_train_clusters": train["cluster_id"].n_unique(),
        "surrogate_holdout_rows": holdout.height,
        "surrogate_holdout_clusters": holdout["cluster_id"].n_unique(),
        **_agreement(holdout, predicted),
    }
    return SurrogateJudge(report, settings, columns, centre, scale, model)


def surrogate_win_rates(scored: pl.DataFrame, by: Sequence[str] = ("model", "language")) -> pl.DataFrame:
    """Mean of the surrogate's preferences as a win rate in percent, per group.

    Args:
        scored: as `SurrogateJudge.predict` returns it.
        by: columns to group by.

    Returns:
        Sorted rows: the group's columns, ``surrogate_win_rate`` = 100 mean(preference - 1), ``surrogate_rows`` (scored)
        and ``surrogate_missing`` (without a response). Responses that it learned from count as well.
    """
    preference = pl.col("surrogate_preference")
    return (
        scored.group_by(*by)
        .agg(
            # Sorted, because the last bit of a sum of floats depends on the order of the rows.
            (100 * (preference.drop_nulls().sort() - 1).mean()).alias("surrogate_win_rate"),
            preference.count().cast(pl.Int64).alias("surrogate_rows"),
            preference.null_count().cast(pl.Int64).alias("surrogate_missing"),
        )
        .sort(*by, nulls_last=True)
    )


def _part(rows: pl.DataFrame, settings: SurrogateSettings) -> pl.Expr:
    """Prompts made from one are on one side: their answers are alike."""
    number = content_address("surrogate split", pl.lit(str(settings.seed)), "cluster_id").str.head(8)
    side = (
        pl.when(number.str.to_integer(base=16) < settings.holdout * 16**8)
        .then(pl.lit("holdout"))
        .otherwise(pl.lit("train"))
    )
    if "preference" not in rows.columns:
        return pl.lit("unjudged")
    answered = pl.col("response").fill_null("").str.strip_chars() != ""
    return pl.when(pl.col("preference").is_not_null() & answered).then(side).otherwise(pl.lit("unjudged"))


def _features(rows: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """The features as they are; NaN where one is null or not finite."""
    values = rows.select(FEATURES[name].cast(pl.Float64).alias(name) for name in columns).fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(values), values, np.nan).reshape(rows.height, len(columns))


def _moments(rows: pl.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = _features(rows, columns)
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=0), 1)
    centre = np.where(there, values, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(there, values - centre, 0) ** 2).sum(axis=0) / count)
    return centre, np.where(spread > 0, spread, 1.0)


def _matrix(
    rows: pl.DataFrame, columns: Sequence[str], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standardised features, and beside each whether it is missing."""
    values = _features(rows, columns)
    missing = ~np.isfinite(values)
    return np.hstack([np.where(missing, 0.0, (values - centre) / scale), missing.astype(np.float64)])


def _estimator(settings: SurrogateSettings) -> Any:
    if settings.method == "random_forest":
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(settings.trees, min_samples_leaf=5, random_state=settings.seed, n_jobs=1)
    from sklearn.linear_model import Ridge

    return Ridge(alpha=settings.alpha, solver="cholesky")


def _agreement(holdout: pl.DataFrame, predicted: NDArray[np.float64]) -> dict[str, float | None]:
    truth = holdout["preference"].to_numpy()
    residual, spread = (
        float(((truth - predicted) ** 2).sum()),
        float(((truth - truth.mean()) ** 2).sum() if len(truth) else 0),
    )
    means = (
        holdout.select("model", "preference", pl.Series("predicted", predicted))
        .group_by("model")
        .agg(pl.col("preference").sort().mean(), pl.col("predicted").sort().mean())
        .sort("model")
    )
    return {
        "surrogate_r2": 1 - residual / spread if spread > 0 else None,
        "surrogate_kendall_tau": _tau(truth, predicted),
        "surrogate_model_kendall_tau": _tau(means["preference"].to_numpy(), means["predicted"].to_numpy()),
        "surrogate_mean_absolute_error": float(np.abs(truth - predicted).mean()) if len(truth) else None,
    }


def _tau(left: NDArray[np.float64], right: NDArray[np.float64]) -> float | None:
    from scipy.stats import kendalltau

    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(kendalltau(left, right).statistic)
