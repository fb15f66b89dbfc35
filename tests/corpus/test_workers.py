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
