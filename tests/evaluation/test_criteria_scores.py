import json

import polars as pl
import pytest

from tests.evaluation.made_up import prompts, responses
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.criteria_scores import CriteriaSettings, score_criteria

SETTINGS = CriteriaSettings(criteria={"precision": "every fact is right", "brevity": "it is short"})


@pytest.fixture
def answered():
    return responses(prompts(), "base", lambda prompt: "In the forest.")


def test_a_response_gets_one_row_for_each_criterion(answered):
    said = json.dumps({"precision": 4, "brevity": 2})
    scored = score_criteria(answered, "j", Answers(lambda message: said), SETTINGS)
    assert scored.height == 2 * answered.height
    assert scored.filter(pl.col("response_id") == "base-p0-de").select("criterion", "score").rows() == [
        ("precision", 4),
        ("brevity", 2),
    ]
    assert scored["call_id"].n_unique() == answered.height


def test_the_judge_reads_criteria_language_instruction_and_response(answered):
    model = Answers(lambda message: json.dumps({"precision": 4, "brevity": 2}))
    score_criteria(answered, "j", model, SETTINGS)
    shown = model.calls["messages"][0][0]["content"]
    for part in ("German", "- brevity: it is short", "Where does animal 0 live?", "In the forest."):
        assert part in shown


@pytest.mark.parametrize("said", ["", "good", '{"precision": 4}', '{"precision": 9, "brevity": 2}', "[1, 2]"])
def test_an_answer_that_is_not_as_asked_scores_null_on_every_criterion(answered, said):
    scored = score_criteria(answered, "j", Answers(lambda message: said), SETTINGS)
    assert scored.height == 2 * answered.height
    assert scored["score"].is_null().all()
    assert scored["call_id"].is_not_null().all()


def test_a_missing_response_is_not_rated():
    absent = responses(prompts(), "base", lambda prompt: None)
    scored = score_criteria(absent, "j", nobody, SETTINGS)
    assert scored.height == 12
    assert scored["score"].is_null().all()
    assert scored["call_id"].is_null().all()


def test_a_missing_response_among_others_keeps_its_rows():
    some = responses(prompts(), "base", lambda prompt: None if prompt["prompt_id"] == "p0-de" else "Yes.")
    scored = score_criteria(some, "j", Answers(lambda m: json.dumps({"precision": 4, "brevity": 2})), SETTINGS)
    assert scored["score"].null_count() == 2
    assert scored.height == 12


def test_a_known_answer_is_shown_to_the_judge_and_only_with_its_prompt(answered):
    model = Answers(lambda message: json.dumps({"precision": 4, "brevity": 2}))
    references = pl.DataFrame({"prompt_id": ["p0-de"], "reference": ["It lives in the forest."]})
    scored = score_criteria(answered, "j", model, SETTINGS, references)
    shown = model.calls["messages"].list.last().struct.field("content")
    assert shown.str.contains("It lives in the forest.", literal=True).sum() == 1
    assert scored["score"].null_count() == 0


def test_one_response_in_two_releases_is_scored_in_each(answered):
    both = pl.concat([answered, answered.with_columns(pl.lit("r2").alias("release"))])
    scored = score_criteria(both, "j", Answers(lambda m: json.dumps({"precision": 4, "brevity": 2})), SETTINGS)
    assert scored["release"].value_counts().sort("release")["count"].to_list() == [12, 12]


def test_the_settings_can_name_another_rubric(answered, tmp_path):
    (tmp_path / "judge.toml").write_text(
        'kind = "rubric"\n[criteria]\noverall = "how good"\n[sampling]\nmax_tokens = 9'
    )
    (tmp_path / "template.txt").write_text("{criteria} {instruction} {response}")
    settings = CriteriaSettings(judge=str(tmp_path))
    scored = score_criteria(answered, "j", Answers(lambda message: '{"overall": 5}'), settings)
    assert scored.select("criterion", "score").unique().rows() == [("overall", 5)]
