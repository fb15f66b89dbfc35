import polars as pl
import pytest

from xl_assets.evaluation.judges.config import JudgeError
from xl_assets.evaluation.judges.known import match_known, read_judgements

JUDGED = pl.DataFrame(
    {
        "response_id": ["r0", "r0", "r1"],
        "instruction": ["q0", "q0", "q1"],
        "response": ["mine", "mine", "same"],
        "reference": ["theirs", "theirs", "same"],
    }
)


def annotations(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["instruction", "output_1", "output_2", "preference"], orient="row").cast(
        {"preference": pl.Float64}
    )


def test_a_known_pair_is_found_whichever_way_round_it_stands():
    for known in (("q0", "theirs", "mine", 2), ("q0", "mine", "theirs", 1)):
        assert match_known(JUDGED, annotations(known)).rows() == [("r0", 2.0)]


def test_several_people_are_averaged_and_equal_texts_count_once():
    known = [
        ("q0", "theirs", "mine", 2),
        ("q0", "mine", "theirs", 2),
        ("q0", "theirs", "mine", 2),
        ("q1", "same", "same", 2),
    ]
    assert match_known(JUDGED, annotations(*known)).rows() == [("r0", pytest.approx(5 / 3)), ("r1", 2.0)]


def test_where_nothing_is_known_the_texts_are_to_blame():
    with pytest.raises(JudgeError, match="letter for letter"):
        match_known(JUDGED, annotations(("q0", "theirs ", "mine", 2), ("q0", "theirs", "mine", None)))


def test_a_file_of_something_else_is_refused(tmp_path):
    with pytest.raises(JudgeError, match="Parquet"):
        read_judgements(tmp_path / "absent.parquet")
    JUDGED.write_parquet(tmp_path / "other.parquet")
    with pytest.raises(JudgeError, match=r"lacks the columns order.*judgements\.parquet"):
        read_judgements(tmp_path / "other.parquet")
