"""How far a judge can be trusted: agreement with known preferences, order consistency, self-preference, cost."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from xl_assets.evaluation.judges.agreement import accuracy, cohen_kappa
from xl_assets.evaluation.judges.config import REFERENCE_FIRST, JudgeError
from xl_assets.evaluation.judges.contract import JudgeQuality
from xl_assets.evaluation.judges.families import is_of_family, model_family
from xl_assets.evaluation.win_rate import TIE_TOLERANCE
from xl_assets.tables import check_table, empty_table

ALL = "all"
_NO_ROWS = "nothing to compare"
_CONSTANT = "all labels are the same: chance alone agrees always"

Figure = tuple[str, float | None, int, str]


def judge_quality(
    judge: str,
    judge_model: str,
    judgements: pl.DataFrame | None = None,
    scores: pl.DataFrame | None = None,
    known: pl.DataFrame | None = None,
    calls: pl.DataFrame | None = None,
    by: str | None = None,
    prices: tuple[float, float] = (0.0, 0.0),
    families: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """All figures of one judge that its tables allow.

    Args:
        judge: its name.
        judge_model: the model that answered.
        judgements: ``PairVerdict`` or ``Judgement``; for self-preference with ``model`` and ``reference_model``.
        scores: ``RubricScore``, for agreement with known scores.
        known: what is known to be right, from people or by construction: ``response_id`` and ``preference`` (1..2)
            for judgements; or ``response_id``, ``criterion`` and ``score`` for scores.
        calls: rows of the call log, for the cost.
        by: column of judgements or scores (``language``, say) whose values get figures of their own.
        prices: of 1M tokens read and written.
        families: model name -> family, where `model_family` would be wrong.

    Returns:
        ``JudgeQuality``: for all rows together and for each value of `by`.
    """
    rows: list[pl.DataFrame] = []
    if judgements is not None:
        rows += _grouped(judgements, by, lambda part: _of_judgements(part, known, judge_model, families))
    if scores is not None and known is not None and "score" in known.columns:
        rows += _grouped(scores, by, lambda part: score_agreement(part, known))
    if calls is not None:
        rows.append(_rows(ALL, judge_cost(calls, *prices)))
    if not rows:
        return empty_table(JudgeQuality)
    named = pl.concat(rows).with_columns(pl.lit(judge).alias("judge"), pl.lit(judge_model).alias("judge_model"))
    return check_table(named, JudgeQuality)


def preference_agreement(judgements: pl.DataFrame, known: pl.DataFrame) -> list[Figure]:
    """Agreement of a judge's sides (reference, tie, response) with known ones.

    ``accuracy``: share of pairs with the same side. ``accuracy_without_ties``: of the pairs in which one side is known
    to be better, the share in which the judge prefers it, a judge's tie counting half. ``cohen_kappa``: of the three
    sides. A pair's preference is the mean over its orders; pairs without one on either side are left out.

    Args:
        judgements: ``response_id``, ``order``, ``preference``.
        known: ``response_id`` and ``preference`` in [1, 2].
    """
    given = known.select("response_id", pl.col("preference").alias("_known"))
    _check_unique(given, ["response_id"])
    pairs = (
        pair_preferences(judgements)
        .join(given, on="response_id")
        .drop_nulls(["preference", "_known"])
        .select(side("preference").alias("judged"), side("_known").alias("known"))
    )
    decided = pairs.filter(pl.col("known") != 0)
    right = decided.select(
        pl.when(pl.col("judged") == 0).then(0.5).otherwise((pl.col("judged") == pl.col("known")).cast(pl.Float64))
    ).to_series()
    judged, truth = pairs["judged"].to_numpy(), pairs["known"].to_numpy()
    return [
        ("accuracy", accuracy(judged, truth), pairs.height, _NO_ROWS),
        ("accuracy_without_ties", _mean(right), decided.height, _NO_ROWS),
        ("cohen_kappa", cohen_kappa(judged, truth), pairs.height, _CONSTANT if pairs.height else _NO_ROWS),
    ]


def score_agreement(scores: pl.DataFrame, known: pl.DataFrame) -> list[Figure]:
    """Agreement of a judge's scores with known ones: exact, and Cohen's kappa with linear weights.

    Linear weights are what the CIA suite reports of Hercule (Doddapaneni et al. 2024).

    Args:
        scores: ``response_id``, ``criterion``, ``score``.
        known: the same of people.
    """
    keys = ["response_id", "criterion"]
    given = known.select(*keys, pl.col("score").alias("_known"))
    _check_unique(given, keys)
    both = scores.select(*keys, "score").join(given, on=keys).drop_nulls(["score", "_known"])
    judged, truth, n = both["score"].to_numpy(), both["_known"].to_numpy(), both.height
    why = _CONSTANT if n else _NO_ROWS
    return [
        ("score_accuracy", accuracy(judged, truth), n, _NO_ROWS),
        ("score_cohen_kappa", cohen_kappa(judged, truth), n, why),
        ("score_linear_kappa", cohen_kappa(judged, truth, "linear"), n, why),
    ]


def order_consistency(judgements: pl.DataFrame) -> list[Figure]:
    """What the order in which two answers are shown does to a judge.

    ``order_consistency``: of the pairs judged in both orders, the share in which the same side (or none) is preferred
    (Zheng et al. 2023, Judging LLM-as-a-Judge, table 2). ``first_position``: mean share given to the answer that was
    shown first, 0.5 without a liking for a position, over the same pairs.

    Args:
        judgements: ``response_id``, ``order``, ``outcome``, ``preference``. Ties without a call are left out: no
            judge saw them.
    """
    judged = judgements.filter((pl.col("outcome").cast(pl.String) == "judged") & pl.col("preference").is_not_null())
    for_first = pl.when(pl.col("order") == REFERENCE_FIRST).then(2 - pl.col("preference"))
    pairs = (
        judged.with_columns(
            side("preference").alias("_side"), for_first.otherwise(pl.col("preference") - 1).alias("_for_first")
        )
        .group_by("response_id")
        .agg(pl.col("order").n_unique().alias("_orders"), pl.col("_side").n_unique(), pl.col("_for_first").mean())
        .filter(pl.col("_orders") == 2)
        .sort("response_id")
    )
    return [
        ("order_consistency", _mean(pairs["_side"] == 1), pairs.height, "no pair was judged in both orders"),
        ("first_position", _mean(pairs["_for_first"]), pairs.height, "no pair was judged in both orders"),
    ]


def self_preference(
    judgements: pl.DataFrame,
    judge_model: str,
    known: pl.DataFrame | None = None,
    families: Mapping[str, str] | None = None,
) -> list[Figure]:
    """Whether a judge prefers answers of its own model family.

    Over the pairs in which exactly one side is of the judge's family. ``self_win_rate``: mean share of its own side;
    good answers earn one too, so alone it is no bias. With known preferences ``self_preference_bias``: P(judge prefers
    own | own is known to be better) - P(judge prefers the other | the other is known to be better), 0 for a fair
    judge (equal opportunity; Wataoka, Takahashi, Ri 2024, Self-Preference Bias in LLM-as-a-Judge). A judge's tie
    counts half.

    Args:
        judgements: ``response_id``, ``order``, ``preference``, ``model``, ``reference_model``.
        judge_model: the judge's name.
        known: ``response_id``, ``preference``.
        families: model name -> family, where `model_family` would be wrong.
    """
    if missing := [name for name in ("model", "reference_model") if name not in judgements.columns]:
        return [("self_win_rate", None, 0, f"the judgements do not name {' and '.join(missing)}")]
    family = model_family(judge_model, families)
    own = is_of_family("model", judgements, family, families)
    other = is_of_family("reference_model", judgements, family, families)
    mixed = judgements.with_columns(own.alias("_own")).filter(own != other)
    pairs = pair_preferences(mixed, "_own").drop_nulls("preference")
    share = pl.when("_own").then(pl.col("preference") - 1).otherwise(2 - pl.col("preference"))
    why = f"no pair has exactly one side of the family {family}"
    figures: list[Figure] = [("self_win_rate", _mean(pairs.select(share).to_series()), pairs.height, why)]
    return figures if known is None else [*figures, _bias(pairs, known, why)]


def judge_cost(calls: pl.DataFrame, price_in: float = 0.0, price_out: float = 0.0) -> list[Figure]:
    """What a judge's calls cost.

    Args:
        calls: rows of the call log, or of ``PairVerdict`` (then of last attempts only): ``call_id``,
            ``prompt_tokens``, ``completion_tokens`` and ``failure``.
        price_in, price_out: of 1M tokens read and written.
    """
    made = calls.filter(pl.col("call_id").is_not_null())
    read, written = int(made["prompt_tokens"].sum()), int(made["completion_tokens"].sum())
    failed = made.height - made["failure"].null_count()
    cost = (read * price_in + written * price_out) / 1_000_000
    return [
        ("calls", float(made.height), made.height, ""),
        ("failed_calls", float(failed), made.height, ""),
        ("prompt_tokens", float(read), made.height, ""),
        ("completion_tokens", float(written), made.height, ""),
        ("cost", cost, made.height, ""),
    ]


def pair_preferences(judgements: pl.DataFrame, *keep: str) -> pl.DataFrame:
    """One row a pair: ``response_id``, the mean ``preference`` over its orders, null where one has none, and `keep`."""
    whole = pl.when(pl.col("preference").null_count() == 0).then(pl.col("preference").mean())
    kept = [pl.col(name).first() for name in keep]
    return judgements.group_by("response_id").agg(whole.alias("preference"), *kept).sort("response_id")


def side(preference: str) -> pl.Expr:
    """-1 where the reference is preferred, 1 where the response is, 0 for a tie."""
    distance = pl.col(preference) - 1.5
    return pl.when(distance.abs() <= TIE_TOLERANCE).then(0).otherwise(distance.sign()).cast(pl.Int8)


def _of_judgements(
    part: pl.DataFrame, known: pl.DataFrame | None, judge_model: str, families: Mapping[str, str] | None
) -> list[Figure]:
    sided = known if known is not None and "preference" in known.columns else None
    agreed = preference_agreement(part, sided) if sided is not None else []
    return [*agreed, *order_consistency(part), *self_preference(part, judge_model, sided, families)]


def _bias(pairs: pl.DataFrame, known: pl.DataFrame, why: str) -> Figure:
    given = known.select("response_id", side("preference").alias("_better"))
    both = pairs.join(given, on="response_id").filter(pl.col("_better") != 0)
    # Turned so that 1 is the judge's own side.
    sign = pl.when("_own").then(1).otherwise(-1).cast(pl.Int8)
    turned = both.select((side("preference") * sign).alias("judged"), (pl.col("_better") * sign).alias("better"))
    right = pl.when(pl.col("judged") == 0).then(0.5).otherwise((pl.col("judged") == pl.col("better")).cast(pl.Float64))
    own, others = (_mean(turned.filter(pl.col("better") == which).select(right).to_series()) for which in (1, -1))
    if own is None or others is None:
        return ("self_preference_bias", None, turned.height, f"{why} known to be better, and one known to be worse")
    return ("self_preference_bias", own - others, turned.height, "")


def _grouped(
    rows: pl.DataFrame, by: str | None, figures: Callable[[pl.DataFrame], Sequence[Figure]]
) -> list[pl.DataFrame]:
    made = [_rows(ALL, figures(rows))]
    if by is None:
        return made
    parts = rows.sort(by).partition_by(by, as_dict=True, maintain_order=True)
    return [*made, *(_rows(f"{by}={key[0]}", figures(part)) for key, part in parts.items())]


def _rows(group: str, figures: Sequence[Figure]) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in JudgeQuality.create_empty().schema.items() if not name.startswith("judge")}
    rows = [(group, metric, value, n, reason if value is None else None) for metric, value, n, reason in figures]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else None


def _check_unique(known: pl.DataFrame, keys: list[str]) -> None:
    if repeated := known.select(pl.struct(keys).is_duplicated().sum()).item():
        raise JudgeError(f"known answers: {repeated} rows share {' and '.join(keys)}; one each is needed")
