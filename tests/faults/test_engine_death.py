"""An engine that dies: built again a bounded number of times, the killing call found, finished work kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xl_assets.generation.answering import AnsweringError, make_answer

WORKER = Path(__file__).with_name("dying_worker.py")


@pytest.fixture
def answerer(tmp_path, bind, monkeypatch):
    """Makes an answerer whose worker's engine dies in the given way."""

    def make(death: str, **transport):
        def launch(command, environment):
            instead = [sys.executable, str(WORKER), *command[3:]]
            return subprocess.run(instead, env={**os.environ, **environment}, check=False).returncode

        monkeypatch.setenv("DEATH", death)
        monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
        monkeypatch.setenv("POLARS_MAX_THREADS", "1")
        return make_answer(bind(**transport), str(tmp_path / "log"), "run", tmp_path / "work", launch)

    return make


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().split())


@pytest.mark.parametrize("death", ["crash", "error"])
def test_the_call_that_kills_the_engine_is_found_and_all_others_are_answered(answerer, wanted, tmp_path, death):
    answer = answerer(death)
    calls = wanted(40, answer.binding, marked=(17,))
    answers = answer(calls)
    failures = answers.filter(answers["failure"].is_not_null())
    killer = calls.filter(calls["messages"].list.first().struct.field("content").str.contains("poison"))
    assert failures["call_id"].to_list() == killer["call_id"].to_list()
    assert failures["failure"][0].startswith("engine_died")
    assert answers.height == 40
    assert starts(tmp_path) == answer.statistics.engine_starts <= 3
    assert (answer.statistics.answered, answer.statistics.failed) == (39, 1)
    assert answer.log.statistics()["duplicate"].sum() == 0
    assert not list((tmp_path / "work").iterdir())
    # A failure of the engine is no answer: the next run wants it again.
    assert answer.log.missing(calls)["call_id"].to_list() == killer["call_id"].to_list()


def test_an_engine_that_keeps_dying_fails_the_step_and_names_what_is_kept(answerer, wanted, tmp_path):
    answer = answerer("error", rebuilds=1)
    calls = wanted(40, answer.binding, marked=tuple(range(30, 40)))
    with pytest.raises(AnsweringError, match=r"(?s)step faults.*died 2 times") as caught:
        answer(calls)
    assert starts(tmp_path) == 2
    left = answer.log.missing(calls).height
    assert 0 < left < 40
    assert f"continues with the other {left}" in str(caught.value)


def test_a_worker_that_dies_before_its_first_call_is_not_started_again(answerer, wanted, tmp_path):
    answer = answerer("start")
    with pytest.raises(AnsweringError, match="code 139 before its first call"):
        answer(wanted(5, answer.binding))
    assert starts(tmp_path) == 1


def test_an_engine_without_memory_fails_the_step_with_its_remedy(answerer, wanted, tmp_path):
    answer = answerer("memory")
    with pytest.raises(AnsweringError, match=r"(?s)lower max_model_len.*continues with the other 5"):
        answer(wanted(5, answer.binding))
    assert starts(tmp_path) == 1
