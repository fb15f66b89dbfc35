import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation.answers import Answers, nobody
from xl_assets.generation.selection import SelectionSettings, estimate_quality, select_best
from xl_assets.tables import SelectedTranslation, check_table

SETTINGS = SelectionSettings()
MODEL = "model-1"


def candidates(*rows: tuple[str, str, int, str | None]) -> pl.DataFrame:
    """Rows of (pair, language, sample, response)."""
    columns = {"pair_id": pl.String, "language": pl.String, "sample": pl.Int64, "response": pl.String}
    return pl.DataFrame(list(rows), schema=columns, orient="row").with_columns(
        pl.concat_str("pair_id", "language", pl.col("sample").cast(pl.String)).alias("candidate_id"),
        pl.lit("What?").alias("instruction"),
        pl.lit("The owl is shy.").alias("source_response"),
        pl.col("response").is_not_null().alias("kept"),
        pl.lit([], dtype=pl.List(pl.String)).alias("reasons"),
    )


def digits(scores: dict[str, str]) -> Answers:
    """A judge that gives the translation on the last line its digit."""
    return Answers(lambda message: scores[message.rsplit("\n", 1)[-1]])


def best(answer, rows: pl.DataFrame, chosen: SelectionSettings = SETTINGS) -> pl.DataFrame:
    return select_best(estimate_quality(rows, MODEL, answer, chosen), chosen)


def test_the_best_candidate_is_kept_and_the_others_say_why_not():
    rows = candidates(("a", "de", 0, "gut"), ("a", "de", 1, "besser"), ("a", "de", 2, "schlecht"))
    selected = best(digits({"gut": "4", "besser": "5", "schlecht": "1"}), rows)
    assert selected["reasons"].to_list() == [
        ["not_the_best"],
        [],
        [
            "low_quality",
        ],
    ]
    assert selected["rank"].to_list() == [2, 1, 3]
    assert selected["estimator"].unique().to_list() == ["judge"]


def test_each_language_of_a_pair_has_a_best_of_its_own():
    rows = candidates(("a", "de", 0, "x"), ("a", "de", 1, "y"), ("a", "hu", 0, "y"), ("a", "hu", 1, "z"))
    selected = best(digits({"x": "3", "y": "4", "z": "5"}), rows)
    assert selected.filter("kept").select("language", "response").rows() == [("de", "y"), ("hu", "z")]


def test_equal_quality_is_decided_by_the_lower_sample_number():
    rows = candidates(("a", "de", 2, "x"), ("a", "de", 1, "y"), ("a", "de", 0, "low"))
    selected = best(digits({"x": "4", "y": "4", "low": "3"}), rows)
    assert selected.filter("kept")["sample"].to_list() == [1]


def test_equal_digits_are_told_apart_by_how_sure_the_judge_was():
    sure = {
        "x": ("4", [("4", math.log(0.9)), ("3", math.log(0.1))]),
        "y": ("4", [("4", math.log(0.6)), ("5", math.log(0.4))]),
    }
    rows = candidates(("a", "de", 0, "x"), ("a", "de", 1, "y"))
    selected = best(Answers(lambda message: sure[message.rsplit("\n", 1)[-1]]), rows)
    assert selected["quality"].to_list() == pytest.approx([3.9, 4.4])
    assert selected["kept"].to_list() == [False, True]


def test_a_pair_whose_candidates_are_all_below_the_floor_keeps_none():
    rows = candidates(("a", "de", 0, "x"), ("a", "de", 1, "y"), ("b", "de", 0, "z"))
    selected = best(digits({"x": "1", "y": "2", "z": "3"}), rows)
    assert selected["reasons"].to_list() == [["low_quality"], ["low_quality"], []]


def test_the_floor_is_configuration():
    rows = candidates(("a", "de", 0, "x"), ("b", "de", 0, "y"))
    selected = best(digits({"x": "1", "y": "4"}), rows, replace(SETTINGS, min_quality=1.0))
    assert selected["kept"].to_list() == [True, True]


def test_english_passes_through_without_a_call():
    selected = best(nobody, candidates(("a", "en", 0, "The owl is shy.")))
    assert selected.select("estimator", "quality", "rank", "quality_call_id", "kept").rows() == [
        ("source", None, 1, None, True)
    ]


