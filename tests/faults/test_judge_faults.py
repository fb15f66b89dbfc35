"""A judge that answers garbage, refuses, says nothing, hangs: counted, visible, and never scored."""

import json
import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from resources.engines import open_engine
from xl_assets.evaluation.judges.config import load_judge
from xl_assets.evaluation.judges.evaluating import evaluate_pairs
from xl_assets.generation.calls import Answer

JUDGE = load_judge("pairwise_logprob")
FIRST = ("m", [("m", -0.2), ("M", -1.7)])


def says(body: dict, text: str | None, tokens: list | None = None, **message: object) -> tuple[int, dict, dict]:
    """A chat completion with a text and the log probabilities of its first token."""
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in tokens or []]
    first = {"token": text, "logprob": -0.2, "bytes": None, "top_logprobs": top}
    choice = {
        "index": 0,
        "finish_reason": "length",
        "message": {"role": "assistant", "content": text} | message,
        "logprobs": {"content": [first]} if tokens else None,
    }
    usage = {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}
    answer = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"]}
    return 200, {}, answer | {"choices": [choice], "usage": usage}


def instruction(body: dict) -> str:
    return body["messages"][-1]["content"].split("Instruction:\n")[1].split("\n")[0]


def rows(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "response_id": [f"r{i}" for i in range(count)],
            "instruction": [f"question {i}" for i in range(count)],
            "response": ["a response"] * count,
            "reference": ["a reference"] * count,
            "language": pl.Series([None] * count, dtype=pl.String),
            "dataset": pl.Series([None] * count, dtype=pl.String),
            "model": ["model"] * count,
            "reference_model": ["other"] * count,
        }
    )


def asks(binding) -> Answer:
    """The engine itself, without a worker or a log."""

    def answer(wanted: pl.DataFrame) -> pl.DataFrame:
        engine = open_engine(binding)
        try:
            return pl.concat(list(engine.complete(wanted)))
        finally:
            engine.close()

    return answer


#: What a server may say -> how it is counted.
FAULTS = {
    "garbage": (lambda body: (200, {}, "{not json"), "missing", "garbled_answer"),
    "refused by the server": (lambda body: says(body, "no", refusal="I will not"), "missing", "content_filtered"),
    "refusal in words": (
        lambda body: says(body, "I", [("I", -0.1), ("m", -9.0), ("M", -12.0)]),
        "invalid",
        "bad_verdict",
    ),
    "nothing": (lambda body: says(body, ""), "invalid", "empty_answer"),
    "blanks": (lambda body: says(body, " ", [(" ", -0.1), ("m", -3.0)]), "invalid", "empty_answer"),
    "wrong label": (lambda body: says(body, "A", [("A", -0.1), ("B", -3.0)]), "invalid", "bad_verdict"),
    "no log probabilities": (lambda body: says(body, "m"), "invalid", "no_verdict"),
    "server error": (lambda body: (500, {}, {"error": {"message": "out of order"}}), "missing", "server_error"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_counted_with_its_reason_and_nothing_else_is_touched(server, bind, fault):
    answer, outcome, reason = FAULTS[fault]
    server.behave = lambda number, body: answer(body) if instruction(body) == "question 2" else says(body, *FIRST)
    binding = bind(retries=0)
    made = evaluate_pairs(rows(8), JUDGE, binding, asks(binding))
    summary, judged = made.summary, made.tables["judgements"]
    bad = judged.filter(pl.col("response_id") == "r2")
    assert bad["outcome"].cast(pl.String).to_list() == [outcome] * 2
    assert bad["reason"].to_list() == [reason] * 2
    assert bad["preference"].null_count() == 2
    assert bad["failure"].null_count() == (0 if outcome == "missing" else 2)
    assert (summary["n_total"], summary[f"n_{outcome}"], summary["reasons"]) == (7, 1, {reason: 1})
    assert summary["win_rate"] is None
    assert reason in summary["why_not"]
    rest = judged.filter(pl.col("response_id") != "r2")
    assert rest["preference"].null_count() == 0


def test_a_judge_that_hangs_is_a_timeout_by_name(server, bind):
    def behave(number: int, body: dict):
        if instruction(body) == "question 0":
            time.sleep(1.5)
        return says(body, *FIRST)

    server.behave = behave
    binding = bind(timeout_seconds=0.4, retries=0)
    judged = evaluate_pairs(rows(4), JUDGE, binding, asks(binding)).tables["judgements"]
    late = judged.filter(pl.col("response_id") == "r0")
    assert set(late["failure"].str.split(":").list.first()) == {"timeout"}
    assert judged["preference"].null_count() == 2


def test_a_judge_that_says_nothing_useful_at_all_scores_nothing(server, bind):
    server.behave = lambda number, body: says(body, "Both", [("Both", -0.1)])
    binding = bind()
    made = evaluate_pairs(rows(5), JUDGE, binding, asks(binding))
    assert (made.summary["n_total"], made.summary["n_invalid"], made.summary["win_rate"]) == (0, 5, None)
    assert made.summary["scored_only"]["win_rate"] is None
    assert made.leaderboard is not None
    assert made.leaderboard["win_rate"] is None


@pytest.fixture
def command(tmp_path, server):
    """`xl evaluate` on two files of so many answers, judged by the fault server."""

    def make(count: int) -> list[str]:
        for name in ("model", "other"):
            answers = [{"instruction": f"question {i}", "output": f"{name} {i}"} for i in range(count)]
            (tmp_path / f"{name}.json").write_text(json.dumps(answers))
        files = ["--responses", tmp_path / "model.json", "--reference", tmp_path / "other.json"]
        judge = ["--model", "served", "--engine", "openai", "--url", server.url, "--out", tmp_path / "out"]
        return [sys.executable, "-m", "xl_assets.cli", "evaluate", *map(str, (*files, *judge))]

    return make


def run(command: list[str]) -> subprocess.CompletedProcess:
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_a_second_run_asks_nothing_and_writes_the_same(server, command, tmp_path):
    server.behave = lambda number, body: says(body, *FIRST)
    first = run(command(6))
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["win_rate"], told["n_total"], server.requests) == (50.0, 6, 12)
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir() if file.is_file()}
    again = json.loads(run(command(6)).stdout)
    assert (again["calls"]["calls_reused"], again["calls"]["calls_answered"], server.requests) == (12, 0, 12)
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir() if file.is_file()}
    assert {"annotations.json", "leaderboard.csv", "judgements.parquet", "summary.json"} <= set(before)


def test_a_killed_run_goes_on_where_it_stopped(server, command, tmp_path):
    server.behave = lambda number, body: says(body, *FIRST)
    server.delay = 0.25
    started = subprocess.Popen(
        command(100),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    # Past two batches of 32; 32 calls are in flight at once.
    end = time.monotonic() + 90
    while server.requests < 110:
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert not (tmp_path / "out/annotations.json").exists()
    asked = 0
    while asked != server.requests:  # the worker ends with its parent, after what is in flight
        asked = server.requests
        time.sleep(1.5)
    server.delay = 0.0
    told = json.loads(run(command(100)).stdout)
    assert told["n_total"] == 100
    assert told["calls"]["calls_reused"] >= 32
    assert server.requests - asked == 200 - told["calls"]["calls_reused"]
