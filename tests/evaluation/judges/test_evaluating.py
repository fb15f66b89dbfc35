"""Two files judged: annotations, leaderboard, figures; mirrored where the files are swapped."""

import json

import polars as pl
import pytest

from tests.evaluation.judges.made_up import likes_longer, weighed
from tests.generation.answers import Answers, nobody
from xl_assets.evaluation.formats.alpaca_eval import read_annotations, read_leaderboard
from xl_assets.evaluation.judges.config import load_judge
from xl_assets.evaluation.judges.estimate import BY_CHARACTERS, estimate, wanted_judge_calls
from xl_assets.evaluation.judges.evaluating import evaluate_pairs, write_evaluation
from xl_assets.evaluation.judges.files import pair_answers, read_answers
from xl_assets.generation.binding import ModelBinding

JUDGE = load_judge("pairwise_logprob")
BINDING = ModelBinding(role="judge", engine="openai_server", model="j", price_in=2.0, price_out=8.0)
MODEL = {f"q{i}": "x" * (3 * i % 11) for i in range(20)}
OTHER = {f"q{i}": "y" * (7 * i % 13) for i in range(20)}


@pytest.fixture
def pairs(tmp_path):
    def make(model: dict, other: dict | None):
        sides = []
        for name, texts in (("model", model), ("other", other)):
            path = tmp_path / f"{name}.json"
            rows = [{"instruction": q, "output": text, "generator": name} for q, text in (texts or {}).items()]
            path.write_text(json.dumps(rows or [{"instruction": "", "output": ""}]))
            sides.append(read_answers(path) if texts is not None else None)
        return pair_answers(*sides)

    return make


def test_swapping_the_files_gives_a_hundred_minus_the_win_rate(pairs):
    forth = evaluate_pairs(pairs(MODEL, OTHER), JUDGE, BINDING, Answers(likes_longer())).summary
    back = evaluate_pairs(pairs(OTHER, MODEL), JUDGE, BINDING, Answers(likes_longer())).summary
    for figure in ("win_rate", "discrete_win_rate"):
        assert forth[figure] == pytest.approx(100 - back[figure], abs=1e-6)
    assert forth["standard_error"] == pytest.approx(back["standard_error"])
    assert (forth["n_wins"], forth["n_draws"]) == (back["n_wins_base"], back["n_draws"])
    assert (forth["order_consistency"], forth["first_position"]) == (1.0, pytest.approx(0.5))


def test_the_order_of_objects_in_the_files_changes_nothing(pairs):
    turned = dict(reversed(MODEL.items()))
    first = evaluate_pairs(pairs(MODEL, OTHER), JUDGE, BINDING, Answers(likes_longer()))
    second = evaluate_pairs(pairs(turned, OTHER), JUDGE, BINDING, Answers(likes_longer()))
    assert first.summary == second.summary
    keys = ["response_id", "order"]
    assert first.tables["judgements"].sort(keys).equals(second.tables["judgements"].sort(keys))


def test_what_is_written_is_what_alpaca_eval_reads(pairs, tmp_path):
    made = evaluate_pairs(pairs(MODEL, OTHER), JUDGE, BINDING, Answers(likes_longer()))
    files = write_evaluation(made, tmp_path / "out")
    assert set(files) == {"annotations", "judgements", "leaderboard", "summary"}
    rows = json.loads((tmp_path / "out/annotations.json").read_text())
    row = next(row for row in rows if row["instruction"] == "q4")
    assert (row["output_1"], row["output_2"]) == (OTHER["q4"], MODEL["q4"])
    assert (row["generator_1"], row["generator_2"], row["annotator"]) == ("other", "model", "pairwise_logprob: j")
    assert 1 <= row["preference"] <= 2
    assert set(row["raw_completion"]) == {"reference_first", "model_first"}
    again = read_annotations(tmp_path / "out/annotations.json")
    assert 100 * (again["preference"].mean() - 1) == pytest.approx(made.summary["win_rate"], abs=1e-6)
    board = read_leaderboard(tmp_path / "out/leaderboard.csv").row(0, named=True)
    assert board["win_rate"] == pytest.approx(made.summary["win_rate"])
    assert (board["model"], board["n_total"]) == ("model", 20)


def test_a_leaderboard_keeps_other_models_and_replaces_its_own_row(pairs, tmp_path):
    for model, other in ((MODEL, OTHER), (OTHER, MODEL), (MODEL, OTHER)):
        write_evaluation(evaluate_pairs(pairs(model, other), JUDGE, BINDING, Answers(likes_longer())), tmp_path)
    lines = (tmp_path / "leaderboard.csv").read_text().splitlines()
    assert len(lines) == 2  # the files swap their texts, not their names: one model, one judge, one row
    choice = load_judge("pairwise_choice")
    made = evaluate_pairs(pairs(MODEL, OTHER), choice, BINDING, Answers(likes_longer(("A", "B"))))
    write_evaluation(made, tmp_path)
    board = pl.read_csv(tmp_path / "leaderboard.csv", infer_schema=False)
    assert board["annotator"].sort().to_list() == ["pairwise_choice: j", "pairwise_logprob: j"]
    assert board["n_total"].to_list() == ["20", "20"]


