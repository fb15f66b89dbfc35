"""Shares of letters and words by script, against Unicode's names of letters."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.measures import script_mix
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language


def _measured(texts: list[str], language: str = "en") -> list[dict[str, float | None]]:
    column = Texts(pl.Series(texts, dtype=pl.String), get_language(language))
    return script_mix.measure(column, frozenset(script_mix.MEASURES)).to_dicts()


def _script(character: str) -> str:
    return unicodedata.name(character).split()[0]


def _by_definition(text: str) -> tuple[float | None, float | None]:
    letters = [character for character in text if character.isalpha()]
    words = "".join(character if character.isalpha() else " " for character in text).split()
    mixed = [word for word in words if len({"LATIN", "CYRILLIC", "GREEK"} & set(map(_script, word))) > 1]
    foreign = sum(_script(letter) != "LATIN" for letter in letters) / len(letters) if letters else None
    return foreign, len(mixed) / len(words) if words else None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("aéZ ñжЯλΩ中か한عक1-'\n"), max_size=30), max_size=5))
def test_shares_equal_their_definition(texts: list[str]) -> None:
    for text, values in zip(texts, _measured(texts), strict=True):
        foreign, mixed = _by_definition(text)
        assert values["foreign_letters"] == pytest.approx(foreign), text
        assert values["mixed_script_words"] == pytest.approx(mixed), text


def test_words_with_look_alikes_are_told_from_words_joined_by_a_hyphen() -> None:
    mixed = [values["mixed_script_words"] for values in _measured(["pаypal", "IT-компания", "T恤", "café"])]
    assert mixed == [1, 0, 0, 0]


def test_letters_of_no_single_script_are_foreign_nowhere() -> None:
    assert _measured(["5 µm ª º"])[0]["foreign_letters"] == 0
    assert _measured(["コーヒー"], "zh")[0]["foreign_letters"] == 1
    assert _measured(["ー", "123", ""], "zh")[0]["foreign_letters"] is None


def test_each_fault_gives_its_reason() -> None:
    frame = pl.DataFrame({"text": ["Это не английский текст", "Cоme аnd buy pаypal"], "language": "en"})
    assert apply_heuristics(frame, sets=("script_mix",))["reasons"].to_list() == [["wrong_script"], ["mixed_scripts"]]


@needs_ntrex
@pytest.mark.parametrize("code", NTREX_LANGUAGES)
def test_clean_news_of_every_language_passes(code: str) -> None:
    judged = apply_heuristics(pl.read_ndjson(NTREX / f"{code}.jsonl.zst"), sets=("script_mix",))
    assert judged["kept"].all()
