import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.evaluation.scores.made_up_judgements import QUICK, annotations, gamed, judged, swapped
from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.scores import ScoreError
from xl_assets.evaluation.scores.length_controlled import FULL, MINIMAL, WITHOUT_GAMED, score_length_controlled

seeds = st.integers(0, 1000)


def by_hand(rows: pl.DataFrame, difficulty: pl.DataFrame, extra: pl.DataFrame | None = None) -> tuple[float, list]:
    """The figure of an optimiser that knows nothing of the code under test."""
    table = rows.join(difficulty, on="instruction", maintain_order="left")
    delta = np.array([len(a) - len(b) for a, b in table.select("output_1", "output_2").iter_rows()], dtype=float)
    design = np.column_stack([np.tanh(delta / delta.std(ddof=1)), table["difficulty"], np.ones(len(delta))])
    valid = table["preference"].is_not_null().to_numpy()
    x, y, w = design[valid], table["preference"].drop_nulls().to_numpy() - 1, np.ones(valid.sum())
    if extra is not None:
        more = np.column_stack([np.tanh(extra["std_delta_length"]), extra["difficulty"], np.zeros(extra.height)])
        x, y, w = np.vstack([x, more]), np.append(y, extra["preference"]), np.append(w, extra["weight"])

    def lost(weights):
        logits = x @ weights
        return -(w * (y * -np.logaddexp(0, -logits) + (1 - y) * -np.logaddexp(0, logits))).sum()

    weights = minimize(lost, np.zeros(3), method="BFGS", options={"gtol": 1e-9}).x
    design[:, 0] = 0
    return 100 * (1 / (1 + np.exp(-design @ weights))).mean(), weights.tolist()


