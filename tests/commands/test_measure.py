"""`xl corpus measure`: clean text in, an entry out that the registry takes and that the text then passes."""

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

from tests.corpus.made_up import texts
from tests.real_text import NTREX, needs_ntrex
from xl_assets import languages
from xl_assets.corpus.measuring import Way, as_toml, measure_language
from xl_assets.filters.deriving import UnknownMethod
from xl_assets.languages import GENERIC_FILE, REGISTRY_VARIABLE, any_language, get_language, load_registry, registry


@pytest.fixture
def without_finnish(tmp_path, monkeypatch) -> None:
    """The shipped registry as if nobody had added Finnish to it."""
    file = tmp_path / "shipped.toml"
    entries = [entry for code, entry in registry().items() if code != "fi"]
    file.write_text("\n".join(as_toml(entry) for entry in entries), encoding="utf-8")
    monkeypatch.setattr(languages, "SHIPPED_FILE", file)


@pytest.fixture
def german(tmp_path) -> Path:
    file = tmp_path / "de.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts("de", 120)), encoding="utf-8")
    return file


@needs_ntrex
def test_a_language_that_is_not_registered_is_measured_registered_and_then_accepted(
    xl, tmp_path, monkeypatch, without_finnish
):
    monkeypatch.setenv("XL_LANGUAGES", "")
    assert "fi" not in registry()
    corpus, file = NTREX / "fi.jsonl.zst", tmp_path / "languages.toml"
    measured = xl("corpus", "measure", corpus, "--language", "fi")
    assert measured.code == 0
    file.write_text(measured.out, encoding="utf-8")

    entry = load_registry(file)["fi"]
    assert (entry.name, entry.script, entry.lid_labels[0]) == ("Finnish", "Latn", "fi")
    assert {"ja", "on", "että"} <= set(entry.stop_words)
    assert 0.1 <= entry.document_threshold <= 0.65

    monkeypatch.setenv(REGISTRY_VARIABLE, str(file))
    cleaned = xl("corpus", "clean", corpus, "--language", "fi", "--out", tmp_path / "out", "--workers", 1)
    assert cleaned.code == 0
    decisions = pl.read_parquet(tmp_path / "out" / "decisions.parquet")
    assert decisions["language"].unique().to_list() == ["fi"]
    assert decisions["kept"].mean() >= 0.98


@needs_ntrex
@pytest.mark.parametrize("code", ["zh", "hi"])
def test_every_entry_is_toml_that_says_the_same_again(tmp_path, monkeypatch, xl, code):
    done = xl("corpus", "measure", NTREX / f"{code}.jsonl.zst", "--language", code, "--most", 60)
    (tmp_path / "own.toml").write_text(done.out, encoding="utf-8")
    entry = load_registry(tmp_path / "own.toml")[code]
    assert tomllib.loads(as_toml(entry)) == tomllib.loads(done.out)
    assert entry.spaces_between_words == get_language(code).spaces_between_words


def test_generic_entries_survive_being_written_and_read(tmp_path):
    generic = load_registry(GENERIC_FILE)
    (tmp_path / "all.toml").write_text("\n".join(map(as_toml, generic.values())), encoding="utf-8")
    read = load_registry(tmp_path / "all.toml")
    assert {code: read[code].hash for code in generic} == {code: entry.hash for code, entry in generic.items()}


def test_measuring_leaves_the_registry_as_it_was(xl, german, monkeypatch):
    monkeypatch.delenv(REGISTRY_VARIABLE, raising=False)
    before = get_language("de").hash
    assert xl("corpus", "measure", german, "--language", "de").code == 0
    assert get_language("de").hash == before


def test_neither_the_order_of_the_documents_nor_their_files_change_the_entry(xl, german, tmp_path):
    lines = german.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.jsonl").write_text("".join(lines[:20:-1]), encoding="utf-8")
    (tmp_path / "parts" / "b.jsonl").write_text("".join(lines[:21]), encoding="utf-8")
    asked = ("--language", "de", "--most", 50)
    assert xl("corpus", "measure", tmp_path / "parts", *asked).out == xl("corpus", "measure", german, *asked).out


def test_text_in_another_language_is_measured_and_doubted(xl, german):
    done = xl("corpus", "measure", german, "--language", "sw")
    assert done.code == 0
    assert "only 0% of the documents are identified as Swahili" in done.err
    assert tomllib.loads(done.out)["sw"]["name"] == "Swahili"


def test_few_documents_are_doubted(xl, german):
    assert "30 documents are few" in xl("corpus", "measure", german, "--language", "de", "--most", 30).err


def test_a_tail_gives_every_rule_of_a_set_a_threshold_that_its_share_of_the_documents_breaks(xl, german, tmp_path):
    done = xl("corpus", "measure", german, "--language", "de", *("--method", "tail", "--rules", "house"))
    (tmp_path / "own.toml").write_text(done.out, encoding="utf-8")
    words = load_registry(tmp_path / "own.toml")["de"].thresholds["words"]
    lengths = sorted(len(text.split()) for text in texts("de", 120))
    assert sum(length < words for length in lengths) <= 0.1 * len(lengths)
    assert words > 20


def test_a_method_that_compares_takes_english_text(xl, german, tmp_path):
    english = tmp_path / "en.jsonl"
    english.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts("en", 120)), encoding="utf-8")
    done = xl("corpus", "measure", german, "--language", "de", "--method", "quantile", "--english", english)
    assert done.code == 0
    assert "Method quantile" in done.out


@pytest.mark.parametrize(
    ("way", "compares", "told"),
    [
        (Way("median"), False, "the methods are clean, english, mean_std, quantile, median_ratio, tail, iqr"),
        (Way("quantile"), False, "compares with English text: name some with --english"),
        (Way("tail"), True, "has no use for English text; leave out --english"),
        (Way("iqr", share=0.2), False, "has no use for a share; leave it out or choose clean or tail"),
    ],
)
def test_a_way_that_cannot_be_gone_is_told_before_anything_is_read(way, compares, told):
    with pytest.raises(UnknownMethod, match=told):
        way.check(compares)


def test_a_model_that_never_finds_the_language_leaves_the_default_thresholds():
    documents = pl.DataFrame({"language": ["sw"] * 3, "text": texts("de", 3)})
    nothing = pl.DataFrame(
        {"labels": [[]], "scores": [[]]}, schema={"labels": pl.List(pl.String), "scores": pl.List(pl.Float64)}
    )
    measured = measure_language(documents, "sw", lambda series: pl.concat([nothing] * len(series)))
    assert measured.agreed == 0
    assert measured.entry.document_threshold == any_language("sw").document_threshold
    assert len(list(measured.doubts())) == 2
