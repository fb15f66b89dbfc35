"""Texts to words in compiled code."""

import unicodedata

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.words import HAS_CONTENT, HAS_LETTER, split_words

TEXTS = st.lists(
    st.text(
        st.sampled_from("aAéÉß9٣-#\n\r\t\x1c\x85\u1680\u2028\u3000\u00a0\u0301港あ😀\x00")
        | st.characters(exclude_categories=["Cs"]),
        max_size=40,
    ),
    max_size=6,
)


def _term(word: str) -> str:
    letters = [character for character in word if unicodedata.category(character)[0] in "LMN"]
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in letters)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_words_are_pythons_with_their_place_length_and_term(texts: list[str]) -> None:
    column = utf8(pl.Series(texts, dtype=pl.String))
    words = split_words(column)
    data = column.data.tobytes()
    written = [data[start:end].decode() for start, end in zip(words.start, words.end, strict=True)]
    assert written == [word for text in texts for word in text.split()]
    assert np.diff(words.offsets).tolist() == [len(text.split()) for text in texts]
    assert words.length.tolist() == list(map(len, written))
    assert words.term_length.tolist() == [len(_term(word)) for word in written]
    assert (words.term == 0).tolist() == [not _term(word) for word in written]
    assert (words.flags & HAS_LETTER > 0).tolist() == [any(map(str.isalpha, word)) for word in written]
    assert (words.flags & HAS_CONTENT > 0).tolist() == [
        any(unicodedata.category(character)[0] not in "PS" for character in word) for word in written
    ]


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_hashes_are_equal_where_the_words_are_and_terms_where_the_terms_are(texts: list[str]) -> None:
    column = utf8(pl.Series(texts, dtype=pl.String))
    words, written = split_words(column), [word for text in texts for word in text.split()]
    assert len(set(words.hash.tolist())) == len(set(written))
    assert len(set(zip(words.hash.tolist(), written, strict=True))) == len(set(written))
    pairs = set(zip(words.term.tolist(), map(_term, written), strict=True))
    assert len(pairs) == len({term for term, _ in pairs}) == len({term for _, term in pairs})


def test_breaks_part_words_and_those_at_white_space_or_outside_change_nothing() -> None:
    column = utf8(pl.Series(["x", "abc de", "fgh"])[1:])
    begin = int(column.offsets[0])
    words = split_words(column, np.array([0, begin, begin + 2, begin + 3, begin + 4, begin + 8], dtype=np.int64))
    assert np.diff(words.offsets).tolist() == [3, 2]
    assert words.length.tolist() == [2, 1, 2, 2, 1]
