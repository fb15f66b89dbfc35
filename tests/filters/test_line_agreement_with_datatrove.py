"""C4 and FineWeb decide as datatrove does, against itself where it is installed."""

import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from tests.filters.nasty_texts import nasty_texts
from tests.filters.words_of import words_of
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.refinement import retain_c4_lines
from xl_assets.filters.rules import RULE_SETS
from xl_assets.languages import Language, get_language

PEER = os.environ.get("XL_PEERS") or (sys.executable if find_spec("datatrove") else "")
SCRIPT = Path(__file__).with_name("peers") / "judge_lines_with_datatrove.py"

#: Datatrove's reason -> ours.
REASONS = {
    "lorem_ipsum": "placeholder_text",
    "curly_bracket": "code",
    "empty": "empty",
    "line_punct_ratio": "line_punctuation",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "repetition",
    "list_ratio": "line_breaks",
}

#: FineWeb's part of FineWeb2; Gopher's is compared elsewhere.
THRESHOLDS = {
    "c4": {**RULE_SETS["c4"], "c4_sentences": 0},
    "fineweb": dict(RULE_SETS["fineweb"]),
    "fineweb2": {**RULE_SETS["fineweb"], "fineweb_short_lines": 999, "fineweb_duplicate_characters": 0.1},
}

WEB = [
    "Home | About | Contact",
    "Please enable JavaScript to view this page.",
    "This site uses cookies. Read our Privacy Policy.",
    "Lorem ipsum dolor sit amet.",
    "function() { return 1; } and so on.",
    "Read more...",
    "He said so [12]. See [edit] and [citation needed].",
    "He said so. [3]",
    "x" * 1200 + " is a long word.",
    "Ok.",
    "no end of a sentence here",
    "   ",
]

needs_datatrove = pytest.mark.skipif(
    not PEER, reason="datatrove is not installed; name a Python that has it in XL_PEERS (make bench-peers makes one)"
)


def _web_pages(lines: list[str], count: int, seed: int) -> list[str]:
    """Real lines among the furniture of a web page, some of them again."""
    draw = random.Random(seed)
    pages = []
    for _ in range(count):
        rate = draw.choice([0, 0.1, 0.3, 0.6, 0.9])
        page = [draw.choice(WEB if draw.random() < rate else lines) for _ in range(draw.randint(1, 14))]
        page += [draw.choice(page)] * draw.choice([0, 0, 1, 3])
        pages.append(draw.choice(["\n", "\n", "\n\n", "\r\n"]).join(page))
    return pages


def _disagreements(texts: list[str], language: Language) -> list[str]:
    rows = [{"text": text, "words": words} for text, words in zip(texts, words_of(texts, language), strict=True)]
    run = subprocess.run(
        [PEER, str(SCRIPT)], input="\n".join(map(json.dumps, rows)), capture_output=True, text=True, check=True
    )
    theirs = [json.loads(line) for line in run.stdout.splitlines()]
    frame = pl.DataFrame({"text": texts, "language": language.code})
    retained, found = retain_c4_lines(frame)["text"], []
    for name, thresholds in THRESHOLDS.items():
        reasons = apply_heuristics(frame, thresholds=thresholds, sets=(name.removesuffix("2"),))["reasons"].to_list()
        for text, left, ours, judged in zip(texts, retained, reasons, theirs, strict=True):
            their = judged[name]
            if bool(ours) != bool(their) or (their and REASONS[their] not in ours):
                found.append(f"{name}: {their} against {ours}: {text!r}")
            if name == "c4" and not their and left != judged["text"]:
                found.append(f"c4 leaves {judged['text']!r}, here it leaves {left!r}")
    return found


@needs_datatrove
@pytest.mark.parametrize("code", ["en", "hi", "zh"])
def test_datatrove_decides_the_same_on_nasty_texts(code: str) -> None:
    lines = [*WEB[:-1], "The harbour was quiet when the first boats came back.", "港口很安静。", "बंदरगाह शांत था।"]
    assert _disagreements(nasty_texts(lines, 2_000, seed=7), get_language(code)) == []


@needs_datatrove
@needs_ntrex
@pytest.mark.parametrize("code", NTREX_LANGUAGES)
def test_datatrove_decides_the_same_on_real_text_among_furniture(code: str) -> None:
    documents = pl.read_ndjson(NTREX / f"{code}.jsonl.zst")["text"].to_list()
    lines = [line for text in documents for line in text.split("\n")]
    assert _disagreements(documents + _web_pages(lines, 1_000, seed=8), get_language(code)) == []
