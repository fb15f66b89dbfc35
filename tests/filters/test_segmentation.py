"""Words in scripts without spaces."""

import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.filters.words_of import words_of
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.filters.segmentation import segmenter_version, word_breaks
from xl_assets.filters.texts import Texts
from xl_assets.languages import Language, get_language
from xl_assets.native.columns import utf8


def _unspaced(code: str, script: str) -> Language:
    return Language(code, code, code, script, spaces_between_words=False)


ZH = get_language("zh")


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (ZH, "港口很安静，码头上没有人说话。", "港口 很 安静 ， 码头 上 没有 人 说话 。"),
        (_unspaced("ja", "Jpan"), "私は学生です。", "私 は 学生 です 。"),
        (_unspaced("th", "Thai"), "ฉันรักภาษาไทย", "ฉัน รัก ภาษา ไทย"),
        (_unspaced("km", "Khmr"), "ខ្ញុំស្រឡាញ់ភាសា", "ខ្ញុំ ស្រឡាញ់ ភាសា"),
        (_unspaced("lo", "Laoo"), "ຂ້ອຍຮັກພາສາລາວ", "ຂ້ອຍ ຮັກ ພາສາ ລາວ"),
        (_unspaced("my", "Mymr"), "စကားသည်ကောင်း၏", "စကား သည် ကောင်း ၏"),
    ],
)
def test_each_script_without_spaces_is_split_into_its_words(language: Language, text: str, words: str) -> None:
    assert words_of([text], language) == [words.split()]


def test_a_zero_width_space_is_where_the_writer_says_that_a_word_ends() -> None:
    khmer, thai = _unspaced("km", "Khmr"), _unspaced("th", "Thai")
    marked = "ខ្ញុំ\u200bចង់\u200bទៅ\u200bសាលារៀន"
    assert words_of([marked], khmer) == [marked.split("\u200b")]
    # Without the mark the dictionary takes two of these for one word, and cannot know how the last one is read.
    assert words_of([marked.replace("\u200b", "")], khmer) != [marked.split("\u200b")]
    assert words_of(["ตา\u200bกลม ตาก\u200bลม"], thai) == [["ตา", "กลม", "ตาก", "ลม"]]


def test_white_space_splits_too_and_other_scripts_stay_whole() -> None:
    assert words_of(["iPhone 很好\n\t看 don't 12.5"], ZH) == [["iPhone", "很好", "看", "don't", "12.5"]]


def test_a_language_with_spaces_is_split_at_them_alone() -> None:
    english = get_language("en")
    assert words_of(["the 港口很安静 (foo-bar)"], english) == [["the", "港口很安静", "(foo-bar)"]]
    texts = pl.Series(["the 港口很安静"])
    assert word_breaks(texts, utf8(texts), english).tolist() == []


def test_characters_outside_the_basic_plane_do_not_shift_the_words_behind_them() -> None:
    assert words_of(["😀😀港口𠀀很", "安静"], ZH) == [["😀", "😀", "港口", "𠀀", "很"], ["安静"]]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("港口很安静。ก็ไทยあア\u0301\u200d\u200c\x00\r\n 😀🇩🇪a1'\u0e48"), max_size=30),
        max_size=6,
    )
)
@example(["港", "\u0301口", "\u200d", "", "\r", "\n", "🇩", "🇪"])
def test_a_texts_words_do_not_depend_on_the_texts_around_it(texts: list[str]) -> None:
    alone = [words_of([text], ZH)[0] for text in texts]
    assert words_of(texts, ZH) == alone
    assert words_of(texts[::-1], ZH) == alone[::-1]
    assert ["".join(words) for words in alone] == ["".join(text.split()) for text in texts]


def test_a_slice_of_a_column_has_the_same_words() -> None:
    column = pl.Series(["港口很安静", "码头上没有人", "说话"])
    whole, part = Texts(column, ZH).words, Texts(column[1:], ZH).words
    assert np.array_equal(part.hash, whole.hash[whole.offsets[1] :])


@pytest.mark.parametrize("text", ["港口很安静", "\u0301", "ก", "\u0e48", "က", "。", "😀", "🇩"])
def test_megabytes_without_a_space_are_split_in_bounded_memory(text: str) -> None:
    long = text * (2_000_000 // len(text.encode()))
    texts = pl.Series([long, "码头"])
    tracemalloc.start()
    breaks = word_breaks(texts, utf8(texts), ZH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.all(np.diff(breaks) > 0)
    assert np.all(breaks <= len(long.encode()))
    assert peak < 100 << 20


def test_what_segments_is_named_with_its_versions() -> None:
    assert segmenter_version().startswith("icu4py 1.")
    assert ", ICU " in segmenter_version()


def test_what_was_segmented_with_is_in_the_record_of_the_filters() -> None:
    assert FilterSettings().as_dict()["segmenter"] == segmenter_version()
