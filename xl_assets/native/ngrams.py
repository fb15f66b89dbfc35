"""Repeated word n-grams of texts: the most frequent one, and how much of a text occurred before."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.seen import find_slot, slots_for
from xl_assets.native.words import BASE, Words

# Another than a word's own polynomial has, or "ab c" could be "a bc".
_FACTOR = np.uint64(0xD1B54A32D192ED03)


class Tokens(NamedTuple):
    """Tokens of texts; the hash of tokens in a row is ``(... v0 * f1 + v1) * f2 + v2 ...``.

    Attributes:
        offsets: int64, text i has tokens ``offsets[i]`` to ``offsets[i + 1]``.
        value, factor: uint64, the v and f of a token.
        length: int32, its characters.
    """

    offsets: NDArray[np.int64]
    value: NDArray[np.uint64]
    factor: NDArray[np.uint64]
    length: NDArray[np.int32]


def word_tokens(words: Words) -> Tokens:
    """Words as tokens; n-grams are equal where their words are, as written."""
    return Tokens(words.offsets, words.hash, np.full(len(words.hash), _FACTOR), words.length)


def joined_tokens(words: Words) -> Tokens:
    """Words as tokens whose n-grams are equal where the words, written without spaces, are the same string."""
    factor = np.empty(len(words.hash), dtype=np.uint64)
    _raise(words.start, words.end, factor)
    return Tokens(words.offsets, words.hash, factor, words.length)


def term_tokens(words: Words) -> Tokens:
    """Words that have a term as tokens; n-grams are equal where their terms are."""
    named = words.term != 0
    offsets = np.concatenate([[0], np.cumsum(named)])[words.offsets]
    value = words.term[named]
    return Tokens(offsets, value, np.full(len(value), _FACTOR), words.term_length[named])


def top_grams(tokens: Tokens, sizes: tuple[int, ...], *, joint: int, least: int) -> NDArray[np.int64]:
    """Characters of the most frequent n-gram, the first of several, times how often it occurs.

    Args:
        tokens: of the texts.
        sizes: the n, ascending, 2 at least.
        joint: characters that count between two tokens.
        least: fewer occurrences count as 0.

    Returns:
        int64, one row a text, one column an n.
    """
    found = np.zeros((len(tokens.offsets) - 1, len(sizes)), dtype=np.int64)
    _top(*tokens, np.array(sizes, dtype=np.int64), joint, least, found)
    return found


def duplicate_grams(tokens: Tokens, sizes: tuple[int, ...], *, overlap: bool) -> NDArray[np.int64]:
    """Characters of n-grams that occurred before in the text.

    Args:
        tokens: of the texts.
        sizes: the n, ascending, 2 at least.
        overlap: True to look at every n-gram and count each character once, False to go on behind a repeated
            one as datatrove's `find_all_duplicate` does: what it steps over is not remembered.

    Returns:
        int64, one row a text, one column an n.
    """
    found = np.zeros((len(tokens.offsets) - 1, len(sizes)), dtype=np.int64)
    _duplicate(*tokens, np.array(sizes, dtype=np.int64), overlap, found)
    return found


@njit(cache=True, nogil=True)
def _raise(start, end, factor):
    """Raise the base of words' hashes to the number of their bytes."""
    for word in range(len(start)):
        power, base, exponent = np.uint64(1), BASE, end[word] - start[word]
        while exponent:
            if exponent & 1:
                power *= base
            base *= base
            exponent >>= 1
        factor[word] = power


@njit(cache=True, nogil=True)
def _longest(offsets):
    most = 0
    for text in range(len(offsets) - 1):
        most = max(most, offsets[text + 1] - offsets[text])
    return most


@njit(cache=True, nogil=True, inline="always")
def _grow(grams, size, n, begin, tokens, value, factor):
    """Make the hashes of n-grams from those of `size`-grams; return how many there are."""
    while size < n:
        size += 1
        for token in range(tokens - size + 1):
            last = begin + token + size - 1
            grams[token] = grams[token] * factor[last] + value[last]
    return max(tokens - n + 1, 0)


@njit(cache=True, nogil=True)
def _top(offsets, value, factor, length, sizes, joint, least, found):
    most = _longest(offsets)
    slots = slots_for(most)
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    first, count = np.empty(slots, dtype=np.int32), np.empty(slots, dtype=np.int32)
    grams = np.empty(most, dtype=np.uint64)
    this = 0
    for text in range(len(offsets) - 1):
        begin, tokens = offsets[text], offsets[text + 1] - offsets[text]
        mask, size = slots_for(tokens) - 1, 1
        grams[:tokens] = value[begin : begin + tokens]
        for column, n in enumerate(sizes):
            this += 1
            there = _grow(grams, size, n, begin, tokens, value, factor)
            token, times = _most_frequent(keys, rounds, mask, this, first, count, grams[:there])
            if times >= least and times:
                characters = length[begin + token : begin + token + n].sum() + joint * (n - 1)
                found[text, column] = characters * times
            size = n


@njit(cache=True, nogil=True)
def _most_frequent(keys, rounds, mask, this, first, count, grams):
    """Return (token at which the most frequent n-gram begins first, how often it occurs)."""
    best, times = 0, 0
    for token in range(len(grams)):
        slot, there = find_slot(keys, rounds, mask, grams[token], this)
        if not there:
            first[slot], count[slot] = token, 0
        count[slot] += 1
        if count[slot] > times or (count[slot] == times and first[slot] < best):
            best, times = first[slot], count[slot]
    return best, times


@njit(cache=True, nogil=True)
def _duplicate(offsets, value, factor, length, sizes, overlap, found):
    most = _longest(offsets)
    slots = slots_for(most)
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    grams = np.empty(most, dtype=np.uint64)
    this = 0
    for text in range(len(offsets) - 1):
        begin, tokens = offsets[text], offsets[text + 1] - offsets[text]
        mask, size = slots_for(tokens) - 1, 1
        grams[:tokens] = value[begin : begin + tokens]
        for column, n in enumerate(sizes):
            this += 1
            there = _grow(grams, size, n, begin, tokens, value, factor)
            lengths = length[begin : begin + tokens]
            found[text, column] = _seen_before(keys, rounds, mask, this, grams[:there], lengths, n, overlap)
            size = n


@njit(cache=True, nogil=True)
def _seen_before(keys, rounds, mask, this, grams, lengths, n, overlap):
    """Return the characters of n-grams that occurred before."""
    token, covered, characters = 0, 0, 0
    while token < len(grams):
        _, there = find_slot(keys, rounds, mask, grams[token], this)
        if there:
            for part in range(max(token, covered), token + n):
                characters += lengths[part]
            covered = token + n
        token += n if there and not overlap else 1
    return characters
