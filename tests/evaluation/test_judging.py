import math

import polars as pl
import pytest

from tests.evaluation.made_up import prompts, responses
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.judging import JudgeSettings, JudgingError, judge, judge_with_reasons
from xl_assets.evaluation.win_rate import win_rates

GOOD, BAD, PLAIN = "a good answer", "a bad answer", "a plain answer"


def verdict(a: float) -> tuple[str, list[tuple[str, float]]]:
    return ("A" if a >= 0.5 else "B"), [("A", math.log(a)), ("B", math.log(1 - a))]


def likes_good_answers(message: str):
    first, second = message.split("Response A:\n")[1].split("\n\nResponse B:\n")
    return verdict(0.9 if (GOOD in first) > (GOOD in second) or (BAD in second) > (BAD in first) else 0.1)


@pytest.fixture
def references():
    return responses(prompts(), "reference", lambda prompt: PLAIN)


def by_order(judged: pl.DataFrame) -> dict[str, list[float]]:
    return {key[0]: rows["preference"].to_list() for key, rows in judged.partition_by("order", as_dict=True).items()}


def test_a_better_answer_is_preferred_in_both_orders(references):
    judged = judge(responses(prompts(), "fine_tuned", lambda p: GOOD), references, "j", Answers(likes_good_answers))
    assert by_order(judged) == {
        "reference_first": [pytest.approx(1.9)] * 6,
        "model_first": [pytest.approx(1.9)] * 6,
    }
    assert judged["verdict"].to_list() == ["B", "A"] * 6


def test_a_worse_answer_is_not_preferred_in_either_order(references):
    judged = judge(responses(prompts(), "base", lambda p: BAD), references, "j", Answers(likes_good_answers))
    assert judged["preference"].to_list() == [pytest.approx(1.1)] * 12


def test_a_judge_that_always_likes_the_first_position_makes_a_tie(references):
    judged = judge(responses(prompts(), "base", lambda p: GOOD), references, "j", Answers(lambda message: verdict(0.8)))
    assert (
        judged.group_by("prompt_id").agg(pl.col("preference").mean())["preference"].to_list()
        == [pytest.approx(1.5)] * 6
    )


def test_the_judge_reads_the_english_name_of_the_language(references):
    model = Answers(likes_good_answers)
    judge(responses(prompts(), "base", lambda p: GOOD), references, "j", model)
    shown = model.calls["messages"].list.first().struct.field("content")
    assert shown.str.contains("not in German is worse").sum() == 6
    assert shown.str.contains("not in Irish is worse").sum() == 6


def test_text_that_looks_like_a_template_reaches_the_judge_as_it_is(references):
    model = Answers(likes_good_answers)
    judge(responses(prompts(), "base", lambda p: "{instruction} {{x}}"), references, "j", model)
    assert "{instruction} {{x}}" in model.calls["messages"][0][0]["content"]


def test_identical_answers_are_a_tie_without_a_call(references):
    judged = judge(responses(prompts(), "base", lambda p: f"{PLAIN} "), references, "j", nobody)
    assert judged["outcome"].unique().to_list() == ["identical"]
    assert judged["preference"].to_list() == [1.5] * 12
    assert judged["call_id"].is_null().all()


def test_a_missing_side_is_missing_without_a_call():
    asked = prompts()
    present = responses(asked, "base", lambda p: GOOD)
    absent = responses(asked, "reference", lambda p: None)
    for judged in (judge(present, absent, "j", nobody), judge(absent, present, "j", nobody)):
        assert judged["outcome"].unique().to_list() == ["missing"]
        assert judged["preference"].is_null().all()


@pytest.mark.parametrize(
    "said",
    [
        "I can't decide.",
        ("I can't decide.", [("I", -0.1), ("A", -9.0), ("B", -12.0)]),
        ("C", [("C", -0.1), ("A", -9.0)]),
        ("A", [("x", -0.1)]),
        "A",
        "",
        "   ",
    ],
)
def test_what_is_no_verdict_is_invalid_and_never_scored(references, said):
    judged = judge(responses(prompts(), "base", lambda p: GOOD), references, "j", Answers(lambda message: said))
    assert judged["outcome"].unique().to_list() == ["invalid"]
    assert judged["preference"].is_null().all()
    rates = win_rates(judged)
    assert rates["win_rate"].is_null().all()
    assert rates.filter(pl.col("language") == "average")["invalid"].item() == 6


