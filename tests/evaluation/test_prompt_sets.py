import json
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.evaluation.prompt_sets import (
    PromptFileError,
    build_eval_prompts,
    cross_lingual_prompts,
    read_prompt_file,
)
from xl_assets.languages import UnknownLanguage, get_language

ROWS = [
    {"prompt_id": "b1", "language": "en", "kind": "base", "instruction": "Tell me about owls.", "facts": {"a": 1}},
    {"prompt_id": "b2", "language": "en", "kind": "base", "instruction": "Who eats honey?"},
    {"prompt_id": "g1", "language": "de", "kind": "same_language", "instruction": "Erzähl mir von Eulen."},
    {"prompt_id": "h1", "language": "hu", "kind": "same_language", "instruction": "Mesélj a baglyokról!"},
]


@pytest.fixture
def write(tmp_path):
    def write_rows(rows, name="prompts.jsonl") -> Path:
        path = tmp_path / name
        text = json.dumps(rows) if name.endswith(".json") else "\n".join(json.dumps(row) for row in rows)
        path.write_text(text, encoding="utf-8")
        return path

    return write_rows


def test_a_language_gets_the_english_prompts_with_a_directive_and_its_own(write):
    prompts = build_eval_prompts(read_prompt_file(write(ROWS)), "de")
    assert prompts.select("kind", "language").rows() == [
        ("cross_lingual", "de"),
        ("cross_lingual", "de"),
        ("same_language", "de"),
    ]
    instruction = prompts["instruction"][0]
    assert instruction.startswith("Tell me about owls. ")
    assert instruction.removeprefix("Tell me about owls. ") in get_language("de").directives
    assert prompts["instruction"][2] == "Erzähl mir von Eulen."


def test_english_gets_the_english_prompts_as_they_are(write):
    prompts = build_eval_prompts(read_prompt_file(write(ROWS)), "en")
    assert prompts.select("kind", "instruction").rows() == [
        ("english", "Tell me about owls."),
        ("english", "Who eats honey?"),
    ]


def test_a_language_without_prompts_of_its_own_has_the_cross_lingual_ones(write):
    assert build_eval_prompts(read_prompt_file(write(ROWS)), "mt")["kind"].to_list() == ["cross_lingual"] * 2


def test_prompts_made_from_one_instruction_share_a_cluster_over_all_languages(write):
    base = read_prompt_file(write(ROWS))
    made = [build_eval_prompts(base, language)[:2] for language in ("en", "de", "hu")]
    assert [frame["cluster_id"].to_list() for frame in made] == [base["cluster_id"][:2].to_list()] * 3
    assert pl.concat(made)["prompt_id"].is_unique().all()


def test_a_file_may_say_which_prompts_belong_together(write):
    rows = [{**ROWS[0], "cluster_id": "owls"}, {**ROWS[2], "cluster_id": "owls"}]
    assert build_eval_prompts(read_prompt_file(write(rows)), "de")["cluster_id"].to_list() == ["owls", "owls"]


def test_a_prompt_keeps_its_id_when_others_are_added_before_it(write):
    short = build_eval_prompts(read_prompt_file(write(ROWS[:1])), "de")
    longer = build_eval_prompts(read_prompt_file(write([ROWS[1], ROWS[0]])), "de")
    assert set(short["prompt_id"]) < set(longer["prompt_id"])
    assert set(short["instruction"]) < set(longer["instruction"])


def test_an_unknown_language_is_named(write):
    base = read_prompt_file(write(ROWS))
    with pytest.raises(UnknownLanguage, match="'xx'"):
        build_eval_prompts(base, "xx")


def test_alpaca_evals_json_list_needs_only_instructions(write):
    rows = [
        {"instruction": "Why?", "output": "So.", "generator": "m", "dataset": "koala"},
        {"instruction": "Who?", "dataset": "koala"},
    ]
    base = read_prompt_file(write(rows, "alpaca_eval.json"))
    assert base.select("id", "language", "kind", "source").rows() == [
        ("1", "en", "base", "koala"),
        ("2", "en", "base", "koala"),
    ]


def test_other_column_names_are_mapped(write):
    path = write([{"frage": "Was?", "sprache": "de", "nr": 7}])
    base = read_prompt_file(path, {"instruction": "frage", "language": "sprache", "id": "nr"})
    assert base.select("id", "instruction", "language", "kind", "source").rows() == [
        ("7", "Was?", "de", "same_language", "prompts")
    ]


