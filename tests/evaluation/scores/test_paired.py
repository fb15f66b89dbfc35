import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.scores.made_up_judgements import QUICK, annotations, preferences
from xl_assets.evaluation.scores import ScoreError
from xl_assets.evaluation.scores.paired import paired_difference
from xl_assets.evaluation.scores.win_rate import score_win_rate

pairs = st.lists(st.tuples(preferences, preferences), min_size=1, max_size=12)


@given(pairs, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_difference_is_that_of_the_rates_and_turns_with_its_sides(values, seed):
    first, second = (annotations([pair[side] for pair in values]) for side in (0, 1))
    found = paired_difference(first, second.sample(fraction=1, shuffle=True, seed=seed), QUICK)
    other = paired_difference(second, first, QUICK)
    assert found.difference == pytest.approx(found.win_rate - found.win_rate_2, abs=1e-8)
    assert found.difference == pytest.approx(-other.difference, abs=1e-8)
    assert found.win_rate == score_win_rate(first, resampling=QUICK).win_rate
    if found.interval:
        assert found.interval == pytest.approx((-other.interval[1], -other.interval[0]), abs=1e-8)


def test_pairing_takes_away_what_prompts_have_in_common():
    values = np.linspace(1, 1.9, 50)
    found = paired_difference(annotations((values + 0.1).tolist()), annotations(values.tolist()))
    assert found.difference == pytest.approx(10)
    assert found.interval == pytest.approx((10, 10))
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_only_prompts_that_both_have_count_whatever_their_position():
    first = annotations([2.0, 1.0, None, 1.5], instructions=["a", "b", "c", "d"])
    second = annotations([2.0, 1.0, 2.0], instructions=["c", "a", "e"])
    found = paired_difference(first, second)
    assert (found.n_prompts, found.n_only, found.n_only_2) == (1, 2, 2)
    assert found.difference == 100
    assert found.interval is None
    assert found.standard_error is None


def test_a_prompt_that_is_there_twice_counts_as_its_mean():
    first = annotations([2.0, 1.0, 2.0], instructions=["a", "a", "b"])
    assert paired_difference(first, annotations([1.0, 1.0], instructions=["a", "b"])).win_rate == 75


def test_models_on_other_prompts_can_not_be_compared():
    with pytest.raises(ScoreError, match="same prompts"):
        paired_difference(annotations([2.0]), annotations([1.0], instructions=["z"]))


def test_other_references_are_named():
    found = paired_difference(annotations([2.0, 1.0]), annotations([1.0, 1.0], reference="s"))
    assert "different references" in found.note
