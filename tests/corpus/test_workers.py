"""Worker processes: every task is done once, wherever it is done."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from xl_assets.corpus.workers import Workers, processes


def sleep_and_tell(number: int, seconds: float) -> tuple[int, int]:
    time.sleep(seconds)
    return number, os.getpid()


def fail(number: int) -> int:
    raise ValueError(f"task {number} fails")


def wait_for_the_other(started: Workers) -> None:
    """Give it tasks until it takes one: it needs a moment to start."""
    pids = [os.getpid()]
    while pids[-1] == os.getpid():
        started.do(sleep_and_tell, 0, 0.0, then=lambda told: pids.append(told[1]))
        time.sleep(0.05)
        started.finish()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_task_is_done_once_over_several_rounds(workers):
    with processes(workers) as started:
        started.prepare(os.getpid)
        for tasks in (3, 0, 11, 1):
            done: list[tuple[int, int]] = []
            for number in range(tasks):
                started.do(sleep_and_tell, number, 0.01, then=done.append)
            started.finish()
            assert Counter(number for number, _ in done) == Counter(range(tasks))


def test_tasks_that_wait_for_a_busy_process_are_taken_back():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        done: list[tuple[int, int]] = []
        for number in range(3):
            started.do(sleep_and_tell, number, 0.5, then=done.append)
        assert not done
        started.finish()
        by = Counter(pid for _, pid in done)
        assert by[os.getpid()] >= 1
        assert by.total() == 3


def test_what_is_begun_elsewhere_is_not_waited_for_until_it_is_asked_for():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        done: list[tuple[int, int]] = []
        started.do(sleep_and_tell, 0, 1.0, then=done.append)
        time.sleep(0.3)
        for number in (1, 2):
            started.do(sleep_and_tell, number, 0.0, then=done.append)
        started.take_back()
        assert done == [(2, os.getpid()), (1, os.getpid())]
        # Their places are not free yet: more tasks than there are places do not get in each other's way.
        for number in range(3, 12):
            started.do(sleep_and_tell, number, 0.0, then=done.append)
        started.finish()
        assert sorted(number for number, _ in done) == list(range(12))
        assert (0, os.getpid()) not in done


def test_what_waits_is_done_here_until_it_is_enough():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        done: list[int] = []
        for number in range(4):
            started.do(sleep_and_tell, number, 0.4, then=lambda told: done.append(told[0]))
        started.finish(enough=lambda: 3 in done)
        assert 3 in done
        assert len(done) < 4
        started.finish()
        assert sorted(done) == [0, 1, 2, 3]


def test_an_error_of_a_task_is_told_wherever_it_was_done():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        started.do(fail, 1)
        with pytest.raises(ValueError, match="task 1 fails"):
            started.finish()


DYING = """
import os, time
from xl_assets.corpus.workers import processes

def die_or_wait(number):
    time.sleep(1)
    if number == 0:
        os._exit(7)

if __name__ == "__main__":
    with processes(3) as started:
        started.prepare(os.getpid)
        # Both others are there once they wait for nothing.
        time.sleep(3)
        for number in (0, 1):
            started.do(die_or_wait, number)
        time.sleep(0.3)
        for _ in range(12):
            started.do(time.sleep, 0.2)
        started.finish()
"""


def test_a_process_that_dies_while_tasks_are_taken_back_is_told_and_nobody_waits_for_the_others(tmp_path):
    (tmp_path / "dying.py").write_text(DYING)
    command = [sys.executable, str(tmp_path / "dying.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "CorpusError: a worker process died" in ended.stderr.splitlines()[-1]
    assert "InvalidStateError" not in ended.stderr
