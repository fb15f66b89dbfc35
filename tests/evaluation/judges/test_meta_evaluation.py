import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.evaluation.judges.config import JudgeError
from xl_assets.evaluation.judges.families import model_family
from xl_assets.evaluation.judges.meta_evaluation import (
    judge_cost,
    judge_quality,
    order_consistency,
    preference_agreement,
    score_agreement,
    self_preference,
)

PREFERENCES = st.lists(
    st.tuples(st.sampled_from([1.0, 1.3, 1.5, 1.8, 2.0]), st.sampled_from([1.0, 1.5, 2.0])), max_size=15
)


def verdicts(*preferences: tuple[float | None, float | None], **constant: str) -> pl.DataFrame:
    """Preferences for the response, reference shown first and response shown first."""
    rows = [
        {"response_id": f"r{i}", "order": order, "preference": value, "outcome": "judged" if value else "invalid"}
        for i, pair in enumerate(preferences)
        for order, value in zip(("reference_first", "model_first"), pair, strict=True)
    ]
    types = {"response_id": pl.String, "order": pl.String, "preference": pl.Float64, "outcome": pl.String}
    return pl.DataFrame(rows, schema=types).with_columns(pl.lit(v).alias(k) for k, v in constant.items())


def known(*preferences: float) -> pl.DataFrame:
    rows = [(f"r{i}", preference) for i, preference in enumerate(preferences)]
    return pl.DataFrame(rows, schema={"response_id": pl.String, "preference": pl.Float64}, orient="row")


def by_name(figures) -> dict:
    return {name: value for name, value, _, _ in figures}


def test_agreement_counts_pairs_and_a_judges_tie_half():
    said = verdicts((1.9, 1.9), (1.1, 1.1), (1.9, 1.1), (1.9, None))
    figures = preference_agreement(said, known(2, 2, 2, 2))
    assert by_name(figures)["accuracy"] == pytest.approx(1 / 3)
    assert by_name(figures)["accuracy_without_ties"] == pytest.approx(0.5)
    assert {n for _, _, n, _ in figures} == {3}  # the pair without a verdict is not among them


@settings(deadline=None, max_examples=40)
@given(PREFERENCES)
def test_agreement_is_the_same_with_the_sides_swapped(both):
    said, truth = verdicts(*((p, p) for p, _ in both)), known(*(k for _, k in both))
    turn = (3 - pl.col("preference")).alias("preference")
    forth = by_name(preference_agreement(said, truth))
    back = by_name(preference_agreement(said.with_columns(turn), truth.with_columns(turn)))
    assert back == pytest.approx(forth)
    assert preference_agreement(said.reverse(), truth.reverse()) == preference_agreement(said, truth)


def test_known_answers_must_be_one_a_pair():
    with pytest.raises(JudgeError, match="2 rows share response_id"):
        preference_agreement(verdicts((1.9, 1.9)), pl.concat([known(2), known(1)]))


def test_score_agreement_weighs_the_distance_and_leaves_out_what_was_not_scored():
    names = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]
    frame = pl.DataFrame(names, schema=["response_id", "criterion"], orient="row")
    judged, truth = (
        frame.with_columns(score=pl.Series([1, 3, 5, None])),
        frame.with_columns(score=pl.Series([1, 3, 4, 2])),
    )
    figures = score_agreement(judged, truth)
    assert by_name(figures)["score_accuracy"] == pytest.approx(2 / 3)
    assert by_name(figures)["score_linear_kappa"] > by_name(figures)["score_cohen_kappa"]
    assert {n for _, _, n, _ in figures} == {3}


def test_a_judge_that_takes_the_first_is_never_consistent_and_its_liking_shows():
    figures = by_name(order_consistency(verdicts((1.0, 2.0), (1.2, 1.8))))
    assert figures == {"order_consistency": 0.0, "first_position": pytest.approx(0.9)}


