"""Connected components of a graph given as pairs."""

import numpy as np
from numpy.typing import NDArray


def connected(nodes: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each node the smallest node that it is connected with.

    Labels spread along the pairs and are then shortened by pointer jumping, so that even a long chain
    takes few rounds.

    >>> connected(5, np.array([[0, 3], [3, 4]])).tolist()
    [0, 1, 2, 0, 0]
    """
    label = np.arange(nodes)
    if not len(pairs):
        return label
    left, right = pairs[:, 0], pairs[:, 1]
    while True:
        before = label.copy()
        lowest = np.minimum(label[left], label[right])
        # Hook the roots, not only the two nodes, so that whole trees merge at once.
        np.minimum.at(label, before[left], lowest)
        np.minimum.at(label, before[right], lowest)
        while not np.array_equal(label, shorter := label[label]):
            label = shorter
        if np.array_equal(label, before):
            return label
