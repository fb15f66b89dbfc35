"""Terms of the compiled splitter, and stretches of them in an index."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.filters.words import terms
from xl_assets.native.columns import utf8
from xl_assets.native.matching import alphabet, index_stretches, split_terms, stretch_keys
from xl_assets.native.overlaps import list_coverage

#: Characters that no release of Unicode since 14 has changed, of scripts with and without spaces.
_TEXT = st.text(st.sampled_from("aAzÉß0٣१中文カひไทยကខລ'-_.,\u200d\u0301\u0e31 \n\t😀"), max_size=30)


def _expected(texts: list[str]) -> list[list[str]]:
    return pl.DataFrame({"text": texts}).select(terms("text"))["text"].to_list()


@settings(max_examples=200, deadline=None)
@given(st.lists(_TEXT, max_size=5))
def test_terms_are_those_of_the_expression(texts: list[str]) -> None:
    found = split_terms(utf8(pl.Series(texts, dtype=pl.String)))
    expected = _expected(texts) if texts else []
    assert np.diff(found.offsets).tolist() == [len(split) for split in expected]
    flat = [term for split in expected for term in split]
    pairs = set(zip(flat, found.hash.tolist(), strict=True))
    assert len(pairs) == len({term for term, _ in pairs}) == len({value for _, value in pairs})
    assert 0 not in found.hash


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=5),
    st.text("abc ", max_size=30),
)
def test_coverage_is_what_the_definition_says(phrases: list[list[str]], text: str) -> None:
    spelled = " ".join(text.replace(" ", ""))
    hashes = [split_terms(utf8(pl.Series([" ".join(phrase)]))).hash for phrase in phrases]
    keys = [stretch_keys(hashed, len(hashed)) for hashed in hashes]
    sizes = np.array([len(phrase) for phrase in phrases], dtype=np.int64)
    index = index_stretches(np.unique(np.concatenate(keys)), sizes)
    counts = [np.zeros(1, dtype=np.int64) for _ in range(3)]
    list_coverage(*utf8(pl.Series([spelled])), *alphabet(), index, *counts)
    letters = spelled.split()
    ends, covered = set(), set()
    for phrase in phrases:
        for at in range(len(letters) - len(phrase) + 1):
            if letters[at : at + len(phrase)] == phrase:
                ends.add(at + len(phrase))
                covered |= set(range(at, at + len(phrase)))
    assert [int(count[0]) for count in counts] == [len(letters), len(ends), len(covered)]


def test_a_slice_of_a_column_has_its_own_terms() -> None:
    series = pl.Series(["one two", "three", "four five six"])
    whole, part = split_terms(utf8(series)), split_terms(utf8(series[1:]))
    assert part.offsets.tolist() == [0, 1, 4]
    assert part.hash.tolist() == whole.hash[2:].tolist()
