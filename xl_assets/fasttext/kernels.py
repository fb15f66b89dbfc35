"""Texts to vectors, as fastText makes them: bytes of an Arrow column in, one vector per text and per line out.

A vector is the mean of the rows of its tokens. A token's rows are summed once and kept in `memory`; that changes no
bit of a result, because what is not kept is summed in the same order when it is needed.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.fasttext.memory import KIND, ROWS, SUM, fetch, first_slot, keep, kept
from xl_assets.fasttext.vocabulary import (
    END,
    FACTOR,
    LABEL,
    LOW,
    SEQUENCE,
    START,
    add_row,
    describe,
    look_up,
    sequence_row,
)
from xl_assets.native.prefetch import prefetch

#: Where fastText ends a token: NUL, tab, line feed, vertical tab, form feed, carriage return, space.
_SEPARATORS = np.uint64(sum(1 << code for code in (0, 9, 10, 11, 12, 13, 32)))
_LINE_FEED, _SPACE = 10, 32

#: Tokens that are looked up together.
_TOGETHER = 64

_MIX = np.uint64(0xFF51AFD7ED558CCD)


class Tokens(NamedTuple):
    """Some tokens of a line: where they begin and end, fastText's hash of each, and another one of 64 bits."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    shorts: NDArray[np.uint64]
    longs: NDArray[np.uint64]


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
    total, line, fresh = np.zeros(dim, np.float32), np.zeros(dim, np.float32), np.zeros(dim, np.float32)
    # Hashes of the sequences that began with each of the last tokens.
    chain = np.zeros(max(sequence - 1, 1), np.uint64)
    buffers, kinds = _new_tokens(), np.zeros(_TOGETHER, np.int64)
    number = filled = 0
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        total[:] = 0
        total_rows, said, ended = 0, 0, False
        while True:
            line[:] = 0
            here, line_start, line_ended = 0, said, False
            judged = number < len(wanted) and wanted[number]
            while at < end and data[at] != _LINE_FEED:
                count, at = _next_tokens(data, at, end, buffers)
                if line_ended or (ended and not judged):
                    continue
                if vocabulary.maxn > 0:
                    rows, count = _add_tokens(data, buffers, count, vocabulary, memory, fresh, line, kinds)
                else:
                    rows, count = _add_words(data, buffers, count, vocabulary, line, kinds)
                here += rows
                line_ended = count > 0 and kinds[count - 1] == END
                if sequence > 1:
                    rows, across, said = _add_sequences(
                        buffers, count, kinds, vocabulary, chain, said, line_start, line, total, ended
                    )
                    here += rows
                    total_rows += across
            if not ended:
                for column in range(dim):
                    total[column] += line[column]
                total_rows += here
                ended = line_ended
            if judged:
                if not line_ended:
                    here += _end(chain, said, line_start, vocabulary, line)
                _mean(line, here, lines, filled)
                line_rows[filled] = here
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
def _new_tokens():
    return Tokens(
        np.zeros(_TOGETHER, np.int64),
        np.zeros(_TOGETHER, np.int64),
        np.zeros(_TOGETHER, np.uint64),
        np.zeros(_TOGETHER, np.uint64),
    )


@njit(cache=True, nogil=True)
def _separates(byte):
    return byte <= _SPACE and (_SEPARATORS >> np.uint64(byte)) & np.uint64(1) != 0


@njit(cache=True, nogil=True)
def _next_tokens(data, at, end, tokens):
    """Fill in the next tokens of a line; return how many they are and where the next one may begin."""
    starts, ends, shorts, longs = tokens
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
        count += 1
    return count, at


