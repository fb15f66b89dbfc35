"""Planning, asking, asking again, collecting: without any model."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.generation.calls import (
    ANSWER,
    RETRY_TEMPERATURE,
    WANTED,
    Parser,
    Request,
    Sampling,
    collect_calls,
    complete_rows,
    plan_calls,
    wanted_calls,
)

REQUEST = Request("question", [("user", pl.lit("Q: ") + pl.col("passage"))], Sampling(), ("row_id",))
PARSER = Parser({"instruction": pl.col("text").str.strip_chars()})
ROWS = pl.DataFrame({"row_id": ["a", "b", "c"], "passage": ["x", "y", "z"]})
GOOD = {"text": "fine", "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1}


def answers(wanted: pl.DataFrame, say) -> pl.DataFrame:
    """`say` takes a call's row and returns the differences from a good answer."""
    rows = [{"call_id": call["call_id"], **GOOD, **(say(call) or {})} for call in wanted.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=ANSWER)


class Asked:
    """An `answer` that keeps what it was asked."""

    def __init__(self, say=lambda call: None) -> None:
        self.say, self.rounds = say, []

    def __call__(self, wanted: pl.DataFrame) -> pl.DataFrame:
        self.rounds.append(wanted)
        return answers(wanted, self.say)


def content(call: dict) -> str:
    return call["messages"][0]["content"]


def test_rows_keep_their_order_and_columns():
    done = complete_rows(ROWS, REQUEST, PARSER, "model", Asked())
    assert done.columns == ["row_id", "passage", "call_id", "instruction", "kept", "reasons"]
    assert done["row_id"].to_list() == ["a", "b", "c"]
    assert done["instruction"].to_list() == ["fine"] * 3
    assert done["kept"].all()
    assert done["reasons"].to_list() == [[], [], []]


def test_planned_calls_have_the_workers_columns():
    planned = plan_calls(ROWS, REQUEST, "model")
    assert planned.select(list(WANTED)).schema == pl.Schema(WANTED)
    assert planned["messages"].to_list()[0] == [{"role": "user", "content": "Q: x"}]


def test_two_rows_that_ask_the_same_are_one_call_and_both_are_answered():
    rows = pl.DataFrame({"row_id": ["a", "b"], "passage": ["x", "x"]})
    same = Request("question", REQUEST.messages, Sampling(), (pl.lit("one seed"),))
    asked = Asked()
    done = complete_rows(rows, same, PARSER, "model", asked)
    assert [wanted.height for wanted in asked.rounds] == [1]
    assert done["instruction"].to_list() == ["fine", "fine"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"text": "  "}, "empty_answer"),
        ({"finish_reason": "length"}, "ran_into_length_limit"),
        ({"text": "Sorry!"}, "refusal"),
    ],
)
def test_an_unusable_answer_is_asked_again_with_another_seed_then_quarantined(bad, reason):
    parser = Parser(PARSER.values, pl.when(pl.col("text") == "Sorry!").then(pl.lit("refusal")))
    asked = Asked(lambda call: bad if content(call) == "Q: y" else None)
    done = complete_rows(ROWS, REQUEST, parser, "model", asked, attempts=3)
    assert [wanted.height for wanted in asked.rounds] == [3, 1, 1]
    ids = [wanted.filter(pl.col("messages").list.first().struct.field("content") == "Q: y") for wanted in asked.rounds]
    assert len({frame["call_id"][0] for frame in ids}) == len({frame["seed"][0] for frame in ids}) == 3
    assert done["kept"].to_list() == [True, False, True]
    assert done["reasons"].to_list() == [[], [reason], []]
    assert done["instruction"].to_list() == ["fine", None, "fine"]
    assert done["call_id"][1] == ids[-1]["call_id"][0]


def test_a_repeated_greedy_call_samples_and_a_sampled_one_keeps_its_temperature():
    def temperatures(sampling: Sampling) -> list[float]:
        asked = Asked(lambda call: {"text": ""})
        request = Request("question", REQUEST.messages, sampling, ("row_id",))
        complete_rows(ROWS, request, PARSER, "model", asked)
        return [json.loads(wanted["parameters"][0])["temperature"] for wanted in asked.rounds]

    assert temperatures(Sampling(temperature=0)) == [0.0, RETRY_TEMPERATURE]
    assert temperatures(Sampling(temperature=1.0)) == [1.0, 1.0]


def test_a_second_attempt_that_works_is_the_rows_answer():
    asked = Asked(lambda call: {"text": ""} if call["attempt"] == 0 else None)
    done = complete_rows(ROWS, REQUEST, PARSER, "model", asked)
    assert done["kept"].all()
    assert done["call_id"].to_list() == asked.rounds[1]["call_id"].to_list()


def test_a_fault_of_the_engine_is_not_asked_again_in_the_same_run():
    asked = Asked(lambda call: {"text": None, "failure": "timeout"} if content(call) == "Q: z" else None)
    done = complete_rows(ROWS, REQUEST, PARSER, "model", asked)
    assert len(asked.rounds) == 1
    assert done["reasons"].to_list() == [[], [], ["engine_failure"]]


def test_a_call_without_any_answer_is_a_failure():
    planned = plan_calls(ROWS, REQUEST, "model")
    collected = collect_calls(planned, answers(wanted_calls(planned).head(1), lambda call: None))
    assert collected["failure"].to_list() == [None, "not_answered", "not_answered"]
    done = complete_rows(ROWS, REQUEST, PARSER, "model", lambda wanted: answers(wanted.head(2), lambda call: None))
    assert done["kept"].to_list() == [True, True, False]


@pytest.mark.parametrize("column", ["text", "seed", "call_id", "kept", "instruction"])
def test_columns_that_an_answer_would_overwrite_are_refused(column):
    with pytest.raises(ValueError, match=rf"rename the columns \['{column}'\]"):
        complete_rows(ROWS.with_columns(pl.lit("mine").alias(column)), REQUEST, PARSER, "model", Asked())


def test_no_rows_are_no_calls():
    done = complete_rows(ROWS.clear(), REQUEST, PARSER, "model", Asked())
    assert done.is_empty()
    assert "instruction" in done.columns


@given(st.permutations(["a", "b", "c", "d"]))
def test_a_calls_address_and_seed_do_not_depend_on_row_order(order):
    rows = pl.DataFrame({"row_id": order, "passage": order})
    planned = plan_calls(rows, REQUEST, "model").sort("row_id")
    straight = plan_calls(rows.sort("row_id"), REQUEST, "model")
    assert planned.select("call_id", "seed").equals(straight.select("call_id", "seed"))


@given(st.lists(st.sampled_from(["good", "empty", "fault", "none"]), min_size=1, max_size=12))
def test_every_row_comes_back_exactly_once_whatever_is_answered(fates):
    rows = pl.DataFrame({"row_id": [str(i) for i in range(len(fates))], "passage": fates})
    faults = {"empty": {"text": ""}, "fault": {"text": None, "failure": "timeout"}}

    def answer(wanted: pl.DataFrame) -> pl.DataFrame:
        told = wanted.filter(pl.col("messages").list.first().struct.field("content") != "Q: none")
        return answers(told, lambda call: faults.get(content(call)[3:]))

    done = complete_rows(rows, REQUEST, PARSER, "model", answer)
    assert done["row_id"].to_list() == rows["row_id"].to_list()
    assert done["kept"].to_list() == [fate == "good" for fate in fates]
    assert (done["reasons"].list.len() == 0).to_list() == done["kept"].to_list()
