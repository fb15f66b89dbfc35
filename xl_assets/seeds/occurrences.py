"""Counting equal rows over a whole corpus with 8 bytes a row."""

import numpy as np
from numpy.typing import NDArray


class Occurrences:
    """Says of every key how often it was seen before.

    Sorted runs of keys that are merged when they have grown equal in size, as a log-structured
    store does: n keys cost O(n log n) in all and 8 bytes each.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def number(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each key the number of equal ones before it, in this and all earlier calls."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        before = np.arange(len(keys)) - np.searchsorted(ordered, ordered, side="left")
        for run in self._runs:
            before += np.searchsorted(run, ordered, side="right") - np.searchsorted(run, ordered, side="left")
        self._add(ordered)
        numbers = np.empty(len(keys), dtype=np.int64)
        numbers[order] = before
        return numbers

    def _add(self, run: NDArray[np.uint64]) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
