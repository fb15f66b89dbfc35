import io
import json

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.release.lineage_world import World, make_world
from xl_assets.release.plain_text import escape_json, shorten, visible
from xl_assets.release.trace import trace_row

WORLD = make_world()
STEERING = "\x1b[2J\x1b]0;title\x07 \u202egnp.exe \x9b31m"


def rows(language: str) -> list[str]:
    return WORLD.frames["sft_mixture"].filter(pl.col("language") == language)["row_id"].to_list()


def printed(row_id: str, full: bool = False, world: World = WORLD) -> str:
    console = Console(file=io.StringIO(), width=240, force_terminal=False)
    console.print(trace_row(row_id, world.tables, world.calls).as_tree(full=full))
    return console.file.getvalue()


def with_document(text: str) -> World:
    documents = WORLD.frames["seed_documents"].with_columns(pl.lit(text).alias("text"))
    return World({**WORLD.frames, "seed_documents": documents}, WORLD.log)


def test_the_tree_shows_the_way_down_to_file_and_line():
    told = printed(rows("de")[0])
    for expected in (
        "training row", "scored pair", "mean_word_length: 4.2 (threshold 10)", "file: en.jsonl.zst", "line: 1",
        "other selection", "not kept: lower_quality_than_chosen", "temperature 0.7",
        "answer: What is told of animal 1?",
    ):  # fmt: skip
        assert expected in told


def test_corpus_text_is_never_read_as_markup():
    assert "[bold]out[/bold]" in printed(rows("de")[1])


def test_corpus_text_cannot_steer_the_terminal():
    told = printed(rows("de")[0], full=True, world=with_document(STEERING))
    assert not any(character in told for character in "\x1b\x07\x9b\u202e")
    assert "\\x1b[2J" in told
    assert "\\u202e" in told


def test_json_for_a_terminal_cannot_steer_it_either_and_reads_back_the_same():
    world = with_document(STEERING)
    text = trace_row(rows("de")[0], world.tables, world.calls).as_json()
    assert not any(character in text for character in "\x1b\x07\x9b\u202e")
    assert STEERING in _texts(json.loads(text)["root"])


def _texts(node: dict) -> str:
    return node["fields"].get("text", "") + "".join(_texts(child) for child in node["children"])


def test_long_texts_are_shortened_unless_all_is_asked_for():
    world = with_document("owl " * 400)
    assert "(1,600 characters)" in printed(rows("de")[0], world=world)
    assert "characters)" not in printed(rows("de")[0], full=True, world=world)


def test_a_column_that_did_not_change_is_said_once_unless_all_is_asked_for():
    row = rows("de")[0]
    assert printed(row).count("recipe: xl_instruct") == 1
    assert printed(row, full=True).count("recipe: xl_instruct") == 3


def test_equal_measurements_of_different_things_are_both_said():
    told = printed(rows("en")[0])
    assert told.count("lid_score: 0.98") == 2
    assert told.count("quality: 0.9") == 2


def test_the_seed_document_is_shown_whole_with_what_is_not_known():
    told = printed(rows("de")[1]).split("seed document")[1]
    assert all(part in told for part in ("file: en.jsonl.zst", "line: 2", "url: https://example.org/2"))
    assert "license: none" in told


def test_a_broken_chain_is_shown_in_its_place_and_at_the_end():
    row = rows("de")[0]
    told = printed(row, world=WORLD.without("questions"))
    assert "missing" in told
    assert "The chain is broken" in told


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_shown(text):
    world = with_document(text or "x")
    assert printed(rows("de")[0], full=True, world=world)


@given(st.text())
def test_escaped_json_has_the_same_values(text):
    assert json.loads(escape_json(json.dumps(text, ensure_ascii=False))) == text


@given(st.text(alphabet=st.characters(categories=["L", "N", "Mn", "Mc"])))
def test_letters_and_marks_of_every_script_stay_as_they_are(text):
    assert visible(text + "\u200d") == text + "\u200d"


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_one_line(text, most):
    assert "\n" not in shorten(text, most)
