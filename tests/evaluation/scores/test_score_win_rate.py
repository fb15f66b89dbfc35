import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.scores.made_up_judgements import QUICK, annotations, preferences, swapped
from xl_assets.evaluation.scores.win_rate import score_win_rate

values = st.lists(preferences, min_size=1, max_size=15)


@given(values)
@settings(max_examples=60, deadline=None)
def test_every_figure_is_alpacaevals(given_values):
    score = score_win_rate(annotations(given_values), resampling=QUICK)
    points = np.array(given_values) - 1
    assert score.win_rate == pytest.approx(100 * points.mean(), abs=1e-8)
    assert score.n_wins == (points > 0.5).sum()
    assert score.n_draws == (points == 0.5).sum()
    assert score.n_wins_base == (points < 0.5).sum()
    assert score.n_total == len(points) == score.n_wins + score.n_draws + score.n_wins_base
    assert score.discrete_win_rate == pytest.approx(100 * (score.n_wins + score.n_draws / 2) / len(points), abs=1e-8)
    if len(points) > 1:
        assert score.standard_error == pytest.approx(100 * points.std(ddof=1) / np.sqrt(len(points)), abs=1e-8)


@given(values)
@settings(max_examples=40, deadline=None)
def test_a_against_b_is_100_minus_b_against_a_with_its_interval(given_values):
    rows = annotations(given_values)
    score, other = (score_win_rate(table, resampling=QUICK) for table in (rows, swapped(rows)))
    assert score.win_rate + other.win_rate == pytest.approx(100)
    assert score.discrete_win_rate + other.discrete_win_rate == pytest.approx(100)
    assert (score.n_wins, score.n_draws) == (other.n_wins_base, other.n_draws)
    if score.interval and other.interval:
        assert score.interval[0] + other.interval[1] == pytest.approx(100)


@given(st.lists(st.tuples(st.sampled_from("abcde"), preferences), min_size=1, max_size=12), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing_though_prompts_are_there_twice(rows, seed):
    table = annotations([value for _, value in rows], instructions=[name for name, _ in rows])
    again = table.sample(fraction=1, shuffle=True, seed=seed)
    assert score_win_rate(table, resampling=QUICK) == score_win_rate(again, resampling=QUICK)


@given(values)
@settings(max_examples=30, deadline=None)
def test_the_interval_lies_around_equal_preferences_and_inside_of_0_to_100(given_values):
    same = score_win_rate(annotations([given_values[0]] * 5), resampling=QUICK)
    assert same.interval == (same.win_rate, same.win_rate)
    score = score_win_rate(annotations(given_values), resampling=QUICK)
    assert (score.interval is None) == (len(given_values) == 1)
    assert score.interval is None or 0 <= score.interval[0] <= score.interval[1] <= 100


@pytest.mark.parametrize(("value", "rate"), [(2.0, 100), (1.0, 0), (1.5, 50)])
def test_all_won_all_lost_and_all_drawn_are_certain(value, rate):
    score = score_win_rate(annotations([value] * 7))
    assert (score.win_rate, score.discrete_win_rate, score.standard_error) == (rate, rate, 0)
    assert score.interval == (rate, rate)


def test_one_prompt_has_a_rate_but_neither_error_nor_interval():
    score = score_win_rate(annotations([1.8]))
    assert score.win_rate == 80
    assert score.standard_error is None
    assert score.interval is None


def test_a_prompt_that_is_there_often_is_drawn_as_one():
    often = annotations([1.0, 2.0] * 50, instructions=["a", "b"] * 50)
    assert score_win_rate(often).interval == (0, 100)


def test_what_is_no_preference_is_counted_and_never_scored():
    score = score_win_rate(annotations([2.0, None, 1.0, None]))
    assert (score.win_rate, score.n_total, score.n_invalid, score.invalid) == (50, 2, 2, {"null": 2})
    assert not score.headline
    assert "50.0%" in score.why
    assert "2 invalid" in score.why


def test_missing_prompts_count_against_coverage_where_it_is_known_which_there_should_be():
    rows = annotations([2.0] * 50)
    prompts = [f"q{number}" for number in range(100)]
    assert score_win_rate(rows).headline
    score = score_win_rate(rows, prompts)
    assert (score.n_missing, score.coverage, score.headline) == (50, 0.5, False)
    assert "50 missing" in score.why


def test_99_percent_is_enough_and_less_is_not():
    assert score_win_rate(annotations([2.0] * 99 + [None])).headline
    assert not score_win_rate(annotations([2.0] * 98 + [None] * 2)).headline


def test_nothing_valid_is_no_figure_at_all():
    score = score_win_rate(annotations([None, None]))
    assert score.win_rate is None
    assert score.interval is None
    assert (score.n_total, score.n_invalid, score.headline) == (0, 2, False)


def test_length_is_in_code_points_of_the_candidate():
    assert score_win_rate(annotations([2.0, None], [(9, 3), (9, 4)])).avg_length == 3.5


def test_a_draw_is_exactly_one_and_a_half():
    score = score_win_rate(annotations([1.5, 1.5 + 1e-12, 1.5 - 1e-12]))
    assert (score.n_wins, score.n_draws, score.n_wins_base) == (1, 1, 1)


def test_the_interval_is_near_the_normal_one():
    random = np.random.default_rng(0)
    score = score_win_rate(annotations(random.uniform(1, 2, 400).tolist()))
    low, high = score.win_rate - 1.96 * score.standard_error, score.win_rate + 1.96 * score.standard_error
    assert score.interval == pytest.approx((low, high), abs=0.5)


def test_names_of_both_sides_are_told():
    mixed = pl.concat([annotations([2.0]), annotations([1.0], model="n")])
    score = score_win_rate(mixed)
    assert (score.model, score.reference) == (["m", "n"], ["r"])
