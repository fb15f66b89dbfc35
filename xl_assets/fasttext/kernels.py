"""Texts to vectors, as fastText makes them: bytes of an Arrow column in, one vector per text and per line out.

A vector is the mean of the rows of its tokens. A token's rows are summed once and kept in `Memory`; that changes no
bit of a result, because what is not kept is summed in the same order when it is needed.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.fasttext.vocabulary import END, FACTOR, LABEL, LOW, SEQUENCE, START, add_sequence, describe
from xl_assets.native.prefetch import prefetch

#: Where fastText ends a token: NUL, tab, line feed, vertical tab, form feed, carriage return, space.
_SEPARATORS = np.uint64(sum(1 << code for code in (0, 9, 10, 11, 12, 13, 32)))
_LINE_FEED, _SPACE = 10, 32

#: Longer tokens are not kept: they hardly repeat (in a script without spaces a token is a whole clause).
_KEY_BYTES = 32

#: Slots that a token may be kept in.
_WAYS = 4

#: The head of a slot: length of the token, its rows, fastText's hash, how it counts, and whether it was met again
#: since it was last passed over. Then come its bytes and its sum.
_LENGTH, _ROWS, _HASH, _KIND, _AGAIN = range(5)
_HEAD = 8
_KEY = 4 * _HEAD
_SUM = _HEAD + _KEY_BYTES // 4

#: Slots begin at a multiple of so many bytes, so that one is fetched with as few accesses to memory as possible.
_ALIGNED = 128

#: Tokens that are looked up together.
_TOGETHER = 64

_MIX = np.uint64(0xFF51AFD7ED558CCD)


class Memory(NamedTuple):
    """The cache of tokens: sets of slots, in which a token that was not met again makes room first.

    Attributes:
        tags: uint32, per slot a part of the hash that is never 0; 0 where the slot is free.
        heads, keys, sums: the slots' memory, a row each, as uint32, uint8 and float32.
        hands: uint8, per set the slot that is asked first to make room.
    """

    tags: NDArray[np.uint32]
    heads: NDArray[np.uint32]
    keys: NDArray[np.uint8]
    sums: NDArray[np.float32]
    hands: NDArray[np.uint8]


def new_memory(dim: int, size: int) -> Memory:
    """Return an empty cache of at most `size` bytes, but of 1,024 slots at least."""
    row = 4 * (_SUM + dim)
    slots = 1 << max(10, (size // (row + 5)).bit_length() - 1)
    raw = np.zeros(slots * row + _ALIGNED, dtype=np.uint8)
    begin = -raw.ctypes.data % _ALIGNED
    heads = raw[begin : begin + slots * row].view(np.uint32).reshape(slots, -1)
    return Memory(
        np.zeros(slots, dtype=np.uint32),
        heads,
        heads.view(np.uint8),
        heads.view(np.float32),
        np.zeros(slots // _WAYS, dtype=np.uint8),
    )


@njit(cache=True, nogil=True)
def embed(data, offsets, wanted, vocabulary, memory, texts, text_rows, lines, line_rows):
    """Fill in the vectors of texts and of their lines.

    A text counts as if its line feeds were spaces, a line as a text of its own. Either ends at a token ``</s>``.

    Args:
        data, offsets: the column's buffers.
        wanted: bool, which of all texts' lines, in order, get a vector; empty for none.
        vocabulary: the model's tokens and rows.
        memory: the cache.
        texts, text_rows: per text its vector, and of how many rows it is the mean (0: no vector, no answer).
        lines, line_rows: the same per wanted line.
    """
    dim, sequence = texts.shape[1], vocabulary.sequence
    # Taken out of the tuple here: each use of a tuple counts references to all of its arrays.
    tags, heads, keys, sums, hands = memory
    total, line, fresh = np.zeros(dim, np.float32), np.zeros(dim, np.float32), np.zeros(dim, np.float32)
    # Hashes of the sequences that began with each of the last tokens.
    chain = np.zeros(max(sequence - 1, 1), np.uint64)
    starts, ends = np.zeros(_TOGETHER, np.int64), np.zeros(_TOGETHER, np.int64)
    shorts, longs = np.zeros(_TOGETHER, np.uint64), np.zeros(_TOGETHER, np.uint64)
    number = filled = 0
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        total[:] = 0
        total_rows, said, ended = 0, 0, False
        while True:
            line[:] = 0
            line_rows_here, line_start, line_ended = 0, said, False
            judged = number < len(wanted) and wanted[number]
            while at < end and data[at] != _LINE_FEED:
                count, at = _tokens(data, at, end, starts, ends, shorts, longs, tags)
                if line_ended or (ended and not judged):
                    continue
                _fetch(longs, count, tags, heads, hands)
                for token in range(count):
                    short = shorts[token]
                    slot = _kept(data, starts[token], ends[token], longs[token], tags, heads, keys)
                    if slot < 0:
                        rows, kind = describe(data, starts[token], ends[token], short, vocabulary, fresh)
                        _keep(data, starts[token], ends[token], short, longs[token], memory, fresh, rows, kind)
                        for column in range(dim):
                            line[column] += fresh[column]
                    else:
                        rows, kind = np.int64(heads[slot, _ROWS]), np.int64(heads[slot, _KIND])
                        for column in range(dim):
                            line[column] += sums[slot, _SUM + column]
                    line_rows_here += rows
                    if sequence > 1 and kind != LABEL:
                        inside, across = _extend(chain, said, line_start, short, vocabulary, line, total, ended)
                        line_rows_here += inside
                        total_rows += across
                        said += 1
                    if kind == END:
                        line_ended = True
                        break
            if not ended:
                for column in range(dim):
                    total[column] += line[column]
                total_rows += line_rows_here
                ended = line_ended
            if judged:
                if not line_ended:
                    line_rows_here += _end(chain, said, line_start, vocabulary, line)
                _mean(line, line_rows_here, lines, filled)
                line_rows[filled] = line_rows_here
                filled += 1
            number += 1
            if at >= end:
                break
            at += 1
        if not ended:
            total_rows += _end(chain, said, 0, vocabulary, total)
        _mean(total, total_rows, texts, text)
        text_rows[text] = total_rows


@njit(cache=True, nogil=True)
def _separates(byte):
    return byte <= _SPACE and (_SEPARATORS >> np.uint64(byte)) & np.uint64(1) != 0


@njit(cache=True, nogil=True)
def _tokens(data, at, end, starts, ends, shorts, longs, tags):
    """Fill in the next tokens of a line: where they are, fastText's hash of each, and another one of 64 bits.

    Returns how many they are and where the next one may begin.
    """
    count = 0
    while at < end and count < len(starts) and data[at] != _LINE_FEED:
        if _separates(data[at]):
            at += 1
            continue
        starts[count], short, long = at, START, START
        while at < end and not _separates(data[at]):
            byte = np.uint64(data[at])
            signed = byte | np.uint64(0xFFFFFF00) if byte >= np.uint64(128) else byte
            short = ((short ^ signed) * FACTOR) & LOW
            long = (long ^ byte) * _MIX
            at += 1
        long ^= long >> np.uint64(32)
        ends[count], shorts[count], longs[count] = at, short, long
        prefetch(tags, _first(long, tags))
        count += 1
    return count, at


@njit(cache=True, nogil=True)
def _fetch(longs, count, tags, heads, hands):
    """Fetch the slots that the tokens may be in: most lie in slow memory, and can be waited for together."""
    width = heads.shape[1]
    for token in range(count):
        first, tag = _first(longs[token], tags), _tag(longs[token])
        # One that is not there will be kept where the hand points.
        there = first + np.int64(hands[first // _WAYS])
        for slot in range(first, first + _WAYS):
            if tags[slot] == tag:
                there = slot
        prefetch(heads, there * width)
        prefetch(heads, there * width + _SUM)


@njit(cache=True, nogil=True)
def _first(long, tags):
    return np.int64(long & np.uint64(len(tags) // _WAYS - 1)) * _WAYS


@njit(cache=True, nogil=True)
def _tag(long):
    return np.uint32((long >> np.uint64(32)) | np.uint64(1))


@njit(cache=True, nogil=True)
def _kept(data, start, end, long, tags, heads, keys):
    """The slot of a token, or -1."""
    length = end - start
    if length > _KEY_BYTES:
        return np.int64(-1)
    first, tag = _first(long, tags), _tag(long)
    for slot in range(first, first + _WAYS):
        if tags[slot] == tag and heads[slot, _LENGTH] == length:
            difference = np.uint8(0)
            for position in range(length):
                difference |= keys[slot, _KEY + position] ^ data[start + position]
            if not difference:
                if not heads[slot, _AGAIN]:
                    heads[slot, _AGAIN] = 1
                return np.int64(slot)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _keep(data, start, end, short, long, memory, total, rows, kind):
    """Put a token into its set, in the place of one that was not met again."""
    length = end - start
    if length > _KEY_BYTES:
        return
    tags, heads, keys, sums, hands = memory
    group = _first(long, tags) // _WAYS
    slot = group * _WAYS + hands[group]
    while tags[slot] and heads[slot, _AGAIN]:
        heads[slot, _AGAIN] = 0
        hands[group] = (hands[group] + 1) % _WAYS
        slot = group * _WAYS + hands[group]
    hands[group] = (hands[group] + 1) % _WAYS
    tags[slot] = _tag(long)
    heads[slot, _LENGTH] = length
    heads[slot, _ROWS] = rows
    heads[slot, _HASH] = short
    heads[slot, _KIND] = kind
    heads[slot, _AGAIN] = 0
    for position in range(length):
        keys[slot, _KEY + position] = data[start + position]
    for column in range(len(total)):
        sums[slot, _SUM + column] = total[column]


@njit(cache=True, nogil=True)
def _extend(chain, said, line_start, short, vocabulary, line, total, ended):
    """Add the sequences that end with this token; return how many began in its line and how many before it."""
    value, inside, across = _widened(short), 0, 0
    for first in range(max(said - len(chain), 0), said):
        place = first % len(chain)
        chain[place] = chain[place] * SEQUENCE + value
        if first >= line_start:
            inside += add_sequence(chain[place], vocabulary, line)
        elif not ended:
            across += add_sequence(chain[place], vocabulary, total)
    chain[said % len(chain)] = value
    return inside, across


@njit(cache=True, nogil=True)
def _end(chain, said, since, vocabulary, total):
    """Add the end of a text and the sequences that end with it; return how many rows that were."""
    rows = 0
    if vocabulary.end_row >= 0:
        for column in range(len(total)):
            total[column] += vocabulary.matrix[vocabulary.end_row, column]
        rows = 1
    if vocabulary.sequence > 1:
        value = _widened(np.uint64(vocabulary.end_hash))
        for first in range(max(said - len(chain), since), said):
            rows += add_sequence(chain[first % len(chain)] * SEQUENCE + value, vocabulary, total)
    return rows


@njit(cache=True, nogil=True)
def _widened(short):
    # fastText keeps the hash as a signed number of 32 bits.
    return short | np.uint64(0xFFFFFFFF00000000) if short >= np.uint64(0x80000000) else short


@njit(cache=True, nogil=True)
def _mean(total, rows, into, row):
    share = np.float32(1.0 / rows) if rows else np.float32(0)
    for column in range(len(total)):
        into[row, column] = total[column] * share
