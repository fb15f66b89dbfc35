"""A model's words and subwords for compiled code: which rows of the input matrix a token stands for."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.fasttext.model_file import ModelFile

#: fastText's start and factor of a hash (FNV-1a, 32 bits, bytes with sign), and its factor for sequences of words.
START, FACTOR, SEQUENCE = np.uint64(2166136261), np.uint64(16777619), np.uint64(116049371)
LOW = np.uint64(0xFFFFFFFF)

#: How a token counts: as a word, as the end of the text, or not at all.
WORD, END, LABEL = 0, 1, 2

_OPEN, _CLOSE = 60, 62
_LABEL_PREFIX = b"__label__"
_END_MARK = b"</s>"


class Vocabulary(NamedTuple):
    """What `describe`, `look_up` and `sequence_row` read.

    Attributes:
        table: int32, entry + 1 by hash, open addressing; 0 is free.
        hashes, entry_bytes, entry_offsets: per entry its hash, and its bytes.
        words: entries below are words, the others labels.
        matrix: float32, the rows of the words and then those of the buckets.
        bucket, minn, maxn, sequence: number of buckets; shortest and longest subword in code points; longest
            sequence of words.
        pruned: whether only some buckets have a row.
        bits, kept: of a pruned model, a bit per bucket that has one, and its row behind the words'.
        prefix, end_mark: what a label begins with, and the token that ends a text.
        end_row: the row of that token, -1 where there is none.
        end_hash: its hash.
        scratch: room for a word.
    """

    table: NDArray[np.int32]
    hashes: NDArray[np.uint32]
    entry_bytes: NDArray[np.uint8]
    entry_offsets: NDArray[np.int64]
    words: int
    matrix: NDArray[np.float32]
    bucket: int
    minn: int
    maxn: int
    sequence: int
    pruned: bool
    bits: NDArray[np.uint8]
    kept: NDArray[np.int32]
    prefix: NDArray[np.uint8]
    end_mark: NDArray[np.uint8]
    end_row: int
    end_hash: int
    scratch: NDArray[np.uint8]


def vocabulary_of(model: ModelFile) -> Vocabulary:
    """Build the tables; a million words take a fraction of a second."""
    entries = len(model.entry_offsets) - 1
    table = np.zeros(1 << max(4, (2 * entries).bit_length()), dtype=np.int32)
    hashes = np.zeros(entries, dtype=np.uint32)
    _fill_table(model.entry_bytes, model.entry_offsets, table, hashes)
    arguments, pairs = model.arguments, model.kept_buckets
    bits, kept = np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int32)
    if pairs is not None:
        bits = np.zeros(arguments.bucket // 8 + 1, dtype=np.uint8)
        kept = np.zeros(max(arguments.bucket, 1), dtype=np.int32)
        np.bitwise_or.at(bits, pairs[:, 0] >> 3, (1 << (pairs[:, 0] & 7)).astype(np.uint8))
        kept[pairs[:, 0]] = pairs[:, 1]
    end_mark = np.frombuffer(_END_MARK, dtype=np.uint8)
    end_hash = int(_hash(end_mark, 0, len(end_mark)))
    end = int(
        _find(end_mark, 0, len(end_mark), np.uint64(end_hash), table, hashes, model.entry_bytes, model.entry_offsets)
    )
    return Vocabulary(
        table,
        hashes,
        model.entry_bytes,
        model.entry_offsets,
        model.words,
        model.input,
        arguments.bucket,
        arguments.minn,
        arguments.maxn,
        max(arguments.word_ngrams, 1),
        pairs is not None,
        bits,
        kept,
        np.frombuffer(_LABEL_PREFIX, dtype=np.uint8),
        end_mark,
        end if end < model.words else -1,
        end_hash,
        np.zeros(256, dtype=np.uint8),
    )


@njit(cache=True, nogil=True)
def describe(data, start, end, short, vocabulary, total):
    """Sum a token's rows into `total`; return how many they are and how the token counts."""
    total[:] = 0
    entry, kind = look_up(
        data,
        start,
        end,
        short,
        vocabulary.table,
        vocabulary.hashes,
        vocabulary.entry_bytes,
        vocabulary.entry_offsets,
        vocabulary.words,
        vocabulary.prefix,
        vocabulary.end_mark,
    )
    rows = 0
    if entry >= 0 and kind != LABEL:
        add_row(total, vocabulary.matrix, entry)
        rows = 1
    if kind == WORD and vocabulary.maxn > 0:
        rows += _add_subwords(data, start, end, vocabulary, total)
    return rows, kind


