"""What goes wrong with a corpus is one line with its remedy and exit code 1, and nothing is lost by it."""

import json
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tests.corpus.made_up import texts

COMMANDS = {
    "clean": ("--out", "out", "--workers", 1),
    "identify": ("--out", "found.parquet"),
    "measure": ("--language", "de"),
}

#: What is asked -> what the line says.
MISTAKES = {
    ("nowhere.jsonl",): "nowhere.jsonl does not exist; name a file, folder, glob or URL",
    ("nowhere/*.jsonl",): "no file matches nowhere/*.jsonl; check the pattern, and quote it",
    ("empty.jsonl",): "empty.jsonl is empty: it has no line; name one with documents",
    ("folder",): "file in folder folder; name the folder that holds the corpus",
    ("notes.docx",): "unknown ending; files that end in .jsonl.zst",
    ("body.jsonl",): "no column 'text' for text; the columns are body",
    ("good.jsonl", "--text-column", "content"): "no column 'content' for text; the columns are text",
    ("good.jsonl", "--layout", "fineweb9"): "no layout 'fineweb9'; shipped are hplt1",
    ("good.jsonl", "--sample", 7): "give a share above 0 and at most 1",
    ("good.jsonl", "good.jsonl"): "an input is named twice",
    ("s3s://bucket/corpus.jsonl",): "s3s",
}


