"""Worker processes: every task is done once, wherever it is done."""

import os
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
    pid = os.getpid()
    while pid == os.getpid():
        started.do(sleep_and_tell, 0, 0.0)
        time.sleep(0.05)
        ((_, pid),) = started.finish()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_task_is_done_once_over_several_rounds(workers):
    with processes(workers) as started:
        started.prepare(os.getpid)
        for tasks in (3, 0, 11, 1):
            done = [pair for number in range(tasks) for pair in started.do(sleep_and_tell, number, 0.01)]
            done += started.finish()
            assert Counter(number for number, _ in done) == Counter(range(tasks))


def test_tasks_that_wait_for_a_busy_process_are_taken_back():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        for number in range(3):
            assert started.do(sleep_and_tell, number, 0.5) == []
        by = Counter(pid for _, pid in started.finish())
        assert by[os.getpid()] >= 1
        assert by.total() == 3


def test_an_error_of_a_task_is_told_wherever_it_was_done():
    with processes(2) as started:
        started.prepare(os.getpid)
        wait_for_the_other(started)
        started.do(fail, 1)
        with pytest.raises(ValueError, match="task 1 fails"):
            started.finish()
