"""The page on corpora: its example runs as it stands, and what it lists is all there is."""

import json
import os
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest

from tests.corpus.made_up import texts
from tests.end_to_end.world import write_profile
from xl_assets.corpus.decisions import DECISION
from xl_assets.filters.deriving import METHODS
from xl_assets.filters.rules import RULE_SETS, RULES, thresholds_of
from xl_assets.languages import load_registry
from xl_assets.profile import CHECKOUT, load_profile
from xl_assets.seeds.layouts import LAYOUTS
from xl_assets.settings import settings_of

PAGE = (CHECKOUT / "docs" / "corpora.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def table(text: str) -> list[list[str]]:
    """The rows of the tables of a section, cells as lists of what stands in backticks."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in rows]


WHO = (
    "Den gamla fiskaren",
    "Vår granne",
    "Läraren i byn",
    "Min syster",
    "Kaptenen",
    "En ung läkare",
    "Flickan på cykel",
)
DOES = ("lagar sina nät", "läser en tjock bok", "går ut med hunden", "köper bröd och ost", "berättar om sin resa")
WHERE = ("vid den lilla hamnen", "på torget bakom kyrkan", "i skogen utanför staden", "hemma hos sina föräldrar")
WHY = (
    "eftersom det är söndag",
    "medan regnet faller över taken",
    "innan solen går ner",
    "fast vinden är kall och stark",
)


def swedish(count: int, seed: int) -> list[str]:
    """Texts of four sentences that share no part."""
    chance = random.Random(seed)
    parts = (WHO, DOES, WHERE, WHY)
    return [
        "\n".join(f"{' '.join(words)}." for words in zip(*(chance.sample(part, 4) for part in parts), strict=True))
        for _ in range(count)
    ]


def write_lines(file: Path, documents: list[str]) -> None:
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> tuple[Path, str]:
    """The worked example, carried out: its folder and what its Python printed."""
    folder, text = tmp_path_factory.mktemp("example"), section("A worked example")
    good = swedish(40, seed=5)
    shouted = [text.replace(" ", "! ") for text in swedish(5, seed=6)]
    write_lines(folder / "reference.jsonl", swedish(150, seed=7))
    write_lines(folder / "crawl.jsonl", [*good, *shouted, *texts("de", 3), good[0]])
    (folder / "crawl.jsonl").open("a", encoding="utf-8").write('{"text": \n')
    family, last = blocks("python", text)
    (folder / re.search(r"^`(\w+\.py)`:$", text, re.MULTILINE)[1]).write_text(family, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("XL_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(blocks("sh", text))],
        cwd=folder,
        env={**clean, "PATH": path, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = subprocess.run([sys.executable, "-c", last], cwd=folder, capture_output=True, text=True, check=True)
    return folder, read.stdout


def test_the_example_keeps_what_is_good_and_says_why_the_rest_is_not(example):
    folder, printed = example
    reasons = pl.read_parquet(folder / "clean" / "decisions.parquet")["reasons"].to_list()
    assert reasons[1:40] == [[]] * 39
    assert sorted([reasons[0], reasons[48]]) == [[], ["exact_duplicate"]]
    assert all("shouting" in found for found in reasons[40:45])
    assert all("wrong_language" in found for found in reasons[45:48])
    assert reasons[49:] == [["bad_json"]]
    assert "shouting" in printed


def test_the_examples_entry_is_one_that_the_registry_takes(example):
    entry = load_registry(example[0] / "languages.toml")["sv"]
    assert entry.name == "Swedish"
    assert {"och", "den", "på"} & set(entry.stop_words)


def test_the_examples_threshold_by_language_is_stronger_than_the_files(example, tmp_path, monkeypatch):
    monkeypatch.setenv("XL_FILTERS", str(example[0] / "shouting.py"))
    tables = tomllib.loads((example[0] / "languages.toml").read_text(encoding="utf-8"))
    line = re.search(r"`(exclamations = [\d.]+)` under `\[sv\.thresholds\]`", PAGE)[1]
    own = tmp_path / "own.toml"
    own.write_text('[sv]\nname = "a"\nnative_name = "a"\nscript = "Latn"\n[sv.thresholds]\n' + line, encoding="utf-8")
    assert "exclamations" not in tables["sv"].get("thresholds", {})
    assert thresholds_of(load_registry(own)["sv"], sets=("shouting",)) == {"exclamations": 0.5}


def test_the_entry_of_another_language_is_one_that_the_registry_takes(tmp_path):
    (tmp_path / "own.toml").write_text(blocks("toml", section("Adding a language"))[0], encoding="utf-8")
    entry = load_registry(tmp_path / "own.toml")["szl"]
    assert entry.lid_labels == ("szl_Latn",)
    assert entry.thresholds == {"stop_word_share": 0.04}


def test_the_profile_sections_load_as_the_page_says(tmp_path):
    (tmp_path / "lists").mkdir()
    toml = "".join(blocks("toml", section("Rules")) + blocks("toml", section("Quality models, lists, duplicates")))
    for name in re.findall(r'"(lists/[^"]+)"', toml):
        (tmp_path / name).touch()
    file = write_profile(tmp_path, **{"[filters]\n": toml})
    filters = settings_of(load_profile(str(file)), "filters")
    assert filters.sets == ("house", "mojibake")
    assert filters.thresholds == {"words": 50}
    assert filters.compliance.licences == ("CC-BY-4.0", "CC0-1.0")
    assert (filters.compliance.toxic_share, filters.compliance.toxic_least) == (0.01, 3)


def test_every_reason_of_a_rule_is_in_the_table_with_the_sets_that_it_is_from():
    told = {reason: row[-1] for row in table(section("What each reason means")) for reason in row[0]}
    found: dict[str, list[str]] = {}
    for name, thresholds in RULE_SETS.items():
        for reason in {RULES[rule].reason for rule in thresholds}:
            found.setdefault(reason, []).append(name)
    assert {reason: told.get(reason) for reason in found} == found


def test_every_reason_of_reading_is_in_the_table():
    told = {reason for row in table(section("What each reason means")) for reason in row[0]}
    sources = "".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "xl_assets" / "seeds").glob("*.py"))
    named = re.compile(r'"((?:bad|no|null|not|text|line|document|blank|unclosed|wrong|utf)_?[a-z0-9]+(?:_[a-z]+)*)"')
    ends = ("_json", "_csv", "_utf8", "_text", "_object", "_string", "_long", "_line", "_quote", "_count")
    reasons = {word for word in named.findall(sources) if word.endswith(ends) or word in ("utf16", "utf32")}
    assert len(reasons) > 10
    assert reasons <= told


@pytest.mark.parametrize(
    ("title", "listed"),
    [
        ("From a raw corpus to a clean one", set(LAYOUTS)),
        ("Rules", set(RULE_SETS)),
        ("Thresholds from a reference corpus", {"clean", *METHODS}),
    ],
)
def test_what_the_page_lists_is_all_there_is(title, listed):
    assert listed <= {name for row in table(section(title)) for name in row[0]}


def test_the_columns_of_the_decisions_are_those_that_the_page_names():
    rows = table(section("From a raw corpus to a clean one"))
    assert next(row[1] for row in rows if row[0] == ["decisions.parquet"]) == list(DECISION)
