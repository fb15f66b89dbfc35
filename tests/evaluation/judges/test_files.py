import json

import pytest

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.judges.files import pair_answers, read_answers


@pytest.fixture
def write(tmp_path):
    def make(name: str, *rows: dict):
        path = tmp_path / name
        path.write_text(json.dumps(list(rows)), encoding="utf-8")
        return read_answers(path)

    return make


def answer(instruction: str, output: object, **more: object) -> dict:
    return {"instruction": instruction, "output": output, **more}


def test_answers_are_paired_by_instruction_and_never_by_place(write):
    model = write("m.json", answer("a", "m-a", generator="m"), answer("b", "m-b", generator="m"))
    other = write("r.json", answer("b", "r-b"), answer("a", "r-a"))
    pairs = pair_answers(model, other, "de")
    assert pairs.select("instruction", "response", "reference").rows() == [("a", "m-a", "r-a"), ("b", "m-b", "r-b")]
    assert pairs.select("model", "reference_model", "language").unique().rows() == [("m", "r", "de")]


def test_what_only_one_file_has_is_a_pair_with_a_missing_side(write):
    pairs = pair_answers(write("m.json", answer("a", "x"), answer("b", None)), write("r.json", answer("c", "z")))
    assert pairs.select("instruction", "response", "reference").rows() == [
        ("a", "x", None),
        ("b", None, None),
        ("c", None, "z"),
    ]
    assert pairs["response_id"].n_unique() == 3


def test_half_a_file_pairs_with_what_belongs_to_it(write):
    whole = write("r.json", *(answer(f"q{i}", f"r{i}") for i in range(10)))
    half = write("m.json", *(answer(f"q{i}", f"m{i}") for i in range(9, 0, -2)))
    pairs = pair_answers(half, whole).drop_nulls("response")
    assert pairs.select("instruction", "response", "reference").rows() == [
        (f"q{i}", f"m{i}", f"r{i}") for i in range(9, 0, -2)
    ]


def test_one_instruction_in_several_languages_is_several_prompts(write):
    model = write("m.json", answer("a", "hallo", language="de"), answer("a", "dia duit", language="ga"))
    other = write("r.json", answer("a", "dia", language="ga"), answer("a", "tag", language="de"))
    pairs = pair_answers(model, other)
    assert pairs.select("language", "response", "reference").rows() == [
        ("de", "hallo", "tag"),
        ("ga", "dia duit", "dia"),
    ]


def test_ids_tell_repeated_instructions_apart_and_are_not_looked_at_else(write):
    model = write("m.json", answer("a", "1", id=1), answer("a", "2", id=2))
    other = write("r.json", answer("a", "two", id="2"), answer("a", "one", id="1"))
    assert pair_answers(model, other).select("response", "reference").rows() == [("1", "one"), ("2", "two")]
    assert pair_answers(write("m.json", answer("a", "x", id=1)), write("r.json", answer("a", "y", id=7)))[
        "reference"
    ].to_list() == ["y"]


def test_equal_objects_count_once_and_two_answers_to_a_prompt_are_refused(write):
    once = pair_answers(write("m.json", answer("a", "x"), answer("a", "x")), write("r.json", answer("a", "y")))
    assert once.height == 1
    with pytest.raises(FormatError, match="--responses: 2 answers share instruction"):
        pair_answers(write("m.json", answer("a", "x"), answer("a", "z")), write("r.json", answer("a", "y")))


def test_a_rubric_needs_no_reference(write):
    pairs = pair_answers(write("m.json", answer("a", "x")), None)
    assert pairs.select("response", "reference", "reference_model").rows() == [("x", None, None)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"output": "x"}], "instruction"),
        ([{"instruction": "a"}], "output"),
        ([{"instruction": None, "output": "x"}, answer("a", "x")], "1 objects have no text as `instruction`"),
        ([answer("a", "x", generator="m"), answer("b", "x", generator="n")], "m, n"),
    ],
)
def test_a_file_that_is_no_file_of_answers_is_refused(write, rows, said):
    with pytest.raises(FormatError, match=said):
        write("m.json", *rows)


def test_a_model_that_has_no_name_has_its_files(write):
    assert write("tiny-1.json", answer("a", "x"))["generator"].to_list() == ["tiny-1"]