@njit(cache=True, nogil=True)
def look_up(data, start, end, short, table, hashes, entry_bytes, entry_offsets, words, prefix, end_mark):
    """The entry of a token, -1 where there is none, and how the token counts."""
    entry = _find(data, start, end, short, table, hashes, entry_bytes, entry_offsets)
    if entry >= words or (entry < 0 and _begins(data, start, end, prefix)):
        return entry, LABEL
    is_end = end - start == len(end_mark) and _begins(data, start, end, end_mark)
    return entry, END if is_end else WORD


@njit(cache=True, nogil=True)
def sequence_row(value, words, bucket, pruned, bits, kept):
    """The row of a sequence of words, given its 64-bit hash; -1 where pruning left none."""
    row = np.int64(value % np.uint64(bucket))
    if pruned:
        if not (bits[row >> 3] >> (row & 7)) & 1:
            return np.int64(-1)
        row = np.int64(kept[row])
    return row + words


@njit(cache=True, nogil=True)
def _add_subwords(data, start, end, vocabulary, total):
    """Add the rows of all subwords of ``<word>``; return how many they are."""
    # Taken out of the tuple here: each use of a tuple counts references to all of its arrays.
    minn, maxn, bucket, words = vocabulary.minn, vocabulary.maxn, vocabulary.bucket, vocabulary.words
    pruned, bits, kept, matrix = vocabulary.pruned, vocabulary.bits, vocabulary.kept, vocabulary.matrix
    word = _bracketed(data, start, end, vocabulary.scratch)
    size, inverse, rows, columns = end - start + 2, 1.0 / bucket, 0, len(total)
    for first in range(size):
        if _continues(word[first]):
            continue
        value, at, length = START, first, 0
        while at < size and length < maxn:
            value = ((value ^ _signed(word[at])) * FACTOR) & LOW
            at += 1
            while at < size and _continues(word[at]):
                value = ((value ^ _signed(word[at])) * FACTOR) & LOW
                at += 1
            length += 1
            # A bracket alone is no subword.
            if length < minn or (length == 1 and (first == 0 or at == size)):
                continue
            # A division costs more than all else here; the product may be off by one bucket.
            row = np.int64(value)
            row -= np.int64(np.float64(row) * inverse) * bucket
            if row < 0:
                row += bucket
            elif row >= bucket:
                row -= bucket
            if pruned:
                # The bits fit into a core's cache, the table of rows does not, and most buckets have none.
                if not (bits[row >> 3] >> (row & 7)) & 1:
                    continue
                row = np.int64(kept[row])
            row += words
            for column in range(columns):
                total[column] += matrix[row, column]
            rows += 1
    return rows


@njit(cache=True, nogil=True)
def _bracketed(data, start, end, scratch):
    """The bytes of ``<word>``, in `scratch` where they fit."""
    word = scratch if end - start + 2 <= len(scratch) else np.empty(end - start + 2, np.uint8)
    word[0], word[end - start + 1] = _OPEN, _CLOSE
    for position in range(end - start):
        word[position + 1] = data[start + position]
    return word


@njit(cache=True, nogil=True)
def _continues(byte):
    return byte & np.uint8(0xC0) == np.uint8(0x80)


@njit(cache=True, nogil=True, inline="always")
def add_row(total, matrix, row):
    for column in range(len(total)):
        total[column] += matrix[row, column]


@njit(cache=True, nogil=True)
def _signed(byte):
    return np.uint64(np.int64(np.int8(byte))) & LOW


@njit(cache=True, nogil=True)
def _begins(data, start, end, with_what):
    if end - start < len(with_what):
        return False
    same = True
    for position in range(len(with_what)):
        same &= data[start + position] == with_what[position]
    return same


@njit(cache=True, nogil=True)
def _hash(data, start, end):
    value = START
    for position in range(start, end):
        value = ((value ^ _signed(data[position])) * FACTOR) & LOW
    return value


@njit(cache=True, nogil=True)
def _find(data, start, end, short, table, hashes, entry_bytes, entry_offsets):
    """The entry with these bytes, or -1."""
    mask = np.uint64(len(table) - 1)
    place = short & mask
    while table[place]:
        entry = np.int64(table[place]) - 1
        first = entry_offsets[entry]
        if np.uint64(hashes[entry]) == short and entry_offsets[entry + 1] - first == end - start:
            same = True
            for position in range(end - start):
                if entry_bytes[first + position] != data[start + position]:
                    same = False
                    break
            if same:
                return entry
        place = (place + np.uint64(1)) & mask
    return np.int64(-1)


@njit(cache=True, nogil=True)
def _fill_table(entry_bytes, entry_offsets, table, hashes):
    mask = np.uint64(len(table) - 1)
    for entry in range(len(hashes)):
        value = _hash(entry_bytes, entry_offsets[entry], entry_offsets[entry + 1])
        hashes[entry] = value
        place = value & mask
        while table[place]:
            place = (place + np.uint64(1)) & mask
        table[place] = entry + 1
