import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.generation.prompts import Prompt
from xl_assets.identity import parameters_hash
from xl_assets.release.closure import ManifestError, collect_closure
from xl_assets.release.manifest import UsedModel, build_manifest, check_manifest, manifest_text, read_manifest
from xl_assets.release.manifest_schema import manifest_json_schema
from xl_assets.release.portable import NotPortable


@dataclass(frozen=True)
class Read:
    table: str
    partition: str | None
    version: int
    content_hash: str


@dataclass(frozen=True)
class Made:
    table: str
    partition: str | None
    version: int
    inputs: tuple[Read, ...] = ()
    content_hash: str = ""
    rows: int = 3
    code_version: str = "c1"
    run_id: str = "run-1"
    facts: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        default = parameters_hash({"of": [self.table, self.partition, self.version]})
        object.__setattr__(self, "content_hash", self.content_hash or default)

    def read(self) -> Read:
        return Read(self.table, self.partition, self.version, self.content_hash)


def funnel(rows_in: int, kept: int, **rejected: int) -> dict:
    return {"funnel": {"in": rows_in, "kept": kept, "rejected": rejected}}


FILTERS = {"shortest": 5, "thresholds": {"de": 0.6}}
SOURCE = Read("source:corpus_files", "en", 0, "s" * 32)
TEACHER = Read("model:teacher", None, 0, "t" * 32)
SETTINGS = Read("settings:filters", None, 0, parameters_hash(FILTERS))
DOCUMENTS = Made("seed_documents", "en", 4, (SOURCE,), facts=funnel(9, 9))
FILTERED = Made("seed_documents_filtered", "en", 2, (DOCUMENTS.read(), SETTINGS), facts=funnel(9, 7, too_short=2))
QUESTIONS = Made("questions", None, 7, (FILTERED.read(), TEACHER), facts=funnel(7, 6, empty_answer=1))
ROWS = {code: Made("xl_instruct", code, 3, (QUESTIONS.read(),), facts=funnel(6, 6)) for code in ("de", "hu")}
MIXTURE = Made("sft_mixture", "r1", 1, tuple(row.read() for row in ROWS.values()), facts=funnel(12, 12))
MODEL = Made("sft_model", "r1", 1, (MIXTURE.read(),), rows=1)
LAKE = [DOCUMENTS, FILTERED, QUESTIONS, *ROWS.values(), MIXTURE, MODEL]
SOURCES = pl.DataFrame({"language": ["en"], "source": ["owls"], "license": ["CC0-1.0"], "documents": [9], "used": [6]})
CHECKED = {
    "table": "questions",
    "partition": None,
    "version": 7,
    "passed": ["contract"],
    "failed": [],
    "evaluated": True,
}
WHEN = datetime(2026, 11, 21, 9, tzinfo=UTC)


def build(records=(MODEL,), lake=LAKE, **changed):
    found = {(r.table, r.partition, r.version): r for r in lake}
    given_ = {
        "languages": ["hu", "de"],
        "models": [UsedModel("teacher", "owl-1b", "t" * 32, licence="CC0-1.0", engine="vllm_offline")],
        "prompts": [Prompt("xl_instruct/question", "Ask about {passage}"), Prompt("a/b", "x")],
        "criteria": {"precision": "every fact is right"},
        "settings": {"filters": FILTERS},
        "sources": SOURCES,
        "created_at": WHEN,
        "packages": {"polars": "2.1.0"},
        **changed,
    }
    return build_manifest("r1", records, lambda *key: found.get(key), **given_)


def without_facts(lake=LAKE) -> list[Made]:
    return [replace(record, facts={}) for record in lake]


