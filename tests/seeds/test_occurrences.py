"""Counting equal rows in bounded memory."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.seeds.in_order import read_in_order
from xl_assets.seeds.occurrences import Occurrences


@settings(deadline=None, max_examples=60)
@given(
    batches=st.lists(st.lists(st.integers(0, 12) | st.integers(0, 2**64 - 1), max_size=40), max_size=12),
    in_memory=st.sampled_from([0, 1, 7, 50, 10_000]),
)
def test_a_key_is_numbered_by_how_often_it_was_seen_wherever_the_earlier_ones_are(
    batches: list[list[int]], in_memory: int
) -> None:
    occurrences, seen = Occurrences(in_memory), Counter[int]()
    for batch in batches:
        expected = []
        for key in batch:
            expected.append(seen[key])
            seen[key] += 1
        assert occurrences.number(np.array(batch, dtype=np.uint64)).tolist() == expected


def test_many_spilled_keys_are_all_found_again() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 30_000, dtype=np.uint64)
    occurrences = Occurrences(in_memory=2_000)
    for start in range(0, len(keys), 700):
        assert not occurrences.number(keys[start : start + 700]).any()
    for times in (1, 2):
        assert (occurrences.number(keys[::-1]) == times).all()
    assert not occurrences.number(keys ^ np.uint64(1)).any()


def test_sources_are_read_ahead_but_never_without_bound() -> None:
    made: list[tuple[int, int]] = []

    def source(number: int):  # type: ignore[no-untyped-def]
        for item in range(20):
            made.append((number, item))
            yield number, item

    results = read_in_order([lambda number=number: source(number) for number in range(6)], readers=3)  # type: ignore[misc]
    first = next(results)
    assert first == (0, 0)
    results.close()  # type: ignore[attr-defined]
    assert len(made) <= 3 * 3
    assert list(read_in_order([lambda number=number: source(number) for number in range(6)], readers=3)) == [  # type: ignore[misc]
        (number, item) for number in range(6) for item in range(20)
    ]


def test_an_error_is_raised_at_its_sources_turn() -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield 2
        raise ValueError("second source")

    results = read_in_order([lambda: iter([0, 1]), broken, lambda: iter([3])], readers=3)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="second source"):
        next(results)
