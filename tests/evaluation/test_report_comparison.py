import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.made_up import judgement, judgements
from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.report_comparison import paired_differences
from xl_assets.evaluation.win_rate import win_rates

FEW = Resampling(resamples=200)


def judged(preferences, language="de", model="fine_tuned"):
    rows = [
        judgement(number, model, language, preference=preference, outcome="missing" if preference is None else "judged")
        for number, preference in enumerate(preferences)
    ]
    return judgements(rows)


def both_languages(preferences):
    return pl.concat([judged(preferences, "de"), judged(preferences[::-1], "ga")])


preferences = st.lists(st.floats(1, 2), min_size=2, max_size=12)


@settings(deadline=None, max_examples=15)
@given(pair=st.integers(2, 10).flatmap(lambda n: st.tuples(*[st.lists(st.floats(1, 2), min_size=n, max_size=n)] * 2)))
def test_a_difference_is_the_difference_of_the_win_rates_and_changes_its_sign_with_the_sides(pair):
    now, then = (both_languages(side) for side in pair)
    found = paired_differences(now, then, FEW).sort("language")
    rates = [win_rates(side, FEW).sort("language")["win_rate"] for side in (now, then)]
    assert found["value"].to_list() == pytest.approx((rates[0] - rates[1]).to_list(), abs=1e-6)
    assert found["now"].to_list() == pytest.approx(rates[0].to_list(), abs=1e-6)
    back = paired_differences(then, now, FEW).sort("language")
    assert back["value"].to_list() == pytest.approx((-found["value"]).to_list(), abs=1e-6)
    assert back["low"].to_list() == pytest.approx((-found["high"]).to_list(), abs=1e-6)


@settings(deadline=None, max_examples=10)
@given(preferences)
def test_a_release_does_not_differ_from_itself(given_preferences):
    rows = both_languages(given_preferences)
    found = paired_differences(rows, rows, FEW)
    assert found["value"].to_list() == pytest.approx([0] * 3, abs=1e-9)
    assert found["low"].to_list() == pytest.approx([0] * 3, abs=1e-9)


def test_the_order_of_rows_changes_nothing():
    now, then = both_languages([1.2, 1.9, 1.4, 1.7]), both_languages([1.1, 1.5, 1.6, 1.3])
    mixed = paired_differences(now.sample(fraction=1, shuffle=True, seed=1), then.reverse(), FEW)
    assert mixed.equals(paired_differences(now, then, FEW))


def test_a_language_with_other_prompts_is_not_compared():
    now = pl.concat([judged([1.2, 1.9]), judged([1.2, 1.9, 1.4], "ga")])
    then = pl.concat([judged([1.1, 1.5]), judged([1.2, 1.9], "ga")])
    found = paired_differences(now, then, FEW)
    assert set(found["language"]) == {"de", "average"}
    assert paired_differences(now, judged([1.1, 1.5], "mt"), FEW).is_empty()


def test_below_full_coverage_there_is_no_difference_but_a_reason():
    found = paired_differences(judged([1.2, 1.9, None]), judged([1.2, 1.9, 1.1]), FEW).filter(language="de")
    assert found["value"].to_list() == [None]
    assert found["why"].to_list() == ["only 2 of 3 prompts have a verdict in both releases"]
