"""Normalising text."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.seeds.normalise import normalised

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u200b\ufeff\n ka\u1780\u0e01"), max_size=60)


def _normalise(text: str) -> str:
    return pl.select(normalised(pl.lit(text))).item()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a \t\u00a0\u3000 b", "a b"),
        ("  a  \n\n \n  b ", "a\n\nb"),
        ("a\x00b\u200bc\ufeff\u00ad", "abc"),
        ("x² ﬁ", "x² ﬁ"),
        ("क्‍ष", "क्‍ष"),  # the zero-width joiner is spelling here
        # A zero-width space ends a word in Khmer, Thai, Lao and Burmese, and nothing else does.
        ("ខ្ញុំ\u200bចង់\u200b\u200b\ufeff\u200bទៅ", "ខ្ញុំ\u200bចង់\u200bទៅ"),
        ("ตา\u200bกลม ຂ້ອຍ\u200bໄປ သူ\u200bသွား", "ตา\u200bกลม ຂ້ອຍ\u200bໄປ သူ\u200bသွား"),
        ("\u200bក\u200b \u200bខ\u200b\n\u200bគ\u200b", "ក ខ\nគ"),
        ("ក\u200ba\u200bខ\u200b2\u200bគ a\u200b猫\u200bb", "កaខ2គ a猫b"),
    ],
)
def test_a_text_is_written_in_one_way_only(before: str, after: str) -> None:
    assert _normalise(before) == after


@settings(deadline=None)
@given(TEXT)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = _normalise(text)
    assert _normalise(once) == once


@settings(deadline=None)
@given(TEXT)
def test_no_letter_or_digit_is_lost(text: str) -> None:
    def letters(value: str) -> str:
        composed = unicodedata.normalize("NFC", value)
        return "".join(c for c in composed if unicodedata.category(c)[0] in "LN")

    assert letters(_normalise(text)) == letters(text)
