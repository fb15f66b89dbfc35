"""Connected components of a graph given as pairs."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

import xl_assets.native  # noqa: F401 - says where compiled code is kept


def connected(nodes: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each node the smallest node that it is connected with.

    Union-find: of two trees the one with the smaller root takes the other; paths are halved as they are walked.

    >>> connected(5, np.array([[0, 3], [3, 4]])).tolist()
    [0, 1, 2, 0, 0]
    """
    label = np.arange(nodes, dtype=np.int64)
    _unite(label, np.ascontiguousarray(pairs, dtype=np.int64).reshape(-1, 2))
    return label


@njit(cache=True, nogil=True)
def _unite(label, pairs):
    for pair in range(len(pairs)):
        left, right = _root(label, pairs[pair, 0]), _root(label, pairs[pair, 1])
        if left < right:
            label[right] = left
        else:
            label[left] = right
    for node in range(len(label)):
        # Labels point down only, and those below are roots already.
        label[node] = label[label[node]]


@njit(cache=True, nogil=True)
def _root(label, node):
    while label[node] != node:
        label[node] = label[label[node]]
        node = label[node]
    return node
