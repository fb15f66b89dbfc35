"""The call log: whole batches or nothing, one answer a call whoever wrote it first."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from deltalake import DeltaTable

from resources.call_log import CALL_LOG, CallLog, CallLogError, Source
from xl_assets.generation.calls import ANSWER, Request, Sampling, plan_calls, wanted_calls

SOURCE = Source(role="teacher", model="m", engine="vllm_offline", engine_version="vllm 0", run_id="run")


def calls(count: int, step: str = "question", start: int = 0) -> pl.DataFrame:
    rows = pl.DataFrame({"row_id": [f"{step}{i}" for i in range(start, start + count)]})
    request = Request(step, [("user", pl.col("row_id"))], Sampling(), ("row_id",))
    return wanted_calls(plan_calls(rows, request, "model"))


def answers(wanted: pl.DataFrame, text: str | None = "fine", failure: str | None = None) -> pl.DataFrame:
    values = {"text": text, "finish_reason": "stop", "prompt_tokens": 3, "completion_tokens": 2, "failure": failure}
    return wanted.select("call_id").with_columns(
        pl.lit(values.get(name), dtype=dtype).alias(name) for name, dtype in ANSWER.items() if name != "call_id"
    )


@pytest.fixture
def log(tmp_path) -> CallLog:
    return CallLog(str(tmp_path / "call_log"))


def test_an_absent_log_answers_nothing_and_misses_everything(log):
    wanted = calls(3)
    assert not log.exists()
    assert log.answers(wanted).is_empty()
    assert log.missing(wanted).equals(wanted)
    assert log.statistics().is_empty()
    assert log.compact() == 0
    assert log.scan().collect().schema == CALL_LOG


def test_appended_answers_come_back_in_the_order_they_are_asked_for(log):
    wanted = calls(5)
    log.append(wanted, answers(wanted.reverse()), SOURCE, seconds=10.0)
    found = CallLog(log.uri).answers(wanted)
    assert found["call_id"].to_list() == wanted["call_id"].to_list()
    assert found.schema == pl.Schema(ANSWER)
    assert log.missing(pl.concat([wanted, calls(2, start=5)])).equals(calls(2, start=5))
    row = log.scan().collect()
    assert row["seconds"].to_list() == [2.0] * 5
    assert row["batch_id"].n_unique() == 1


def test_a_failure_is_recorded_and_named_but_is_no_answer(log):
    wanted = calls(2)
    log.append(wanted, answers(wanted, None, "timeout"), SOURCE, 1.0)
    log.append(wanted, answers(wanted, None, "server_error: HTTP 500"), SOURCE, 1.0)
    assert log.answers(wanted)["failure"].to_list() == ["server_error: HTTP 500"] * 2
    assert log.missing(wanted).height == 2
    log.append(wanted, answers(wanted), SOURCE, 1.0)
    assert log.answers(wanted)["failure"].to_list() == [None, None]
    assert log.missing(wanted).is_empty()
    assert log.statistics().select("answered", "failed", "seconds").row(0) == (2, 4, 3.0)


def test_of_two_writers_the_first_commit_wins_and_the_second_is_kept_as_a_duplicate(log):
    wanted = calls(4)
    first, second = CallLog(log.uri), CallLog(log.uri)
    assert first.missing(wanted).height == second.missing(wanted).height == 4
    assert first.append(wanted, answers(wanted, "first"), SOURCE, 1.0).answered == 4
    more = calls(6)
    lost = second.append(more, answers(more, "second"), SOURCE, 1.0)
    assert (lost.answered, lost.duplicate) == (2, 4)
    assert log.answers(more)["text"].to_list() == ["first"] * 4 + ["second"] * 2
    assert log.statistics()["duplicate"].to_list() == [4]


def test_the_same_writer_cannot_answer_a_call_twice(log):
    wanted = calls(3)
    log.missing(wanted)
    log.append(wanted, answers(wanted, "first"), SOURCE, 1.0)
    assert log.append(wanted, answers(wanted, "second"), SOURCE, 1.0).duplicate == 3
    assert set(log.answers(wanted)["text"]) == {"first"}


def test_compaction_changes_no_answer_and_leaves_one_file_a_step(log):
    wanted = calls(40)
    for start in range(0, 40, 2):
        part = wanted.slice(start, 2)
        log.append(part, answers(part, f"text {start}"), SOURCE, 1.0)
    other = calls(2, "answer")
    log.append(other, answers(other), SOURCE, 1.0)
    before = log.answers(wanted)
    assert log.compact(above=10) == 1
    assert len(DeltaTable(log.uri).file_uris()) == 2
    assert log.answers(wanted).equals(before)
    assert log.append(wanted, answers(wanted, "late"), SOURCE, 1.0).duplicate == 40


def test_a_step_is_read_without_touching_the_files_of_others(log):
    for step in ("question", "answer"):
        log.append(calls(2, step), answers(calls(2, step)), SOURCE, 1.0)
    for file in DeltaTable(log.uri).file_uris([("step", "=", "answer")]):
        os.unlink(file)
    assert log.answers(calls(2, "question")).height == 2


def test_a_table_of_something_else_is_refused(tmp_path):
    pl.DataFrame({"a": [1]}).write_delta(str(tmp_path / "other"))
    with pytest.raises(CallLogError, match="no or other columns"):
        CallLog(str(tmp_path / "other")).missing(calls(1))


@pytest.mark.parametrize("name", ["call log", "log[1]", "café", "50%"])
def test_a_path_that_delta_tables_cannot_have_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(CallLogError, match="plain name"):
        CallLog(str(tmp_path / name))


def test_a_batch_must_fit_its_calls(log):
    with pytest.raises(CallLogError, match="exactly once"):
        log.append(calls(2), answers(calls(3)), SOURCE, 1.0)
    twice = pl.concat([answers(calls(1)), answers(calls(1))])
    with pytest.raises(CallLogError, match="exactly once"):
        log.append(calls(1), twice, SOURCE, 1.0)


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from test_call_log import CallLog, SOURCE, answers, calls
log, name = CallLog(sys.argv[1]), sys.argv[2]
start, stop, size, step = int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
print("ready", flush=True)
sys.stdin.readline()
for begin in range(start, stop, size):
    batch = calls(size, step, begin)
    log.append(batch, answers(batch, name), SOURCE, 1.0)
    print(begin, flush=True)
"""


