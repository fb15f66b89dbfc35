import polars as pl

from tests.evaluation.made_up import RELEASE, prompts
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.responses import respond
from xl_assets.generation.calls import ANSWER


def cut(wanted: pl.DataFrame) -> pl.DataFrame:
    answer = {"text": "The fox the fox the", "finish_reason": "length", "prompt_tokens": 1, "completion_tokens": 9}
    rows = [{"call_id": call} | answer for call in wanted["call_id"]]
    return pl.DataFrame(rows, schema=ANSWER)


def test_every_prompt_gets_a_response_in_the_order_of_the_prompts():
    asked = prompts()
    answered = respond(asked, "base", "f1", Answers(lambda message: f" {message}! \n"), RELEASE)
    assert answered["prompt_id"].to_list() == asked["prompt_id"].to_list()
    assert answered["response"].to_list() == [f"{text}!" for text in asked["instruction"]]
    assert answered["kept"].all()


def test_responses_are_greedy_by_default():
    model = Answers(lambda message: "yes")
    respond(prompts(), "base", "f1", model, RELEASE)
    assert '"temperature":0.0' in model.calls["parameters"][0]


def test_a_cut_response_is_missing_with_its_reason_and_is_not_asked_for_again():
    calls = []

    def count(wanted: pl.DataFrame) -> pl.DataFrame:
        calls.append(wanted.height)
        return cut(wanted)

    asked = prompts()
    answered = respond(asked, "base", "f1", count, RELEASE)
    assert answered["response"].is_null().all()
    assert answered["reasons"].to_list() == [["ran_into_length_limit"]] * asked.height
    assert calls == [asked.height]


def test_another_model_or_role_gives_other_response_ids():
    ids = [
        set(respond(prompts(), model, fingerprint, Answers(lambda message: "yes"), RELEASE)["response_id"])
        for model, fingerprint in [("base", "f1"), ("base", "f2"), ("reference", "f1")]
    ]
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_no_prompts_give_an_empty_table_without_asking():
    assert respond(prompts().clear(), "base", "f1", nobody, RELEASE).is_empty()