def test_a_judge_that_keeps_its_word_is_consistent_whatever_the_order():
    figures = by_name(order_consistency(verdicts((1.9, 1.7), (1.1, 1.0), (1.5, 1.5))))
    assert figures["order_consistency"] == 1.0
    assert figures["first_position"] == pytest.approx(0.5, abs=0.05)


def test_pairs_judged_in_one_order_say_nothing_of_order():
    for _, value, n, why in order_consistency(verdicts((1.9, None)).filter(pl.col("order") == "reference_first")):
        assert (value, n) == (None, 0)
        assert "both orders" in why


def test_a_fair_judge_has_no_bias_for_its_family_however_good_its_answers_are():
    said = verdicts(*[(1.9, 1.9)] * 3, (1.1, 1.1), model="gpt-4o", reference_model="llama-3")
    truth = known(2, 2, 2, 1)
    figures = by_name(self_preference(said, "gpt-4.1", truth))
    assert figures["self_win_rate"] == pytest.approx(0.7)
    assert figures["self_preference_bias"] == 0.0


def test_a_judge_that_always_takes_its_own_side_has_all_the_bias_there_is_on_either_side():
    truth = known(2, 1)
    own = verdicts((2.0, 2.0), (2.0, 2.0), model="org/Qwen2.5-7B", reference_model="gpt-4o")
    assert by_name(self_preference(own, "qwen3", truth)) == {"self_win_rate": 1.0, "self_preference_bias": 1.0}
    turned = own.with_columns(preference=3 - pl.col("preference"), model="reference_model", reference_model="model")
    assert by_name(self_preference(turned, "qwen3", truth)) == {"self_win_rate": 1.0, "self_preference_bias": 1.0}


@pytest.mark.parametrize(("model", "reference"), [("llama-2", "gpt-4o"), ("qwen2", "qwen1")])
def test_pairs_of_none_or_both_sides_of_the_family_say_nothing_of_it(model, reference):
    said = verdicts((2.0, 2.0), model=model, reference_model=reference)
    for _, value, n, why in self_preference(said, "qwen3", known(2)):
        assert (value, n) == (None, 0)
        assert "family qwen" in why


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("Meta-Llama-3-8B", "llama"),
        ("gpt-4o-mini", "gpt"),
        ("gpt4_turbo", "gpt"),
        ("Qwen2.5-72B", "qwen"),
        ("models/teacher", "teacher"),
        ("7B", "7b"),
    ],
)
def test_a_family_is_what_stands_before_the_number(name, family):
    assert model_family(name) == family
    assert model_family(name, {name: "own"}) == "own"


def test_cost_is_of_the_calls_that_were_made():
    calls = pl.DataFrame(
        {
            "call_id": ["a", "b", None],
            "prompt_tokens": [1000, 500, None],
            "completion_tokens": [10, None, None],
            "failure": [None, "timeout", None],
        }
    )
    assert by_name(judge_cost(calls, price_in=2.0, price_out=10.0)) == {
        "calls": 2.0,
        "failed_calls": 1.0,
        "prompt_tokens": 1500.0,
        "completion_tokens": 10.0,
        "cost": pytest.approx(0.0031),
    }


def test_all_figures_of_a_judge_are_one_table_for_all_and_for_each_group():
    said = verdicts((1.9, 1.9), (1.1, 1.1), model="a", reference_model="b").with_columns(
        language=pl.when(pl.col("response_id") == "r0").then(pl.lit("de")).otherwise(pl.lit("ga"))
    )
    rows = judge_quality("pairwise", "judge-1", judgements=said, known=known(2, 1), by="language")
    assert set(rows["group"]) == {"all", "language=de", "language=ga"}
    found = rows.filter(pl.col("group") == "all", pl.col("metric") == "accuracy").row(0, named=True)
    assert (found["value"], found["n"], found["judge_model"]) == (1.0, 2, "judge-1")
    nothing = rows.filter(pl.col("metric") == "self_win_rate")
    assert nothing["value"].null_count() == nothing.height
    assert nothing["reason"].null_count() == 0


def test_a_judge_without_tables_has_no_figures():
    assert judge_quality("pairwise", "judge-1").is_empty()