def test_a_candidate_that_cannot_be_judged_has_no_rank_and_does_not_win():
    rows = candidates(("a", "de", 0, "x"), ("a", "de", 1, "y"), ("b", "de", 0, "x"))
    selected = best(digits({"x": "hm", "y": "3"}), rows)
    assert selected["reasons"].to_list() == [["bad_digit"], [], ["bad_digit"]]
    assert selected["rank"].to_list() == [None, 1, None]
    assert selected["quality"].to_list() == [None, 3.0, None]


def test_candidates_without_a_text_do_not_come_back():
    assert best(digits({"x": "4"}), candidates(("a", "de", 0, "x"), ("a", "de", 1, None))).height == 1


def test_samples_that_say_the_same_are_judged_once():
    judge = digits({"x": "4"})
    selected = best(judge, candidates(("a", "de", 0, "x"), ("a", "de", 1, "x")))
    assert judge.calls.height == 1
    assert selected["quality_call_id"].n_unique() == 1
    assert selected["kept"].to_list() == [True, False]


def test_the_judge_reads_both_texts_and_the_name_of_the_language():
    judge = digits({"x": "4"})
    best(judge, candidates(("a", "hu", 0, "x")))
    prompt = judge.calls["messages"][0][0]["content"]
    assert "Hungarian" in prompt
    assert "The owl is shy." in prompt


def test_a_round_trip_that_comes_back_unchanged_is_the_best():
    chosen = SelectionSettings(estimator="round_trip", min_quality=0)
    back = {"x": "The owl is shy.", "y": "The owl is brave.", "z": "Nothing of it at all"}
    translator = digits(back)
    rows = candidates(("a", "de", 0, "z"), ("a", "de", 1, "y"), ("a", "de", 2, "x"))
    selected = best(translator, rows, chosen)
    assert "from German into English" in translator.calls["messages"][0][0]["content"]
    assert selected["rank"].to_list() == [3, 2, 1]
    assert selected["quality"][2] == pytest.approx(100.0)
    assert selected["estimator"].unique().to_list() == ["round_trip"]


class ByLength:
    """A quality model that prefers long translations and knows nothing of empty ones."""

    name = "length@1"

    def __call__(self, sources, translations, languages):
        return [math.nan if text == "?" else float(len(text)) for text in translations]


def test_a_quality_model_can_be_handed_in():
    chosen = SelectionSettings(estimator="model")
    rows = candidates(
        ("a", "de", 0, "?"), ("a", "de", 1, "xx"), ("a", "de", 2, "xxx"), ("a", "en", 0, "The owl is shy.")
    )
    selected = select_best(estimate_quality(rows, MODEL, nobody, chosen, model=ByLength()), chosen)
    assert selected["reasons"].to_list() == [["no_estimate"], ["not_the_best"], [], []]
    assert selected["estimator"].to_list() == ["length@1"] * 3 + ["source"]


def test_a_quality_model_that_is_missing_or_counts_wrongly_is_an_error():
    chosen, rows = SelectionSettings(estimator="model"), candidates(("a", "de", 0, "x"))
    with pytest.raises(ValueError, match="needs a quality model"):
        estimate_quality(rows, MODEL, nobody, chosen)

    class Silent(ByLength):
        def __call__(self, sources, translations, languages):
            return []

    with pytest.raises(ValueError, match="0 scores for 1 translations"):
        estimate_quality(rows, MODEL, nobody, chosen, model=Silent())


def test_an_unknown_estimator_is_refused():
    with pytest.raises(ValueError, match="'comet'"):
        SelectionSettings(estimator="comet")


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["de", "hu", "en"]), st.integers(0, 3), st.sampled_from("12345")),
    unique_by=lambda row: row[:3],
    min_size=1,
)


@given(ROWS, st.randoms())
@settings(max_examples=40, deadline=None)
def test_exactly_one_is_kept_where_any_reaches_the_floor_whatever_the_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    first = best(Answers(lambda message: message[-1]), candidates(*rows))
    again = best(Answers(lambda message: message[-1]), candidates(*shuffled))
    check_table(first, SelectedTranslation)
    assert first.height == len(rows)
    assert first.sort("candidate_id").equals(again.sort("candidate_id"))
    for (_, language), group in first.group_by("pair_id", "language"):
        reached = language == "en" or any(int(text) >= 3 for text in group["response"])
        assert group["kept"].sum() == reached