@given(seeds, st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_exact_figure_is_the_maximum_likelihood_one(seed, with_gamed):
    rows, difficulty = judged(seed=seed, missing=3)
    extra = gamed() if with_gamed else None
    score = score_length_controlled(rows, difficulty, extra, resampling=QUICK)
    rate, weights = by_hand(rows, difficulty, extra)
    assert score.win_rate == pytest.approx(rate, abs=1e-4)
    assert list(score.weights.values()) == pytest.approx(weights, abs=1e-5)
    assert score.label == (FULL if with_gamed else WITHOUT_GAMED)


@given(seeds)
@settings(max_examples=8, deadline=None)
def test_scikit_learns_figure_meets_the_exact_one_where_the_penalty_vanishes(seed):
    rows, difficulty = judged(seed=seed)
    exact = score_length_controlled(rows, difficulty, gamed(), resampling=QUICK)
    loose = score_length_controlled(rows, difficulty, gamed(), c=1e6, resampling=QUICK)
    assert loose.win_rate == pytest.approx(exact.win_rate, abs=0.02)
    assert loose.interval == pytest.approx(exact.interval, abs=0.05)


def test_a_strong_penalty_leaves_nothing_but_a_coin():
    rows, difficulty = judged()
    score = score_length_controlled(rows, difficulty, c=1e-6, resampling=QUICK)
    assert set(score.weights.values()) == {0.0}
    assert (score.win_rate, score.interval) == (50, (50, 50))


@pytest.mark.parametrize("c", [None, 2.78])
@given(seeds)
@settings(max_examples=6, deadline=None)
def test_a_against_b_is_100_minus_b_against_a(c, seed):
    rows, difficulty = judged(seed=seed)
    score = score_length_controlled(rows, difficulty, c=c, resampling=QUICK)
    other = score_length_controlled(swapped(rows), difficulty, c=c, resampling=QUICK)
    near = 1e-6 if c is None else 0.02
    assert score.win_rate + other.win_rate == pytest.approx(100, abs=near)
    assert score.interval[0] + other.interval[1] == pytest.approx(100, abs=0.05)


@pytest.mark.parametrize("c", [None, 2.78])
@given(st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None)
def test_the_order_of_any_rows_changes_nothing(c, random):
    rows, difficulty = judged(missing=2)
    rows = pl.concat([rows, rows.head(7).with_columns(pl.lit(1.3).alias("preference"))])
    tables = [rows, difficulty, gamed()]
    again = [table.sample(fraction=1, shuffle=True, seed=random.randint(0, 9999)) for table in tables]
    assert score_length_controlled(*tables, c=c, resampling=QUICK) == score_length_controlled(
        *again, c=c, resampling=QUICK
    )


def test_difficulties_are_found_by_instruction_though_rows_are_missing():
    rows, difficulty = judged()
    half = rows.gather_every(2)
    few = difficulty.filter(pl.col("instruction").is_in(half["instruction"].implode()))
    found = score_length_controlled(half, difficulty, resampling=QUICK)
    alone = score_length_controlled(half, few, resampling=QUICK)
    assert found.win_rate == alone.win_rate == pytest.approx(by_hand(half, difficulty)[0], abs=1e-4)
    assert (found.n_missing, alone.n_missing) == (30, 0)


def test_rows_without_difficulty_or_output_are_counted_and_no_headline():
    rows, difficulty = judged()
    rows = rows.with_columns(pl.when(pl.col("instruction") == "q1").then("output_2").alias("output_2"))
    rows = pl.concat([rows.filter(pl.col("instruction") != "q2"), annotations([2.0], instructions=["unknown"])])
    rows = pl.concat([rows, judged()[0].filter(pl.col("instruction") != "q1")])
    score = score_length_controlled(rows, difficulty, resampling=QUICK)
    assert score.n_without_output == 58
    assert score.n_without_difficulty == 1
    assert score.n_total + score.n_invalid + score.n_without_difficulty + score.n_without_output == rows.height
    assert not score.headline
    assert "no headline" in score.why


def test_invalid_rows_are_never_fitted():
    rows, difficulty = judged(missing=6)
    score = score_length_controlled(rows, difficulty, resampling=QUICK)
    assert (score.n_total, score.n_invalid, score.headline) == (54, 6, False)
    assert score.win_rate == pytest.approx(by_hand(rows, difficulty)[0], abs=1e-4)


@pytest.mark.parametrize(("value", "rate"), [(2.0, 100), (1.0, 0)])
@pytest.mark.parametrize("c", [None, 1e4])
def test_all_won_and_all_lost_are_finite_and_named(value, rate, c):
    rows, difficulty = judged()
    score = score_length_controlled(rows.with_columns(preference=pl.lit(value)), difficulty, c=c, resampling=QUICK)
    assert score.win_rate == pytest.approx(rate, abs=0.05)
    assert np.isfinite(list(score.weights.values())).all()
    if c is None:
        assert score.separated
        assert "separated" in score.why
        assert score.interval is None


def test_one_prompt_of_equal_lengths_has_its_own_preference_and_of_others_none():
    difficulty = pl.DataFrame({"instruction": ["q0"], "difficulty": [0.4]})
    equal = score_length_controlled(annotations([1.7]), difficulty)
    assert equal.win_rate == pytest.approx(70)
    assert equal.standard_error is None
    assert equal.interval is None
    unequal = score_length_controlled(annotations([1.7], [(3, 4)]), difficulty)
    assert unequal.win_rate is None
    assert "length" in unequal.why
    assert not unequal.headline


def test_two_prompts_can_not_tell_three_terms_apart():
    rows, difficulty = judged(2)
    score = score_length_controlled(rows, difficulty)
    assert score.win_rate is None
    assert "judge more prompts" in score.why


def test_equal_lengths_everywhere_give_the_win_rate():
    rows = annotations([1.2, 1.9, 1.4, 2.0])
    score = score_length_controlled(rows)
    assert score.win_rate == pytest.approx(62.5)
    assert score.weights["length"] == 0


def test_duplicated_prompts_weigh_twice_and_are_drawn_together():
    rows, difficulty = judged()
    twice = pl.concat([rows, rows])
    once, doubled = (score_length_controlled(table, difficulty, resampling=QUICK) for table in (rows, twice))
    # Only the standard deviation's ddof=1 tells the two apart.
    assert doubled.win_rate == pytest.approx(once.win_rate, abs=0.05)
    assert doubled.interval == pytest.approx(once.interval, abs=0.2)
    assert doubled.standard_error < once.standard_error


def test_without_difficulties_the_figure_has_another_label():
    rows, _ = judged()
    score = score_length_controlled(rows, resampling=QUICK)
    assert score.label == MINIMAL
    assert set(score.weights) == {"length", "model"}
    assert score.standard_error == pytest.approx(0, abs=1e-9)


def test_a_model_against_itself_has_50_by_definition():
    rows, difficulty = judged()
    score = score_length_controlled(rows.with_columns(generator_2=pl.col("generator_1")), difficulty)
    assert (score.win_rate, score.standard_error, score.interval) == (50, 0, (50, 50))


def test_longer_answers_that_win_by_length_lose_by_length_control():
    random = np.random.default_rng(0)
    lengths = [(100, 100 + int(extra)) for extra in random.integers(-100, 300, 200)]
    values = [2 - 1 / (1 + np.exp((b - a) / 80)) for a, b in lengths]
    score = score_length_controlled(annotations(values, lengths))
    assert score.win_rate < 100 * (np.mean(values) - 1) - 5
    assert score.weights["length"] < 0


def test_the_interval_is_that_of_fits_of_every_resample():
    rows, difficulty = judged(300)
    extra = gamed()
    score = score_length_controlled(rows, difficulty, extra, resampling=Resampling(resamples=400))
    delta = pl.col("output_1").str.len_chars().cast(pl.Int64) - pl.col("output_2").str.len_chars().cast(pl.Int64)
    scale = rows.select(delta.std())[0, 0]
    table = (
        rows.join(difficulty, on="instruction").select((delta / scale).tanh(), "difficulty", "preference").to_numpy()
    )
    x, y = np.column_stack([table[:, :2], np.ones(300)]), table[:, 2] - 1
    more = np.column_stack([np.tanh(extra["std_delta_length"]), extra["difficulty"], np.zeros(extra.height)])
    random, rates = np.random.default_rng(1), []
    for _ in range(400):
        drawn = random.integers(0, 300, 300)
        design, target = np.vstack([x[drawn], more]), np.append(y[drawn], extra["preference"])
        weight, point = np.append(np.ones(300), extra["weight"]), np.zeros(3)
        for _ in range(6):
            chance = 1 / (1 + np.exp(-design @ point))
            hessian = (design.T * (weight * chance * (1 - chance))) @ design
            point += np.linalg.solve(hessian, design.T @ (weight * (target - chance)))
        rates.append(100 * (1 / (1 + np.exp(-x[drawn][:, 1:] @ point[1:]))).mean())
    assert score.interval == pytest.approx(np.quantile(rates, [0.025, 0.975]), abs=0.7)


def test_several_models_in_one_file_are_an_error_that_names_them():
    rows = pl.concat([judged()[0], annotations([2.0], model="n")])
    with pytest.raises(ScoreError, match="m, n"):
        score_length_controlled(rows)


def test_gamed_rows_without_difficulties_are_an_error():
    with pytest.raises(ScoreError, match="--difficulty"):
        score_length_controlled(judged()[0], gamed=gamed())


@pytest.mark.parametrize("c", [0.0, -1.0, float("nan"), float("inf")])
def test_a_c_that_is_none_is_an_error(c):
    with pytest.raises(ScoreError, match="above 0"):
        score_length_controlled(*judged(), c=c)


def test_nothing_to_fit_says_why():
    rows, difficulty = judged(5, missing=5)
    score = score_length_controlled(rows, difficulty)
    assert score.win_rate is None
    assert "no row" in score.why


anything = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.one_of(st.none(), st.sampled_from([1.0, 1.5, 2.0]), st.floats(1, 2)),
        st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 5000])),
    ),
    min_size=1,
    max_size=9,
)


@pytest.mark.parametrize("c", [None, 2.78])
@given(anything, st.booleans(), st.sampled_from([1e-6, 1.0, 1e6]))
@settings(max_examples=50, deadline=None)
def test_whatever_is_judged_there_is_a_rate_from_0_to_100_or_a_reason(c, rows, with_gamed, unit):
    names, values, lengths = zip(*rows, strict=True)
    difficulty = pl.DataFrame(
        {"instruction": list("abcde"), "difficulty": [unit * x for x in (-1.0, 0.0, 0.5, 0.5, 2.0)]}
    )
    table = annotations(list(values), list(lengths), list(names))
    score = score_length_controlled(table, difficulty, gamed(6) if with_gamed else None, c=c, resampling=QUICK)
    assert (score.win_rate is None) <= (score.why is not None)
    assert score.win_rate is None or 0 <= score.win_rate <= 100
    assert score.interval is None or 0 <= score.interval[0] <= score.interval[1] <= 100
    assert score.n_total + score.n_invalid + score.n_without_difficulty == table.height
    assert score.headline <= (score.why is None or score.separated)
