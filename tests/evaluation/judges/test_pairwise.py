import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.judges.made_up import likes_longer, pairs, shown, weighed
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.judges.config import JudgeError, load_judge
from xl_assets.evaluation.judges.contract import PairVerdict
from xl_assets.evaluation.judges.pairwise import judge_pairs
from xl_assets.generation.calls import ANSWER
from xl_assets.tables import check_table

LOGPROB = load_judge("pairwise_logprob")
OUTCOME = PairVerdict.create_empty().schema["outcome"]


def judged(rows: pl.DataFrame, answer, judge=LOGPROB) -> pl.DataFrame:
    """Verdicts that meet their contract."""
    verdicts = judge_pairs(rows, judge, "f", answer)
    check_table(verdicts.with_columns(pl.col("outcome").cast(OUTCOME)), PairVerdict)
    return verdicts


def test_the_preference_is_of_the_response_whichever_side_it_is_shown_on():
    likes_a = Answers(lambda message: weighed(0.9 if shown(message)[0] == "better" else 0.1))
    verdicts = judged(pairs(("better", "worse"), ("worse", "better")), likes_a)
    assert verdicts.select("response_id", "order", pl.col("preference").round(9)).rows() == [
        ("r0", "reference_first", 1.9),
        ("r0", "model_first", 1.9),
        ("r1", "reference_first", 1.1),
        ("r1", "model_first", 1.1),
    ]
    assert verdicts["raw_completion"].to_list() == ["M", "m", "m", "M"]
    assert verdicts["label_mass"].to_list() == [pytest.approx(1.0)] * 4


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.text("ab c", max_size=30), st.text("ab c", max_size=30)), min_size=1, max_size=8))
def test_swapping_the_sides_of_a_symmetric_judge_mirrors_every_preference(texts):
    forth = judged(pairs(*texts), Answers(likes_longer()))
    back = judged(pairs(*((b, a) for a, b in texts)), Answers(likes_longer()))
    mirrored = [3 - preference for preference in back["preference"]]
    assert forth.group_by("response_id", maintain_order=True).agg(pl.col("preference").mean())[
        "preference"
    ].to_list() == pytest.approx([sum(mirrored[i : i + 2]) / 2 for i in range(0, len(mirrored), 2)])


def test_an_answer_cut_after_its_one_token_is_whole():
    def cut(wanted: pl.DataFrame) -> pl.DataFrame:
        return Answers(lambda message: weighed(0.7))(wanted).with_columns(pl.lit("length").alias("finish_reason"))

    assert judged(pairs(("a", "b")), cut)["outcome"].to_list() == ["judged"] * 2
    longer = replace(LOGPROB, sampling=replace(LOGPROB.sampling, max_tokens=8))
    verdicts = judged(pairs(("a", "b")), cut, longer)
    assert verdicts["reason"].to_list() == ["ran_into_length_limit"] * 2
    assert verdicts["raw_completion"].to_list() == ["m"] * 2


def test_a_tie_needs_no_call_and_a_missing_side_gets_none():
    verdicts = judged(pairs(("same ", "same"), (None, "b"), ("a", None), (None, None)), nobody)
    assert verdicts["outcome"].to_list() == ["identical"] * 2 + ["missing"] * 6
    assert verdicts["reason"].to_list() == [None] * 2 + ["no_response"] * 2 + ["no_reference"] * 2 + ["no_response"] * 2
    assert verdicts["preference"].to_list() == [1.5] * 2 + [None] * 6


def test_a_call_that_failed_is_missing_and_what_says_nothing_is_invalid():
    def answer(wanted: pl.DataFrame) -> pl.DataFrame:
        answered = Answers(lambda message: "Neither." if "question 1" in message else weighed(0.7))(wanted)
        timeout = wanted["messages"].list.last().struct.field("content").str.contains("question 0")
        return answered.with_columns(
            pl.when(timeout).then(pl.lit("timeout: 5 s")).otherwise("failure").alias("failure"),
            pl.when(timeout).then(None).otherwise("text").alias("text"),
        ).select(list(ANSWER))

    verdicts = judged(pairs(("a", "b"), ("a", "b"), ("a", "b")), answer)
    assert verdicts["outcome"].to_list() == ["missing"] * 2 + ["invalid"] * 2 + ["judged"] * 2
    assert verdicts["reason"].to_list() == ["timeout"] * 2 + ["bad_verdict"] * 2 + [None] * 2
    assert verdicts["failure"].to_list() == ["timeout: 5 s"] * 2 + [None] * 4
    assert verdicts["raw_completion"].to_list()[2:4] == ["Neither."] * 2
    assert verdicts["preference"].null_count() == 4


