"""Thresholds and stop words from a reference corpus."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, needs_ntrex
from xl_assets.filters.deriving import UnknownMethod, derive_stop_words, derive_thresholds
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.rules import RULE_SETS, RULES, UnknownRule

#: A rule that asks for a least share of lines.
PUNCTUATION = "fineweb_line_punctuation"


def _documents(ended: list[int], language: str = "de") -> pl.DataFrame:
    """Documents of ten lines each, so many of which end in a full stop."""
    texts = ["\n".join([f"Zeile {n}." for n in range(count)] + ["ohne Ende"] * (10 - count)) for count in ended]
    return pl.DataFrame({"text": texts, "language": language})


counts = st.lists(st.integers(0, 10), min_size=20, max_size=60)


@settings(max_examples=40, deadline=None)
@given(counts, counts)
def test_quantile_lets_no_larger_share_fail_than_in_english(own: list[int], english: list[int]) -> None:
    derived = derive_thresholds(
        _documents(own), "quantile", rules={PUNCTUATION: 0.35}, english=_documents(english, "en")
    )
    bound = derived["de"][PUNCTUATION]
    assert sum(count / 10 < bound for count in own) / len(own) <= sum(count < 4 for count in english) / len(english)


@settings(max_examples=40, deadline=None)
@given(counts)
def test_tail_lets_a_tenth_fail_at_most(own: list[int]) -> None:
    bound = derive_thresholds(_documents(own), "tail", rules={PUNCTUATION: 0.12})["de"][PUNCTUATION]
    assert sum(count / 10 < bound for count in own) <= 0.1 * len(own)


def test_mean_std_keeps_the_distance_from_the_mean_in_standard_deviations() -> None:
    # English: mean 0.4, standard deviation 0.2 (of a sample: 0.2108); German the same around 0.6.
    english, own = [2, 6] * 5, [4, 8] * 5
    derived = derive_thresholds(
        _documents(own), "mean_std", rules={PUNCTUATION: 0.3}, english=_documents(english, "en")
    )
    assert derived == {"de": {PUNCTUATION: 0.5}}


def test_median_ratio_keeps_the_ratio_to_the_median() -> None:
    english, own = _documents([2, 4, 9], "en"), _documents([7, 8, 9])
    derived = derive_thresholds(own, "median_ratio", rules={PUNCTUATION: 0.1}, english=english)
    assert derived == {"de": {PUNCTUATION: 0.2}}


def test_english_keeps_the_threshold_and_iqr_sets_fences() -> None:
    own = _documents([2, 4, 6, 8])
    assert derive_thresholds(own, "english", rules={PUNCTUATION: 0.12}) == {"de": {PUNCTUATION: 0.12}}
    # Q1 0.35, Q3 0.65: the lower fence is below zero, where no share is.
    assert derive_thresholds(own, "iqr", rules={PUNCTUATION: 0.12}) == {"de": {PUNCTUATION: 0.0}}


def test_a_rule_is_left_out_where_english_tells_nothing() -> None:
    same, none = _documents([5] * 9, "en"), _documents([0] * 9, "en")
    assert derive_thresholds(_documents([1, 2]), "mean_std", rules={PUNCTUATION: 0.1}, english=same) == {}
    assert derive_thresholds(_documents([1, 2]), "median_ratio", rules={PUNCTUATION: 0.1}, english=none) == {}


def test_unknown_names_and_missing_english_are_said() -> None:
    with pytest.raises(UnknownMethod, match="mean_std, quantile"):
        derive_thresholds(_documents([1]), "10tail")
    with pytest.raises(UnknownMethod, match="hand over English"):
        derive_thresholds(_documents([1]), "quantile")
    with pytest.raises(UnknownRule, match="nothing"):
        derive_thresholds(_documents([1]), rules={"nothing": 1.0})


@needs_ntrex
def test_derived_thresholds_keep_what_they_promise_on_real_text() -> None:
    documents = pl.concat(pl.read_ndjson(NTREX / f"{code}.jsonl.zst") for code in ("fi", "zh"))
    derived = derive_thresholds(documents, "tail", rules=RULE_SETS["culturax"])
    for code, thresholds in derived.items():
        judged = apply_heuristics(documents.filter(language=code), sets=("culturax",), thresholds=thresholds)
        values = judged.select("metrics").explode("metrics").unnest("metrics")
        for name in thresholds:
            rows = values.filter(rule=name)
            value, bound = rows["value"], rows["threshold"]
            broken = value < bound if RULES[name].least else value > bound
            assert broken.sum() <= 0.1 * rows.height, (code, name)


@needs_ntrex
@pytest.mark.parametrize(("code", "words"), [("de", "der die und"), ("zh", "的 在"), ("hi", "के में है")])
def test_stop_words_are_the_most_frequent_words_of_the_language(code: str, words: str) -> None:
    found = derive_stop_words(pl.read_ndjson(NTREX / f"{code}.jsonl.zst"))[code]
    assert len(found) >= 8
    assert set(words.split()) <= set(found)


def test_words_in_another_script_are_no_stop_words() -> None:
    documents = pl.DataFrame({"text": ["и в не на CNN CNN CNN он что как это по 12 12"], "language": ["hi"]})
    assert derive_stop_words(documents)["hi"] == ()
