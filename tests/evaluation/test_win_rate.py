import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.made_up import judgement, judgements
from xl_assets.evaluation.bootstrap import generator, percentile_interval, resampled_means
from xl_assets.evaluation.win_rate import WinRateSettings, discrete_win_rate, prompt_preferences, win_rates
from xl_assets.tables import Judgement

QUICK = WinRateSettings(resamples=100)
ORDERS = ("reference_first", "model_first")

preferences = st.floats(1, 2, allow_nan=False)
pairs = st.lists(st.tuples(preferences, preferences), min_size=1, max_size=12)


def both_orders(values, language="de", model="fine_tuned") -> list[dict]:
    return [
        judgement(number, model, language, order, preference=value)
        for number, pair in enumerate(values)
        for order, value in zip(ORDERS, pair, strict=True)
    ]


def one(rates: pl.DataFrame, language="de", model="fine_tuned") -> dict:
    return rates.row(by_predicate=(pl.col("language") == language) & (pl.col("model") == model), named=True)


@given(pairs)
@settings(max_examples=30, deadline=None)
def test_win_rate_and_standard_error_are_alpacaevals_over_the_means_of_both_orders(values):
    rate = one(win_rates(judgements(both_orders(values)), QUICK))
    means = np.mean(values, axis=1)
    assert rate["win_rate"] == pytest.approx(100 * np.mean(means - 1), abs=1e-9)
    if len(values) > 1:
        assert rate["standard_error"] == pytest.approx(100 * np.std(means, ddof=1) / np.sqrt(len(means)), abs=1e-9)
    else:
        assert rate["standard_error"] is None
    assert rate["prompts"] == len(values)


@given(pairs)
@settings(max_examples=30, deadline=None)
def test_a_against_b_is_100_minus_b_against_a(values):
    rates = win_rates(judgements(both_orders(values)), QUICK)
    swapped = win_rates(judgements(both_orders([(3 - a, 3 - b) for a, b in values])), QUICK)
    assert one(rates)["win_rate"] + one(swapped)["win_rate"] == pytest.approx(100)
    if len(values) > 1:
        assert one(rates)["low"] + one(swapped)["high"] == pytest.approx(100)


