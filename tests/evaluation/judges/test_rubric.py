import json
from dataclasses import replace

import polars as pl
import pytest

from tests.evaluation.judges.made_up import pairs
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.judges.config import JudgeError, load_judge
from xl_assets.evaluation.judges.rubric import score_rubric
from xl_assets.generation.prompts import Prompt

RUBRIC = replace(load_judge("rubric"), criteria={"precision": "right", "brevity": "short"})
SAID = json.dumps({"precision": 4, "brevity": 2})


def test_every_criterion_of_every_response_is_a_row():
    scores = score_rubric(pairs(("a", "ref"), ("b", None)), RUBRIC, "f", Answers(lambda message: SAID))
    assert scores.select("response_id", "criterion", "score", "with_reference").rows() == [
        ("r0", "precision", 4, True),
        ("r0", "brevity", 2, True),
        ("r1", "precision", 4, False),
        ("r1", "brevity", 2, False),
    ]
    assert scores["raw_completion"].to_list() == [SAID] * 4


def test_the_reference_is_shown_where_there_is_one_and_only_there():
    model = Answers(lambda message: SAID)
    score_rubric(pairs(("a", "the fox"), ("b", None), language="de"), RUBRIC, "f", model)
    texts = model.calls["messages"].list.last().struct.field("content")
    assert texts.str.contains("English reference answer:\nthe fox", literal=True).sum() == 1
    assert texts.str.contains("reference").sum() == 1
    assert texts.str.contains("in German").all()
    assert texts.str.contains("- brevity: short", literal=True).all()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("4", "bad_scores"),
        ("I can't rate this.", "bad_scores"),
        ('{"precision": 4}', "bad_scores"),
        ('{"precision": 4, "brevity": 6}', "bad_scores"),
        ('{"precision": 4, "brevity": 2.5}', "bad_scores"),
        ('{"precision": 4, "brevity": 2} done', "bad_scores"),
        ("", "empty_answer"),
    ],
)
def test_what_is_not_read_strictly_is_null_with_the_reason(said, reason):
    scores = score_rubric(pairs(("a", "ref")), RUBRIC, "f", Answers(lambda message: said))
    assert scores.select("score", "reason").rows() == [(None, reason)] * 2
    assert scores["call_id"].null_count() == 0


def test_a_response_that_is_missing_costs_no_call_and_says_so():
    scores = score_rubric(pairs((None, "ref")), RUBRIC, "f", nobody)
    assert scores.select("score", "reason", "call_id").rows() == [(None, "no_response", None)] * 2
    mixed = score_rubric(pairs((None, "ref"), ("a", "ref")), RUBRIC, "f", Answers(lambda message: SAID))
    assert mixed["reason"].to_list() == ["no_response"] * 2 + [None] * 2


def test_a_failed_call_is_named():
    def timeout(wanted: pl.DataFrame) -> pl.DataFrame:
        answered = Answers(lambda message: SAID)(wanted)
        nothing = pl.lit(None, dtype=pl.String).alias("text")
        return answered.with_columns(nothing, pl.lit("timeout: 5 s").alias("failure"))

    scores = score_rubric(pairs(("a", "ref")), RUBRIC, "f", timeout)
    assert scores.select("score", "reason", "failure").rows() == [(None, "timeout", "timeout: 5 s")] * 2


def test_a_judge_that_writes_feedback_and_then_a_result_is_read_as_such():
    hercule = replace(
        RUBRIC,
        answer="result",
        criteria={"overall": "how good it is"},
        prompt=Prompt("hercule", "{instruction}{response}{reference}"),
        without_reference=Prompt("hercule", "{instruction}{response}"),
    )
    scores = score_rubric(pairs(("a", "ref")), hercule, "f", Answers(lambda message: "Good. [RESULT] 5"))
    assert scores.select("criterion", "score").rows() == [("overall", 5)]


def test_another_scale_is_kept_to():
    wide = replace(RUBRIC, scale=(1, 10))
    said = json.dumps({"precision": 10, "brevity": 7})
    assert score_rubric(pairs(("a", None)), wide, "f", Answers(lambda m: said))["score"].to_list() == [10, 7]
    assert score_rubric(pairs(("a", None)), RUBRIC, "f", Answers(lambda m: said))["score"].null_count() == 2


def test_responses_that_share_an_id_are_refused():
    rows = pairs(("a", None))
    with pytest.raises(JudgeError, match="response_id repeats"):
        score_rubric(pl.concat([rows, rows]), RUBRIC, "f", nobody)


def test_no_responses_are_no_scores():
    assert score_rubric(pairs(), RUBRIC, "f", nobody).is_empty()
