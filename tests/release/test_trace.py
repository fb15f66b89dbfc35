import json
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.io.plugins import register_io_source

from tests.release.lineage_world import LANGUAGES, RELEASE, TABLES, World, call_of, call_row, make_world
from xl_assets.release.graph import ID_COLUMNS, STAGES
from xl_assets.release.trace import TraceError, TraceNode, trace_row

WORLD = make_world()


def row_of(language: str, number: int = 0, world: World = WORLD) -> str:
    return world.frames["sft_mixture"].filter(pl.col("language") == language)["row_id"][number]


def traced(row_id: str, world: World = WORLD):
    return trace_row(row_id, world.tables, world.calls)


def chain(node: TraceNode) -> list[TraceNode]:
    """The node and its first origins."""
    origins = [child for child in node.children if child.relation == "origin"]
    return [node, *(chain(origins[0]) if origins else [])]


def step(row_id: str, table: str, world: World = WORLD) -> TraceNode:
    return next(node for node in chain(traced(row_id, world).root) if node.table == table)


def all_ids() -> list[tuple[str, str]]:
    return sorted(
        {(stage.key, row_id) for stage in STAGES.values() for row_id in WORLD.frames[stage.table][stage.key].to_list()}
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_training_row_leads_through_every_table_to_its_document(language):
    found = traced(row_of(language))
    assert [node.table for node in chain(found.root)] == list(STAGES)
    assert found.complete
    document = chain(found.root)[-1].fields
    assert (document["file"], document["line"], document["license"]) == ("en.jsonl.zst", 1, "CC0-1.0")
    assert document["url"] == "https://example.org/1"


def test_every_call_is_there_with_prompt_model_parameters_seed_time_and_answer():
    found = [call for node in chain(traced(row_of("de")).root) for call in node.calls]
    assert [call.step for call in found] == ["translation_quality", "translate", "score", "refine", "question"]
    asked = found[-1]
    assert asked.messages[0]["content"].startswith("Do question")
    assert (asked.model, asked.model_fingerprint, asked.engine) == ("owl-1b", "f" * 32, "vllm_offline")
    assert (asked.parameters["temperature"], asked.seed, asked.attempt) == (0.7, 11, 0)
    assert asked.answered_at == "2026-11-21T09:00:00+00:00"
    assert asked.text == "What is told of animal 1?"


def test_the_translations_that_were_not_chosen_are_shown_with_quality_and_reasons():
    selection = step(row_of("de"), "selected_translations")
    others = [child for child in selection.children if child.relation == "alternative"]
    assert [(o.fields["quality"], o.fields["reasons"]) for o in others] == [(0.8, ["lower_quality_than_chosen"])]
    assert [call.step for call in others[0].calls] == ["translation_quality"]


def test_a_translation_that_failed_is_among_the_candidates_with_its_reason_and_call():
    others = [c for c in step(row_of("de"), "translation_candidates").children if c.relation == "alternative"]
    assert [(o.fields["sample"], o.fields["reasons"]) for o in others] == [(1, []), (2, ["ran_into_length_limit"])]
    assert all(other.calls for other in others)


def test_an_english_row_has_no_translation_call_and_that_is_no_gap():
    found = traced(row_of("en"))
    assert found.complete
    assert step(row_of("en"), "translation_candidates").calls == ()


def test_each_table_and_the_log_are_read_once():
    world = make_world()
    traced(row_of("de"), world)
    assert set(world.scans.values()) == {1}
    assert set(world.scans) == {*TABLES, "calls"}


def test_the_filter_reaches_every_source_before_anything_is_read():
    seen: dict[str, str] = {}

    def source(name: str) -> pl.LazyFrame:
        frame = WORLD.frames[name]

        def read(columns, predicate, rows, batch):
            seen[name] = str(predicate)
            yield frame.filter(predicate) if predicate is not None else frame

        return register_io_source(read, schema=frame.schema)

    found = trace_row(row_of("de"), source, WORLD.calls)
    assert found.complete
    assert set(seen) == set(STAGES)
    assert all(STAGES[name].key in told or "pair_id" in told for name, told in seen.items())
    # Only the row's own language is read of tables that are partitioned by it.
    assert all('"de"' in seen[name] for name in ("xl_instruct", "selected_translations", "translation_candidates"))


@settings(deadline=None)
@given(st.sampled_from(all_ids()), st.integers(8, 32))
def test_any_id_or_unique_start_of_it_is_traced_to_a_document(named, length):
    key, row_id = named
    found = traced(row_id[:length])
    assert found.id == row_id
    assert found.complete
    assert STAGES[found.root.table].key == key
    assert chain(found.root)[-1].table == "seed_documents"


@settings(deadline=None)
@given(st.sampled_from(all_ids()))
def test_every_parent_that_a_row_names_resolves(named):
    nodes = chain(traced(named[1]).root)
    for child, parent in pairwise(nodes):
        shared = [c for c in ID_COLUMNS if c in child.fields and c in parent.fields]
        assert STAGES[parent.table].key in shared
        assert all(child.fields[c] == parent.fields[c] for c in shared)


@pytest.mark.parametrize("table", [name for name in STAGES if name not in ("sft_mixture", "seed_passages")])
def test_a_missing_parent_is_named_and_the_way_beyond_it_is_still_shown(table):
    key = STAGES[table].key
    lost = step(row_of("de"), table).id
    found = traced(row_of("de"), WORLD.without(table, **{key: lost}))
    assert found.problems == (f"{table}: {STAGES[table].kind} {lost} is missing: there is no such row",)
    tables = [node.table for node in chain(found.root)]
    assert tables[-1] == "seed_documents"
    assert table in tables


def test_what_only_the_missing_row_knew_ends_the_way_there():
    lost = step(row_of("de"), "seed_passages").id
    found = traced(row_of("de"), WORLD.without("seed_passages", passage_id=lost))
    assert chain(found.root)[-1].table == "seed_passages"
    assert not found.complete


def test_a_table_that_was_never_written_is_named():
    found = traced(row_of("de"), WORLD.without("questions"))
    assert "questions: question" in found.problems[0]
    assert "never written, although refined_responses was made from it" in found.problems[0]


def test_a_call_that_the_log_lacks_is_named_with_the_row_that_names_it():
    question = step(row_of("de"), "questions").id
    world = World(WORLD.frames, WORLD.log.filter(pl.col("step") != "question"))
    found = traced(row_of("de"), world)
    call = call_of("question", question)
    assert found.problems == (f"call log: call {call} is missing, which questions {question} names as its call_id",)


def test_failed_tries_of_a_call_are_shown_before_its_answer():
    question = step(row_of("de"), "questions").id
    failed = pl.DataFrame([call_row("question", question, "", failure="http_500", minute=-5)], schema=WORLD.log.schema)
    calls = step(row_of("de"), "questions", World(WORLD.frames, pl.concat([WORLD.log, failed]))).calls
    assert [call.failure for call in calls] == ["http_500", None]


def test_a_parent_that_names_another_grandparent_is_a_contradiction():
    changed = WORLD.frames["refined_responses"].with_columns(pl.lit("0" * 32).alias("passage_id"))
    found = traced(row_of("de"), World({**WORLD.frames, "refined_responses": changed}, WORLD.log))
    assert any("refined_responses: its row" in p and "names passage_id " + "0" * 32 in p for p in found.problems)


def test_two_different_rows_with_one_id_are_told():
    pairs = WORLD.frames["scored_pairs"]
    other = pairs.head(1).with_columns(pl.lit(1.0).alias("mean_score"))
    found = traced(row_of("de"), World({**WORLD.frames, "scored_pairs": pl.concat([pairs, other])}, WORLD.log))
    assert any("scored_pairs: 2 different rows have the pair_id" in problem for problem in found.problems)


def test_a_row_in_two_releases_names_both_and_is_no_contradiction():
    rows = WORLD.frames["sft_mixture"]
    later = rows.with_columns(pl.lit("r2").alias("release"), pl.col("position") + 5)
    found = traced(row_of("de"), World({**WORLD.frames, "sft_mixture": pl.concat([rows, later])}, WORLD.log))
    assert found.complete
    assert found.root.fields["release"] == [RELEASE, "r2"]


def test_an_unknown_id_says_what_ids_look_like_and_gives_one():
    with pytest.raises(TraceError) as caught:
        traced("0123456789abcdef" * 2)
    message = str(caught.value)
    assert "32 hexadecimal digits" in message
    assert "sft_mixture" in message
    assert any(row_id in message for row_id in WORLD.frames["sft_mixture"]["row_id"])


@pytest.mark.parametrize("text", ["", "abc", "../../etc/passwd", "x" * 32, "a" * 33, "{row_id}", "0x12345678"])
def test_what_is_no_id_is_refused_before_it_is_looked_up(text):
    with pytest.raises(TraceError, match="is no id"):
        traced(text)


def test_an_empty_lake_is_no_crash():
    with pytest.raises(TraceError, match="no row has the id"):
        trace_row("a" * 32, lambda name: None, WORLD.calls)


def test_an_ambiguous_start_lists_what_it_fits():
    rows = WORLD.frames["seed_documents"]
    alike = rows.with_columns(pl.lit("abcdef12").add(pl.col("document_id").str.slice(8)).alias("document_id"))
    world = World({**WORLD.frames, "seed_documents": alike}, WORLD.log)
    with pytest.raises(TraceError, match="begins more than one id") as caught:
        traced("abcdef12", world)
    assert all(f"{found}  document_id in seed_documents" in str(caught.value) for found in alike["document_id"])


def test_upper_case_and_blanks_around_an_id_do_not_matter():
    assert traced(f" {row_of('de').upper()} ").id == row_of("de")


def test_json_holds_everything_and_is_the_same_each_time():
    found = traced(row_of("de"))
    told = json.loads(found.as_json())
    assert told["complete"] is True
    assert told["root"]["id"] == row_of("de")
    assert found.as_json() == traced(row_of("de")).as_json()