def test_everything_that_the_release_was_made_of_is_found_from_its_final_record():
    manifest = build()
    assert [(t["table"], t["partition"], t["version"]) for t in manifest["tables"]] == [
        ("questions", None, 7),
        ("seed_documents", "en", 4),
        ("seed_documents_filtered", "en", 2),
        ("sft_mixture", "r1", 1),
        ("sft_model", "r1", 1),
        ("xl_instruct", "de", 3),
        ("xl_instruct", "hu", 3),
    ]
    assert [t["table"] for t in manifest["tables"] if t["final"]] == ["sft_model"]


def test_a_newer_version_that_the_release_did_not_read_is_not_in_it():
    newer = replace(QUESTIONS, version=8, content_hash="9" * 32)
    assert manifest_text(build(lake=[*LAKE, newer])) == manifest_text(build())


def test_a_table_that_was_made_anew_and_came_out_the_same_counts_with_its_new_inputs():
    settings = Read("settings:filters", None, 0, parameters_hash({"shortest": 4}))
    refiltered = replace(FILTERED, version=3, inputs=(DOCUMENTS.read(), settings))
    again = replace(QUESTIONS, version=8, inputs=(refiltered.read(), TEACHER))
    lake = [*LAKE, refiltered, again]
    newest = {(r.table, r.partition, r.content_hash): r for r in lake}
    changed = {"lake": lake, "settings": {"filters": {"shortest": 4}}}
    with pytest.raises(ManifestError, match="settings 'filters' have changed"):
        build(**changed)
    manifest = build(**changed, stand_in=lambda table, key, version, content: newest.get((table, key, content)))
    there = {(t["table"], t["version"]) for t in manifest["tables"]}
    assert {("questions", 8), ("seed_documents_filtered", 3)} <= there
    assert not {("questions", 7), ("seed_documents_filtered", 2)} & there
    assert manifest["mixed_versions"] == []
    check_manifest(manifest)


def test_languages_made_from_different_versions_are_told():
    older = replace(QUESTIONS, version=5, content_hash="5" * 32)
    hungarian = replace(ROWS["hu"], inputs=(older.read(),))
    mixture = replace(MIXTURE, inputs=(ROWS["de"].read(), hungarian.read()))
    manifest = build(lake=[DOCUMENTS, FILTERED, QUESTIONS, older, ROWS["de"], hungarian, mixture, MODEL])
    assert manifest["mixed_versions"] == [{"table": "questions", "partition": None, "versions": [5, 7]}]


def test_models_are_listed_by_role_with_the_tables_that_asked_them():
    assert build()["models"] == [
        {
            "role": "teacher", "id": "owl-1b", "revision": None, "fingerprint": "t" * 32, "licence": "CC0-1.0",
            "engine": "vllm_offline", "used_by": ["questions"],
        }
    ]  # fmt: skip


def test_a_model_that_no_table_asked_is_left_out():
    models = [UsedModel("teacher", "owl-1b", "t" * 32), UsedModel("judge", "gpt", "j" * 32)]
    assert [model["role"] for model in build(models=models)["models"]] == ["teacher"]


def test_a_model_that_was_exchanged_since_is_refused_by_name():
    with pytest.raises(ManifestError, match=r"questions: made with a teacher model of fingerprint t+"):
        build(models=[UsedModel("teacher", "owl-1b", "u" * 32)])


def test_settings_that_changed_since_are_refused_by_name():
    with pytest.raises(ManifestError, match=r"'filters' have changed since seed_documents_filtered\[en\]"):
        build(settings={"filters": {**FILTERS, "shortest": 6}})
    with pytest.raises(ManifestError, match="'filters', which were not handed in"):
        build(settings={})


def test_sources_have_their_licence_and_counts():
    assert build()["sources"] == [{"language": "en", "source": "owls", "licence": "CC0-1.0", "documents": 9, "used": 6}]


def test_prompts_have_hash_and_text_in_the_order_of_their_names():
    assert [(p["name"], p["text"]) for p in build()["prompts"]] == [
        ("a/b", "x"),
        ("xl_instruct/question", "Ask about {passage}"),
    ]


