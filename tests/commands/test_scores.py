"""`xl evaluate win-rate` and its like: JSON on standard output, what is wrong in one line on standard error."""

import json
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.evaluation.scores.made_up_judgements import gamed, judged
from xl_assets.commands.evaluate import evaluate_app
from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.alpaca_eval import write_annotations
from xl_assets.evaluation.scores import ScoreError

QUICK = ("--resamples", "50")


@pytest.fixture
def files(tmp_path):
    rows, difficulty = judged(missing=1)
    write_annotations(rows, tmp_path / "A.json")
    write_annotations(rows.with_columns(preference=pl.lit(1.2), generator_2=pl.lit("other")), tmp_path / "B.json")
    difficulty.write_csv(tmp_path / "D.csv")
    gamed().write_csv(tmp_path / "G.csv")
    fights = {"prompt_id": ["1", "2", "3"], "model_a": ["x", "x", "y"], "model_b": ["y"] * 2 + ["x"]}
    pl.DataFrame(fights | {"winner": ["a", "b", "tie"], "weight": [1, 1, 3]}).write_parquet(tmp_path / "F.parquet")
    return tmp_path


def evaluate(*arguments) -> dict:
    done = CliRunner().invoke(evaluate_app, [*map(str, arguments), *QUICK], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_win_rate_prints_every_key(files):
    found = evaluate("win-rate", "--annotations", files / "A.json")
    keys = "win_rate standard_error discrete_win_rate n_wins n_draws n_wins_base n_total n_invalid avg_length interval"
    assert set(keys.split()) <= set(found)
    assert (found["n_total"], found["n_invalid"], found["headline"]) == (59, 1, False)
    low, high = found["interval"]
    assert low < found["win_rate"] < high
    assert evaluate("win-rate", "--annotations", files / "A.json", "--prompts", files / "D.csv")["n_missing"] == 0


def test_length_controlled_prints_every_key_and_takes_both_estimators(files):
    paths = ("--annotations", files / "A.json", "--difficulty", files / "D.csv", "--gamed", files / "G.csv")
    exact = evaluate("length-controlled", *paths)
    assert {"lc_win_rate", "lc_standard_error", "interval", "weights"} <= set(exact)
    assert exact == evaluate("length-controlled", *paths, "--exact")
    penalised = evaluate("length-controlled", *paths, "--C", "2.78")
    assert "C=2.78" in penalised["estimator"]
    assert penalised["lc_win_rate"] == pytest.approx(exact["lc_win_rate"], abs=2)


def test_without_difficulties_the_figure_has_another_name(files):
    found = evaluate("length-controlled", "--annotations", files / "A.json")
    assert "lc_win_rate" not in found
    assert found["lc_win_rate_without_difficulty"] > 0


def test_bradley_terry_prints_ratings_by_model(files):
    found = evaluate("bradley-terry", "--battles", files / "F.parquet", "--anchor", "y", "--anchor-rating", "1200")
    assert found["models"]["y"]["rating"] == 1200
    assert found["models"]["x"]["win_rate_vs_anchor"] == pytest.approx(50)
    assert {"rating", "win_rate_vs_anchor", "interval"} <= set(found["models"]["x"])


def test_compare_prints_the_paired_difference(files):
    found = evaluate("compare", "--annotations", files / "A.json", "--annotations-2", files / "B.json")
    assert found["difference"] == pytest.approx(found["win_rate"] - 20)
    assert found["model_2"] == ["other"]
    assert len(found["interval"]) == 2


def test_a_seed_changes_the_interval_and_nothing_else(files):
    one, other = (evaluate("win-rate", "--annotations", files / "A.json", "--seed", seed) for seed in (1, 2))
    assert one["interval"] != other["interval"]
    assert {name for name in one if one[name] != other[name]} == {"interval", "bootstrap"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("win-rate", "--annotations", "nothing.json"), FormatError),
        (("length-controlled", "--annotations", "A.json", "--gamed", "G.csv"), ScoreError),
        (("length-controlled", "--annotations", "A.json", "--C", "1", "--exact"), ScoreError),
        (("bradley-terry", "--battles", "F.parquet", "--style"), FormatError),
        (("bradley-terry", "--battles", "F.parquet", "--anchor", "z"), ScoreError),
    ],
)
def test_what_is_wrong_is_raised_as_this_room_s_error(files, monkeypatch, arguments, error):
    monkeypatch.chdir(files)
    done = CliRunner().invoke(evaluate_app, arguments)
    assert isinstance(done.exception, error)
    assert done.stdout == ""


def test_an_error_is_one_line_on_standard_error_and_exit_code_1(tmp_path):
    command = [
        sys.executable,
        "-m",
        "xl_assets.cli",
        "evaluate",
        "win-rate",
        "--annotations",
        str(tmp_path / "no.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no such file" in done.stderr
