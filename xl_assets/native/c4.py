"""C4's line rules, as datatrove's `C4QualityFilter` decides: which lines stay, and how many sentences they have."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.native.characters import LINE_END, SPACE, characters, decode
from xl_assets.native.columns import Utf8
from xl_assets.native.lines import strip
from xl_assets.native.phrases import NONE, find_phrase, spell
from xl_assets.native.sentences import abbreviations, count_sentences

#: What becomes of a line, the first that applies.
KEPT, LONG_WORD, NO_END, FEW_WORDS, LOREM_IPSUM, JAVASCRIPT, CURLY, POLICY = range(8)

#: Phrases that decide about a line, with what they make of it; compared in small letters.
PHRASES = {
    "lorem ipsum": LOREM_IPSUM,
    "javascript": JAVASCRIPT,
    "{": CURLY,
    "terms of use": POLICY,
    "privacy policy": POLICY,
    "cookie policy": POLICY,
    "uses cookies": POLICY,
    "use of cookies": POLICY,
    "use cookies": POLICY,
}

_LEAST_WORDS, _LONGEST_WORD = 3, 1_000


class C4Lines(NamedTuple):
    """The lines of a batch of texts as ``str.splitlines`` gives them; text i has ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        offsets: int64, one more than there are texts.
        start, end: int64, the line's bytes in the column's data, without white space around it.
        verdict: uint8, what becomes of it, see above.
        sentences: int32, sentences of a kept line, 0 of others.
    """

    offsets: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    verdict: NDArray[np.uint8]
    sentences: NDArray[np.int32]

    def per_text(self, values: NDArray[np.int32] | NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return for each text the sum of its lines' values."""
        sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[self.offsets]
        return np.diff(sums)


def judge_lines(texts: Utf8, terminal: NDArray[np.bool_]) -> C4Lines:
    """Judge each line.

    Args:
        texts: the column.
        terminal: for each code point whether a sentence can end with it; for counting sentences only, since a line
            must end in one of ``. ? ! " '``.
    """
    tables = characters()
    offsets = np.zeros(len(texts.offsets), dtype=np.int64)
    longest = _count(texts.data, texts.offsets, tables.classes, offsets)
    count = int(offsets[-1])
    start, end = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    verdict, sentences = np.empty(count, dtype=np.uint8), np.zeros(count, dtype=np.int32)
    _judge(
        *(texts.data, texts.offsets, tables.classes, tables.lower, _decimals(), terminal, *spell(PHRASES)),
        *(abbreviations(), np.empty(longest, dtype=np.int32), start, end, verdict, sentences),
    )
    return C4Lines(offsets, start, end, verdict, sentences)


def kept_text(texts: Utf8, lines: C4Lines) -> Utf8:
    """Return the kept lines, without citations, one below the other."""
    data, offsets = np.empty(len(texts.data), dtype=np.uint8), np.zeros(len(texts.offsets), dtype=np.int64)
    classes = characters().classes
    kept = lines.verdict == KEPT
    used = _write(texts.data, lines.offsets, lines.start, lines.end, kept, classes, _decimals(), data, offsets)
    return Utf8(data[:used], offsets)


@cache
def _decimals() -> NDArray[np.bool_]:
    return np.array([chr(point).isdecimal() for point in range(0x20000)])


@njit(cache=True, nogil=True)
def _next_line(data, at, stop, classes):
    """Return (end of the line, where the next one begins)."""
    while at < stop:
        # All line ends begin with a byte in ASCII, or with 0xC2 or 0xE2: U+0085, U+2028 and U+2029.
        if data[at] >= 0x80 and data[at] != 0xC2 and data[at] != 0xE2:
            at += 1
            continue
        point, following = decode(data, at)
        if classes[point] & LINE_END:
            if point == 13 and following < stop and data[following] == 10:
                following += 1
            return at, following
        at = following
    return stop, stop


@njit(cache=True, nogil=True)
def _count(data, bounds, classes, offsets):
    """Count lines; return the bytes of the longest one."""
    total, longest = 0, 0
    for text in range(len(bounds) - 1):
        at = bounds[text]
        while at < bounds[text + 1]:
            end, following = _next_line(data, at, bounds[text + 1], classes)
            longest = max(longest, end - at)
            total += 1
            at = following
        offsets[text + 1] = total
    return longest


@njit(cache=True, nogil=True)
def _judge(
    data,
    bounds,
    classes,
    lower,
    decimals,
    terminal,
    starts,
    phrases,
    ends,
    kinds,
    short,
    points,
    start,
    end,
    verdict,
    sentences,
):
    line = 0
    for text in range(len(bounds) - 1):
        at = bounds[text]
        while at < bounds[text + 1]:
            stop, following = _next_line(data, at, bounds[text + 1], classes)
            start[line], end[line] = strip(data, at, stop, classes)
            length, words, longest = _read(data, start[line], end[line], classes, decimals, points)
            if longest > _LONGEST_WORD:
                verdict[line] = LONG_WORD
            elif not _ends(points, length):
                verdict[line] = NO_END
            elif words < _LEAST_WORDS:
                verdict[line] = FEW_WORDS
            else:
                found = find_phrase(points, length, lower, starts, phrases, ends, kinds)
                verdict[line] = KEPT if found == NONE else found
            if verdict[line] == KEPT:
                sentences[line] = count_sentences(points, length, classes, lower, terminal, short)
            line += 1
            at = following


@njit(cache=True, nogil=True)
def _read(data, at, end, classes, decimals, points):
    """Put the line without citations into `points`; return (their number, words, code points of the longest word)."""
    length = words = longest = word = 0
    skipped = at
    while at < end:
        if at >= skipped and data[at] == 91:
            skipped = _behind_citation(data, at, end, decimals)
        point, following = decode(data, at)
        if classes[point] & SPACE:
            word = 0
        else:
            words += word == 0
            word += 1
            longest = max(longest, word)
        if at >= skipped:
            points[length] = point
            length += 1
        at = following
    return length, words, longest


@njit(cache=True, nogil=True)
def _behind_citation(data, at, end, decimals):
    """Return where ``[12]``, ``[]``, ``[edit]`` or ``[citation needed]`` ends, or `at` where there is none."""
    following = at + 1
    while following < end:
        point, behind = decode(data, following)
        if point == 93:
            return behind
        if point >= len(decimals) or not decimals[point]:
            break
        following = behind
    for note in (b"[edit]", b"[citation needed]"):
        if at + len(note) <= end:
            same = True
            for index in range(len(note)):
                same = same and data[at + index] == note[index]
            if same:
                return at + len(note)
    return at


@njit(cache=True, nogil=True)
def _ends(points, length):
    if not length:
        return False
    last = points[length - 1]
    if last == 46:
        return not (length > 2 and points[length - 2] == 46 and points[length - 3] == 46)
    return last == 63 or last == 33 or last == 34 or last == 39


@njit(cache=True, nogil=True)
def _write(data, offsets, start, end, kept, classes, decimals, out, bounds):
    used = 0
    for text in range(len(offsets) - 1):
        first = used
        for line in range(offsets[text], offsets[text + 1]):
            if not kept[line]:
                continue
            if used > first:
                out[used] = 10
                used += 1
            at, skipped = start[line], start[line]
            while at < end[line]:
                if at >= skipped and data[at] == 91:
                    skipped = _behind_citation(data, at, end[line], decimals)
                if at >= skipped:
                    out[used] = data[at]
                    used += 1
                at += 1
        begin, stop = strip(out, first, used, classes)
        for position in range(begin, stop):
            out[first + position - begin] = out[position]
        used = first + stop - begin
        bounds[text + 1] = used
    return used