def test_a_token_outside_the_top_k_counts_nothing(references):
    judged = judge(
        responses(prompts(), "base", lambda p: GOOD), references, "j", Answers(lambda message: ("B", [("B", -0.7)]))
    )
    assert by_order(judged) == {"reference_first": [2.0] * 6, "model_first": [1.0] * 6}


def test_one_order_asks_half_as_much(references):
    model = Answers(likes_good_answers)
    settings = JudgeSettings(orders=("model_first",))
    judged = judge(responses(prompts(), "base", lambda p: GOOD), references, "j", model, settings)
    assert judged["order"].unique().to_list() == ["model_first"]
    assert model.calls.height == 6


def test_models_are_judged_together_and_apart(references):
    asked = prompts()
    both = pl.concat([responses(asked, "base", lambda p: BAD), responses(asked, "fine_tuned", lambda p: GOOD)])
    judged = judge(both, references, "j", Answers(likes_good_answers))
    means = dict(judged.group_by("model").agg(pl.col("preference").mean()).rows())
    assert means == {"base": pytest.approx(1.1), "fine_tuned": pytest.approx(1.9)}
    assert judged["judgement_id"].n_unique() == judged.height == 24


def test_another_judge_gives_other_judgement_ids(references):
    answered = responses(prompts(), "base", lambda p: GOOD)
    ids = [set(judge(answered, references, judge_, Answers(likes_good_answers))["judgement_id"]) for judge_ in "jk"]
    assert not ids[0] & ids[1]


def test_a_response_without_a_reference_is_an_error_that_names_the_remedy(references):
    with pytest.raises(JudgingError, match=r"1 of 6 responses have no reference.*reference_responses"):
        judge(responses(prompts(), "base", lambda p: GOOD), references[1:], "j", nobody)


def test_two_references_for_a_prompt_are_an_error(references):
    with pytest.raises(JudgingError, match="more than one reference"):
        judge(responses(prompts(), "base", lambda p: GOOD), pl.concat([references] * 2), "j", nobody)


@pytest.mark.parametrize("orders", [(), ("first",), ("model_first", "model_first")])
def test_unknown_orders_are_refused(orders):
    with pytest.raises(JudgingError, match="reference_first, model_first"):
        JudgeSettings(orders=orders)


def test_no_responses_give_an_empty_table(references):
    assert judge(references.clear(), references, "j", nobody).is_empty()


def test_another_judge_is_a_name_in_the_settings(references):
    model = Answers(lambda message: ("M", [("M", -0.1), ("m", -2.4)]))
    settings = JudgeSettings(judge="pairwise_logprob", orders=("reference_first",))
    judged = judge(responses(prompts(), "base", lambda p: GOOD), references, "j", model, settings)
    assert judged["verdict"].unique().to_list() == ["M"]
    assert judged["preference"].to_list() == [pytest.approx(1 / (1 + math.exp(-2.3)) + 1)] * 6
    assert settings.prompt.name == "evaluation/judges/pairwise_logprob/template"


def test_an_unknown_judge_is_named_with_the_known_ones():
    with pytest.raises(JudgingError, match="pairwise_logprob"):
        _ = JudgeSettings(judge="nobody").config


def test_a_call_that_failed_is_missing_with_its_reason_and_its_words_are_kept(references):
    def timeout(wanted: pl.DataFrame) -> pl.DataFrame:
        nothing = pl.lit(None, dtype=pl.String).alias("text")
        return Answers(likes_good_answers)(wanted).with_columns(nothing, pl.lit("timeout: 9 s").alias("failure"))

    answered = responses(prompts(), "base", lambda p: GOOD)
    rows = judge_with_reasons(answered, references, "j", timeout)
    assert rows.select("outcome", "reason", "failure").unique().rows() == [("missing", "timeout", "timeout: 9 s")]
    assert judge(answered, references, "j", timeout)["preference"].null_count() == 12
    told = judge_with_reasons(answered, references, "j", Answers(likes_good_answers))
    assert set(told["raw_completion"]) == {"A", "B"}