def test_the_funnel_of_each_language_is_in_the_order_of_the_steps():
    told = build()["funnel"]
    assert [(s["table"], s["rows_in"], s["kept"], s["rejected"]) for s in told["en"]] == [
        ("seed_documents", 9, 9, {}),
        ("seed_documents_filtered", 9, 7, {"too_short": 2}),
    ]
    assert [step["table"] for step in told["all"]] == ["questions", "sft_mixture"]
    assert [step["table"] for step in told["hu"]] == ["xl_instruct"]


def test_a_funnel_that_loses_rows_is_refused():
    broken = replace(FILTERED, facts=funnel(9, 7, too_short=1))
    with pytest.raises(ManifestError, match=r"funnel of seed_documents_filtered\[en\] does not add up: 9 rows in"):
        build(lake=[broken if r is FILTERED else r for r in LAKE])


def test_a_record_that_is_gone_is_named_with_the_remedy():
    with pytest.raises(ManifestError, match=r"version 7 of questions, which xl_instruct\[(de|hu)\] was made from"):
        build(lake=[record for record in LAKE if record is not QUESTIONS])


def test_a_table_that_was_changed_after_it_was_read_is_named():
    changed = replace(QUESTIONS, content_hash="0" * 32)
    with pytest.raises(ManifestError, match=r"version 7 of questions.*somebody changed the lake by hand"):
        build(lake=[changed if record is QUESTIONS else record for record in LAKE])


def test_records_that_name_each_other_are_no_endless_loop():
    one = Made("a", None, 1, (Read("b", None, 1, "b" * 32),), content_hash="a" * 32)
    other = Made("b", None, 1, (one.read(),), content_hash="b" * 32)
    with pytest.raises(ManifestError, match="records of a, b name each other"):
        build([one], [one, other])


def test_repeated_manifests_are_the_same_bytes_whatever_the_order_of_what_is_handed_in():
    rows = pl.DataFrame({"model": ["b", "a"], "win_rate": [float("nan"), 41.5]})
    first = build([MODEL, MIXTURE], scores={"win_rates": rows}, languages=["de", "hu"])
    shuffled = replace(MIXTURE, inputs=MIXTURE.inputs[::-1])
    lake = [shuffled if record is MIXTURE else record for record in LAKE][::-1]
    again = build([shuffled, MODEL], lake, scores={"win_rates": rows.reverse()}, languages=["hu", "de", "hu"])
    assert manifest_text(first) == manifest_text(again)


def test_who_ran_it_when_changes_the_manifest_but_not_the_content_hash():
    renumber = {r: r + 10 for r in range(10)}
    lake = []
    for record in LAKE:
        inputs = tuple(r if ":" in r.table else replace(r, version=renumber[r.version]) for r in record.inputs)
        lake.append(replace(record, version=renumber[record.version], inputs=inputs, run_id="run-2"))
    again = build([lake[-1]], lake, created_at=WHEN + timedelta(days=1), packages={"polars": "2.2.0"})
    assert again["content_hash"] == build()["content_hash"]
    assert again["manifest_hash"] != build()["manifest_hash"]


@pytest.mark.parametrize(
    "changed",
    [
        {"criteria": {"precision": "mostly right"}},
        {"prompts": [Prompt("a/b", "y")]},
        {"settings": {"filters": FILTERS, "more": {"a": 1}}},
        {"scores": {"win_rates": pl.DataFrame({"win_rate": [40.0]})}},
        {"lake": [replace(r, rows=4) if r is FILTERED else r for r in LAKE]},
        {"lake": [replace(r, code_version="c2") if r is QUESTIONS else r for r in LAKE]},
    ],
)
def test_what_the_release_is_changes_the_content_hash(changed):
    assert build(**changed)["content_hash"] != build()["content_hash"]


