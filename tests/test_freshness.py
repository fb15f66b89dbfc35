"""Staleness: what is missing, what is stale and why."""

from dataclasses import dataclass

from xl_assets.freshness import UNKNOWN, Expected, freshness


@dataclass(frozen=True)
class Input:
    table: str
    partition: str | None
    content_hash: str


@dataclass(frozen=True)
class Made:
    content_hash: str
    code_version: str
    inputs: tuple[Input, ...] = ()


EXPECTED = [Expected("passages", "en", "c1"), Expected("questions", None, "c1"), Expected("pairs", None, "c1")]
SOURCE = Input("source:corpus_files", "en", "s1")
RECORDS = {
    ("passages", "en"): Made("p1", "c1", (SOURCE,)),
    ("questions", None): Made("q1", "c1", (Input("passages", "en", "p1"), Input("model:teacher", None, "m1"))),
    ("pairs", None): Made("r1", "c1", (Input("questions", None, "q1"),)),
}
NOW = {"source:corpus_files": "s1", "model:teacher": "m1"}


def judge(records=RECORDS, now=NOW, expected=EXPECTED):
    found = freshness(expected, records, lambda name, partition: now.get(name, UNKNOWN))
    return {status.table: (status.state, status.reasons) for status in found}


def test_everything_is_fresh_when_nothing_changed():
    assert {state for state, _ in judge().values()} == {"fresh"}


def test_a_table_that_was_never_made_is_missing_and_makes_what_follows_stale():
    found = judge({key: made for key, made in RECORDS.items() if key[0] != "questions"})
    assert found["questions"][0] == "missing"
    assert found["pairs"] == ("stale", ("questions is missing",))


def test_changed_code_is_a_reason_and_travels_down():
    found = judge(expected=[EXPECTED[0], Expected("questions", None, "c2"), EXPECTED[2]])
    assert found["passages"][0] == "fresh"
    assert found["questions"] == ("stale", ("code or prompts changed",))
    assert found["pairs"] == ("stale", ("questions is stale",))


def test_a_changed_source_file_is_named():
    assert judge(now=NOW | {"source:corpus_files": "s2"})["passages"] == (
        "stale",
        ("source:corpus_files[en] changed",),
    )


def test_another_model_is_named():
    assert judge(now=NOW | {"model:teacher": "m2"})["questions"] == ("stale", ("model:teacher changed",))


def test_an_upstream_table_with_the_same_content_makes_nothing_stale():
    again = {**RECORDS, ("passages", "en"): Made("p1", "c1", (SOURCE,))}
    assert judge(again)["questions"][0] == "fresh"


def test_an_upstream_table_with_other_content_is_a_reason():
    other = {**RECORDS, ("passages", "en"): Made("p2", "c1", (SOURCE,))}
    assert judge(other)["questions"] == ("stale", ("passages[en] changed",))
