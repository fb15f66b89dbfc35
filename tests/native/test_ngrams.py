"""Repeated n-grams in compiled code."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.ngrams import duplicate_grams, joined_tokens, term_tokens, top_grams, word_tokens
from xl_assets.native.words import split_words

WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "d", "D", "a.", "..."]), max_size=40)


def _covered(words: list[str], n: int) -> int:
    """Characters in n-grams that occurred before, each counted once."""
    seen, covered = set(), set()
    for start in range(len(words) - n + 1):
        gram = tuple(words[start : start + n])
        if gram in seen:
            covered.update(range(start, start + n))
        seen.add(gram)
    return sum(len(words[at]) for at in covered)


def _most_frequent(words: list[str], n: int, joint: int, least: int) -> int:
    grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    best = max(grams, key=grams.count, default=())
    times = grams.count(best)
    return (len("".join(best)) + joint * (n - 1)) * times if times >= max(least, 1) else 0


def _terms(words: list[str]) -> list[str]:
    return [term for word in words if (term := "".join(filter(str.isalnum, word)).lower())]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6))
def test_batched_n_grams_of_terms_equal_the_definition_text_by_text(texts: list[list[str]]) -> None:
    column = utf8(pl.Series([" ".join(words) for words in texts]))
    tokens = term_tokens(split_words(column))
    assert duplicate_grams(tokens, (2, 3, 5), overlap=True).tolist() == [
        [_covered(_terms(words), n) for n in (2, 3, 5)] for words in texts
    ]
    assert top_grams(tokens, (2, 4), joint=0, least=2).tolist() == [
        [_most_frequent(_terms(words), n, 0, 2) for n in (2, 4)] for words in texts
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6))
def test_the_first_of_the_most_frequent_n_grams_counts_with_its_spaces(texts: list[list[str]]) -> None:
    tokens = word_tokens(split_words(utf8(pl.Series([" ".join(words) for words in texts]))))
    assert top_grams(tokens, (2, 3), joint=1, least=1).tolist() == [
        [_most_frequent(words, n, 1, 1) for n in (2, 3)] for words in texts
    ]


@pytest.mark.parametrize(("text", "repeated"), [("a bc d ab c", 3), ("a b a b a b a b", 6), ("\x00a b a b", 0)])
def test_joined_words_are_equal_wherever_they_are_cut_and_repeats_are_stepped_over(text: str, repeated: int) -> None:
    column = utf8(pl.Series([text]))
    # "ab c" is "a bc"; "b a" is never met again behind a repeated "a b"; a zero byte makes another word.
    tokens = joined_tokens(split_words(column))
    assert duplicate_grams(tokens, (2,), overlap=False)[0, 0] == repeated


def test_n_grams_never_reach_into_the_next_text_and_the_size_of_a_batch_changes_nothing() -> None:
    texts = ["one two three", "one two three", "", "four " * 50, "one two one two"]
    column = utf8(pl.Series(texts))
    together = duplicate_grams(joined_tokens(split_words(column)), (2, 3), overlap=False)
    for at, text in enumerate(texts):
        single = utf8(pl.Series([text]))
        alone = duplicate_grams(joined_tokens(split_words(single)), (2, 3), overlap=False)
        assert np.array_equal(together[at], alone[0])
    assert together[0].tolist() == [0, 0]


def test_no_texts_give_no_rows() -> None:
    tokens = word_tokens(split_words(utf8(pl.Series([], dtype=pl.String))))
    assert top_grams(tokens, (2,), joint=0, least=1).shape == (0, 1)
    assert duplicate_grams(tokens, (5, 6), overlap=True).shape == (0, 2)