def test_prompts_are_excluded_by_id_or_by_rule_and_stay_in_the_table(write):
    base = read_prompt_file(write(ROWS), exclude=["b2", "/(?i)EULEN/"])
    assert base["excluded"].to_list() == [None, "b2", "/(?i)EULEN/", None]
    prompts = build_eval_prompts(base, "de")
    assert prompts["kind"].to_list() == ["cross_lingual"]


def test_line_separators_inside_a_json_string_do_not_break_the_line(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('\ufeff{"instruction": "one\u2028two\x85three"}\r\n\r\n', encoding="utf-8")
    assert read_prompt_file(path)["instruction"].to_list() == ["one\u2028two\x85three"]


BAD = {
    "line 2: no JSON": b'{"instruction": "a"}\n{"instruction": ',
    "line 1: no JSON object, but int": b"7",
    "no JSON list": b'[{"instruction": "a"},',
    "row 1: no JSON object, but str": b'["a"]',
    "holds no prompts": b"\n\n",
    "is not UTF-8 .byte 17": b'{"instruction": "\xff"}',
    "no column named instruction, prompt, question": b'{"text": "a"}',
    "line 1: 'instruction' must be a text": b'{"instruction": " "}',
    "line 2: 'instruction' must be a text": b'{"instruction": "a"}\n{"output": "a"}',
    "has no lone surrogates": b'{"instruction": "\\ud83d"}',
    "line 1: kind 'chat'": b'{"instruction": "a", "kind": "chat"}',
    "kind 'base' with language 'de'": b'{"instruction": "a", "kind": "base", "language": "de"}',
    "unknown language 'xx'": b'{"instruction": "a", "language": "xx"}',
    "repeats 1 ids .7.": b'{"instruction": "a", "id": 7}\n{"instruction": "b", "id": 7}',
}


@pytest.mark.parametrize(("message", "content"), BAD.items())
def test_a_file_that_cannot_be_used_says_where_and_why(tmp_path, message, content):
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    with pytest.raises(PromptFileError, match=message):
        read_prompt_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PromptFileError, match=r"nothing\.jsonl can't be opened"):
        read_prompt_file(tmp_path / "nothing.jsonl")


@pytest.mark.parametrize(
    ("exclude", "message"), [(["b9"], "'b9' is no id"), (["/(/"], "no regular expression"), ([""], "is no id")]
)
def test_an_exclusion_that_means_nothing_is_an_error(write, exclude, message):
    path = write(ROWS)
    with pytest.raises(PromptFileError, match=message):
        read_prompt_file(path, exclude=exclude)


@pytest.mark.parametrize(
    ("columns", "message"), [({"instrucion": "frage"}, "instrucion"), ({"instruction": "frage"}, "no column .'frage'")]
)
def test_a_mapping_that_fits_nothing_is_an_error(write, columns, message):
    path = write(ROWS)
    with pytest.raises(PromptFileError, match=message):
        read_prompt_file(path, columns)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_every_instruction_survives_as_it_is_in_every_language(tmp_path_factory, instructions):
    path = tmp_path_factory.mktemp("prompts") / "p.jsonl"
    path.write_text("\n".join(json.dumps({"instruction": text}) for text in instructions), encoding="utf-8")
    base = read_prompt_file(path)
    assert base["instruction"].to_list() == instructions
    prompts = cross_lingual_prompts(base, ["de", "zh"])
    assert prompts.height == 2 * len(instructions)
    for text, row in zip(instructions * 2, prompts.to_dicts(), strict=True):
        assert row["instruction"].startswith(f"{text} ")


def test_all_805_alpaca_eval_prompts_are_read():
    folder = Path(os.environ.get("XL_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / "alpaca_eval_805.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the shared data: set XL_SHARED_DATA")
    base = read_prompt_file(path)
    assert base.height == 805
    assert base["source"].n_unique() == 5
    german = build_eval_prompts(base, "de")
    assert german.height == 805
    directive = german["instruction"].str.extract(r"(\S+ ?\S* ?\S* ?\S* ?German[^\n]*)$")
    assert directive.is_not_null().all()


def test_the_demos_prompts_are_read():
    path = Path(__file__).parents[2] / "demo" / "corpus" / "eval_prompts.jsonl"
    if not path.is_file():
        pytest.skip("the demo corpus is not made yet: python -m demo.corpus.make_corpus")
    base = read_prompt_file(path)
    kinds = build_eval_prompts(base, "ga")["kind"].value_counts().sort("kind").rows()
    assert [kind for kind, _ in kinds] == ["cross_lingual", "same_language"]