def writer(log: CallLog, name: str, start: int, stop: int, size: int, step: str = "question") -> subprocess.Popen:
    script = WRITER.format(tests=os.path.dirname(__file__))
    command = [sys.executable, "-c", script, log.uri, name, *map(str, (start, stop, size)), step]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    child = subprocess.Popen(command, **pipes, env={**os.environ, "POLARS_MAX_THREADS": "1"})
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: subprocess.Popen) -> None:
    child.stdin.write("\n")
    child.stdin.flush()


def test_processes_that_race_lose_nothing_and_write_no_answer_twice(log):
    # Three begin the table at once: two write the same calls, one another step.
    children = [
        writer(log, "a", 0, 60, 5),
        writer(log, "b", 0, 60, 5),
        writer(log, "c", 0, 60, 5, "answer"),
    ]
    for child in children:
        go(child)
    assert [child.communicate(timeout=120) and child.returncode for child in children] == [0, 0, 0]
    rows = log.scan().collect()
    good = rows.filter(pl.col("status") == "answered")
    assert good.height == good["call_id"].n_unique() == 120
    assert rows.height == 180
    # Whole batches: no batch is half there.
    assert set(rows.group_by("batch_id").len()["len"]) == {5}
    # Whoever committed first is what everybody reads.
    assert set(log.answers(calls(60))["text"]) <= {"a", "b"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_9_of_a_writer_leaves_whole_batches_only(log):
    size, seen = 200, 0
    for round_number in range(5):
        child = writer(log, f"w{round_number}", 0, 10**6, size, f"step{round_number}")
        go(child)
        for _ in range(2):
            child.stdout.readline()
        time.sleep(0.004 * round_number)  # somewhere inside an append
        child.kill()
        told = 2 + len(child.communicate()[0].split())
        rows = CallLog(log.uri).scan().filter(pl.col("step") == f"step{round_number}").collect()
        assert set(rows.group_by("batch_id").len()["len"]) == {size}
        assert rows.height // size - told in (0, 1)  # what was told is there; one commit may not have been told
        assert CallLog(log.uri).scan().collect().height >= seen
        seen += rows.height
    batch = calls(size)
    assert log.append(batch, answers(batch), SOURCE, 1.0).answered == size