def test_one_order_asks_half_and_gives_the_same_preferences_in_that_order():
    both, one = Answers(likes_longer()), Answers(likes_longer())
    whole = judged(pairs(("abc", "b")), both)
    half = judged(pairs(("abc", "b")), one, LOGPROB.with_orders(["model_first"]))
    assert (both.calls.height, one.calls.height) == (2, 1)
    assert half.rows() == whole.filter(pl.col("order") == "model_first").rows()


def test_rows_in_another_order_ask_the_same_calls_and_get_the_same_verdicts():
    rows = pairs(("abc", "b"), ("x", "yyyyy"), ("same", "same"), (None, "b"))
    forth, back = Answers(likes_longer()), Answers(likes_longer())
    first, second = judged(rows, forth), judged(rows.reverse(), back)
    assert set(forth.calls["call_id"]) == set(back.calls["call_id"])
    keys = ["response_id", "order"]
    assert first.sort(keys).equals(second.sort(keys))


def test_a_choice_is_worth_a_whole_point_and_an_allowed_tie_half():
    judge = replace(load_judge("pairwise_choice"), tie="C")
    said = {"question 0": "A", "question 1": "B", "question 2": "C"}
    answer = Answers(lambda message: next(word for name, word in said.items() if name in message))
    verdicts = judged(pairs(*[("a", "b")] * 3), answer, judge.with_orders(["reference_first"]))
    assert verdicts["preference"].to_list() == [1.0, 2.0, 1.5]


def test_the_language_is_named_where_it_is_known():
    model = Answers(likes_longer())
    rows = pl.concat([pairs(("a", "b"), language="de"), pairs(("c", "d"))]).with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias("response_id")
    )
    judged(rows, model)
    texts = model.calls["messages"].list.last().struct.field("content")
    assert texts.str.contains("in German").sum() == texts.str.contains("in the requested language").sum() == 2


def test_answers_that_look_like_templates_reach_the_judge_letter_for_letter():
    model = Answers(likes_longer())
    judged(pairs(("{instruction} {{ 7*7 }} $1 \\1", "plain")), model)
    assert "{instruction} {{ 7*7 }} $1 \\1" in model.calls["messages"][0][-1]["content"]


def test_a_system_message_comes_first():
    model = Answers(likes_longer())
    judged(pairs(("a", "b")), model)
    assert [part["role"] for part in model.calls["messages"][0]] == ["system", "user"]


def test_no_pairs_are_no_verdicts():
    assert judged(pairs(), nobody).is_empty()


@pytest.mark.parametrize("column", ["reference", "instruction"])
def test_a_missing_column_is_named(column):
    with pytest.raises(JudgeError, match=column):
        judge_pairs(pairs(("a", "b")).drop(column), LOGPROB, "f", nobody)


def test_a_column_that_a_verdict_would_overwrite_is_named():
    with pytest.raises(JudgeError, match="verdict"):
        judge_pairs(pairs(("a", "b")).with_columns(verdict=pl.lit("mine")), LOGPROB, "f", nobody)


def test_a_rubric_is_no_pairwise_judge():
    with pytest.raises(JudgeError, match="rubric is of the kind rubric"):
        judge_pairs(pairs(("a", "b")), load_judge("rubric"), "f", nobody)


def test_the_probability_outside_the_top_tokens_counts_nothing():
    said = ("m", [("m", math.log(0.3)), ("Both", math.log(0.7))])
    verdicts = judged(pairs(("a", "b")), Answers(lambda message: said))
    assert verdicts["preference"].to_list() == [1.0, 2.0]
    assert verdicts["label_mass"].to_list() == [pytest.approx(0.3)] * 2
