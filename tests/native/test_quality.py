"""Counting of symbols, lines and words in compiled code."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.quality import count_marks, count_members, count_words
from xl_assets.native.words import split_words

TEXTS = st.lists(st.text(st.sampled_from("aé9 -•.…#\n\r\t\x1c\x85\u2028\u00a0\u0301港😀"), max_size=60), max_size=6)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_marks_are_counted_as_pythons_own_text_functions_count_them(texts: list[str]) -> None:
    marks = count_marks(utf8(pl.Series(texts, dtype=pl.String)), "-•")
    lines = [text.splitlines() for text in texts]
    assert marks.hashes.tolist() == [text.count("#") for text in texts]
    assert marks.ellipses.tolist() == [text.count("...") + text.count("…") for text in texts]
    assert marks.written.tolist() == [len("".join(text.split())) for text in texts]
    assert marks.symbols.tolist() == [sum(character in "-•.…#😀" for character in text) for text in texts]
    assert marks.lines.tolist() == [len(each) for each in lines]
    assert marks.filled_lines.tolist() == [sum(bool(line.strip()) for line in each) for each in lines]
    assert marks.bullet_lines.tolist() == [sum(line.lstrip().startswith(("-", "•")) for line in each) for each in lines]
    assert marks.ellipsis_lines.tolist() == [
        sum(line.rstrip().endswith(("...", "…")) for line in each) for each in lines
    ]


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_kinds_of_words_follow_the_table_that_is_given(texts: list[str]) -> None:
    punctuation = np.zeros(0x110000, dtype=np.bool_)
    punctuation[[ord(character) for character in "-.é"]] = True
    column = utf8(pl.Series(texts, dtype=pl.String))
    kinds = count_words(column, split_words(column), punctuation)
    worded = [[word for word in text.split() if set(word) - set("-.é")] for text in texts]
    assert kinds.worded.tolist() == [len(words) for words in worded]
    assert kinds.worded_characters.tolist() == [len("".join(words)) for words in worded]
    assert kinds.alphabetic.tolist() == [sum(any(map(str.isalpha, word)) for word in text.split()) for text in texts]


def test_members_are_counted_with_and_without_their_repeats() -> None:
    words = split_words(utf8(pl.Series(["the cat and the dog", "and", "cat", ""])))
    members = split_words(utf8(pl.Series(["the and the"]))).hash
    counted = count_members(words.offsets, words.hash, members)
    assert counted.occurrences.tolist() == [3, 1, 0, 0]
    assert counted.distinct.tolist() == [2, 1, 0, 0]
    assert count_members(words.offsets, words.hash, members[:0]).occurrences.tolist() == [0, 0, 0, 0]
