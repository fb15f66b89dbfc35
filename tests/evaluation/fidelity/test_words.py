from importlib.resources import files

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.evaluation.fidelity.words import FidelityError, english_words, spaced
from xl_assets.languages import any_language


def test_the_shipped_list_has_common_words_and_no_names_or_short_ones():
    words = english_words()
    assert {"machine", "learning", "this", "because"} <= set(words)
    assert not {"the", "and", "London", "don't"} & set(words)
    assert words.is_sorted()
    assert len(words) > 50_000


def test_the_shipped_list_comes_with_its_licence():
    licence = files("xl_assets.evaluation.fidelity").joinpath("english_words.LICENCE.txt").read_text(encoding="utf-8")
    assert "Permission to use, copy, modify" in licence
    assert "MODIFIED" in licence


def test_of_a_users_list_only_words_of_four_or_more_small_letters_count(tmp_path):
    file = tmp_path / "words"
    file.write_text("Zebra\nzebra\r\n cat\n lion \nNASA\ncafé\nzebra\n\n1234\n", encoding="utf-8")
    assert english_words(file).to_list() == ["café", "lion", "zebra"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "no English word"), (b"Cat\n", "no English word"), (b"\xff", "byte 0")]
)
def test_a_list_that_cannot_be_used_says_why(tmp_path, content, message):
    file = tmp_path / "words"
    file.write_bytes(content)
    with pytest.raises(FidelityError, match=message):
        english_words(file)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(FidelityError, match="nothing can't be opened"):
        english_words(tmp_path / "nothing")


def test_chinese_and_japanese_words_are_set_apart_and_english_ones_inside_stay_whole():
    chinese = spaced(pl.Series(["我们使用machine学习。", ""]), any_language("zh")).to_list()
    assert chinese[0].split() == ["我们", "使用", "machine", "学习", "。"]
    assert chinese[1] == ""
    assert len(spaced(pl.Series(["私は学生です"]), any_language("ja"))[0].split()) >= 4


TEXTS = st.lists(st.text("红狐狸住在 森林abc\U0001f98a。ไทย\t", max_size=12), max_size=5)


@given(TEXTS, st.sampled_from(["zh", "ja", "th", "de"]))
@settings(max_examples=60, deadline=None)
def test_setting_words_apart_adds_nothing_but_spaces(texts, code):
    series = pl.Series("text", texts, dtype=pl.String)
    found = spaced(series, any_language(code))
    assert [text.replace(" ", "") for text in found] == [text.replace(" ", "") for text in texts]
    alone = [spaced(series[place : place + 1], any_language(code)).item() for place in range(len(texts))]
    assert found.to_list() == alone