@pytest.fixture(autouse=True)
def corpora(tmp_path, monkeypatch) -> None:
    """A folder with a good corpus and some that are none."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("folder/picture.png").touch()
    Path("notes.docx").touch()
    Path("empty.jsonl").touch()
    Path("body.jsonl").write_text('{"body": "Guten Tag"}\n')
    Path("good.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts("de", 30)))


def is_one_line(done) -> bool:
    return done.code == 1 and done.err.startswith("xl: ") and done.err.count("\n") == 1 and not done.out


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("asked", MISTAKES)
def test_a_corpus_that_cannot_be_read_is_one_line_with_the_remedy(xl, command, asked):
    done = xl("corpus", command, *asked, *COMMANDS[command])
    assert is_one_line(done)
    assert MISTAKES[asked] in done.err
    assert not Path("found.parquet").exists()
    assert not Path("out/decisions.parquet").exists()


@pytest.mark.parametrize("command", ["clean", "measure"])
def test_an_unknown_language_is_told_with_a_guess_and_how_to_add_one(xl, command):
    done = xl("corpus", command, "good.jsonl", "--language", "german", *COMMANDS["clean"][: 4 * (command == "clean")])
    assert is_one_line(done)
    assert "Did you mean 'de'?" in done.err
    assert "XL_LANGUAGES" in done.err


@pytest.mark.parametrize("command", ["clean", "measure"])
def test_an_unknown_rule_set_is_told_with_those_there_are(xl, command):
    done = xl("corpus", command, "good.jsonl", "--rules", "gopher", *COMMANDS[command])
    assert is_one_line(done)
    assert "Did you mean" in done.err
    assert "gopher_repetition" in done.err
    assert not Path("out").exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(xl):
    done = xl("corpus", "clean", "good.jsonl", "--out", "folder")
    assert is_one_line(done)
    assert "picture.png" in done.err
    assert "name an empty folder or one that does not exist" in done.err
    assert [file.name for file in Path("folder").iterdir()] == ["picture.png"]


@pytest.mark.parametrize("place", ["good.jsonl", "good.jsonl/out"])
def test_a_place_that_cannot_be_written_to_is_one_line_with_the_remedy(xl, place):
    before = Path("good.jsonl").read_bytes()
    done = xl("corpus", "clean", "good.jsonl", "--out", place)
    assert is_one_line(done)
    assert place in done.err
    assert "ame a " in done.err
    assert Path("good.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("place", "remedy"),
    [("found.csv", "ends in .parquet or .jsonl"), ("nowhere/found.parquet", "make it first")],
)
def test_a_file_that_identify_cannot_write_is_one_line_with_the_remedy(xl, place, remedy):
    done = xl("corpus", "identify", "good.jsonl", "--out", place)
    assert is_one_line(done)
    assert remedy in done.err


def test_an_unknown_model_is_told_with_those_there_are(xl):
    for command in ("identify", "measure"):
        done = xl("corpus", command, "good.jsonl", "--model", "lid.177", *COMMANDS[command])
        assert is_one_line(done)
        assert "lid.176" in done.err


def cut(name: str) -> int:
    """Compress the corpus in blocks of a few lines and cut the last off; returns the documents before."""
    lines = Path("good.jsonl").read_bytes().splitlines(keepends=True)
    blocks = [zstandard.compress(b"".join(lines[at : at + 10])) for at in (0, 10, 20)]
    Path(name).write_bytes(b"".join(blocks[:2]) + blocks[2][:30])
    return 20


def test_a_file_that_breaks_off_is_cleaned_up_to_there_and_then_an_error(xl):
    documents = cut("cut.jsonl.zst")
    done = xl("corpus", "clean", "cut.jsonl.zst", "--language", "de", *COMMANDS["clean"])
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "xl: cut.jsonl.zst is truncated. All that could be read is in out; "
        "fetch the file again and clean it with --fresh"
    )
    decisions = pl.read_parquet("out/decisions.parquet")
    assert decisions["id"].drop_nulls().len() == documents
    assert decisions.filter(pl.col("id").is_null())["reasons"].to_list() == [["truncated"]]
    assert pl.read_parquet("out/quarantine.parquet").height == 1


@pytest.mark.parametrize("place", [(), ("--out", "found.parquet"), ("--out", "found.jsonl")])
def test_a_file_that_breaks_off_is_identified_up_to_there_and_then_an_error(xl, place):
    documents = cut("cut.jsonl.zst")
    done = xl("corpus", "identify", "cut.jsonl.zst", "--json", *place)
    assert done.code == 1
    assert done.err.startswith("xl: cut.jsonl.zst is truncated. ")
    assert "fetch the file again" in done.err
    assert json.loads(done.out)[0]["documents"] == documents


def test_a_corpus_without_a_language_column_is_judged_as_what_is_identified(xl):
    done = xl("corpus", "clean", "good.jsonl", *COMMANDS["clean"])
    assert done.code == 0
    found = pl.read_parquet("out/decisions.parquet")
    assert found["language_declared"].null_count() == found.height == 30
    assert found["language"].unique().to_list() == ["de"]


def test_a_language_without_an_entry_is_judged_by_the_sets_own_thresholds(xl):
    spanish = (
        "La ciudad despertó tarde aquel domingo, porque la lluvia no había dejado de caer en toda la noche. "
        "Los vecinos abrieron las ventanas y miraron hacia el río, que llevaba mucha más agua que de costumbre."
    )
    lines = [{"text": spanish, "language": "spa_Latn"}, {"text": texts("de", 1)[0], "language": "de"}]
    Path("two.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = xl("corpus", "clean", "two.jsonl", *COMMANDS["clean"], "--json")
    assert done.code == 0
    assert pl.read_parquet("out/decisions.parquet").select("language", "kept").rows() == [("es", True), ("de", True)]


def test_a_whole_file_in_place_of_the_broken_one_is_asked_for_fresh_and_then_cleaned(xl):
    cut("corpus.jsonl.zst")
    xl("corpus", "clean", "corpus.jsonl.zst", "--language", "de", *COMMANDS["clean"])
    Path("corpus.jsonl.zst").write_bytes(zstandard.compress(Path("good.jsonl").read_bytes()))
    refused = xl("corpus", "clean", "corpus.jsonl.zst", "--language", "de", *COMMANDS["clean"])
    assert is_one_line(refused)
    assert "other inputs" in refused.err
    assert pl.read_parquet("out/decisions.parquet").height == 21
    assert xl("corpus", "clean", "corpus.jsonl.zst", "--language", "de", *COMMANDS["clean"], "--fresh").code == 0
    assert pl.read_parquet("out/decisions.parquet").height == 30


def test_measuring_a_file_that_breaks_off_prints_the_entry_and_is_an_error(xl):
    documents = cut("cut.jsonl.zst")
    done = xl("corpus", "measure", "cut.jsonl.zst", "--language", "de")
    assert done.code == 1
    assert f"Measured on {documents} documents" in done.out
    assert done.err.splitlines()[-1].startswith("xl: cut.jsonl.zst is truncated")
    assert "fetch the file again" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_the_command_does_and_shows_an_example(xl, command):
    done = xl("corpus", command, "--help")
    assert done.code == 0
    assert f"xl corpus {command} " in done.out.partition("Example")[2]


@pytest.mark.parametrize("language", ["[/red]", "[link=x]", "klingon"])
def test_a_declared_language_is_shown_as_it_is_written_and_its_records_are_counted(xl, language):
    Path("odd.jsonl").write_text(json.dumps({"text": texts("de", 1)[0], "language": language}) + "\n")
    done = xl("corpus", "clean", "odd.jsonl", *COMMANDS["clean"])
    assert done.code == 0
    assert f"│ {language} " in done.out
    assert "1 records declare a language that the registry does not hold: give --language" in " ".join(done.err.split())
