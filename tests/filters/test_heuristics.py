"""Quality rules."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.heuristics import RULES, UnknownRule, apply_heuristics, thresholds_of
from xl_assets.filters.thresholds import derive_rule_thresholds
from xl_assets.filters.tokens import Tokens
from xl_assets.languages import get_language
from xl_assets.seeds.readers import collect_seeds

GOOD = (
    "The harbour was quiet when the first boats came back in the evening, and nobody on the pier said a word. "
    "They had been out for two days, and all that they brought with them was a small grey seal, which looked at "
    "us as if it had been the one to catch the men."
)
GOOD_ZH = (
    "港口很安静，第一批船在傍晚回来了，码头上没有人说话。"
    "他们出海两天，带回来的只有一只灰色的小海豹，它看着我们，好像是它抓住了那些人。"
)


def _judge(*texts: str, language: str = "en", **thresholds: float) -> pl.DataFrame:
    frame = pl.DataFrame({"text": list(texts), "language": [language] * len(texts)})
    return apply_heuristics(frame, thresholds=thresholds)


def _values(judged: pl.DataFrame, row: int = 0) -> dict[str, float | None]:
    return {metric["rule"]: metric["value"] for metric in judged["metrics"][row]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Cookies", "too_short"),
        ("### ||| ==> $$$ {} " * 30, "symbols"),
        (GOOD.replace(" ", " # "), "symbols"),
        (GOOD.replace(" ", " 17 "), "symbols"),
        ("\n".join(f"- {sentence} and {number}" for number, sentence in enumerate(GOOD.split(", "))), "bullets"),
        (GOOD.replace(", ", "...\n"), "ellipses"),
        ("\n".join([GOOD[:50]] * 10), "repetition"),
        ("\n\n".join([GOOD, GOOD]), "repetition"),
        (" ".join([GOOD] * 2), "repetition"),
        ("no no no yes " * 20, "repetition"),
        (" ".join("harbour boats evening pier seal grey".split() * 1 + [f"word{n}" for n in range(40)]), "stop_words"),
        (" ".join(f"the {'x' * 30}{chr(97 + n)}" for n in range(24)), "word_length"),
        ("a b c d e f g h i j k l m n o p q r s t u v w x y z", "word_length"),
    ],
)
def test_each_fault_gives_its_reason(text: str, reason: str) -> None:
    assert reason in _judge(text)["reasons"][0]


def test_good_text_passes_in_spaced_and_unspaced_scripts() -> None:
    assert _judge(GOOD)["reasons"].to_list() == [[]]
    assert _judge(GOOD_ZH, language="zh")["reasons"].to_list() == [[]]
    assert "repetition" in _judge(GOOD_ZH * 3, language="zh")["reasons"][0]


def test_chinese_words_are_counted_by_characters_not_by_spaces() -> None:
    assert _values(_judge(GOOD_ZH, language="zh"))["words"] == pytest.approx(len(GOOD_ZH) / 1.6, rel=0.2)
    assert _values(_judge(GOOD_ZH, language="zh"))["mean_word_length"] is None


def test_every_rule_is_measured_with_the_threshold_that_was_used() -> None:
    metrics = _judge(GOOD, words=3.0)["metrics"][0].to_list()
    assert [metric["rule"] for metric in metrics] == [rule.name for rule in RULES]
    assert {metric["rule"]: metric["threshold"] for metric in metrics} == thresholds_of(
        get_language("en"), {"words": 3.0}
    )
    assert next(metric for metric in metrics if metric["rule"] == "words")["value"] == len(GOOD.split())


def test_thresholds_of_the_settings_win_over_the_languages_and_these_over_the_rules() -> None:
    assert thresholds_of(get_language("de"))["stop_word_share"] == 0.06
    assert thresholds_of(get_language("fi"))["stop_word_share"] == 0.04
    assert thresholds_of(get_language("fi"), {"stop_word_share": 0.5})["stop_word_share"] == 0.5
    with pytest.raises(UnknownRule, match=r"settings: no rule is called wrods; the rules are words"):
        _judge(GOOD, wrods=1)


def test_earlier_reasons_come_first_and_none_comes_twice() -> None:
    frame = pl.DataFrame({"text": ["Cookies", GOOD], "language": ["en", "en"], "reasons": [["too_short"], ["other"]]})
    judged = apply_heuristics(frame)
    assert judged["reasons"].to_list() == [["too_short", "stop_words"], ["other"]]
    assert judged["kept"].to_list() == [False, False]


def test_no_rows_in_no_rows_out() -> None:
    judged = _judge().filter(pl.lit(False))
    assert judged.is_empty()
    assert {"metrics", "kept", "reasons"} <= set(judged.columns)


def _gopher_reference(words: list[str], n: int) -> float:
    """Share of characters in n-grams that occurred before, straight from the definition."""
    seen, covered = set(), set()
    for start in range(len(words) - n + 1):
        gram = tuple(words[start : start + n])
        if gram in seen:
            covered.update(range(start, start + n))
        seen.add(gram)
    return sum(len(words[i]) for i in covered) / max(sum(map(len, words)), 1)


def _top_reference(words: list[str], n: int) -> float:
    grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    counts = {gram: grams.count(gram) for gram in grams}
    most = max(counts.values(), default=0)
    if most < 2:
        return 0.0
    longest = max(sum(map(len, gram)) for gram, count in counts.items() if count == most)
    return min(1.0, longest * most / sum(map(len, words)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "d"]), max_size=40), min_size=1, max_size=6))
def test_batched_n_grams_equal_the_definition_text_by_text(texts: list[list[str]]) -> None:
    tokens = Tokens.of(pl.Series([" ".join(words) for words in texts], dtype=pl.String))
    for n in (2, 3, 5):
        assert tokens.duplicated(n).tolist() == pytest.approx([_gopher_reference(words, n) for words in texts])
        assert tokens.top(n).tolist() == pytest.approx([_top_reference(words, n) for words in texts])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=8))
def test_whatever_the_texts_every_row_comes_out_kept_or_with_a_reason(texts: list[str]) -> None:
    frame = pl.DataFrame(
        {"text": texts, "language": ["en", "zh", "hi", "fi"][: len(texts)] + ["en"] * (len(texts) - 4)},
        schema={"text": pl.String, "language": pl.String},
    )
    judged = apply_heuristics(frame)
    assert judged["text"].to_list() == texts
    assert judged["kept"].to_list() == [not reasons for reasons in judged["reasons"].to_list()]
    backwards = apply_heuristics(frame.reverse())
    assert backwards.reverse().equals(judged)


@needs_ntrex
def test_the_registrys_rule_thresholds_follow_from_real_text() -> None:
    documents = pl.concat(collect_seeds(str(NTREX / f"{code}.jsonl.zst"), code).documents for code in NTREX_LANGUAGES)
    derived = derive_rule_thresholds(documents)
    assert {code: dict(get_language(code).thresholds) for code in NTREX_LANGUAGES} == {
        code: derived.get(code, {}) for code in NTREX_LANGUAGES
    }
