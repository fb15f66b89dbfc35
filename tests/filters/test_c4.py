"""C4's rules and lines, against a plain reading of what the filter does."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filters.nasty_texts import nasty_texts
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.measures import c4
from xl_assets.filters.measures.punctuation import terminal_punctuation
from xl_assets.filters.refinement import retain_c4_lines
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language
from xl_assets.native.c4 import CURLY, JAVASCRIPT, KEPT, LOREM_IPSUM, POLICY, judge_lines
from xl_assets.native.columns import utf8

POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")

LINES = [
    "The harbour was quiet when the first boats came back in the evening.",
    "They brought a grey seal [12], which looked at us!",
    "Is it so[edit]? He said: 'It is [citation needed].'",
    "Please enable JAVASCRIPT to see this page.",
    "This site uses cookies. Read our Privacy Policy.",
    "Lorem Ipsum dolor sit amet.",
    "if (a) { return b; } said nobody.",
    "It went on and on...",
    "Too short.",
    "no end of a sentence here",
    "The end comes [1]",
    "x" * 1001 + " is a long word.",
]


def _by_definition(text: str) -> tuple[list[str], int, int]:
    """Return (retained lines, lines with lorem ipsum, lines with a curly bracket)."""
    retained, lorem, curly = [], 0, 0
    for line in text.splitlines():
        line = line.strip()
        words = line.split()
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line)
        small = line.lower()
        if any(len(word) > 1000 for word in words) or not line.endswith((".", "?", "!", '"', "'")):
            continue
        if line.endswith("...") or len(words) < 3:
            continue
        if "lorem ipsum" in small:
            lorem += 1
        elif "javascript" in small:
            continue
        elif "{" in line:
            curly += 1
        elif not any(policy in small for policy in POLICIES):
            retained.append(line)
    return retained, lorem, curly


def _check(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    retained = retain_c4_lines(pl.DataFrame({"text": column}))
    values = c4.measure(Texts(column, get_language("en")), frozenset(c4.MEASURES)).to_dicts()
    for text, written, removed, measured in zip(texts, *retained.get_columns(), values, strict=True):
        lines, lorem, curly = _by_definition(text)
        assert written == "\n".join(lines).strip(), text
        assert removed == len(text.splitlines()) - len(lines)
        assert (measured["c4_lorem_ipsum"], measured["c4_curly_brackets"]) == (lorem, curly)
        assert (measured["c4_sentences"] > 0) == bool(lines)


def test_lines_are_retained_as_the_definition_has_it_on_nasty_texts() -> None:
    _check(nasty_texts(LINES, 800, seed=3))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([*LINES, "[", "]", "[1", "{", "É", " ", "\u2028", "."]), max_size=9), max_size=4)
)
def test_lines_are_retained_as_the_definition_has_it_whatever_the_pieces(pieces: list[list[str]]) -> None:
    _check(["\n".join(parts) for parts in pieces] + ["".join(parts) for parts in pieces])


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("He went home. She stayed! Why? Nobody knows.", 4),
        ("Mr. Smith met Dr. Jones in the U.S. on Monday.", 1),
        ("J. K. Rowling wrote it. It sold well.", 2),
        ('"Come in!" he said.', 2),
        ("It was so ... strange that nobody spoke.", 1),
        ("It was so... But nobody spoke.", 2),
        ("Sie kam am 29. September und ging.", 1),
        ("That was in 1998. Then came 1999.", 2),
        ("版本 3.5 is out now.", 1),
        ("港口很安静。没有人说话。 He said so.", 3),
    ],
)
def test_sentences_are_counted_where_they_end(line: str, sentences: int) -> None:
    assert judge_lines(utf8(pl.Series([line])), terminal_punctuation()).sentences.tolist() == [sentences]


def test_a_line_is_dropped_for_the_first_thing_that_the_filter_asks_for() -> None:
    lines = pl.Series(["Lorem ipsum in JavaScript { a }.", "JavaScript { use cookies }.", "{ use cookies } here.",
                       "They use cooKies here.", "They use cookiеs here."])  # fmt: skip
    verdicts = judge_lines(utf8(lines), terminal_punctuation()).verdict.tolist()
    assert verdicts == [LOREM_IPSUM, JAVASCRIPT, CURLY, POLICY, KEPT]


def test_a_document_gives_the_reasons_of_its_retained_lines() -> None:
    good = "\n".join([LINES[0]] * 5)
    frame = pl.DataFrame({"text": [good, LINES[0], f"{good}\n{LINES[5]}", f"{good}\n{LINES[6]}"], "language": "en"})
    reasons = apply_heuristics(frame, sets=("c4",))["reasons"].to_list()
    assert reasons == [[], ["few_sentences"], ["placeholder_text"], ["code"]]


def test_nothing_is_asked_twice_of_a_text_without_lines() -> None:
    frame = retain_c4_lines(pl.DataFrame({"text": ["", None, "\n\n"]}))
    assert frame.to_dict(as_series=False) == {"text": ["", None, ""], "removed_lines": [0, 0, 2]}
