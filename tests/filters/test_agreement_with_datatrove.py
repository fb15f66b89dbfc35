"""The Gopher sets decide as datatrove does: against its definitions always, against itself where it is installed."""

import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filters.gopher_by_definition import gopher_quality, gopher_repetition
from tests.filters.nasty_texts import nasty_texts
from tests.filters.words_of import words_of
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.measures.gopher import MEASURES as QUALITY
from xl_assets.filters.measures.gopher import stop_words_of
from xl_assets.filters.measures.gopher_repetition import MEASURES as REPETITION
from xl_assets.filters.rules import RULE_SETS, RULES, measure_texts
from xl_assets.filters.texts import Texts
from xl_assets.languages import REGISTRY_VARIABLE, Language, get_language

PEER = os.environ.get("XL_PEERS") or (sys.executable if find_spec("datatrove") else "")
SCRIPT = Path(__file__).with_name("peers") / "judge_with_datatrove.py"
SETS = ("gopher_quality", "gopher_repetition")

#: Datatrove's reason -> the rule that must fail here too.
RULE_OF = {
    "gopher_short_doc": "gopher_words",
    "gopher_long_doc": "gopher_words_most",
    "gopher_below_avg_threshold": "gopher_mean_word_length",
    "gopher_above_avg_threshold": "gopher_mean_word_length_most",
    "gopher_too_many_hashes": "gopher_hashes",
    "gopher_too_many_ellipsis": "gopher_ellipses",
    "gopher_too_many_bullets": "gopher_bullet_lines",
    "gopher_too_many_end_ellipsis": "gopher_ellipsis_lines",
    "gopher_below_alpha_threshold": "gopher_alphabetic_words",
    "gopher_enough_stop_words": "gopher_stop_words",
    "empty": "gopher_characters",
    "dup_para_frac": "gopher_duplicate_paragraphs",
    "dup_para_char_frac": "gopher_duplicate_paragraph_characters",
    "dup_line_frac": "gopher_duplicate_lines",
    "dup_line_char_frac": "gopher_duplicate_line_characters",
    **{f"top_{n}_gram": f"gopher_top_{n}_gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"gopher_duplicate_{n}_gram" for n in range(5, 11)},
}

LINES = [
    "The harbour was quiet when the first boats came back in the evening, and nobody on the pier said a word.",
    "They had been out for two days - and all that they brought with them... was a small grey seal!",
    "Im Hafen war es still, als die ersten Boote zurückkamen; niemand sagte ein Wort.",
    "港口很安静，第一批船在傍晚回来了，码头上没有人说话。",
    "शाम को जब पहली नावें लौटीं तो बंदरगाह शांत था।",
    "1. 2. 3. # 4 % of $5",
    "to be",
]


def _values(texts: list[str], language: Language) -> list[dict[str, float | None]]:
    return measure_texts(
        Texts(pl.Series(texts, dtype=pl.String), language), frozenset({*QUALITY, *REPETITION})
    ).to_dicts()


def _defined(text: str, words: list[str], language: Language) -> dict[str, float | None]:
    return gopher_quality(text, words, stop_words_of(language)) | gopher_repetition(text, words)


@pytest.mark.parametrize("code", ["en", "de", "zh"])
def test_every_measure_equals_its_definition_on_nasty_texts(code: str) -> None:
    texts, language = nasty_texts(LINES, 600, seed=1), get_language(code)
    for text, words, values in zip(texts, words_of(texts, language), _values(texts, language), strict=True):
        assert values == pytest.approx(_defined(text, words, language), abs=1e-12), text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab -.…#•\n\r\t\u2028\u00a0é。"), max_size=120), min_size=1, max_size=5))
def test_every_measure_equals_its_definition_whatever_the_texts(texts: list[str]) -> None:
    language = get_language("en")
    for text, values in zip(texts, _values(texts, language), strict=True):
        assert values == pytest.approx(_defined(text, text.split(), language), abs=1e-12), text


def _real_texts(code: str) -> list[str]:
    """A language's documents, and as many made anew of their lines."""
    documents = pl.scan_ndjson(NTREX / f"{code}.jsonl.zst").collect()["text"].to_list()
    lines = pl.Series(documents).str.split("\n").explode().sample(fraction=1, shuffle=True, seed=1).to_list()
    return documents + ["\n".join(lines[at : at + 9]) for at in range(0, len(lines), 9)]


def _drawn_texts(texts: list[str], count: int) -> list[str]:
    """Few lines, each drawn several times: as repetitive as the limits allow, or more."""
    lines, draw = [line for text in texts for line in text.split("\n")], random.Random(5)
    starts = [draw.randrange(len(lines) - 40) for _ in range(count)]
    few = [lines[start : start + draw.choice([4, 8, 12, 40])] for start in starts]
    return ["\n".join(draw.choices(pool, k=draw.choice([2, 4, 8, 12]))) for pool in few]


def _disagreements(texts: list[str], language: Language) -> list[str]:
    words = words_of(texts, language)
    stop_words = None if language.code == "en" else list(stop_words_of(language))
    rows = [{"text": text, "words": split, "stop_words": stop_words} for text, split in zip(texts, words, strict=True)]
    run = subprocess.run(
        [PEER, str(SCRIPT)], input="\n".join(map(json.dumps, rows)), capture_output=True, text=True, check=True
    )
    theirs = [json.loads(line) for line in run.stdout.splitlines()]
    frame = pl.DataFrame({"text": texts, "language": language.code})
    found = []
    for name in SETS:
        ours = apply_heuristics(frame, thresholds=RULE_SETS[name], sets=(name,))
        for text, kept, metrics, judged in zip(texts, ours["kept"], ours["metrics"].to_list(), theirs, strict=True):
            reason = judged[name]
            failing = {RULE_OF[reason]} if reason else set()
            if kept != (reason is None) or not failing <= _failing(metrics):
                found.append(f"{name}: {reason} against {_failing(metrics)}: {text!r}")
    return found


def _failing(metrics: list[dict]) -> set[str]:
    known = [metric for metric in metrics if metric["value"] is not None]
    below = {metric["rule"] for metric in known if metric["value"] < metric["threshold"]}
    above = {metric["rule"] for metric in known if metric["value"] > metric["threshold"]}
    least = {name for name in below | above if RULES[name].least}
    return (below & least) | (above - least)


needs_datatrove = pytest.mark.skipif(
    not PEER, reason="datatrove is not installed; name a Python that has it in XL_PEERS (make bench-peers makes one)"
)


@needs_datatrove
@pytest.mark.parametrize("code", ["en", "de", "zh"])
def test_datatrove_decides_the_same_on_nasty_texts(code: str) -> None:
    assert _disagreements(nasty_texts(LINES, 2_000, seed=2), get_language(code)) == []


@needs_datatrove
def test_datatrove_decides_the_same_on_chinese_split_at_white_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = '[zh]\nname = "Chinese"\nnative_name = "中文"\nscript = "Hans"\nstop_words = "的 是"\n'
    (tmp_path / "own.toml").write_text(entry, encoding="utf-8")
    monkeypatch.setenv(REGISTRY_VARIABLE, str(tmp_path / "own.toml"))
    texts, spaced = nasty_texts(LINES, 200, seed=3), get_language("zh")
    assert words_of(texts, spaced) == [text.split() for text in texts]
    assert _disagreements(texts, spaced) == []


@needs_datatrove
@needs_ntrex
@pytest.mark.parametrize("code", NTREX_LANGUAGES)
def test_datatrove_decides_the_same_on_real_text_and_on_real_text_defaced(code: str) -> None:
    texts = _real_texts(code)
    lines = [line for text in texts for line in text.split("\n")]
    every = texts + _drawn_texts(texts, 500) + nasty_texts(lines, 600, seed=4)
    assert _disagreements(every, get_language(code)) == []
