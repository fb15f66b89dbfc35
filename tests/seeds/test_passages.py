"""Cutting documents into passages."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.end_to_end.world import write_profile
from xl_assets.profile import load_profile
from xl_assets.seeds.passages import PassageSettings, cut_batch, cut_passages, sample_passages
from xl_assets.settings import plain, settings_of
from xl_assets.tables import FilteredDocument


def _documents(*texts: str, language: str = "en") -> pl.DataFrame:
    return pl.DataFrame(
        {"document_id": [f"d{number}" for number in range(len(texts))], "language": language, "text": list(texts)},
        schema={"document_id": pl.String, "language": pl.String, "text": pl.String},
    )


def _texts(passages: pl.DataFrame) -> list[str]:
    return passages.sort("document_id", "start")["text"].to_list()


def test_a_paragraph_that_is_long_enough_is_a_passage_of_its_own() -> None:
    text = "one two three four\n\nfive six seven eight nine\n\nten"
    cut = cut_passages(_documents(text), PassageSettings(min_words=4, max_words=9))
    assert _texts(cut) == ["one two three four", "five six seven eight nine"]


def test_short_lines_are_joined_with_those_that_follow() -> None:
    cut = cut_passages(
        _documents("Heading\n\none two\nthree\nfour five six"), PassageSettings(min_words=3, max_words=9)
    )
    assert _texts(cut) == ["Heading\n\none two", "three\nfour five six"]


def test_a_line_that_is_too_long_is_cut_at_sentence_ends() -> None:
    cut = cut_passages(_documents("It is 3.5 m. So? Yes. It is! Well, so be it."), PassageSettings(4, 6))
    assert _texts(cut) == ["It is 3.5 m.", "So? Yes. It is!", "Well, so be it."]


def test_a_passage_never_joins_two_documents() -> None:
    assert _texts(cut_passages(_documents("one two", "three four"), PassageSettings(3, 9))) == []


def test_chinese_is_counted_in_characters_and_cut_without_spaces() -> None:
    cut = cut_passages(
        _documents("猫住在森林里。它每天吃苹果。它晚上唱歌。狗住在湖边。", language="zh"), PassageSettings(4, 9)
    )
    assert _texts(cut) == ["猫住在森林里。", "它每天吃苹果。", "它晚上唱歌。狗住在湖边。"]


def test_only_kept_documents_are_cut() -> None:
    documents = _documents("one two three", "four five six").with_columns(kept=pl.Series([False, True]))
    assert _texts(cut_passages(documents, PassageSettings(2, 9))) == ["four five six"]


def test_equal_passages_and_those_with_placeholders_are_taken_once_and_never() -> None:
    documents = _documents("one two three", "one two three", "write to [EMAIL] now")
    assert _texts(cut_passages(documents, PassageSettings(2, 9))) == ["one two three"]
    every = cut_passages(documents, PassageSettings(2, 9, skip_redacted=False))
    assert "write to [EMAIL] now" in _texts(every)


def test_a_greater_cap_only_adds_passages() -> None:
    documents = _documents(*(f"text number {number} is this" for number in range(50)))
    few = cut_passages(documents, PassageSettings(2, 9, cap=10))
    more = cut_passages(documents, PassageSettings(2, 9, cap=30))
    assert (few.height, more.height) == (10, 30)
    assert set(few["passage_id"]) <= set(more["passage_id"])
    shuffled = cut_passages(documents.sample(fraction=1, shuffle=True, seed=1), PassageSettings(2, 9, cap=10))
    assert shuffled.equals(few)


def test_no_documents_give_no_passages() -> None:
    assert cut_passages(_documents()).is_empty()


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(st.sampled_from("ab .。猫\n!é🙂"), max_size=80), min_size=1, max_size=5),
    language=st.sampled_from(["en", "zh"]),
    least=st.integers(1, 6),
    more=st.integers(0, 6),
)
def test_offsets_are_exact_and_lengths_within_bounds(texts: list[str], language: str, least: int, more: int) -> None:
    chosen = PassageSettings(min_words=least, max_words=least + more, cap=None)
    passages = cut_passages(_documents(*texts, language=language), chosen)
    ends: dict[str, int] = {}
    for row in passages.sort("document_id", "start").iter_rows(named=True):
        assert texts[int(row["document_id"][1:])][row["start"] : row["end"]] == row["text"] == row["text"].strip()
        assert row["start"] >= ends.get(row["document_id"], 0)
        ends[row["document_id"]] = row["end"]
        if language == "en":
            assert least <= len(row["text"].split()) <= least + more


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown language"):
        cut_passages(_documents("one", language="xx"))


WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split()


def _varied(count: int) -> pl.DataFrame:
    texts = [" ".join([f"number{number}", *(WORDS * 9)[: 2 + 80 * (number % 10 == 0)]]) for number in range(count)]
    urls: list[str | None] = [
        f"https://{'big' if number % 4 else f'small{number}'}.example.org/{number}" for number in range(count)
    ]
    urls[0] = None
    return _documents(*texts).with_columns(url=pl.Series(urls), cluster_size=pl.Series([1, 20] * (count // 2)))


DIVERSE = [{"length": True}, {"domain": 3}, {"cluster": True}, {"length": True, "domain": 7, "cluster": True}]


@pytest.mark.parametrize("diversity", DIVERSE)
def test_however_passages_are_chosen_a_greater_cap_only_adds_and_order_changes_nothing(diversity: dict) -> None:
    documents = _varied(60).with_columns(url=pl.col("url").str.replace("example", "e" + pl.col("document_id")))
    chosen = [PassageSettings(2, 200, cap=cap, diversity=diversity) for cap in (5, 15)]
    few, more = (cut_passages(documents, settings) for settings in chosen)
    assert (few.height, more.height) == (5, 15)
    assert set(few["passage_id"]) <= set(more["passage_id"])
    assert cut_passages(documents.sample(fraction=1, shuffle=True, seed=2), chosen[0]).equals(few)


def test_lengths_take_turns() -> None:
    plain, turns = (
        cut_passages(_varied(200), PassageSettings(2, 200, cap=30, diversity={"length": length}))
        for length in (False, True)
    )
    long = [passages.filter(pl.col("text").str.len_chars() > 100).height for passages in (plain, turns)]
    assert long[0] < 8
    assert long[1] >= 10


def test_a_domain_has_no_more_than_its_cap_and_passages_without_one_stay() -> None:
    documents = _varied(40)
    cut = cut_passages(documents, PassageSettings(2, 200, diversity={"domain": 3}))
    # Subdomains are one registered domain.
    assert cut.height == 3 + 1
    assert "d0" in cut["document_id"]
    assert cut_passages(documents.drop("url"), PassageSettings(2, 200, diversity={"domain": 3})).height == 40


def test_documents_that_stand_for_several_are_preferred() -> None:
    documents = _varied(400)
    cut = cut_passages(documents, PassageSettings(2, 200, cap=100, diversity={"cluster": True}))
    many = cut.join(documents, on="document_id").filter(pl.col("cluster_size") == 20).height
    # Five times as likely while there are enough of either.
    assert 70 <= many <= 95


def test_cutting_in_batches_and_sampling_from_files_gives_the_same(tmp_path: Path) -> None:
    documents = pl.concat([_varied(30), _varied(10).with_columns(document_id="e" + pl.col("document_id"))])
    settings = PassageSettings(2, 50, cap=20, per_document=1, diversity={"length": True, "domain": 15})
    for start in range(0, documents.height, 7):
        cut_batch(documents[start : start + 7], settings).write_parquet(tmp_path / f"{start}.parquet")
    sampled = sample_passages(pl.scan_parquet(tmp_path / "*.parquet"), settings)
    assert sampled.equals(cut_passages(documents, settings))
    assert 0 < sampled.height <= 20


def test_each_language_has_its_own_cap() -> None:
    documents = pl.concat([_documents("one two three"), _documents("eins zwei drei", language="de")])
    documents = documents.with_columns(document_id=pl.Series(["a", "b"]))
    assert cut_passages(documents, PassageSettings(2, 9, cap=1)).height == 2


@pytest.mark.parametrize("diversity", [{"lenght": True}, {"domain": 0}, {"domain": True}])
def test_a_diversity_that_does_not_exist_or_make_sense_is_refused(diversity: dict) -> None:
    with pytest.raises(ValueError, match="diversity"):
        PassageSettings(diversity=diversity)


def test_a_profile_chooses_how_passages_are_made_different(tmp_path: Path) -> None:
    profile = write_profile(tmp_path)
    asked = "[passages]\ndiversity = { length = true, domain = 3, cluster = true }"
    profile.write_text(profile.read_text().replace("[passages]", asked))
    chosen = settings_of(load_profile(str(profile)), "passages")
    assert chosen.diversity == {"length": True, "domain": 3, "cluster": True}
    diverse, any_ = replace(chosen, min_words=2), replace(chosen, min_words=2, diversity={})
    assert cut_passages(_varied(40), diverse).height < cut_passages(_varied(40), any_).height == 40
    # The tables that are cut have what the choice looks at, and what decides a table is noted of it.
    assert {"url", "cluster_size"} <= set(FilteredDocument.column_names())
    assert plain(chosen)["diversity"] == chosen.diversity


def test_a_zero_width_space_is_no_character_of_a_passages_length() -> None:
    marked = _documents("猫住\u200b在森林里猫住", language="zh")
    assert cut_passages(marked, PassageSettings(5, 5)).height == 1
    assert cut_passages(marked, PassageSettings(6, 9)).height == 0