@given(pairs, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_changes_nothing(values, random):
    rows = both_orders(values) + both_orders(values[::-1], "ga") + both_orders(values, model="base")
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert win_rates(judgements(rows), QUICK).equals(win_rates(judgements(shuffled), QUICK))


@pytest.mark.parametrize(("value", "rate"), [(2.0, 100.0), (1.0, 0.0)])
def test_all_won_and_all_lost_have_no_error_and_no_width(value, rate):
    found = one(win_rates(judgements(both_orders([(value, value)] * 5)), QUICK))
    assert (found["win_rate"], found["low"], found["high"], found["standard_error"]) == (rate, rate, rate, 0.0)


def test_one_prompt_has_a_win_rate_but_no_interval():
    found = one(win_rates(judgements(both_orders([(1.8, 1.6)])), QUICK))
    assert found["win_rate"] == pytest.approx(70)
    assert found["low"] is found["high"] is found["standard_error"] is None


def test_a_prompt_with_one_unreadable_order_is_invalid_and_not_counted():
    rows = both_orders([(1.9, 1.9), (1.2, 1.2)])
    rows[3] |= {"outcome": "invalid", "preference": None}
    found = one(win_rates(judgements(rows), QUICK))
    assert found["win_rate"] == pytest.approx(90)
    assert (found["prompts"], found["invalid"], found["missing"]) == (1, 1, 0)


def test_missing_and_invalid_prompts_are_counted_apart():
    rows = both_orders([(1.5, 1.5)] * 4)
    for row in rows[:4]:
        row |= {"outcome": "missing", "preference": None}
    for row in rows[4:6]:
        row |= {"outcome": "invalid", "preference": None}
    found = one(win_rates(judgements(rows), QUICK))
    assert (found["prompts"], found["ties"], found["invalid"], found["missing"]) == (1, 1, 1, 2)


def test_order_consistency_is_the_share_of_prompts_where_both_orders_agree():
    rows = both_orders([(1.9, 1.6), (1.9, 1.1), (1.2, 1.4), (1.5, 1.5)])
    for row in rows[6:]:
        row["outcome"] = "identical"
    assert one(win_rates(judgements(rows), QUICK))["order_consistency"] == pytest.approx(2 / 3)


def test_one_order_alone_has_no_order_consistency():
    rows = [row for row in both_orders([(1.9, 1.6), (1.9, 1.1)]) if row["order"] == "model_first"]
    found = one(win_rates(judgements(rows), QUICK))
    assert found["order_consistency"] is None
    assert found["win_rate"] == pytest.approx(35)


def test_the_average_is_the_mean_of_the_languages_however_many_prompts_each_has():
    rows = both_orders([(2.0, 2.0)]) + both_orders([(1.0, 1.0)] * 9, "ga")
    found = one(win_rates(judgements(rows), QUICK), "average")
    assert found["win_rate"] == pytest.approx(50)
    assert found["prompts"] == 10


def test_the_average_is_null_where_a_language_has_no_win_rate():
    rows = both_orders([(2.0, 2.0)] * 3)
    rows += [row | {"outcome": "invalid", "preference": None} for row in both_orders([(1.0, 1.0)] * 3, "ga")]
    found = one(win_rates(judgements(rows), QUICK), "average")
    assert found["win_rate"] is found["low"] is found["high"] is None
    assert found["invalid"] == 3


def test_languages_that_share_prompts_do_not_make_the_average_surer():
    values = [(1.0, 1.0), (2.0, 2.0)] * 20
    alone = one(win_rates(judgements(both_orders(values)), QUICK), "average")
    copies = [row for language in ("de", "ga", "mt", "hu") for row in both_orders(values, language)]
    shared = one(win_rates(judgements(copies), QUICK), "average")
    assert (shared["low"], shared["high"]) == (alone["low"], alone["high"])


def test_repeated_prompts_do_not_make_a_language_surer():
    values = [(1.0, 1.0), (2.0, 2.0)] * 20
    rows = both_orders(values)
    copies = [row | {name: f"{row[name]}-again" for name in ("prompt_id", "judgement_id")} for row in rows]
    once, twice = (one(win_rates(judgements(r), QUICK)) for r in (rows, rows + copies))
    assert (twice["low"], twice["high"]) == (once["low"], once["high"])
    assert twice["prompts"] == 2 * once["prompts"]


def test_a_language_keeps_its_interval_whatever_other_languages_are_judged():
    values = [(1.1, 1.3), (1.9, 1.7), (1.4, 1.8)] * 5
    alone = one(win_rates(judgements(both_orders(values)), QUICK))
    beside = one(win_rates(judgements(both_orders(values) + both_orders(values[:7], "ga")), QUICK))
    assert alone == beside


def test_another_seed_gives_another_interval_and_the_same_one_the_same():
    rows = judgements(both_orders([(value, value) for value in np.linspace(1, 2, 40)]))
    first, again, other = (one(win_rates(rows, WinRateSettings(200, seed=seed))) for seed in (0, 0, 1))
    assert first == again
    assert (first["low"], first["high"]) != (other["low"], other["high"])


def test_the_interval_of_independent_prompts_is_about_two_standard_errors():
    random = np.random.default_rng(7)
    rows = judgements(both_orders([(value, value) for value in 1 + random.random(400)]))
    found = one(win_rates(rows, WinRateSettings(2000)))
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * found["standard_error"], rel=0.06)
    assert one(win_rates(rows, WinRateSettings(2000)), "average")["standard_error"] == pytest.approx(
        found["standard_error"], rel=0.06
    )


def test_discrete_win_rate_counts_wins_and_half_of_the_ties():
    frame = pl.DataFrame({"preference": [1.9, 1.5, 1.2, 1.1, None]})
    assert frame.select(discrete_win_rate()).item() == pytest.approx(37.5)


def test_a_prompt_is_one_row_whatever_the_number_of_orders():
    found = prompt_preferences(judgements(both_orders([(1.2, 1.4), (1.9, 1.1)])))
    assert found["preference"].to_list() == [pytest.approx(1.3), pytest.approx(1.5)]
    assert found["consistent"].to_list() == [True, False]


def test_no_judgements_give_an_empty_table():
    assert win_rates(Judgement.create_empty()).is_empty()


def test_resamples_in_blocks_and_at_once_are_all_filled(monkeypatch):
    sums, counts = np.array([[1.0], [0.0], [2.0]]), np.array([[1.0], [1.0], [2.0]])
    monkeypatch.setattr("xl_assets.evaluation.bootstrap.BLOCK", 9)
    means = resampled_means(sums, counts, 10, generator(0, "x"))
    assert means.shape == (10, 1)
    assert ((means >= 0) & (means <= 1)).all()


def test_an_interval_of_nothing_is_none():
    assert percentile_interval(np.array([np.nan, 1.0]), 0.95) == (None, None)