@njit(cache=True, nogil=True)
def _add_tokens(data, tokens, count, vocabulary, memory, fresh, line, kinds):
    """Add tokens' rows to their line, and fill in how each counts; return the rows, and the tokens up to an end."""
    # Taken out of the tuples here: each use of a tuple counts references to all of its arrays.
    starts, ends, shorts, longs = tokens
    tags, heads, keys, sums, hands = memory
    for token in range(count):
        prefetch(tags, first_slot(longs[token], tags))
    fetch(longs, count, tags, heads, hands)
    added, columns = 0, len(line)
    for token in range(count):
        start, end = starts[token], ends[token]
        slot = kept(data, start, end, longs[token], tags, heads, keys)
        if slot < 0:
            rows, kind = describe(data, start, end, shorts[token], vocabulary, fresh)
            keep(data, start, end, longs[token], memory, fresh, rows, kind)
            for column in range(columns):
                line[column] += fresh[column]
        else:
            rows, kind = np.int64(heads[slot, ROWS]), np.int64(heads[slot, KIND])
            for column in range(columns):
                line[column] += sums[slot, SUM + column]
        added += rows
        kinds[token] = kind
        if kind == END:
            return added, token + 1
    return added, count


@njit(cache=True, nogil=True)
def _add_words(data, tokens, count, vocabulary, line, kinds):
    """`_add_tokens` for a model without subwords: a token's sum is one row, which the model itself keeps."""
    starts, ends, shorts, _ = tokens
    table, hashes, entry_bytes = vocabulary.table, vocabulary.hashes, vocabulary.entry_bytes
    entry_offsets, words, matrix = vocabulary.entry_offsets, vocabulary.words, vocabulary.matrix
    prefix, end_mark = vocabulary.prefix, vocabulary.end_mark
    for token in range(count):
        prefetch(table, np.int64(shorts[token] & np.uint64(len(table) - 1)))
    added = 0
    for token in range(count):
        entry, kind = look_up(
            data,
            starts[token],
            ends[token],
            shorts[token],
            table,
            hashes,
            entry_bytes,
            entry_offsets,
            words,
            prefix,
            end_mark,
        )
        kinds[token] = kind
        if entry >= 0 and kind != LABEL:
            for column in range(len(line)):
                line[column] += matrix[entry, column]
            added += 1
        if kind == END:
            return added, token + 1
    return added, count


@njit(cache=True, nogil=True)
def _add_sequences(tokens, count, kinds, vocabulary, chain, said, line_start, line, total, ended):
    """Add the sequences that end with some tokens.

    Returns the rows added to the line, those of sequences from the lines before, which go to the text's total, and
    how many tokens were said by now.
    """
    shorts = tokens.shorts
    words, bucket, matrix = vocabulary.words, vocabulary.bucket, vocabulary.matrix
    pruned, bits, kept_rows = vocabulary.pruned, vocabulary.bits, vocabulary.kept
    inside, across, columns, length = 0, 0, len(line), len(chain)
    for token in range(count):
        if kinds[token] == LABEL:
            continue
        value = _widened(shorts[token])
        for first in range(max(said - length, 0), said):
            place = first % length
            chain[place] = chain[place] * SEQUENCE + value
            if first < line_start and ended:
                continue
            row = sequence_row(chain[place], words, bucket, pruned, bits, kept_rows)
            if row < 0:
                continue
            if first >= line_start:
                inside += 1
                for column in range(columns):
                    line[column] += matrix[row, column]
            else:
                across += 1
                for column in range(columns):
                    total[column] += matrix[row, column]
        chain[said % length] = value
        said += 1
    return inside, across, said


@njit(cache=True, nogil=True)
def _end(chain, said, since, vocabulary, total):
    """Add the end of a text and the sequences that end with it; return how many rows that were."""
    rows, matrix = 0, vocabulary.matrix
    if vocabulary.end_row >= 0:
        add_row(total, matrix, vocabulary.end_row)
        rows = 1
    if vocabulary.sequence > 1:
        value = _widened(np.uint64(vocabulary.end_hash))
        for first in range(max(said - len(chain), since), said):
            row = sequence_row(
                chain[first % len(chain)] * SEQUENCE + value,
                vocabulary.words,
                vocabulary.bucket,
                vocabulary.pruned,
                vocabulary.bits,
                vocabulary.kept,
            )
            if row >= 0:
                add_row(total, matrix, row)
                rows += 1
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
