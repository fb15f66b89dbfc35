"""CulturaX's metrics, against plain definitions, and the ways to derive thresholds."""

from collections import Counter
from math import isqrt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filters.nasty_texts import nasty_texts
from xl_assets.filters.flagged_words import FLAGGED_WORDS_VARIABLE, FlaggedWordsError
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.measures import culturax
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language

LINES = [
    "The harbour was quiet when the first boats came back in the evening, and nobody on the pier said a word to them.",
    "They had been out for 2 days; all that they brought was a small grey seal!",
    "港口很安静，第一批船在傍晚回来了。",
    "ha ha ha ha ha ha ha ha ha",
    "1234567890 %%% ***",
    "",
]


def _measured(texts: list[str], language: str = "en") -> list[dict[str, float | None]]:
    column = Texts(pl.Series(texts, dtype=pl.String), get_language(language))
    return culturax.measure(column, frozenset(culturax.MEASURES)).to_dicts()


def _character_repetition(text: str) -> float | None:
    grams = Counter(text[at : at + 10] for at in range(len(text) - 9))
    often = sorted((times for times in grams.values() if times > 1), reverse=True)[: isqrt(len(grams))]
    return sum(often) / grams.total() if grams else None


def _word_repetition(text: str) -> float | None:
    terms = ["".join(filter(str.isalnum, word)).lower() for word in text.split()]
    terms = [term for term in terms if term]
    grams = Counter(tuple(terms[at : at + 5]) for at in range(len(terms) - 4))
    return sum(times for times in grams.values() if times > 1) / grams.total() if grams else None


def _short_lines(text: str) -> tuple[float | None, float | None]:
    lines = [line for line in text.split("\n") if line.strip()]
    short = [line for line in lines if len(line) <= 100]
    characters = sum(map(len, text.split("\n")))
    return len(short) / len(lines) if lines else None, sum(map(len, short)) / characters if characters else None


def _check(texts: list[str]) -> None:
    for text, values in zip(texts, _measured(texts), strict=True):
        lines, characters = _short_lines(text)
        written = [character for character in text if not character.isspace()]
        assert values["culturax_character_repetition"] == pytest.approx(_character_repetition(text)), text
        assert values["culturax_characters"] == len(text)
        assert values["culturax_short_lines"] == pytest.approx(lines)
        assert values["culturax_short_line_characters"] == pytest.approx(characters)
        if written:
            share = sum(character.isnumeric() and not character.isalpha() for character in written) / len(written)
            assert values["culturax_numbers"] == pytest.approx(share)
        else:
            assert values["culturax_numbers"] is None


def test_every_measure_equals_its_definition_on_nasty_texts() -> None:
    _check(nasty_texts(LINES[:-1], 500, seed=5))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab c\n1é"), max_size=80), max_size=4))
def test_every_measure_equals_its_definition_whatever_the_characters(texts: list[str]) -> None:
    _check(texts)
    for text, values in zip(texts, _measured(texts), strict=True):
        assert values["culturax_word_repetition"] == pytest.approx(_word_repetition(text)), text


def test_values_do_not_depend_on_the_other_texts_of_a_batch() -> None:
    texts = nasty_texts(LINES[:-1], 60, seed=6)
    assert _measured(texts) == [_measured([text])[0] for text in texts]


def test_white_space_digits_and_signs_are_special_characters() -> None:
    assert _measured(["ab 1!"])[0]["culturax_special_characters"] == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("too few words", "too_short"),
        (f"{LINES[0]} " * 3, "repetition"),
        ("| 12 | 13 | the | 14 | 15 | and | 16 " * 3, "symbols"),
        ("harbour evening boats pier nobody seal grey quiet days small first", "stop_words"),
    ],
)
def test_each_fault_gives_its_reason(text: str, reason: str) -> None:
    frame = pl.DataFrame({"text": [text], "language": ["en"]})
    assert reason in apply_heuristics(frame, sets=("culturax",))["reasons"][0]


def test_flagged_words_come_from_a_file_of_the_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _measured([LINES[0]])[0]["culturax_flagged_words"] is None
    (tmp_path / "en.txt").write_text("Harbour\ntwo words\n\nBOATS\n", encoding="utf-8")
    monkeypatch.setenv(FLAGGED_WORDS_VARIABLE, str(tmp_path))
    assert _measured(["The harbour, boats and two words."])[0]["culturax_flagged_words"] == pytest.approx(2 / 6)
    assert _measured(["Der Hafen"], "de")[0]["culturax_flagged_words"] is None


def test_flagged_words_that_can_not_be_read_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FLAGGED_WORDS_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FlaggedWordsError, match="create it"):
        _measured(["a"])
    (tmp_path / "en.txt").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv(FLAGGED_WORDS_VARIABLE, str(tmp_path))
    with pytest.raises(FlaggedWordsError, match="save it as UTF-8"):
        _measured(["a"])
