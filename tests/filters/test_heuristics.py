"""Quality rules."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.heuristics import METRIC, apply_heuristics
from xl_assets.filters.repetition import repeated_words
from xl_assets.filters.rules import (
    FAMILIES,
    RULE_SETS,
    RULES,
    UnknownRule,
    UnknownRuleSet,
    measure_texts,
    rules_of,
    thresholds_of,
)
from xl_assets.filters.texts import Texts
from xl_assets.filters.thresholds import derive_rule_thresholds
from xl_assets.languages import get_language

GOOD = (
    "The harbour was quiet when the first boats came back in the evening, and nobody on the pier said a word. "
    "They had been out for two days, and all that they brought with them was a small grey seal, which looked at "
    "us as if it had been the one to catch the men."
)
GOOD_ZH = (
    "港口很安静，第一批船在傍晚回来了，码头上没有人说话。"
    "他们出海两天，带回来的只有一只灰色的小海豹，它看着我们，好像是它抓住了那些人。"
)


def _judge(*texts: str, language: str = "en", sets: tuple[str, ...] = ("house",), **thresholds: float) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"text": list(texts), "language": [language] * len(texts)}, schema={"text": pl.String, "language": pl.String}
    )
    return apply_heuristics(frame, thresholds=thresholds, sets=sets)


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


def test_chinese_words_are_the_segmenters_without_punctuation() -> None:
    values = _values(_judge("港口很安静，码头上没有人说话。", language="zh"))
    assert values["words"] == 8  # 港口 很 安静 码头 上 没有 人 说话
    assert values["alphabetic_words"] == 1
    assert values["mean_word_length"] is None


def test_every_rule_of_the_chosen_sets_is_measured_with_the_threshold_that_was_used() -> None:
    for sets in (("house",), ("gopher_quality", "gopher_repetition"), ("house", "gopher_repetition")):
        metrics = _judge(GOOD, sets=sets)["metrics"][0].to_list()
        assert [metric["rule"] for metric in metrics] == [rule.name for rule in rules_of(sets)]
        used = {metric["rule"]: metric["threshold"] for metric in metrics}
        assert used == thresholds_of(get_language("en"), sets=sets)
    values = _values(_judge(GOOD, words=3.0))
    assert values["words"] == values["words_most"] == len(GOOD.split())


def test_thresholds_of_the_settings_win_over_the_languages_and_these_over_the_sets() -> None:
    assert thresholds_of(get_language("de"))["stop_word_share"] == 0.06
    assert thresholds_of(get_language("fi"))["stop_word_share"] == 0.04
    assert thresholds_of(get_language("fi"), {"stop_word_share": 0.5})["stop_word_share"] == 0.5
    assert "stop_word_share" not in thresholds_of(get_language("fi"), sets=("gopher_quality",))


def test_of_two_sets_with_the_same_rule_the_later_ones_threshold_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULE_SETS, "strict", {"words": 500.0})  # type: ignore[arg-type]
    assert thresholds_of(get_language("en"), sets=("house", "strict"))["words"] == 500
    assert thresholds_of(get_language("en"), sets=("strict", "house"))["words"] == 20
    assert list(thresholds_of(get_language("en"), sets=("strict",))) == ["words"]


def test_a_threshold_without_effect_and_an_unknown_set_are_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownRule, match=r"settings: no rule is called wrods; the rules are words"):
        _judge(GOOD, wrods=1)
    with pytest.raises(UnknownRule, match=r"gopher_words is not in the chosen sets \(house\); .*gopher_quality"):
        _judge(GOOD, gopher_words=1)
    with pytest.raises(UnknownRuleSet, match=r"'gopher_qualty'. Did you mean 'gopher_quality'\?"):
        _judge(GOOD, sets=("gopher_qualty",))


def test_every_family_measures_just_what_is_wanted_of_it() -> None:
    texts = Texts(pl.Series([GOOD, "", " ", None, "#"], dtype=pl.String), get_language("en"))
    for family in FAMILIES.values():
        for name in family.MEASURES:
            measured = family.measure(texts, frozenset([name]))
            assert measured.schema == {name: pl.Float64}
            assert measured.height == 5
        assert set(family.measure(texts, frozenset(family.MEASURES)).columns) == set(family.MEASURES)


def test_every_rule_has_a_set_a_source_and_a_measure() -> None:
    assert set(RULES) == {name for rules in RULE_SETS.values() for name in rules}
    assert {"house", "gopher_quality", "gopher_repetition"} <= set(RULE_SETS)
    measures = {name for family in FAMILIES.values() for name in family.MEASURES}
    assert all(rule.source and rule.reason and rule.measure in measures for rule in RULES.values())


def test_repeated_words_are_measured_alike_as_a_rule_and_alone() -> None:
    texts = [GOOD, GOOD * 2, GOOD_ZH * 2, "", "no no no yes " * 9]
    english = get_language("en")
    rule = measure_texts(Texts(pl.Series(texts), english), frozenset(["duplicate_5_gram"]))["duplicate_5_gram"]
    assert repeated_words(pl.Series(texts), english).to_list() == rule.to_list()
    assert rule[0] == 0 < rule[1] < rule[4]


def test_earlier_reasons_come_first_and_none_comes_twice() -> None:
    frame = pl.DataFrame({"text": ["Cookies", GOOD], "language": ["en", "en"], "reasons": [["too_short"], ["other"]]})
    judged = apply_heuristics(frame)
    assert judged["reasons"].to_list() == [["too_short", "stop_words"], ["other"]]
    assert judged["kept"].to_list() == [False, False]


def test_no_rows_in_no_rows_out_and_no_rules_keep_everything() -> None:
    judged = _judge()
    assert judged.is_empty()
    assert judged.schema == _judge(GOOD).schema
    assert judged.schema["metrics"] == pl.List(METRIC)
    unjudged = _judge("x", sets=())
    assert unjudged.schema == judged.schema
    assert unjudged.select("kept", "reasons", "metrics").row(0) == (True, [], [])


def test_texts_of_different_sizes_are_measured_in_batches_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [GOOD, "", GOOD * 3, "x", GOOD_ZH, GOOD] * 5
    whole = _judge(*texts)
    monkeypatch.setattr("xl_assets.filters.heuristics._BYTES", 300)
    assert _judge(*texts).equals(whole)
    monkeypatch.setattr("xl_assets.filters.heuristics._BATCH", 1)
    assert _judge(*texts).equals(whole)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=8))
def test_whatever_the_texts_every_row_comes_out_kept_or_with_a_reason(texts: list[str]) -> None:
    frame = pl.DataFrame(
        {"text": texts, "language": ["en", "zh", "hi", "fi"][: len(texts)] + ["en"] * (len(texts) - 4)},
        schema={"text": pl.String, "language": pl.String},
    )
    judged = apply_heuristics(frame, sets=("house", "gopher_quality", "gopher_repetition"))
    assert judged["text"].to_list() == texts
    assert judged["kept"].to_list() == [not reasons for reasons in judged["reasons"].to_list()]
    backwards = apply_heuristics(frame.reverse(), sets=("house", "gopher_quality", "gopher_repetition"))
    assert backwards.reverse().equals(judged)


@needs_ntrex
def test_the_registrys_rule_thresholds_follow_from_real_text() -> None:
    documents = pl.concat(
        pl.scan_ndjson(NTREX / f"{code}.jsonl.zst").select(pl.lit(code).alias("language"), "text")
        for code in NTREX_LANGUAGES
    ).collect()
    derived = derive_rule_thresholds(documents)
    house = RULE_SETS["house"]
    registered = {
        code: {rule: value for rule, value in get_language(code).thresholds.items() if rule in house}
        for code in NTREX_LANGUAGES
    }
    assert registered == {code: derived.get(code, {}) for code in NTREX_LANGUAGES}
