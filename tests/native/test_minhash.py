"""n-grams, MinHash bands and exact similarity in compiled code."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.minhash import Shingles, band_keys, jaccard, letter_keys, shingles, unique_shingles
from xl_assets.native.words import split_words

TEXTS = st.lists(st.text(st.sampled_from("ab é. \n"), max_size=40), max_size=6)


def _words(*texts: str):
    return split_words(utf8(pl.Series(texts, dtype=pl.String)))


def _terms(text: str) -> list[str]:
    return [term for word in text.split() if (term := "".join(c for c in word.lower() if c.isalnum()))]


def _grams(text: str, size: int) -> list[tuple[str, ...]]:
    terms = _terms(text)
    return [tuple(terms[place : place + size]) for place in range(len(terms) - size + 1)]


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 4))
def test_shingles_are_the_n_grams_of_words_with_letters(texts: list[str], size: int) -> None:
    found = shingles(_words(*texts), size)
    expected = [gram for text in texts for gram in _grams(text, size)]
    assert np.diff(found.offsets).tolist() == [len(_grams(text, size)) for text in texts]
    # Equal for equal n-grams and for no others.
    pairs = set(zip(expected, found.hash.tolist(), strict=True))
    assert len(pairs) == len(set(expected)) == len(set(found.hash.tolist()))


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 3))
def test_similarity_is_that_of_plain_sets(texts: list[str], size: int) -> None:
    pairs = np.array([(a, b) for a in range(len(texts)) for b in range(len(texts))], dtype=np.int64).reshape(-1, 2)
    found = jaccard(unique_shingles(_words(*texts), size), pairs)
    for (a, b), similarity in zip(pairs.tolist(), found.tolist(), strict=True):
        left, right = set(_grams(texts[a], size)), set(_grams(texts[b], size))
        assert similarity == (len(left & right) / len(left | right) if left | right else 0)


def test_texts_shorter_than_an_n_gram_have_the_key_that_none_shares() -> None:
    keys = band_keys(shingles(_words("one two", "?!", "", "one two three"), 3), 4, 2, seed=1)
    assert not keys[:3].any()
    assert keys[3].all()


def test_word_order_matters_and_case_and_punctuation_do_not() -> None:
    sets = unique_shingles(_words("A, b c!", "a b c", "c b a"), 2)
    assert jaccard(sets, np.array([[0, 1], [0, 2]])).tolist() == [1, 0]


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_bands_are_shared_as_often_as_the_similarity_says(share: float) -> None:
    rng = np.random.default_rng(1)
    texts, size, rows = 2000, 300, 3
    common = round(2 * size * share / (1 + share))
    hashes = rng.integers(0, 2**64, (texts, 2, size), dtype=np.uint64)
    hashes[:, 1, :common] = hashes[:, 0, :common]
    sets = Shingles(hashes.ravel(), np.arange(2 * texts + 1) * size)
    keys = band_keys(sets, 8, rows, seed=7).reshape(texts, 2, 8)
    similarity = common / (2 * size - common)
    assert abs((keys[:, 0] == keys[:, 1]).mean() - similarity**rows) < 0.02


def test_keys_depend_on_seed_and_salt_and_on_nothing_else() -> None:
    words = _words("some words that are enough", "some words that are enough")
    keys = [band_keys(shingles(words, 3), 5, 4, seed, salt) for seed, salt in ((1, 0), (2, 0), (1, 1))]
    assert (keys[0][0] == keys[0][1]).all()
    assert not (keys[0] == keys[1]).any()
    assert not (keys[0] == keys[2]).any()
    again = shingles(_words("other", "some words that are enough"), 3)
    assert (band_keys(again, 5, 4, 1)[1] == keys[0][0]).all()


def test_bands_are_the_same_in_every_version() -> None:
    keys = band_keys(Shingles(np.array([2**40, 2**50, 2**60], dtype=np.uint64), np.array([0, 3])), 2, 2, seed=42)
    assert keys.tolist() == [[10594636190416304780, 10453930719571354549]]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_letter_keys_are_equal_for_equal_letters_only(left: str, right: str) -> None:
    import unicodedata

    def letters(text: str) -> list[str]:
        named = [c for c in text if unicodedata.category(c)[0] in "LMN"]
        return [small if len(small := c.lower()) == 1 else c for c in named]

    keys = letter_keys(utf8(pl.Series([left, right])))
    assert (keys[0] == keys[1]) == (letters(left) == letters(right))
    assert [bool(key) for key in keys] == [bool(letters(text)) for text in (left, right)]


def test_digits_can_count_as_alike_and_salts_part_keys() -> None:
    column = utf8(pl.Series(["Page 1 of 20", "page 3 of 48!", "page 3 of 4"]))
    assert len(set(letter_keys(column).tolist())) == 3
    assert len(set(letter_keys(column, numbers=False).tolist())) == 2
    assert not set(letter_keys(column).tolist()) & set(letter_keys(column, salt=1).tolist())


def test_many_different_texts_have_different_letter_keys() -> None:
    rng = random.Random(1)
    texts = {"".join(rng.choices("ab", k=30)) for _ in range(50_000)}
    assert len(set(letter_keys(utf8(pl.Series(sorted(texts)))).tolist())) == len(texts)
