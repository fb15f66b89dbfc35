"""Counting equal rows over a whole corpus, in bounded memory."""

import os
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]

#: Keys that are held in memory, at 8 bytes each; more go to a temporary file.
IN_MEMORY = 1 << 18

#: A key and how often it was seen, as it stands in a file.
_ENTRY = np.dtype([("key", "<u8"), ("count", "<i8")])

#: Entries of a file in a block, 4 KiB; the first key of each block stays in memory.
_BLOCK = 256

#: Blocks that are searched at once.
_SEARCHED = 1024

#: Entries that are merged at once.
_CHUNK = 1 << 16


class Occurrences:
    """Says of every key how often it was seen before.

    A log-structured store: sorted runs of keys, merged when they have grown equal in size. Up to `in_memory` keys
    stay in memory; then they become a run in an unnamed temporary file (16 bytes a distinct key, in the folder
    that ``TMPDIR`` names). Of a file only the first key of each 4 KiB stays in memory: 32 MB for 10^9 documents.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._runs: list[Keys] = []
        self._files: list[_File] = []

    def number(self, keys: Keys) -> Counts:
        """For each key the number of equal ones before it, in this and all earlier calls."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        before = np.arange(len(keys)) - np.searchsorted(ordered, ordered, side="left")
        for run in self._runs:
            before += np.searchsorted(run, ordered, side="right") - np.searchsorted(run, ordered, side="left")
        for file in self._files:
            before += file.counts(ordered)
        self._add(ordered)
        numbers = np.empty(len(keys), dtype=np.int64)
        numbers[order] = before
        return numbers

    def _add(self, run: Keys) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
        if sum(map(len, self._runs)) > self._in_memory:
            self._spill()

    def _spill(self) -> None:
        keys, counts = np.unique(np.concatenate(self._runs), return_counts=True)
        self._runs = []
        file = _File(_chunks(keys, counts))
        while self._files and self._files[-1].entries <= file.entries:
            file = _File(_merged(self._files.pop(), file))
        self._files.append(file)


class _File:
    """Distinct keys in ascending order with their counts, in a temporary file that goes when this does."""

    def __init__(self, chunks: Iterator[NDArray[np.void]]) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="xl-occurrences-")  # noqa: SIM115  lives as long as self
        self.entries = 0
        starts = []
        for chunk in chunks:
            starts.append(chunk["key"][(-self.entries) % _BLOCK :: _BLOCK].copy())
            self._file.write(chunk.tobytes())
            self.entries += len(chunk)
        self._file.flush()
        self._starts = np.concatenate(starts)

    def counts(self, ordered: Keys) -> Counts:
        """How often each of some keys, in ascending order, was seen."""
        found = np.zeros(len(ordered), dtype=np.int64)
        blocks = np.searchsorted(self._starts, ordered, side="right") - 1
        first = np.flatnonzero(np.diff(blocks, prepend=-1))  # a key before all blocks is in none
        for at in range(0, len(first), _SEARCHED):
            searched = first[at : at + _SEARCHED]
            stop = first[at + _SEARCHED] if at + _SEARCHED < len(first) else len(ordered)
            wanted = slice(searched[0], stop)
            found[wanted] = self._counts(blocks[searched].tolist(), ordered[wanted])
        return found

    def _counts(self, blocks: list[int], wanted: Keys) -> Counts:
        """The counts of keys that can only be in some blocks; these in ascending order are one sorted run."""
        size = _BLOCK * _ENTRY.itemsize
        buffer = bytearray(len(blocks) * size)
        view, filled, descriptor = memoryview(buffer), 0, self._file.fileno()
        for block in blocks:
            filled += os.preadv(descriptor, [view[filled : filled + size]], block * size)
        entries = np.frombuffer(buffer, dtype=_ENTRY, count=filled // _ENTRY.itemsize)
        keys = np.ascontiguousarray(entries["key"])
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, entries["count"][place], 0)

    def read(self, at: int, entries: int) -> NDArray[np.void]:
        """Some entries, fewer at the end."""
        data = os.pread(self._file.fileno(), entries * _ENTRY.itemsize, at * _ENTRY.itemsize)
        return np.frombuffer(data, dtype=_ENTRY)


def _chunks(keys: Keys, counts: Counts) -> Iterator[NDArray[np.void]]:
    for start in range(0, len(keys), _CHUNK):
        chunk = np.empty(len(keys[start : start + _CHUNK]), dtype=_ENTRY)
        chunk["key"], chunk["count"] = keys[start : start + _CHUNK], counts[start : start + _CHUNK]
        yield chunk


def _merged(left: _File, right: _File) -> Iterator[NDArray[np.void]]:
    """The entries of two files in ascending order, equal keys as one with the sum of their counts."""
    ends = [0, 0]
    while True:
        heads = [file.read(at, _CHUNK) for file, at in zip((left, right), ends, strict=True)]
        filled = [head for head in heads if len(head)]
        if not filled:
            return
        # Up to the smaller of the two last keys nothing more can come from either file.
        bound = min(head["key"][-1] for head in filled)
        taken = [head[: np.searchsorted(head["key"], bound, side="right")] for head in heads]
        ends = [at + len(part) for at, part in zip(ends, taken, strict=True)]
        both = np.concatenate(taken)
        keys, inverse = np.unique(both["key"], return_inverse=True)
        counts = np.zeros(len(keys), dtype=np.int64)
        np.add.at(counts, inverse, both["count"])
        yield from _chunks(keys, counts)
