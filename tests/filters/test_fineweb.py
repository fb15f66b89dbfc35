"""FineWeb's rules, against a plain reading of what the filter does."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filters.nasty_texts import nasty_texts
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.measures import fineweb
from xl_assets.filters.measures.punctuation import terminal_punctuation
from xl_assets.filters.rules import RULE_SETS, RULES
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language

LINES = [
    "The harbour was quiet when the first boats came back in the evening.",
    "港口很安静，第一批船在傍晚回来了。",
    "शाम को जब पहली नावें लौटीं तो बंदरगाह शांत था।",
    "Home",
    "exactly thirty characters long",
    "exactly thirty-one characters !",
    "trailing space. ",
    "   ",
]


def _by_definition(text: str) -> dict[str, float | None]:
    lines = [line for line in text.split("\n") if line.strip()]
    values: dict[str, float | None] = dict.fromkeys(fineweb.MEASURES)
    values["fineweb_lines"] = len(lines)
    if lines:
        terminal = terminal_punctuation()
        values["fineweb_line_punctuation"] = sum(bool(terminal[ord(line[-1])]) for line in lines) / len(lines)
        values["fineweb_short_lines"] = sum(len(line) <= 30 for line in lines) / len(lines)
    duplicates = sum(len(line) for at, line in enumerate(lines) if line in lines[:at])
    if characters := len(text.replace("\n", "")):
        values["fineweb_duplicate_characters"] = duplicates / characters
    if words := len(text.split()):
        values["fineweb_line_breaks"] = text.count("\n") / words
    return values


def _check(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    measured = fineweb.measure(Texts(column, get_language("en")), frozenset(fineweb.MEASURES)).to_dicts()
    for text, values in zip(texts, measured, strict=True):
        assert values == pytest.approx(_by_definition(text), abs=1e-12), text


def test_every_measure_equals_its_definition_on_nasty_texts() -> None:
    _check(nasty_texts(LINES[:-1], 800, seed=4))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([*LINES, "", "।", "\r", "\u2028"]) | st.text(max_size=3), max_size=9), max_size=4)
)
def test_every_measure_equals_its_definition_whatever_the_lines(pieces: list[list[str]]) -> None:
    _check(["\n".join(parts) for parts in pieces])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" \n ", "empty"),
        (
            "\n".join([f"a line that stops without any end at all, number {n} of them" for n in range(20)]),
            "line_punctuation",
        ),
        ("\n".join([*["Home."] * 3, LINES[0]]), "short_lines"),
        ("\n".join([LINES[0], LINES[0]]), "repetition"),
        ("One word.\n\n\nTwo words and no more than that.", "line_breaks"),
    ],
)
def test_each_fault_gives_its_reason(text: str, reason: str) -> None:
    frame = pl.DataFrame({"text": [text], "language": ["en"]})
    assert reason in apply_heuristics(frame, sets=("fineweb",))["reasons"][0]


def test_fineweb2_takes_its_rules_from_gopher_and_fineweb_with_its_own_numbers() -> None:
    chosen = RULE_SETS["fineweb2"]
    assert set(chosen) <= set(RULES)
    assert chosen["fineweb_duplicate_characters"] == 0.1
    assert not {"fineweb_short_lines", "gopher_duplicate_paragraphs"} & set(chosen)


def test_a_languages_own_thresholds_hold_in_fineweb2() -> None:
    text = "\n".join([LINES[0].replace("harbour", f"harbour {n}") for n in range(3)])
    frame = pl.DataFrame({"text": [text * 3], "language": ["en"]})
    reasons = [
        apply_heuristics(frame, sets=("fineweb2",), thresholds={"fineweb_line_breaks": bound})["reasons"][0].to_list()
        for bound in (0.3, 0.01)
    ]
    assert ["line_breaks" in found for found in reasons] == [False, True]
