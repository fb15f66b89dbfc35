from dataclasses import replace

import polars as pl

from tests.evaluation.made_up import report_data
from tests.evaluation.made_up_report import whole_report_data
from xl_assets.evaluation.examples import LONGEST_ANSWER, LONGEST_WORDS, examples


def test_an_example_has_the_judges_raw_words_of_each_order_cut_to_size():
    shown = examples(whole_report_data(prompts=12))
    answers = {answer["model"]: answer for answer in shown["fi"][0]["answers"]}
    words = answers["base"]["raw"]
    assert [each["order"] for each in words] == ["model first", "reference first"]
    assert all(len(each["text"]) == LONGEST_WORDS and each["cut"] > 0 for each in words)
    assert answers["reference"]["raw"] == []


def test_lines_in_another_language_are_shown_with_the_language_found():
    shown = examples(whole_report_data(prompts=12))
    wrong = [a for group in shown.values() for example in group for a in example["answers"] if a["wrong_lines"]]
    assert wrong
    assert {line["label"] for answer in wrong for line in answer["wrong_lines"]} == {"English"}


def test_a_long_answer_is_cut_and_says_how_much_is_left_out():
    data = report_data(reply="x" * (LONGEST_ANSWER + 7))
    answer = next(a for a in examples(data)["de"][0]["answers"] if a["model"] == "fine-tuned")
    assert len(answer["response"]) == LONGEST_ANSWER
    assert answer["cut"] == 7


def test_a_verdict_that_failed_says_why():
    data = report_data()
    failed = data.judgements.with_columns(
        preference=pl.lit(None, dtype=pl.Float64), outcome=pl.lit("missing"), reason=pl.lit("server_error")
    )
    shown = examples(replace(data, judgements=failed))
    answer = next(a for a in shown["de"][0]["answers"] if a["model"] == "fine-tuned")
    assert answer["verdict"] == "no verdict: missing (server error)"
