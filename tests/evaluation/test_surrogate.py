import numpy as np
import polars as pl
import pytest

from xl_assets.evaluation.contract_surrogate import SurrogateScore
from xl_assets.evaluation.surrogate import (
    FEATURES,
    SurrogateError,
    SurrogateSettings,
    fit_surrogate,
    surrogate_win_rates,
)
from xl_assets.tables import check_table


def judged(prompts=120, models=("a", "b", "c"), noise=0.05, seed=3):
    """Made-up judgements: what is in the language and like the reference is preferred."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(prompts):
        for skill, model in enumerate(models):
            chrf, in_language = draw.uniform(10, 60) + 10 * skill, draw.random() < 0.6 + 0.15 * skill
            preference = 1 + 0.5 * in_language + 0.005 * chrf + draw.normal(0, noise)
            rows.append(
                {
                    "response_id": f"{model}-{number}",
                    "release": "r1",
                    "prompt_id": f"p{number}",
                    "cluster_id": f"c{number // 2}",
                    "language": "de",
                    "kind": "cross_lingual",
                    "model": model,
                    "response": "wort " * int(draw.integers(1, 40)),
                    "reference": "wort " * 20,
                    "line_pass": bool(in_language),
                    "chrf": chrf,
                    "preference": float(np.clip(preference, 1, 2)),
                }
            )
    return pl.DataFrame(rows)


def test_it_learns_what_the_judge_prefers_and_says_how_well_on_prompts_it_has_not_seen():
    report = fit_surrogate(judged()).report
    assert report["surrogate_r2"] > 0.9
    assert report["surrogate_kendall_tau"] > 0.7
    assert report["surrogate_model_kendall_tau"] == 1.0
    assert report["surrogate_train_rows"] + report["surrogate_holdout_rows"] == 360


def test_a_forest_learns_it_too_and_the_same_forest_again():
    chosen = SurrogateSettings(method="random_forest", trees=30)
    first, again = fit_surrogate(judged(), chosen), fit_surrogate(judged(), chosen)
    assert first.report["surrogate_r2"] > 0.7
    assert first.report == again.report
    assert first.id != fit_surrogate(judged()).id


def test_preferences_that_follow_nothing_are_not_predicted():
    rows = judged()
    noise = pl.Series("preference", np.random.default_rng(5).uniform(1, 2, rows.height))
    assert fit_surrogate(rows.with_columns(noise)).report["surrogate_r2"] < 0.1


def test_prompts_made_from_one_are_never_on_both_sides():
    scored = fit_surrogate(judged()).predict(judged())
    assert scored.group_by("cluster_id").agg(pl.col("surrogate_part").n_unique())["surrogate_part"].max() == 1
    assert set(scored["surrogate_part"]) == {"train", "holdout"}


def test_the_order_of_rows_changes_nothing():
    rows = judged()
    shuffled = rows.sample(fraction=1, shuffle=True, seed=1)
    first, again = fit_surrogate(rows), fit_surrogate(shuffled)
    assert first.report == again.report
    assert first.predict(rows).sort("response_id").equals(again.predict(shuffled).sort("response_id"))


def test_everything_it_says_is_called_surrogate():
    rows = judged()
    surrogate = fit_surrogate(rows)
    scored = surrogate.predict(rows)
    added = set(scored.columns) - set(rows.columns)
    assert added == {"surrogate_preference", "surrogate_part", "surrogate_id"}
    assert all(name.startswith("surrogate_") for name in surrogate.report)
    rates = surrogate_win_rates(scored)
    assert all(name.startswith("surrogate_") for name in set(rates.columns) - {"model", "language"})
    assert check_table(scored, SurrogateScore).height == rows.height


def test_an_unjudged_response_is_scored_and_a_missing_one_is_counted_and_not_scored():
    rows = judged()
    more = rows.head(2).with_columns(
        pl.lit(None, dtype=pl.Float64).alias("preference"), pl.Series("response", ["Wort", None])
    )
    surrogate = fit_surrogate(pl.concat([rows, more.with_columns(pl.col("response_id") + "x")]))
    assert surrogate.report == fit_surrogate(rows).report
    scored = surrogate.predict(more)
    assert scored["surrogate_part"].to_list() == ["unjudged", "unjudged"]
    assert scored["surrogate_preference"].is_null().to_list() == [False, True]
    assert surrogate_win_rates(scored, ["language"]).select("surrogate_rows", "surrogate_missing").row(0) == (1, 1)
    assert surrogate.predict(rows.drop("preference"))["surrogate_part"].unique().to_list() == ["unjudged"]


def test_a_win_rate_is_the_mean_preference_in_percent():
    scored = pl.DataFrame({"model": ["a", "a"], "language": ["de", "de"], "surrogate_preference": [1.25, 1.75]})
    assert surrogate_win_rates(scored)["surrogate_win_rate"].item() == 50.0


def test_features_that_are_not_there_are_left_out_and_named_and_gaps_are_no_error():
    rows = judged().with_columns(
        pl.when(pl.int_range(pl.len()) % 7 > 0).then("chrf"),
        pl.lit(0.0).alias("perplexity"),
        pl.lit(None).alias("quality"),
    )
    report = fit_surrogate(rows).report
    assert report["surrogate_absent_features"] == ["word_pass", "language_score", "script_share", "bleu"]
    assert len(report["surrogate_features"]) + 4 == len(FEATURES)
    assert report["surrogate_r2"] > 0.5


@pytest.mark.parametrize(
    "rows", [judged(3), judged().drop("response", "line_pass", "chrf").with_columns(response=None)]
)
def test_too_little_to_learn_from_is_an_error_with_a_remedy(rows):
    with pytest.raises(SurrogateError, match="at least 10 rows and one feature"):
        fit_surrogate(rows)


def test_without_held_out_rows_there_are_no_figures_of_agreement():
    report = fit_surrogate(judged(), SurrogateSettings(holdout=0.0)).report
    assert report["surrogate_holdout_rows"] == 0
    assert report["surrogate_r2"] is report["surrogate_kendall_tau"] is report["surrogate_model_kendall_tau"] is None
