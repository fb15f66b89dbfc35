"""The worker as a program: resumes, stops gently, survives kill -9 of itself, and dies with its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from resources.call_log import CallLog, Source
from resources.engines.batches import answered
from xl_assets.generation.answering import AnsweringError, make_answer
from xl_assets.generation.binding import BindingError, ModelBinding
from xl_assets.generation.calls import ANSWER
from xl_assets.generation.worker import BAD_INPUT, ENGINE_UNUSABLE, FINISHED, PARENT_VARIABLE, STOPPED
from xl_assets.identity import content_hash

ENVIRONMENT = {**os.environ, "POLARS_MAX_THREADS": "1"}


@pytest.fixture
def job(tmp_path, bind, wanted):
    """Files of a job: returns the command, the calls and the log."""

    def make(count: int, name: str = "log", **transport):
        binding = bind(**transport)
        calls = wanted(count, binding)
        calls.write_parquet(tmp_path / "wanted.parquet")
        (tmp_path / "binding.json").write_text(binding.to_json())
        files = ["--wanted", tmp_path / "wanted.parquet", "--binding", tmp_path / "binding.json"]
        command = [sys.executable, "-m", "xl_assets.generation.worker", *files, "--log", tmp_path / name]
        return list(map(str, command)), calls, CallLog(str(tmp_path / name))

    return make


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**ENVIRONMENT, **environment}
    )


def appended(log: CallLog) -> int:
    return log.scan().select(pl.len()).collect().item() if log.exists() else 0


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_second_run_asks_nothing(server, job):
    command, calls, log = job(20)
    assert run(command).returncode == FINISHED
    assert (server.requests, log.missing(calls).height) == (20, 0)
    again = run(command)
    assert (again.returncode, server.requests) == (FINISHED, 20)
    assert "20 calls wanted, 0 to answer" in again.stderr


def test_kill_9_in_the_middle_then_the_same_command_repeats_at_most_one_batch(server, job):
    batch, concurrency = 16, 4
    unbroken, calls, whole = job(150, "unbroken", batch_size=batch, concurrency=concurrency)
    assert run(unbroken).returncode == FINISHED
    server.finished.clear()

    server.delay = 0.01
    command, calls, log = job(150, "killed", batch_size=batch, concurrency=concurrency)
    for kills in (1, 2):
        worker = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        wait_for(lambda at_least=kills * 2 * batch: appended(log) >= at_least)
        worker.kill()
        worker.wait()
        lost = len(server.finished) - log.answers(calls).height
        assert lost <= kills * (batch + concurrency)
    assert 0 < log.missing(calls).height < 150
    assert run(command).returncode == FINISHED
    # Each kill repeats at most the batch that was not yet appended, and what was on its way.
    assert len(server.finished) - 150 <= 2 * (batch + concurrency)
    texts = [content_hash(one.answers(calls).select("call_id", "text")) for one in (whole, log)]
    assert texts[0] == texts[1]
    assert log.statistics().select("answered", "duplicate").row(0) == (150, 0)


def test_sigterm_appends_what_is_finished_and_says_so(server, job):
    server.delay = 0.02
    command, calls, log = job(500, batch_size=1000, concurrency=2)
    worker = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: server.requests >= 10)
    worker.send_signal(signal.SIGTERM)
    said = worker.communicate(timeout=60)[1]
    assert worker.returncode == STOPPED
    kept = log.answers(calls).height
    assert 8 <= kept < 500
    assert f"{kept} of 500 calls are answered and kept" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_the_worker_dies_with_the_program_that_started_it(server, job):
    server.delay = 0.05
    command, _, log = job(2000, concurrency=2)
    script = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen(sys.argv[1:], env={{**os.environ, {PARENT_VARIABLE!r}: str(os.getpid())}})\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *command], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    pid = int(parent.stdout.readline())
    wait_for(lambda: appended(log) >= 8)
    parent.kill()
    parent.wait()
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2], 20)
    settled = appended(log)
    time.sleep(0.5)
    assert appended(log) == settled < 2000


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "wanted.parquet").unlink(), "is no file of wanted calls"),
        (lambda folder: (folder / "wanted.parquet").write_text("nonsense"), "is no file of wanted calls"),
        (lambda folder: (folder / "binding.json").write_text("{}"), "not a model binding: .*role.*model"),
        (lambda folder: (folder / "binding.json").write_text('{"role": "a", "model": "m", "modle": 1}'), "modle"),
        (lambda folder: (folder / "binding.json").unlink(), "can't be read"),
        (
            lambda folder: (folder / "binding.json").write_text('{"role": "judge", "model": "./nowhere"}'),
            "no model folder",
        ),
        (
            lambda folder: (folder / "binding.json").write_text(
                '{"role": "judge", "engine": "openai_server", "model": "another"}'
            ),
            "planned for another model",
        ),
    ],
)
def test_bad_input_is_named_with_its_exit_code(job, tmp_path, spoil, said):
    command, _, _ = job(3)
    spoil(tmp_path)
    ended = run(command)
    assert ended.returncode == BAD_INPUT
    assert pl.Series([ended.stderr.replace("\n", " ")]).str.contains(said).item(), ended.stderr
    assert "Traceback" not in ended.stderr


def test_calls_whose_address_does_not_fit_are_refused(job, tmp_path):
    command, calls, _ = job(3)
    calls.with_columns(seed=pl.col("seed") + 1).write_parquet(tmp_path / "wanted.parquet")
    ended = run(command)
    assert (ended.returncode, "not the address" in ended.stderr) == (BAD_INPUT, True)


def test_a_dead_server_ends_the_worker_with_the_remedy(server, job):
    command, _, log = job(5, retries=0)
    server.behave = lambda number, body: (500, {}, {"error": {"message": "out of order"}})
    ended = run(command)
    assert ended.returncode == ENGINE_UNUSABLE
    assert "same command continues" in ended.stderr
    assert log.statistics()["failed"].to_list() == [5]


def test_some_failures_among_answers_do_not_end_the_worker(server, job):
    command, calls, log = job(20, retries=0)
    server.behave = lambda number, body: (200, {}, "garbage") if number % 5 == 0 else None
    assert run(command).returncode == FINISHED
    assert log.missing(calls).height == 4
    server.behave = lambda number, body: None
    assert run(command).returncode == FINISHED
    assert log.missing(calls).is_empty()


def test_help_teaches(job):
    said = run([sys.executable, "-m", "xl_assets.generation.worker", "--help"], COLUMNS="200").stdout
    assert "Exit codes" in said
    assert "Example: python -m xl_assets.generation.worker" in said


def test_dagster_pipes_gets_the_progress(job, tmp_path):
    from dagster_pipes import encode_param

    command, _, _ = job(5)
    context = tmp_path / "context.json"
    names = ("asset_keys", "code_version_by_asset_key", "provenance_by_asset_key", "partition_key")
    names += ("partition_key_range", "partition_time_window", "job_name")
    context.write_text(json.dumps({**dict.fromkeys(names), "run_id": "r", "retry_number": 0, "extras": {}}))
    messages = tmp_path / "messages.jsonl"
    messages.touch()
    pipes = {
        "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(context)}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(messages)}),
    }
    ended = run(command, **pipes)
    assert ended.returncode == FINISHED, ended.stderr
    told = [json.loads(line) for line in messages.read_text().splitlines()]
    lines = [message["params"]["message"] for message in told if message["method"] == "log"]
    assert any("5/5 calls" in line and "tokens/s" in line for line in lines)


def test_answering_starts_no_process_where_nothing_is_missing(bind, wanted, tmp_path):
    binding = bind()
    calls = wanted(3, binding)
    rows = pl.DataFrame([answered(call, "known", "stop", (1, 1)) for call in calls["call_id"]], schema=ANSWER)
    CallLog(str(tmp_path / "log")).append(calls, rows, Source("judge", "m", "openai_server", "v", "r"), 1.0)

    def launch(command, environment):
        raise AssertionError("nothing to do, and yet a worker was started")

    answer = make_answer(binding, str(tmp_path / "log"), "run", tmp_path / "work", launch)
    assert answer(calls)["text"].to_list() == ["known"] * 3
    assert answer(calls.clear()).is_empty()
    assert (answer.statistics.wanted, answer.statistics.reused, answer.statistics.engine_starts) == (3, 3, 0)


def test_answering_counts_what_was_reused_made_and_paid(server, bind, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    binding = bind().model_copy(update={"price_in": 1.0, "price_out": 10.0})
    answer = make_answer(binding, str(tmp_path / "log"), "run", tmp_path / "work")
    answer(wanted(4, binding))
    server.behave = lambda number, body: (200, {}, "garbage") if number == 5 else None
    answers = answer(wanted(10, binding))
    assert answers["failure"].null_count() == 9
    counted = answer.statistics
    assert (counted.wanted, counted.reused, counted.answered, counted.failed) == (14, 4, 9, 1)
    assert (counted.prompt_tokens, counted.completion_tokens, counted.engine_starts) == (45, 36, 2)
    assert counted.cost == pytest.approx((45 + 360) / 1e6)
    assert counted.failures == {"garbled_answer": 1}
    assert counted.metadata()["calls_answered"] == 9
    assert not list((tmp_path / "work").iterdir())


def test_answering_refuses_calls_of_another_model_and_passes_a_servers_remedy_on(server, bind, wanted, tmp_path):
    other = ModelBinding(role="judge", engine="openai_server", model="other")
    answer = make_answer(bind(), str(tmp_path / "log"), "run", tmp_path / "work")
    with pytest.raises(BindingError, match="planned for another model"):
        answer(wanted(2, other))
    server.behave = lambda number, body: (401, {}, {"error": {"message": "who are you"}})
    with pytest.raises(AnsweringError, match=r"(?s)refuses the key.*continues with the other 2"):
        answer(wanted(2, bind()))


def test_a_kept_worker_answers_a_second_attempt_without_another_start(server, bind, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    binding = bind()
    with make_answer(binding, str(tmp_path / "log"), "run", tmp_path / "work", keep_seconds=60) as answer:
        assert answer(wanted(4, binding))["failure"].null_count() == 4
        assert answer(wanted(10, binding))["failure"].null_count() == 10
        assert answer(wanted(10, binding))["failure"].null_count() == 10
        assert list((tmp_path / "work").iterdir())
    assert not list((tmp_path / "work").iterdir())
    assert (answer.statistics.engine_starts, server.requests) == (1, 10)
    assert (answer.statistics.reused, answer.statistics.answered) == (14, 10)


def test_a_kept_worker_ends_by_itself_and_is_started_again_when_needed(server, bind, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    answer = make_answer(bind(), str(tmp_path / "log"), "run", tmp_path / "work", keep_seconds=0.2)
    answer(wanted(4, bind()))
    worker = answer._worker
    wait_for(lambda: not worker.alive)
    answer(wanted(8, bind()))
    answer.close()
    assert (answer.statistics.engine_starts, server.requests) == (2, 8)
    assert not list((tmp_path / "work").iterdir())


def test_a_step_that_is_interrupted_stops_its_worker_which_keeps_what_is_finished(
    server, bind, wanted, tmp_path, monkeypatch
):
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    server.delay = 0.05
    answer = make_answer(bind(batch_size=1000, concurrency=2), str(tmp_path / "log"), "run", tmp_path / "work")
    calls = wanted(2000, answer.binding)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        server, "behave", lambda number, body: os.kill(os.getpid(), signal.SIGUSR1) if number == 20 else None
    )
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            answer(calls)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert 15 <= answer.log.answers(calls).height < 100
