"""Repeated lines and paragraphs in compiled code."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.native.columns import utf8
from xl_assets.native.repetition import repeated_pieces


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab港 \u00a0\x85\n\n\n\r"), max_size=40), max_size=6),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.booleans(),
)
def test_pieces_are_those_of_a_pattern_of_line_feeds(texts: list[str], feeds: int, trim: bool, blank: bool) -> None:
    found = repeated_pieces(utf8(pl.Series(texts, dtype=pl.String)), feeds, trim=trim, blank=blank)
    cut = [re.split(f"\n{{{feeds},}}", text.strip() if trim else text) for text in texts]
    pieces = [[piece for piece in each if blank or piece.strip()] for each in cut]
    again = [[piece for at, piece in enumerate(each) if piece in each[:at]] for each in pieces]
    assert found.pieces.tolist() == [len(each) for each in pieces]
    assert found.characters.tolist() == [len("".join(each)) for each in pieces]
    assert found.repeated.tolist() == [len(each) for each in again]
    assert found.repeated_characters.tolist() == [len("".join(each)) for each in again]


@pytest.mark.parametrize("start", [0, 1])
def test_a_slice_of_a_column_is_read_where_it_begins(start: int) -> None:
    column = pl.Series(["x\nx", "a\na\na", "b"])[start:]
    assert repeated_pieces(utf8(column), 1).repeated.tolist() == [1, 2, 0][start:]