@pytest.mark.parametrize("value", ["/home/x", Path("/home/x"), "sk-abcdef0123456789"])
def test_a_machine_path_or_a_key_in_the_settings_is_refused(value):
    with pytest.raises(NotPortable, match=r"manifest\.settings\.engine\.extra"):
        build(settings={"filters": FILTERS, "engine": {"extra": value}})


def test_a_machine_path_in_the_facts_of_a_record_is_refused():
    broken = replace(MODEL, facts={"folder": "/srv/lake/models/r1"})
    with pytest.raises(NotPortable, match=r"facts\.folder"):
        build([broken])


def test_a_manifest_from_before_there_was_a_gate_is_still_read():
    manifest = build()
    assert "checks" not in manifest
    assert read_manifest(manifest_text(manifest)) == manifest


def test_what_the_gate_found_is_in_the_manifest_but_not_in_the_content_hash():
    manifest = build(checks=[CHECKED])
    assert read_manifest(manifest_text(manifest))["checks"] == [CHECKED]
    assert manifest["content_hash"] == build()["content_hash"]
    assert manifest["manifest_hash"] != build()["manifest_hash"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_json_cannot_hold_is_refused_with_its_place(value):
    with pytest.raises(ManifestError, match=r"manifest\.settings\.more\.x"):
        build(settings={"filters": FILTERS, "more": {"x": value}})


def test_a_time_without_a_zone_is_refused_and_others_are_written_in_utc():
    with pytest.raises(ManifestError, match="no time zone"):
        build(created_at=datetime(2026, 11, 21, 9))
    later = WHEN.astimezone(timezone(timedelta(hours=5)))
    assert build(created_at=later)["created_at"] == "2026-11-21T09:00:00Z"


def test_the_manifest_is_valid_by_its_json_schema_and_reads_back():
    manifest = build(files=[{"path": "adapter/model.safetensors", "sha256": "a" * 64, "bytes": 9}])
    jsonschema.validate(manifest, manifest_json_schema())
    assert read_manifest(manifest_text(manifest)) == manifest


def test_installed_packages_are_listed_by_default():
    assert {"polars", "transformers", "dagster"} <= set(build(packages=None)["packages"])


@settings(deadline=None)
@given(st.data())
def test_any_change_of_a_value_is_found(data):
    text = manifest_text(build())
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from('0a"{}[],: é'))
    changed = text[:place] + other + text[place + 1 :]
    try:
        same = json.loads(changed) == json.loads(text)
    except json.JSONDecodeError:
        same = False
    if same:
        return
    with pytest.raises(ManifestError):
        read_manifest(changed)


@pytest.mark.parametrize("value", ["", "[]", "null", "{}", '{"format": "other"}'])
def test_what_is_no_manifest_is_refused_clearly(value):
    with pytest.raises(ManifestError, match="manifest"):
        read_manifest(value)


def test_a_manifest_that_lost_a_table_is_refused_even_if_its_hashes_were_made_anew():
    manifest = build()
    manifest["tables"] = [table for table in manifest["tables"] if table["table"] != "questions"]
    with pytest.raises(ManifestError, match="content_hash"):
        check_manifest(manifest)


@given(st.integers(0, 2**16))
def test_every_parent_in_a_closure_is_in_it_and_before_its_children(seed):
    draw = random.Random(seed)
    lake: list[Made] = []
    for number in range(draw.randint(1, 12)):
        parents = draw.sample(lake, draw.randint(0, min(3, len(lake))))
        lake.append(Made(f"t{number % 5}", f"p{number % 2}", number, tuple(parent.read() for parent in parents)))
    found = {(r.table, r.partition, r.version): r for r in lake}
    closure = collect_closure([lake[-1]], lambda *key: found.get(key))
    order = [(r.table, r.partition, r.version) for r in closure.records]
    assert len(order) == len(set(order))
    for record in closure.records:
        for read in record.inputs:
            assert order.index((read.table, read.partition, read.version)) < order.index(
                (record.table, record.partition, record.version)
            )
