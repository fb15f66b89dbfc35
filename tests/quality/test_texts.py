"""What a classifier reads of a text."""

import unicodedata

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.quality.texts import LABEL_PREFIX, prepare
from xl_assets.seeds.normalise import normalised


def read(*texts: str) -> list[str]:
    return prepare(pl.Series(texts, dtype=pl.String)).to_list()


def test_case_digits_and_line_ends_make_no_difference():
    assert read("The 12th\nYear") == read("the 99TH year") == ["the 00th year"]


def test_punctuation_and_characters_of_unspaced_scripts_are_tokens():
    assert read("Well, 你好吗?") == ["well , 你 好 吗 ?"]


@settings(deadline=None)  # the first example compiles
@given(st.text(), st.sampled_from(["</s>", "__label__high", "__LABEL__high", "__la</s>bel__high"]), st.text())
def test_no_text_can_label_itself_or_end_itself_early(before, command, after):
    tokens = read(f"{before} {command} {after}")[0].split(" ")
    assert not [token for token in tokens if token == "</s>" or token.startswith(LABEL_PREFIX)]


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.text() | st.none(), max_size=8))
def test_what_is_read_is_one_line_with_single_spaces_for_every_text(texts):
    lines = prepare(pl.Series("text", texts, dtype=pl.String))
    assert lines.name == "text"
    assert lines.to_list() == [" ".join(line.split()) for line in lines]
    assert [read(text)[0] for text in texts] == lines.to_list()


@settings(deadline=None)  # the first example compiles
@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_no_letter_is_lost_or_made_up(text):
    once = pl.select(normalised(pl.lit(text))).item()
    letters = [character.lower() if len(character.lower()) == 1 else character for character in once]
    expected = ["0" if unicodedata.category(letter)[0] == "N" else letter for letter in letters if not letter.isspace()]
    assert read(text)[0].replace(" ", "") == "".join(expected)


@settings(deadline=None)  # the first example compiles
@given(st.text())
def test_a_text_that_is_normalised_already_reads_the_same(text):
    normal = pl.select(normalised(pl.lit(text))).to_series()
    assert prepare(normal, is_normalised=True).to_list() == read(text)


def test_letters_whose_small_form_is_longer_and_slices_of_a_column_are_read():
    column = pl.Series(["x", "ȺȾ" * 50, "𝐀-𐐀", "y"])
    assert prepare(column[1:3]).to_list() == ["ⱥⱦ" * 50, "𝐀 - 𐐨"]
