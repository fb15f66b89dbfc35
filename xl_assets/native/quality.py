"""What Gopher's quality rules count: symbols, lines that are bullets or end in an ellipsis, kinds of words."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LETTER, LINE_END, MARK, NUMBER, SPACE, characters, decode
from xl_assets.native.columns import Utf8
from xl_assets.native.seen import find_slot, slot_of, slots_for
from xl_assets.native.words import Words

_ELLIPSIS, _DOT, _HASH = 0x2026, ord("."), ord("#")


class Marks(NamedTuple):
    """Counts of each text, int64.

    Attributes:
        hashes: ``#``.
        ellipses: ``...`` and ``…``; a row of dots is as many as it has three dots.
        written, symbols: code points that are no white space, and those of them that are no letter, mark or number.
        lines, filled_lines: lines as ``str.splitlines`` has them, and those with more than white space.
        bullet_lines: lines whose first character behind white space is a bullet.
        ellipsis_lines: lines that end in an ellipsis but for white space.
    """

    hashes: NDArray[np.int64]
    ellipses: NDArray[np.int64]
    written: NDArray[np.int64]
    symbols: NDArray[np.int64]
    lines: NDArray[np.int64]
    filled_lines: NDArray[np.int64]
    bullet_lines: NDArray[np.int64]
    ellipsis_lines: NDArray[np.int64]


class WordKinds(NamedTuple):
    """Counts of each text, int64.

    Attributes:
        worded: words with a character that is not in the table of punctuation.
        worded_characters: code points of those words.
        alphabetic: words with a letter.
    """

    worded: NDArray[np.int64]
    worded_characters: NDArray[np.int64]
    alphabetic: NDArray[np.int64]


class Members(NamedTuple):
    """How many words of each text are in a set, int64: all occurrences, and different ones."""

    occurrences: NDArray[np.int64]
    distinct: NDArray[np.int64]


def count_marks(texts: Utf8, bullets: str) -> Marks:
    """Count symbols and lines of each text.

    Args:
        texts: the column.
        bullets: the characters that count as one.
    """
    counts = np.zeros((len(texts.offsets) - 1, len(Marks._fields)), dtype=np.int64)
    points = np.array([ord(bullet) for bullet in bullets], dtype=np.int32)
    _marks(texts.data, texts.offsets, characters().classes, points, counts)
    return Marks(*counts.T)


def count_words(texts: Utf8, words: Words, punctuation: NDArray[np.bool_]) -> WordKinds:
    """Count kinds of words of each text.

    Args:
        texts: the column.
        words: its words.
        punctuation: for each code point whether it counts as punctuation.
    """
    counts = np.zeros((len(texts.offsets) - 1, len(WordKinds._fields)), dtype=np.int64)
    classes = characters().classes
    _kinds(texts.data, words.offsets, words.start, words.end, words.length, classes, punctuation, counts)
    return WordKinds(*counts.T)


def count_members(offsets: NDArray[np.int64], hashes: NDArray[np.uint64], members: NDArray[np.uint64]) -> Members:
    """Count the words of each text whose hash is among some.

    Args:
        offsets: text i has words ``offsets[i]`` to ``offsets[i + 1]``.
        hashes: of the words.
        members: the hashes looked for.
    """
    counts = np.zeros((len(offsets) - 1, 2), dtype=np.int64)
    _members(offsets, hashes, np.unique(members), counts)
    return Members(*counts.T)


@njit(cache=True, nogil=True)
def _marks(data, bounds, classes, bullets, counts):
    for text in range(len(bounds) - 1):
        hashes = ellipses = written = symbols = lines = filled_lines = bullet_lines = ellipsis_lines = 0
        at, end = bounds[text], bounds[text + 1]
        open_line = filled = ends = False
        dots = 0
        while at < end:
            point, at = decode(data, at)
            bits = classes[point]
            if bits & (LETTER | MARK | NUMBER) and filled:  # most characters
                written += 1
                dots, ends = 0, False
                continue
            if bits & LINE_END:
                if point == 13 and at < end and data[at] == 10:
                    at += 1
                lines += 1
                filled_lines += filled
                ellipsis_lines += ends
                open_line = filled = ends = False
                dots = 0
                continue
            open_line = True
            if bits & SPACE:
                dots = 0
                continue
            written += 1
            if not filled:
                filled = True
                for bullet in bullets:
                    bullet_lines += point == bullet
            if bits & (LETTER | MARK | NUMBER):
                dots, ends = 0, False
                continue
            symbols += 1
            hashes += point == _HASH
            dots = dots + 1 if point == _DOT else 0
            ellipses += point == _ELLIPSIS or (dots > 0 and dots % 3 == 0)
            ends = point == _ELLIPSIS or dots >= 3
        if open_line:
            lines += 1
            filled_lines += filled
            ellipsis_lines += ends
        counts[text, 0], counts[text, 1], counts[text, 2], counts[text, 3] = hashes, ellipses, written, symbols
        counts[text, 4], counts[text, 5] = lines, filled_lines
        counts[text, 6], counts[text, 7] = bullet_lines, ellipsis_lines


@njit(cache=True, nogil=True)
def _kinds(data, offsets, start, end, length, classes, punctuation, counts):
    for text in range(len(offsets) - 1):
        for word in range(offsets[text], offsets[text + 1]):
            at, worded, alphabetic = start[word], False, False
            while at < end[word] and not (worded and alphabetic):
                point, at = decode(data, at)
                worded = worded or not punctuation[point]
                alphabetic = alphabetic or classes[point] & LETTER != 0
            counts[text, 0] += worded
            counts[text, 1] += length[word] * worded
            counts[text, 2] += alphabetic


@njit(cache=True, nogil=True)
def _members(offsets, hashes, members, counts):
    # Most words are no members: many free slots find that out at the first look.
    slots = slots_for(8 * len(members))
    keys, rounds = np.empty(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    for member in members:
        find_slot(keys, rounds, slots - 1, member, 1)
    last = np.full(slots, -1, dtype=np.int64)
    for text in range(len(offsets) - 1):
        for word in range(offsets[text], offsets[text + 1]):
            slot = slot_of(keys, rounds, slots - 1, hashes[word], 1)
            if slot >= 0:
                counts[text, 0] += 1
                counts[text, 1] += last[slot] != text
                last[slot] = text
