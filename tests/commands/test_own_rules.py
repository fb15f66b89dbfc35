"""A user's own filter in `xl corpus clean`: it counts where it is asked for, and a changed one is noticed."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.corpus.made_up import texts
from tests.filters.test_own_families import SHOUTING
from xl_assets.filters.own_families import FILTERS_VARIABLE

ASKED = ("--language", "de", "--workers", 1, "--rules", "house", "--rules", "shouting")


@pytest.fixture(autouse=True)
def family(tmp_path, monkeypatch) -> Path:
    """The file of a family, named for the command; beside it calm texts and shouted ones, in turn."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "shouting.py"
    file.write_text(SHOUTING)
    monkeypatch.setenv(FILTERS_VARIABLE, str(file))
    calm = texts("de", 20)
    every = [text if at % 2 else text.replace(" ", "! ") for at, text in enumerate(calm)]
    Path("crawl.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in every))
    return file


def test_the_rule_is_a_reason_among_the_others(xl):
    done = xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED, "--json")
    assert done.code == 0
    assert "shouting" in json.loads(done.out)["rejected"]
    reasons = pl.read_parquet("out/decisions.parquet")["reasons"]
    assert reasons.list.contains("shouting").to_list() == [True, False] * 10


def test_the_same_with_workers_in_other_processes(xl):
    done = xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED, "--workers", 2)
    assert done.code == 0
    assert pl.read_parquet("out/decisions.parquet")["reasons"].list.contains("shouting").sum() == 10


def test_a_file_that_changed_is_another_configuration(xl, monkeypatch, family):
    xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED)
    family.write_text(SHOUTING.replace("0.5", "5"))
    # Another process would load the file anew; here another way to write its name makes it be loaded again.
    monkeypatch.setenv(FILTERS_VARIABLE, f"{family}:")
    done = xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED)
    assert done.code == 1
    assert "other filters" in done.err
    assert "--fresh" in done.err


def test_without_the_variable_the_set_is_told_to_be_unknown(xl, monkeypatch):
    monkeypatch.delenv(FILTERS_VARIABLE)
    done = xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED)
    assert done.code == 1
    assert "no rule set is called 'shouting'" in done.err
    assert not Path("out").exists()


def test_a_filter_that_fails_is_one_line_and_loses_nothing(xl, monkeypatch, family):
    family.write_text(SHOUTING.replace("texts.series.str.count_matches", "texts.serie.str.count_matches"))
    done = xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED)
    assert done.code == 1
    assert done.err.startswith(f"xl: {family}: measure fails: AttributeError")
    assert done.err.count("\n") == 1
    assert not Path("out/decisions.parquet").exists()
    family.write_text(SHOUTING)
    monkeypatch.setenv(FILTERS_VARIABLE, f"{family}:")
    assert xl("corpus", "clean", "crawl.jsonl", "--out", "out", *ASKED, "--fresh").code == 0
