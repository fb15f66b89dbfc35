"""A fastText model's file (.bin, or .ftz where it is quantised) as arrays.

The layout is that of fastText's own `saveModel`, version 12: a sign, the arguments, the dictionary with what pruning
left of the buckets, the input matrix and the output matrix. Dense matrices stay in the file and are mapped; quantised
ones are decoded once.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_MAGIC, _VERSION = 793712314, 12
_REMEDY = "give a supervised fastText model as .bin or .ftz, downloaded or copied whole"

#: Values of `Arguments.loss` and `Arguments.model`, as fastText writes them.
HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, SOFTMAX, ONE_VERSUS_ALL = 1, 2, 3, 4
_SUPERVISED = 3

#: Centroids of each part of a quantised matrix's rows.
_CENTROIDS = 256


class ModelFileError(ValueError):
    """The file is missing, cut off or no fastText model; names the remedy."""


class UnsupportedModel(ModelFileError):
    """A fastText model that only the `fasttext` library reads; names the reason."""


class Arguments(NamedTuple):
    """What a model was trained with, as far as it matters for prediction. `word_ngrams` 1 means single words."""

    dim: int
    word_ngrams: int
    loss: int
    model: int
    bucket: int
    minn: int
    maxn: int


@dataclass(frozen=True)
class ModelFile:
    """A model as arrays.

    Attributes:
        arguments: of the training.
        entry_bytes: uint8, the words and then the labels, one behind the other without separator.
        entry_offsets: int64, where each of them begins in `entry_bytes`, and the end.
        words: how many of the entries are words.
        labels: the labels with their prefix.
        label_counts: int64, how often each label was seen in training.
        kept_buckets: int32 pairs (bucket, row behind the words' rows) of a pruned model; None where none is pruned.
        input: float32, a row per word and bucket.
        output: float32, a row per label (hierarchical softmax: per inner node of the tree).
    """

    arguments: Arguments
    entry_bytes: NDArray[np.uint8]
    entry_offsets: NDArray[np.int64]
    words: int
    labels: list[str]
    label_counts: NDArray[np.int64]
    kept_buckets: NDArray[np.int32] | None
    input: NDArray[np.float32]
    output: NDArray[np.float32]


def read_model(path: Path) -> ModelFile:
    """Read a model.

    Raises:
        UnsupportedModel: an older format, or no classifier.
        ModelFileError: no such file, cut off, or no fastText model.
    """
    if not path.is_file():
        raise ModelFileError(f"no fastText model {path}; {_REMEDY}")
    try:
        data = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
        return _read(_Reader(data, path), path)
    except ModelFileError:
        raise
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError) as error:
        raise ModelFileError(f"{path} is no whole fastText model ({error}); {_REMEDY}") from error


def _read(reader: "_Reader", path: Path) -> ModelFile:
    if reader.number("<i4") != _MAGIC:
        raise ModelFileError(f"{path} is no fastText model (its first bytes are not fastText's); {_REMEDY}")
    version = reader.number("<i4")
    if version != _VERSION:
        raise UnsupportedModel(f"{path} is in version {version} of fastText's format, not {_VERSION}")
    dim, _, _, _, _, ngrams, loss, model, bucket, minn, maxn, _ = map(int, reader.array("<i4", 12))
    reader.array("<f8", 1)
    arguments = Arguments(dim, ngrams, loss, model, bucket, minn, maxn)
    if model != _SUPERVISED or not HIERARCHICAL_SOFTMAX <= loss <= ONE_VERSUS_ALL:
        raise UnsupportedModel(f"{path} is no supervised fastText model with a known loss; {_REMEDY}")
    size, words, labels = map(int, reader.array("<i4", 3))
    reader.array("<i8", 1)
    kept = reader.number("<i8")
    if min(size, words, labels) < 0 or words + labels != size or not labels:
        raise ModelFileError(f"{path} has a damaged dictionary ({words} words, {labels} labels); {_REMEDY}")
    entry_bytes, offsets, counts = reader.entries(size)
    pairs = None if kept < 0 else reader.array("<i4", 2 * kept).reshape(-1, 2)
    quantised = bool(reader.number("u1"))
    rows = reader.quantised() if quantised else reader.dense()
    output = reader.quantised() if reader.number("u1") and quantised else reader.dense()
    uses_buckets = maxn > 0 or ngrams > 1
    least = words + (0 if not uses_buckets else bucket if pairs is None else kept)
    if rows.shape[1] != dim or output.shape != (labels, dim) or len(rows) < least:
        raise ModelFileError(f"{path} has matrices of the sizes {rows.shape} and {output.shape}, too small; {_REMEDY}")
    if (
        pairs is not None
        and len(pairs)
        and (pairs.min() < 0 or pairs[:, 0].max() >= bucket or pairs[:, 1].max() >= kept)
    ):
        raise ModelFileError(f"{path} has a damaged list of pruned subwords; {_REMEDY}")
    if uses_buckets and bucket <= 0:
        raise ModelFileError(f"{path} has subwords but no buckets for them; {_REMEDY}")
    names = [bytes(entry_bytes[offsets[n] : offsets[n + 1]]).decode() for n in range(words, size)]
    return ModelFile(
        arguments, entry_bytes, offsets, words, names, counts[words:], pairs, rows, np.ascontiguousarray(output)
    )


class _Reader:
    """Takes one value after the other from the file's bytes; reading past the end says how much is missing."""

    def __init__(self, data: NDArray[np.uint8], path: Path) -> None:
        self._data, self._path, self._at = data, path, 0

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        kind = np.dtype(dtype)
        return self._take(kind.itemsize * count).view(kind)

    def number(self, dtype: str) -> int:
        return int(self.array(dtype, 1)[0])

    def dense(self) -> NDArray[np.float32]:
        """A matrix that stays in the file."""
        rows, columns = map(int, self.array("<i8", 2))
        return self._take(4 * rows * columns).view(np.float32).reshape(rows, columns)

    def quantised(self) -> NDArray[np.float32]:
        """A matrix decoded from its product quantisation, and from that of its rows' norms where there is one."""
        has_norms = bool(self.number("u1"))
        rows, columns = map(int, self.array("<i8", 2))
        codes = self.array("u1", self.number("<i4")).reshape(rows, -1)
        parts = self._centroids(columns)
        decoded = np.concatenate([part[codes[:, number]] for number, part in enumerate(parts)], axis=1)
        if has_norms:
            norms = self.array("u1", rows)
            decoded *= self._centroids(1)[0][norms]
        return np.ascontiguousarray(decoded)

    def _centroids(self, columns: int) -> list[NDArray[np.float32]]:
        dim, count, width, last = map(int, self.array("<i4", 4))
        if dim != columns or width * (count - 1) + last != dim:
            raise ModelFileError(f"{self._path} has a damaged quantisation; {_REMEDY}")
        flat = self.array("<f4", dim * _CENTROIDS)
        bounds = [width * _CENTROIDS * number for number in range(count)] + [dim * _CENTROIDS]
        return [flat[start:end].reshape(_CENTROIDS, -1) for start, end in pairwise(bounds)]

    def entries(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """The dictionary's entries: their bytes, offsets into these, and counts."""
        left = self._data[self._at :]
        if 10 * count > len(left):
            raise self._cut_off(10 * count)
        offsets, counts = np.zeros(count + 1, dtype=np.int64), np.zeros(count, dtype=np.int64)
        taken = _measure_entries(left, offsets, counts)
        if taken < 0:
            raise self._cut_off(len(left) + 1)
        entries = np.empty(int(offsets[-1]), dtype=np.uint8)
        _copy_entries(left, offsets, entries)
        self._at += taken
        return entries, offsets, counts

    def _take(self, size: int) -> NDArray[np.uint8]:
        if size < 0 or self._at + size > len(self._data):
            raise self._cut_off(size)
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def _cut_off(self, wanted: int) -> ModelFileError:
        return ModelFileError(
            f"{self._path} is cut off: {wanted} bytes wanted at {self._at}, the file has {len(self._data)}; {_REMEDY}"
        )


@njit(cache=True, nogil=True)
def _measure_entries(data, offsets, counts):
    """Fill in where the entries begin without what stands between them; return the bytes they take, or -1."""
    at = 0
    for entry in range(len(counts)):
        start = at
        while at < len(data) and data[at] != 0:
            at += 1
        offsets[entry + 1] = offsets[entry] + at - start
        # An end mark, a count of eight bytes and a kind of one follow.
        if at + 10 > len(data):
            return -1
        for byte in range(8):
            counts[entry] |= np.int64(data[at + 1 + byte]) << (8 * byte)
        at += 10
    return at


@njit(cache=True, nogil=True)
def _copy_entries(data, offsets, entries):
    at = 0
    for entry in range(len(offsets) - 1):
        for position in range(offsets[entry], offsets[entry + 1]):
            entries[position] = data[at]
            at += 1
        at += 10
