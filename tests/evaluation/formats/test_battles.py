import polars as pl
import pytest

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.battles import as_battles, read_battles


def frame(**columns) -> pl.DataFrame:
    given = {"prompt_id": ["1"], "model_a": ["x"], "model_b": ["y"], "winner": ["a"]} | columns
    return pl.DataFrame(given, strict=False)


@pytest.mark.parametrize(
    ("winner", "points"), [("a", 1), ("b", 0), ("tie", 0.5), ("model_a", 1), ("tie (bothbad)", 0.5), (" B ", 0)]
)
def test_winners_are_points_of_a(winner, points):
    assert as_battles(frame(winner=[winner])).rows["points"].item() == points


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"winner": ["error"]}, "winner is neither a, b nor tie"),
        ({"winner": pl.Series([None], dtype=pl.String)}, "winner is neither a, b nor tie"),
        ({"model_b": ["x"]}, "a model against itself"),
        ({"model_a": pl.Series([None], dtype=pl.String)}, "no model"),
        ({"prompt_id": pl.Series([None], dtype=pl.String)}, "no prompt_id"),
        ({"weight": [0.0]}, "weight is not above 0"),
        ({"weight": [-1]}, "weight is not above 0"),
        ({"weight": [float("nan")]}, "weight is not above 0"),
        ({"weight": [float("inf")]}, "weight is not above 0"),
        ({"weight": pl.Series([None], dtype=pl.Float64)}, "weight is not above 0"),
    ],
)
def test_what_does_not_count_is_told_by_its_reason(columns, reason):
    found = as_battles(pl.concat([frame(weight=[1.0]), frame(**({"weight": [1.0]} | columns))], how="vertical_relaxed"))
    assert found.rejected == {reason: 1}
    assert found.rows.height == 1


def test_without_weights_every_battle_counts_once_and_numbers_may_be_prompt_ids():
    found = as_battles(frame(prompt_id=[7]))
    assert found.rows.row(0) == ("7", "x", "y", 1.0, 1.0)


def test_style_is_read_under_arena_hards_names_and_counts_by_level_are_summed():
    columns = {
        "token_len_a": [10],
        "sum_assistant_b_tokens": [20],
        "headers_a": [1],
        "header_count_b": [{"h1": 2, "h2": 3}],
    }
    columns |= {f"{name}_count_{side}": [4] for name in ("list", "bold") for side in "ab"}
    rows = as_battles(frame(**columns), style=True).rows
    assert rows.select("tokens_a", "tokens_b", "headers_a", "headers_b", "bold_b").row(0) == (10, 20, 1, 5, 4)


def test_a_battle_without_a_feature_is_rejected_and_a_missing_column_is_an_error():
    columns = {f"{name}_{side}": [1] for name in ("tokens", "headers", "lists", "bold") for side in "ab"}
    empty = columns | {"bold_a": pl.Series([None], dtype=pl.Int64)}
    assert as_battles(frame(**empty), style=True).rejected == {"a feature of style is missing or negative": 1}
    del columns["bold_b"]
    with pytest.raises(FormatError, match="bold_b or bold_count_b"):
        as_battles(frame(**columns), style=True)


def test_files_come_back_and_what_is_none_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "battles.parquet"
    frame(weight=[3.0]).write_parquet(path)
    assert read_battles(path).rows["weight"].to_list() == [3.0]
    frame().drop("winner").write_parquet(path)
    with pytest.raises(FormatError, match=r"battles.parquet: no column winner"):
        read_battles(path)
    path.write_text("no parquet")
    with pytest.raises(FormatError, match="no Parquet"):
        read_battles(path)
    with pytest.raises(FormatError, match="no such file"):
        read_battles(tmp_path / "nothing.parquet")
