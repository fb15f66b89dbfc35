import json
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation.answers import LOGPROBS
from xl_assets.generation.calls import Parser
from xl_assets.generation.parsing import (
    choice,
    choice_by_logprobs,
    expected_digit,
    one_digit,
    scores_json,
    text_answer,
)

CRITERIA = ("precision", "natural style (1-5)", "Klarheit")


def parse(parser: Parser, texts: list[str | None], tokens: list | None = None) -> list[dict]:
    logprobs = [
        None if row is None else [{"token": token, "logprob": value} for token, value in row]
        for row in tokens or [None] * len(texts)
    ]
    answers = pl.DataFrame(
        {"text": texts, "logprobs": pl.Series(logprobs, dtype=LOGPROBS)}, schema_overrides={"text": pl.String}
    )
    columns = [expression.alias(name) for name, expression in parser.values.items()]
    return answers.select(parser.problem.alias("problem"), *columns).to_dicts()


def test_a_text_keeps_everything_but_the_white_space_around_it():
    texts = [' \n"Quoted."\t', "Here is the text:\nOne.", "\u3000你好。\u3000"]
    parsed = [row["response"] for row in parse(text_answer("response"), texts)]
    assert parsed == ['"Quoted."', "Here is the text:\nOne.", "你好。"]


@pytest.mark.parametrize("text", ["", "6", "0", "4.", "4/5", "45", "four", "Rating: 4", "٤", "-4", None, "4\n5"])
def test_anything_but_one_digit_in_range_is_a_bad_digit(text):
    assert parse(one_digit("score"), [text]) == [{"problem": "bad_digit", "score": None}]


def test_a_digit_is_read_with_white_space_around_it():
    assert parse(one_digit("score"), [" 4\n"]) == [{"problem": None, "score": 4}]


def test_a_choice_is_taken_letter_for_letter():
    problems = [row["problem"] for row in parse(choice("verdict", ["A", "B"]), ["A", " B ", "a", "A.", "AB", None])]
    assert problems == [None, None, "bad_choice", "bad_choice", "bad_choice", "bad_choice"]


def test_the_expected_digit_weighs_digits_by_their_probability():
    tokens = [[("4", math.log(0.6)), ("5", math.log(0.2)), ("Good", math.log(0.2))]]
    (row,) = parse(expected_digit("digit", "quality"), ["4"], tokens)
    assert (row["problem"], row["digit"]) == (None, 4)
    assert row["quality"] == pytest.approx((4 * 0.6 + 5 * 0.2) / 0.8)


def test_without_log_probabilities_the_expected_digit_is_the_digit():
    for tokens in (None, [], [("Good", -0.1)]):
        assert parse(expected_digit("digit", "quality"), ["3"], [tokens])[0]["quality"] == 3.0


def test_log_probabilities_do_not_save_an_answer_that_is_no_digit():
    assert parse(expected_digit("digit", "quality"), ["Good"], [[("4", -0.1)]])[0]["problem"] == "bad_digit"


def test_scores_are_listed_in_the_order_of_the_criteria_whatever_the_order_of_the_answer():
    answer = json.dumps({name: score for score, name in enumerate(reversed(CRITERIA), start=2)}, indent=1)
    (row,) = parse(scores_json(CRITERIA), [f"\n{answer} "])
    assert row["problem"] is None
    assert [item["criterion"] for item in row["scores"]] == list(CRITERIA)
    assert [item["score"] for item in row["scores"]] == [4, 3, 2]
    assert row["mean_score"] == 3.0


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 5}',
        '{"a": 5, "a": 4}',
        '{"a": 5, "b": 4, "b": 4}',
        '{"a": 5, "b": 4, "c": 3}',
        '{"a": 5, "b": 6}',
        '{"a": 5, "b": 0}',
        '{"a": 5, "b": 4.0}',
        '{"a": 5, "b": "4"}',
        '{"a": 5, "b": null}',
        '{"a": 5, "b": 4,}',
        '{"a": 5 "b": 4}',
        '{"a": 5, "b": 4}}',
        '{"a": 5, "b": 4} {"a": 5, "b": 4}',
        '[{"a": 5, "b": 4}]',
        '```json\n{"a": 5, "b": 4}\n```',
        "not json",
        "",
        None,
    ],
)
def test_scores_that_are_not_exactly_as_asked_are_bad_scores(text):
    good = '{"a": 5, "b": 4}'
    problems = [row["problem"] for row in parse(scores_json(["a", "b"]), [good, text, good])]
    assert problems == [None, "bad_scores", None]


@given(st.lists(st.text() | st.sampled_from(['{"a": 5, "b": 4}', '{"b":1,"a":1}', '{"a":', "\x00"]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_scores_agree_with_a_strict_json_reader_and_never_raise(texts):
    for text, row in zip(texts, parse(scores_json(["a", "b"]), texts), strict=True):
        assert (row["problem"] is None) == strictly_read(text)


def strictly_read(text: str) -> bool:
    try:
        pairs = json.loads(text.strip(), object_pairs_hook=list)
    except ValueError:
        return False
    return (
        isinstance(pairs, list)
        and all(isinstance(pair, tuple) for pair in pairs)
        and sorted(name for name, _ in pairs) == ["a", "b"]
        and all(type(score) is int and 1 <= score <= 5 for _, score in pairs)
    )


@pytest.mark.parametrize("criteria", [[], ['quo"te'], ["back\\slash"]])
def test_criteria_that_no_answer_could_name_are_refused(criteria):
    with pytest.raises(ValueError, match="name at least one"):
        scores_json(criteria)


def test_a_verdict_is_renormalised_over_the_two_letters():
    tokens = [[("A", math.log(0.3)), ("B", math.log(0.1)), ("Both", math.log(0.6))]]
    assert parse(choice_by_logprobs(), ["Both"], tokens)[0] == {
        "problem": None,
        "probability": pytest.approx(0.75),
        "verdict": "Both",
    }


def test_a_letter_that_did_not_come_back_counts_zero():
    rows = parse(choice_by_logprobs(), ["A", "B"], [[("A", -0.01), ("C", -4.0)], [("B", -0.01), ("C", -4.0)]])
    assert [row["probability"] for row in rows] == [1.0, 0.0]


@pytest.mark.parametrize("tokens", [None, [], [("C", -0.1)], [("A", -math.inf)], [("A", math.nan)]])
def test_without_either_letter_there_is_no_verdict(tokens):
    assert parse(choice_by_logprobs(), ["A"], [tokens])[0] == {
        "problem": "no_verdict",
        "probability": None,
        "verdict": "A",
    }


def test_a_letter_with_a_blank_before_it_is_the_same_letter():
    tokens = [[("A", math.log(0.2)), (" A", math.log(0.2)), ("B", math.log(0.1))]]
    assert parse(choice_by_logprobs(), ["A"], tokens)[0]["probability"] == pytest.approx(0.8)


@given(st.floats(-2000, 0), st.floats(-2000, 0))
@settings(max_examples=60, deadline=None)
def test_the_probability_is_the_logistic_of_the_difference_however_unlikely_both_are(first, second):
    (row,) = parse(choice_by_logprobs(), ["A"], [[("A", first), ("B", second)]])
    difference = second - first
    expected = 0.0 if difference > 700 else 1 / (1 + math.exp(difference))
    assert row["probability"] == pytest.approx(expected, abs=1e-12)
    (swapped,) = parse(choice_by_logprobs("B", "A"), ["A"], [[("A", first), ("B", second)]])
    assert row["probability"] + swapped["probability"] == pytest.approx(1)
