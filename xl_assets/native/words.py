"""Texts to words: where each begins and ends, how long it is, and what it hashes to."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, MARK, NUMBER, PUNCTUATION, SPACE, SYMBOL, characters, decode
from xl_assets.native.columns import Utf8

#: Flags of a word: it has a letter; it has something that is neither punctuation nor symbol.
HAS_LETTER, HAS_CONTENT = 1, 2

#: A word's hash is a polynomial in this of its bytes plus one, so the hash of words written one after another
#: follows from theirs (see `native.ngrams`).
BASE = np.uint64(0x9E3779B97F4A7C15)

_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0xFF51AFD7ED558CCD)


class Words(NamedTuple):
    """All words of a batch of texts, one below the other; text i has ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        offsets: int64, one more than there are texts.
        start, end: int64, the word's bytes in the column's data.
        length: int32, code points.
        hash: uint64, of the word as it is written; mix it before its low bits index a table.
        term: uint64, of its letters, marks and digits in small letters; 0 where it has none.
        flags: uint8, see above.
        term_length: int32, code points of the term.
    """

    offsets: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    length: NDArray[np.int32]
    hash: NDArray[np.uint64]
    term: NDArray[np.uint64]
    flags: NDArray[np.uint8]
    term_length: NDArray[np.int32]

    def text(self) -> NDArray[np.int64]:
        """To which text each word belongs, ascending."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


_NO_BREAKS = np.zeros(0, dtype=np.int64)


def split_words(texts: Utf8, breaks: NDArray[np.int64] = _NO_BREAKS) -> Words:
    """Split texts at white space, and at `breaks` where there are any.

    Args:
        texts: the column.
        breaks: ascending byte positions in its data at which a word ends although no white space follows; what
            a segmenter found in a script without spaces.
    """
    classes, lower, _ = characters()
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    # Far more than there are, but memory that is never written costs nothing.
    most = int(_most_words(texts.data, texts.offsets)) + len(breaks)
    start, end = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    length, term_length = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
    hashes, terms = np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.uint64)
    flags = np.empty(most, dtype=np.uint8)
    every = Words(offsets, start, end, length, hashes, terms, flags, term_length)
    _split(texts.data, texts.offsets, breaks, classes, lower, *every)
    words = offsets[-1]
    return Words(
        offsets,
        start[:words],
        end[:words],
        length[:words],
        hashes[:words],
        terms[:words],
        flags[:words],
        term_length[:words],
    )


@njit(cache=True, nogil=True)
def _most_words(data, bounds):
    """Return no less than there are words: every white space, and what may begin one, ends a word."""
    most = len(bounds) - 1
    for at in range(bounds[0], bounds[-1]):
        byte = data[at]
        most += (byte <= 32) | (byte == 0xC2) | ((byte >= 0xE1) & (byte <= 0xE3))
    return most


@njit(cache=True, nogil=True, inline="always")
def _finished(value):
    # FNV alone leaves the low bits of short words close together; tables index by them.
    value ^= value >> np.uint64(33)
    value *= _MIX
    return value ^ (value >> np.uint64(33))


@njit(cache=True, nogil=True)
def _split(data, bounds, breaks, classes, lower, offsets, start, end, length, hashes, terms, flags, term_length):
    word, following = 0, np.searchsorted(breaks, bounds[0])
    for text in range(len(bounds) - 1):
        at, last = bounds[text], bounds[text + 1]
        while at < last:
            point, after = decode(data, at)
            if classes[point] & SPACE:
                at = after
                continue
            while following < len(breaks) and breaks[following] <= at:
                following += 1
            stop = min(breaks[following], last) if following < len(breaks) else last
            start[word] = at
            at, length[word], hashes[word], terms[word], flags[word], term_length[word] = _read_word(
                data, at, stop, classes, lower
            )
            end[word] = at
            word += 1
        offsets[text + 1] = word


@njit(cache=True, nogil=True, inline="always")
def _read_word(data, at, stop, classes, lower):
    """Read a word from where it begins to white space or `stop`; return its end and its columns."""
    written, term = np.uint64(0), _START
    length, term_length, kinds = np.int32(0), np.int32(0), np.uint8(0)
    while at < stop:
        byte = data[at]
        if byte < 0x80:  # most characters of most texts; apart from the others because that is faster
            bits = classes[byte]
            if bits & SPACE:
                break
            written = written * BASE + np.uint64(byte) + np.uint64(1)
            if bits & (LETTER | NUMBER):
                term = (term ^ np.uint64(lower[byte])) * _PRIME
                term_length += np.int32(1)
            at += 1
        else:
            point, after = decode(data, at)
            bits = classes[point]
            if bits & SPACE:
                break
            for position in range(at, after):
                written = written * BASE + np.uint64(data[position]) + np.uint64(1)
            if bits & (LETTER | MARK | NUMBER):
                term = (term ^ np.uint64(lower[point])) * _PRIME
                term_length += np.int32(1)
            at = after
        length += np.int32(1)
        kinds |= np.uint8(HAS_LETTER * (bits & LETTER != 0) | HAS_CONTENT * (bits & (PUNCTUATION | SYMBOL) == 0))
    return at, length, written, _finished(term) if term_length else np.uint64(0), kinds, term_length
