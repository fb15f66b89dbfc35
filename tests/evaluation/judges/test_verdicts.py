"""From raw answers to verdicts and scores: exact, strict, total."""

import json
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.generation.calls import ANSWER, Parser
from xl_assets.generation.parsing import score_after_result, scores_json, verdict_by_choice, verdict_by_logprobs

Tokens = list[tuple[str, float]]


def parse(parser: Parser, text: str, tokens: Tokens | None = None) -> dict:
    answer = {
        "text": [text],
        "logprobs": [[{"token": token, "logprob": value} for token, value in tokens] if tokens is not None else None],
    }
    frame = pl.DataFrame(answer, schema={name: ANSWER[name] for name in answer})
    return frame.select(*(e.alias(n) for n, e in parser.values.items()), problem=parser.problem).row(0, named=True)


def by_definition(tokens: Tokens) -> float | None:
    """P(m) / (P(m) + P(M)) in plain words: absent tokens count 0, both absent is no verdict."""
    p = {token: math.exp(logprob) for token, logprob in tokens if token in ("m", "M")}
    return p.get("m", 0.0) / sum(p.values()) if p else None


LOGPROBS = st.lists(
    st.tuples(st.sampled_from(["m", "M", " m", "mm", "Both", ""]), st.floats(-30, 0)),
    max_size=5,
    unique_by=lambda t: t[0],
)


@settings(deadline=None, max_examples=50)
@given(LOGPROBS)
def test_the_verdict_is_the_share_of_one_token_of_both_letter_for_letter(tokens):
    row = parse(verdict_by_logprobs("m", "M", exact=True, strict=False), "whatever", tokens)
    expected = by_definition(tokens)
    if expected is None:
        assert (row["probability"], row["problem"]) == (None, "no_verdict")
    else:
        assert row["probability"] == pytest.approx(expected, abs=1e-12)
        assert row["problem"] is None


def test_the_example_of_alpaca_eval():
    tokens = [("M", -0.017597131), ("m", -4.048847), ("Both", -14.9), ("The", -15.7), ("Based", -15.96)]
    row = parse(verdict_by_logprobs("m", "M", exact=True), "M", tokens)
    assert 2 - row["probability"] == pytest.approx(
        2 - math.exp(-4.048847) / (math.exp(-4.048847) + math.exp(-0.017597131))
    )
    assert row["label_mass"] == pytest.approx(1.0, abs=1e-3)


def test_tokens_with_blanks_count_only_where_tokens_are_stripped():
    tokens = [(" m", -0.1), ("M", -3.0)]
    assert parse(verdict_by_logprobs("m", "M", exact=True), "m", tokens)["probability"] == 0.0
    assert parse(verdict_by_logprobs("m", "M"), "m", tokens)["probability"] == pytest.approx(1 / (1 + math.exp(-2.9)))


def test_what_little_probability_a_refusal_leaves_is_no_verdict_unless_asked_for():
    tokens = [("I", -0.01), ("m", -9.0), ("M", -12.0)]
    assert parse(verdict_by_logprobs("m", "M"), "I", tokens)["problem"] == "bad_verdict"
    loose = parse(verdict_by_logprobs("m", "M", strict=False), "I", tokens)
    assert loose["problem"] is None
    assert loose["label_mass"] < 0.001


@pytest.mark.parametrize(("text", "probability"), [("A", 1.0), (" B\n", 0.0), ("C", 0.5)])
def test_a_choice_is_all_that_counts_of_a_choice(text, probability):
    row = parse(verdict_by_choice("A", "B", tie="C"), text, [("A", -5.0), ("B", -0.01)])
    assert (row["probability"], row["problem"], row["label_mass"]) == (probability, None, None)


@pytest.mark.parametrize("text", ["", "a", "A.", "AB", "Response A", "C", "I can't decide"])
def test_anything_but_a_label_is_no_choice(text):
    row = parse(verdict_by_choice("A", "B"), text)
    assert (row["probability"], row["problem"]) == (None, "bad_verdict")


def test_feedback_and_then_a_result_is_one_score():
    row = parse(score_after_result("overall"), "Good: it names [the] fox.\nAll right. [RESULT] 4")
    assert row["scores"] == [{"criterion": "overall", "score": 4}]
    assert (row["mean_score"], row["problem"]) == (4.0, None)


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "[RESULT]",
        "[RESULT] 6",
        "[RESULT] 0",
        "[RESULT] 4.5",
        "[RESULT] 44",
        "[RESULT] 4 of 5",
        "[RESULT] 4 [RESULT] 5",
    ],
)
def test_a_result_that_is_not_one_whole_score_is_none(text):
    assert parse(score_after_result("overall"), text)["problem"] == "bad_scores"


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10))
def test_a_scale_beyond_nine_is_read_whole(score):
    said = json.dumps({"a": score, "b": 10})
    row = parse(scores_json(["a", "b"], 1, 10), said)
    if score == 0:
        assert row["problem"] == "bad_scores"
    else:
        assert (row["problem"], row["scores"][0]["score"], row["scores"][1]["score"]) == (None, score, 10)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40))
def test_whatever_is_written_gives_a_verdict_or_a_problem(text):
    choice = parse(verdict_by_choice("A", "B"), text)
    assert (choice["probability"] is None) == (choice["problem"] is not None)
    assert parse(verdict_by_logprobs("m", "M"), text, [])["problem"] in ("bad_verdict", "no_verdict")
    result = parse(score_after_result("a"), text)
    assert result["problem"] is not None or result["mean_score"] in (1, 2, 3, 4, 5)
