import polars as pl
import pytest

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.length_control import read_difficulty, read_gamed


def written(tmp_path, text):
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_difficulties_are_those_of_the_instruction_s_text_as_it_is(tmp_path):
    path = tmp_path / "file.csv"
    rows = {"instruction": ["007", ' a,\n"b"\u2028', "", "null"], "difficulty": [0.5, -1.25, 2.0, 3.0]}
    pl.DataFrame(rows).write_csv(path)
    assert dict(read_difficulty(path).iter_rows()) == dict(zip(*rows.values(), strict=True))


def test_the_same_difficulty_twice_is_one_and_two_of_them_are_an_error(tmp_path):
    assert read_difficulty(written(tmp_path, "instruction,difficulty\na,1\na,1.0\n")).height == 1
    with pytest.raises(FormatError, match="two difficulties"):
        read_difficulty(written(tmp_path, "instruction,difficulty\na,1\na,2\n"))


@pytest.mark.parametrize("value", ["", "hard", "nan", "inf"])
def test_a_difficulty_that_is_no_number_is_an_error_that_names_its_row(tmp_path, value):
    with pytest.raises(FormatError, match="row 2"):
        read_difficulty(written(tmp_path, f"instruction,difficulty\na,1\nb,{value}\n"))


def test_a_missing_column_and_a_missing_file_are_errors(tmp_path):
    with pytest.raises(FormatError, match="no column difficulty"):
        read_difficulty(written(tmp_path, "instruction,x\na,1\n"))
    with pytest.raises(FormatError, match="no such file"):
        read_difficulty(tmp_path / "nothing.csv")


def test_gamed_rows_have_preferences_from_0_to_1_whichever_way_they_were_written(tmp_path):
    head = "difficulty,std_delta_length,preference,weight\n"
    first = read_gamed(written(tmp_path, head + "0.1,-1,0,0.1\n0.2,1,0.75,0.1\n"))
    second = read_gamed(written(tmp_path, head + "0.1,-1,1,0.1\n0.2,1,1.75,0.1\n"))
    assert first.equals(second)
    assert first["preference"].to_list() == [0, 0.75]


def test_alpacaevals_own_names_are_understood_and_its_weight_is_taken(tmp_path):
    text = "index,model,preference,std_delta_len,instruction_difficulty,not_gamed_baseline\n0,x,0.5,1.5,-0.5,False\n"
    assert read_gamed(written(tmp_path, text)).row(0) == (-0.5, 1.5, 0.5, 0.1)


@pytest.mark.parametrize("row", ["0,0,0.5,0.1\n0,0,1.5,0.1", "0,0,3,0.1", "0,0,-1,0.1", "0,0,0.5,-0.1"])
def test_gamed_rows_of_two_scales_or_of_negative_weight_are_an_error(tmp_path, row):
    with pytest.raises(FormatError, match="must"):
        read_gamed(written(tmp_path, f"difficulty,std_delta_length,preference,weight\n{row}\n"))
