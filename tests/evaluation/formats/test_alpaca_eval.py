import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.alpaca_eval import (
    NOT_A_NUMBER,
    NULL,
    OUT_OF_RANGE,
    leaderboard_row,
    read_annotations,
    read_instructions,
    read_leaderboard,
    read_model_outputs,
    write_annotations,
    write_leaderboard,
    write_model_outputs,
)

HOSTILE = '{{ 7 * 7 }}<script>"\u2028\u202e\\n../../etc'


def written(tmp_path, value, name="file.json"):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def row(**fields) -> dict:
    return {"instruction": "q", "output_1": "a", "output_2": "b", "preference": 1.5} | fields


@pytest.mark.parametrize(
    ("value", "preference", "reason"),
    [
        (1, 1.0, None),
        (2.0, 2.0, None),
        (1.25, 1.25, None),
        (0, 1.5, None),
        (None, None, NULL),
        (float("nan"), None, NULL),
        (-1, None, OUT_OF_RANGE),
        (2.0001, None, OUT_OF_RANGE),
        (float("inf"), None, OUT_OF_RANGE),
        (10**400, None, OUT_OF_RANGE),
        ("2", None, NOT_A_NUMBER),
        (True, None, NOT_A_NUMBER),
        ([2], None, NOT_A_NUMBER),
        ({}, None, NOT_A_NUMBER),
        ("I can't judge that.", None, NOT_A_NUMBER),
    ],
)
def test_only_a_number_from_1_to_2_or_the_old_0_of_a_draw_is_a_preference(tmp_path, value, preference, reason):
    frame = read_annotations(written(tmp_path, [row(preference=value), row()]))
    assert frame.select("preference", "invalid").row(0) == (preference, reason)
    assert frame.select("preference", "invalid").row(1) == (1.5, None)


def test_what_is_not_there_is_null(tmp_path):
    frame = read_annotations(written(tmp_path, [{"instruction": "q", "output_2": 7}, row()]))
    assert frame.row(0) == ("q", None, None, None, None, None, None, NULL)


def test_half_a_surrogate_pair_keeps_its_length(tmp_path):
    frame = read_annotations(written(tmp_path, '[{"instruction": "q", "preference": 1, "output_2": "a\\ud800b"}]'))
    assert frame["output_2"].str.len_chars().item() == 3


@given(st.lists(st.tuples(st.text(max_size=8), st.one_of(st.none(), st.floats(1, 2))), min_size=1, max_size=5))
def test_annotations_come_back_as_they_were_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("annotations") / "annotations.json"
    rows = [row(instruction=text + HOSTILE, output_2=text, preference=value) for text, value in values]
    first = read_annotations(written(path.parent, rows, "given.json"))
    write_annotations(first, path)
    assert read_annotations(path).equals(first)
    assert first["instruction"].to_list() == [text + HOSTILE for text, _ in values]


def test_json_lines_and_a_byte_order_mark_are_read_too(tmp_path):
    lines = "\n".join(json.dumps(row(instruction=name), ensure_ascii=False) for name in ("a\u2028", "b")) + "\n"
    assert read_annotations(written(tmp_path, "\ufeff" + lines))["instruction"].to_list() == ["a\u2028", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON|must be"),
        ("[]", "one at least"),
        ("[1, 2]", "list of objects"),
        ('"text"', "list of objects"),
        ('[{"instruction": "q"', "no JSON"),
        ('[{"instruction": "q"}]', "no object has `preference`"),
        ('[{"preference": 1}]', "no object has `instruction`"),
        ('[{"preference": 1, "instruction": "q"}, {"preference": 1}]', "object 2 has no text"),
    ],
)
def test_what_is_no_annotations_file_is_an_error_that_names_the_file_and_what_is_wrong(tmp_path, content, words):
    with pytest.raises(FormatError, match=words) as caught:
        read_annotations(written(tmp_path, content))
    assert "file.json" in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_an_error(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        read_annotations(tmp_path / "nothing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="UTF-8"):
        read_annotations(tmp_path / "binary.json")
    with pytest.raises(FormatError, match="can't be read"):
        read_annotations(tmp_path)


def test_model_outputs_come_back_as_they_were_written(tmp_path):
    outputs = pl.DataFrame(
        {"instruction": ["q", HOSTILE], "output": ["a", None], "generator": ["m", "m"], "dataset": ["d", None]},
        schema_overrides={"output": pl.String},
    )
    write_model_outputs(outputs, tmp_path / "model_outputs.json")
    assert read_model_outputs(tmp_path / "model_outputs.json").equals(outputs)


def test_a_leaderboard_has_alpacaevals_columns_and_comes_back(tmp_path):
    scores = {"win_rate": 12.5, "standard_error": 1.0, "n_wins": 1, "n_wins_base": 6, "n_draws": 1, "n_total": 8}
    scores |= {"discrete_win_rate": 18.75, "avg_length": 1407.9}
    rows = [
        leaderboard_row('a, "b"', scores),
        leaderboard_row("c", scores | {"win_rate": 20.0}, {"lc_win_rate": 21.0, "lc_standard_error": 0.3}),
    ]
    path = tmp_path / "leaderboard.csv"
    write_leaderboard(rows, path)
    header = path.read_text(encoding="utf-8").splitlines()[0]
    assert header.replace('"', "") == (
        ",win_rate,standard_error,n_wins,n_wins_base,n_draws,n_total,discrete_win_rate,mode,avg_length,"
        "length_controlled_winrate,lc_standard_error"
    )
    board = read_leaderboard(path)
    assert board["model"].to_list() == ["c", 'a, "b"']
    assert board["avg_length"].to_list() == [1407, 1407]
    assert board["length_controlled_winrate"].to_list() == [21.0, None]


def test_another_csv_is_no_leaderboard(tmp_path):
    with pytest.raises(FormatError, match="win_rate"):
        read_leaderboard(written(tmp_path, "a,b\n1,2\n", "x.csv"))


def test_instructions_are_read_from_json_and_csv_alike(tmp_path):
    expected = ["007", "a,\nb"]
    rows = [{"instruction": text} for text in [*expected, *expected]]
    assert read_instructions(written(tmp_path, rows)) == expected
    pl.DataFrame(rows).write_csv(tmp_path / "x.csv")
    assert read_instructions(tmp_path / "x.csv") == expected
    with pytest.raises(FormatError, match="instruction"):
        read_instructions(written(tmp_path, "a\n1\n", "y.csv"))
