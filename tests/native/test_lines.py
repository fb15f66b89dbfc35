"""Lines of texts, and texts without some of them."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.lines import as_series, split_lines, without_lines

texts = st.lists(st.text(st.sampled_from("ab é中😀\t\n\r\u2028\u00a0"), max_size=25), max_size=6)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_lines_are_those_of_split_with_their_bounds_and_lengths(column: list[str]) -> None:
    buffers = utf8(pl.Series(column, dtype=pl.String))
    lines, data = split_lines(buffers), buffers.data.tobytes()
    expected = [line for text in column for line in text.split("\n")]
    assert [data[a:b].decode() for a, b in zip(lines.start, lines.end, strict=True)] == expected
    assert [data[a:b].decode() for a, b in zip(lines.inner_start, lines.inner_end, strict=True)] == [
        line.strip() for line in expected
    ]
    assert lines.length.tolist() == [len(line) for line in expected]
    assert lines.last.tolist() == [ord(line[-1]) if line else -1 for line in expected]
    assert lines.per_text(lines.filled).tolist() == [sum(bool(x.strip()) for x in t.split("\n")) for t in column]


@settings(max_examples=300, deadline=None)
@given(texts, st.integers(0, 2**32 - 1))
def test_without_lines_leaves_the_others_in_order(column: list[str], seed: int) -> None:
    buffers = utf8(pl.Series(column, dtype=pl.String))
    lines = split_lines(buffers)
    removed = np.random.default_rng(seed).random(len(lines.start)) < 0.4
    left = without_lines(buffers, lines, removed)
    for number, (text, rest) in enumerate(zip(column, left, strict=True)):
        flags = removed[lines.offsets[number] : lines.offsets[number + 1]]
        stays = [line for line, gone in zip(text.split("\n"), flags, strict=True) if not gone]
        assert [line for line in rest.split("\n") if line.strip()] == [line for line in stays if line.strip()]
        if not flags.any():
            assert rest == text


@given(texts)
def test_buffers_become_the_column_that_they_came_from(column: list[str]) -> None:
    series = pl.Series(column, dtype=pl.String)
    assert as_series(utf8(series)).to_list() == column