def test_writing_twice_gives_the_same_bytes(pairs, tmp_path):
    contents = []
    for _ in range(2):
        files = write_evaluation(evaluate_pairs(pairs(MODEL, OTHER), JUDGE, BINDING, Answers(likes_longer())), tmp_path)
        contents.append({name: (tmp_path / file).read_bytes() for name, file in files.items()})
    assert contents[0] == contents[1]
    assert not list(tmp_path.glob(".*.part"))


def test_half_a_file_has_no_headline_and_says_why_and_what_the_half_gives(pairs):
    half = dict(list(MODEL.items())[:10])
    summary = evaluate_pairs(pairs(half, OTHER), JUDGE, BINDING, Answers(likes_longer())).summary
    assert summary["win_rate"] is None
    assert summary["interval"] is None
    assert (summary["n_pairs"], summary["n_missing"], summary["n_total"]) == (20, 10, 10)
    assert summary["reasons"] == {"no_response": 10}
    assert "10 of 20 pairs" in summary["why_not"]
    assert summary["scored_only"]["win_rate"] is not None


def test_a_verdict_in_one_order_only_is_no_verdict_of_the_pair(pairs):
    def answer(message: str):
        return "?" if message.count("q3\n") and "Answer of model m:\nx" in message else weighed(0.7)

    made = evaluate_pairs(pairs(MODEL, OTHER), JUDGE, BINDING, Answers(answer))
    rows = made.tables["annotations"].filter(pl.col("instruction") == "q3")
    assert rows.select("preference", "outcome", "reason").rows() == [(None, "invalid", "bad_verdict")]
    assert made.summary["n_invalid"] == 1
    assert made.summary["win_rate"] is None


def test_a_rubric_scores_the_responses_alone(pairs, tmp_path):
    rubric = load_judge("rubric")
    said = json.dumps(dict.fromkeys(rubric.criteria, 3))
    made = evaluate_pairs(pairs(MODEL, OTHER), rubric, BINDING, Answers(lambda message: said))
    assert made.summary["criteria"] == dict.fromkeys(rubric.criteria, 3.0)
    assert (made.summary["n_total"], made.summary["with_reference"]) == (20, 20)
    write_evaluation(made, tmp_path)
    assert len(json.loads((tmp_path / "scores.json").read_text())) == 80
    bad = evaluate_pairs(pairs(MODEL, None), rubric, BINDING, Answers(lambda message: "fine"))
    assert bad.summary["mean_score"] is None
    assert bad.summary["reasons"] == {"bad_scores": 20}
    assert bad.summary["with_reference"] == 0


@pytest.mark.parametrize("name", ["pairwise_logprob", "pairwise_choice", "rubric"])
def test_a_dry_run_counts_the_calls_that_a_run_makes(pairs, name):
    judge, rows = load_judge(name), pairs(MODEL, OTHER)
    labels = ("A", "B") if name == "pairwise_choice" else ("m", "M")
    said = json.dumps(dict.fromkeys(judge.criteria, 3))
    model = Answers(likes_longer(labels) if judge.kind == "pairwise" else lambda message: said)
    evaluate_pairs(rows, judge, BINDING, model)
    wanted = wanted_judge_calls(rows, judge, BINDING.fingerprint())
    assert set(wanted["call_id"]) == set(model.calls["call_id"])
    told = estimate(wanted, judge, BINDING)
    assert told.calls == wanted.height > 0
    assert told.tokens_by == BY_CHARACTERS
    assert told.completion_tokens_at_most == wanted.height * judge.sampling.max_tokens
    assert told.cost == pytest.approx((told.prompt_tokens * 2 + told.completion_tokens_at_most * 8) / 1e6)
    assert told.cost_at_most == pytest.approx(told.cost * judge.attempts)


def test_a_dry_run_leaves_out_what_is_answered_and_what_needs_no_call(pairs):
    rows = pairs({"a": "same", "b": "x"}, {"a": "same", "b": "y"})
    wanted = wanted_judge_calls(rows, JUDGE, BINDING.fingerprint())
    told = estimate(wanted, JUDGE, BINDING, missing=wanted.head(1))
    assert (told.calls_wanted, told.calls_answered, told.calls) == (2, 1, 1)
    nothing = estimate(wanted, JUDGE, BINDING, missing=wanted.clear())
    assert (nothing.calls, nothing.prompt_tokens, nothing.cost) == (0, 0, 0.0)


def test_identical_files_are_fifty_percent_without_a_call(pairs):
    summary = evaluate_pairs(pairs(MODEL, MODEL), JUDGE, BINDING, nobody).summary
    assert (summary["win_rate"], summary["n_draws"], summary["n_identical"]) == (50.0, 20, 20)
    assert summary["order_consistency"] is None
