"""Vectors to the most probable labels: hierarchical softmax, softmax, and one binary classifier per label.

Every step has the number format that fastText's own has (32 bits, a logarithm of x + 1e-5, a table for the sigmoid),
so that scores agree to a few units in the last places. No sum is left to the compiler to reorder: a text's scores do
not depend on the texts around it.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xl_assets.fasttext.model_file import HIERARCHICAL_SOFTMAX, SOFTMAX, ModelFile

#: fastText leaves out what is less probable than its threshold of 0, of which it takes this logarithm.
_FLOOR = np.float32(math.log(1e-5))

_TABLE, _LARGEST = 512, 8
_LANES = 8


class Top(NamedTuple):
    """The most probable labels of texts, best first.

    Attributes:
        labels: int32, a row per text; -1 where there are no more.
        scores: float32, their probabilities (with fastText's offset, which can lift one slightly above 1).
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]


class Tree(NamedTuple):
    """The tree of a hierarchical softmax: node n has children left[n] and right[n]; labels are its first nodes."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]


class Outputs:
    """A model's output layer."""

    def __init__(self, model: ModelFile) -> None:
        self._weights = model.output
        self._loss = model.arguments.loss
        self._tree = _tree(model.label_counts) if self._loss == HIERARCHICAL_SOFTMAX else None

    def best(self, vectors: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Top:
        """The k most probable labels; none for a text without rows."""
        k = min(k, len(self._weights))
        top = Top(np.full((len(vectors), k), -1, np.int32), np.zeros((len(vectors), k), np.float32))
        if self._tree is not None:
            _search(vectors, rows, self._weights, self._tree, *top)
        else:
            _all(vectors, rows, self._weights, self._loss == SOFTMAX, _sigmoids(), *top)
        return top


def _sigmoids() -> NDArray[np.float32]:
    steps = (np.arange(_TABLE + 1) * 2 * _LARGEST).astype(np.float32) / np.float32(_TABLE) - np.float32(_LARGEST)
    return (1.0 / (1.0 + np.exp(-steps.astype(np.float32)).astype(np.float64))).astype(np.float32)


def _tree(counts: NDArray[np.int64]) -> Tree:
    """Huffman's tree over labels that are sorted by falling counts."""
    labels = len(counts)
    left, right = np.full(2 * labels - 1, -1, np.int32), np.full(2 * labels - 1, -1, np.int32)
    weight = np.concatenate([counts, np.full(labels - 1, 10**15, np.int64)])
    leaf, node = labels - 1, labels
    for parent in range(labels, 2 * labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        left[parent], right[parent] = pair
        weight[parent] = weight[pair].sum()
    return Tree(left, right)


@njit(cache=True, nogil=True)
def _search(vectors, rows, weights, tree, labels, scores):
    """Depth first, the likelier child first, and no further where k better labels are known."""
    leaves, k = len(weights), labels.shape[1]
    nodes, reached = np.zeros(2 * leaves, np.int32), np.zeros(2 * leaves, np.float32)
    for text in range(len(vectors)):
        if not rows[text]:
            continue
        found, open_nodes = 0, 1
        nodes[0], reached[0] = 2 * leaves - 2, 0
        while open_nodes:
            open_nodes -= 1
            node, score = nodes[open_nodes], reached[open_nodes]
            if score < _FLOOR or (found == k and score < scores[text, k - 1]):
                continue
            if tree.left[node] < 0:
                found = _insert(labels, scores, text, found, node, score)
                continue
            value = _dot(vectors, text, weights, node - leaves)
            right = np.float32(1.0 / np.float64(np.float32(1) + np.float32(math.exp(np.float32(-value)))))
            low, high = tree.left[node], tree.right[node]
            low_score = np.float32(score + _log(np.float32(1.0 - np.float64(right))))
            high_score = np.float32(score + _log(right))
            if low_score > high_score:
                low, high, low_score, high_score = high, low, high_score, low_score
            nodes[open_nodes], reached[open_nodes] = low, low_score
            nodes[open_nodes + 1], reached[open_nodes + 1] = high, high_score
            open_nodes += 2
        for place in range(found):
            scores[text, place] = np.float32(math.exp(scores[text, place]))


@njit(cache=True, nogil=True)
def _all(vectors, rows, weights, softmax, sigmoids, labels, scores):
    """Every label's score; a few texts at a time, so that a row of weights is fetched once for all of them."""
    together, k = 8, labels.shape[1]
    values = np.zeros((together, len(weights)), np.float32)
    for start in range(0, len(vectors), together):
        stop = min(start + together, len(vectors))
        for label in range(len(weights)):
            for text in range(start, stop):
                values[text - start, label] = _dot(vectors, text, weights, label)
        for text in range(start, stop):
            if not rows[text]:
                continue
            here = values[text - start]
            if softmax:
                _softmax(here)
            else:
                for label in range(len(here)):
                    here[label] = _sigmoid(here[label], sigmoids)
            found = 0
            for label in range(len(here)):
                score = _log(here[label])
                if found < k or score >= scores[text, k - 1]:
                    found = _insert(labels, scores, text, found, label, score)
            for place in range(found):
                scores[text, place] = np.float32(math.exp(scores[text, place]))


@njit(cache=True, nogil=True)
def _softmax(values):
    largest, total = values.max(), np.float32(0)
    for label in range(len(values)):
        values[label] = np.float32(math.exp(np.float32(values[label] - largest)))
        total += values[label]
    for label in range(len(values)):
        values[label] /= total


@njit(cache=True, nogil=True)
def _sigmoid(value, sigmoids):
    if value < -_LARGEST:
        return np.float32(0)
    if value > _LARGEST:
        return np.float32(1)
    return sigmoids[
        np.int64(
            np.float32(np.float32(np.float32(value + np.float32(_LARGEST)) * np.float32(_TABLE)) / np.float32(_LARGEST))
            / np.float32(2)
        )
    ]


@njit(cache=True, nogil=True)
def _insert(labels, scores, text, found, label, score):
    """Put a label among the best; among equal scores the later one comes first. Returns how many there are."""
    k = labels.shape[1]
    place = min(found, k - 1)
    while place > 0 and scores[text, place - 1] <= score:
        scores[text, place], labels[text, place] = scores[text, place - 1], labels[text, place - 1]
        place -= 1
    scores[text, place], labels[text, place] = score, label
    return min(found + 1, k)


@njit(cache=True, nogil=True)
def _log(value):
    return np.float32(math.log(np.float64(value) + 1e-5))


@njit(cache=True, nogil=True, inline="always")
def _dot(vectors, text, weights, row):
    """A scalar product in eight interleaved sums: the compiler may vectorise them, but not reorder them."""
    a = b = c = d = e = f = g = h = np.float32(0)
    columns = vectors.shape[1]
    whole = columns - columns % _LANES
    for column in range(0, whole, _LANES):
        a += vectors[text, column] * weights[row, column]
        b += vectors[text, column + 1] * weights[row, column + 1]
        c += vectors[text, column + 2] * weights[row, column + 2]
        d += vectors[text, column + 3] * weights[row, column + 3]
        e += vectors[text, column + 4] * weights[row, column + 4]
        f += vectors[text, column + 5] * weights[row, column + 5]
        g += vectors[text, column + 6] * weights[row, column + 6]
        h += vectors[text, column + 7] * weights[row, column + 7]
    for column in range(whole, columns):
        a += vectors[text, column] * weights[row, column]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))
