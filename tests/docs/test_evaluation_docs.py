"""The pages on evaluation prompts and language fidelity: what they list is what there is, and the example runs."""

import re
import tomllib

import polars as pl
import pytest

from tests.real_text import NTREX, needs_ntrex
from xl_assets.evaluation.fidelity.words import english_words
from xl_assets.evaluation.prompts.exclusions import shipped_sets
from xl_assets.evaluation.prompts.reading import read_prompt_file
from xl_assets.profile import CHECKOUT, EvaluationSource

FIDELITY = (CHECKOUT / "docs" / "language_fidelity.md").read_text(encoding="utf-8")
PROMPTS = (CHECKOUT / "docs" / "evaluation_prompts.md").read_text(encoding="utf-8")
ALPACA_EVAL = NTREX.parent / "alpaca_eval_805.jsonl"


def block(page: str, language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]


def rules() -> dict[str, int]:
    return {rule: int(count) for rule, count in re.findall(r"^\| `(\w+)`: .* \| (\d+) \|$", PROMPTS, re.MULTILINE)}


def test_every_shipped_rule_is_documented():
    assert set(rules()) == set(shipped_sets()["alpaca_eval"])


def test_the_documented_counts_are_those_of_the_805_prompts():
    if not ALPACA_EVAL.is_file():
        pytest.skip(f"no {ALPACA_EVAL.name} in the shared data: set XL_SHARED_DATA")
    base = read_prompt_file(ALPACA_EVAL, exclude=["@alpaca_eval"])
    found = base.drop_nulls("excluded")["excluded"].value_counts()
    assert dict(found.with_columns(pl.col("excluded").str.strip_prefix("alpaca_eval/")).rows()) == rules()
    assert f"{805 - found['count'].sum()} of AlpacaEval's 805" in PROMPTS


def test_the_profile_section_is_a_valid_one():
    section = EvaluationSource(**tomllib.loads(block(PROMPTS, "toml"))["evaluation"])
    assert section.exclude[0] == "@alpaca_eval"


def test_the_word_list_has_as_many_words_as_the_page_says():
    assert f"({len(english_words()):,} words remain" in FIDELITY


@needs_ntrex
def test_the_example_gives_the_pages_table(monkeypatch):
    monkeypatch.chdir(NTREX)
    found: dict = {}
    exec(compile(block(FIDELITY, "python"), "language_fidelity.md", "exec"), found)
    told = re.findall(r"^\| (\w\w) \| \**([\d.]+)\** \| ([\d.]+) \| ([\d.]+) \|$", FIDELITY, re.MULTILINE)
    measured = found["ceiling"].select("language", "lpr", "line_accuracy", whole=found["whole"]["lpr"]).rows()
    assert [(code, f"{a:.3f}", f"{b:.3f}", f"{c:.3f}") for code, a, b, c in measured] == told
