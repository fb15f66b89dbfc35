"""A batch at a time to as many processes as there are cores, with a bound on what waits.

This process works too: it takes a task itself whenever the others have enough to do. So n workers are n - 1
processes beside this one, which saves the start and the memory of one.
"""

import atexit
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from typing import Any

from xl_assets.corpus.errors import CorpusError
from xl_assets.corpus.starting import short_start

#: Threads of a worker's libraries: one process a core is all that the machine needs.
_SINGLE = dict.fromkeys(("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")

#: Tasks that wait for each process beside the one that it does.
_WAITING = 8

PR_SET_PDEATHSIG = 1

#: Seconds to wait for a lock that is held for microseconds, unless its holder was killed just then.
_STUCK = 5

Task = Callable[..., Any]
Then = Callable[[Any], None]
Enough = Callable[[], bool]


class _Claims:
    """Who does a task: whoever claims it first, the process that it was sent to or this one, taking it back.

    An executor can't be asked: it calls a task running as soon as it lies in the pipe to a process that is busy.
    """

    def __init__(self, context: SpawnContext, places: int) -> None:
        self._lock = context.Lock()
        self._taken = context.RawArray("b", places)

    def claim(self, place: int) -> bool:
        """Whether the caller shall do the task at this place."""
        if not self._lock.acquire(timeout=_STUCK):
            return False
        free = not self._taken[place]
        self._taken[place] = True
        self._lock.release()
        return free

    def renew(self, place: int) -> None:
        """Let a place be claimed for another task; nobody may hold the old one."""
        self._taken[place] = False


#: In a worker process: the claims that it shares with its parent.
_shared: _Claims

#: In the parent: all that it ever made, a few bytes each. Processes that were told to end pass over what was taken back
#: before they do, and memory given back in the meantime would be that of the next claims.
_kept: list[_Claims] = []


def _nothing(result: Any) -> None:
    """What is done with a result, where nothing is."""


def _never() -> bool:
    return False


@dataclass(eq=False)
class _Sent:
    """A task that was sent elsewhere; its place is free when its future is done, even if it was taken back."""

    place: int
    future: Future
    task: Task
    arguments: Sequence[Any]
    then: Then

    def do(self) -> None:
        """Do it here after all; the process that it was sent to will find it claimed."""
        self.then(self.task(*self.arguments))

    def end(self) -> None:
        """Wait for the process that it was sent to."""
        try:
            result = self.future.result()
        except BrokenProcessPool as error:
            raise _died() from error
        self.then(result)


class Workers:
    """Runs tasks here and elsewhere; see `processes`.

    Args:
        others: processes beside this one.
        module: that these import while this process does what it has to before the first task.
        cores: of each of these, to stay on; empty leaves that to the system.
    """

    def __init__(self, others: int = 0, module: str = "", cores: Sequence[int] = ()) -> None:
        self._others, places = others, others * (1 + _WAITING)
        self._sent: deque[_Sent] = deque()
        # Never cancelled: of a cancelled future and a process that dies the executor makes an error of its own, and
        # leaves the other processes waiting for ever.
        self._taken_back: list[_Sent] = []
        self._free = list(range(places))
        self._pool: ProcessPoolExecutor | None = None
        if others:
            context = get_context("spawn")
            self._orders: SimpleQueue = context.SimpleQueue()
            self._claims = _Claims(context, places)
            _kept.append(self._claims)
            seats = context.SimpleQueue()
            for number in range(others):
                seats.put(cores[number] if cores else None)
            self._pool = ProcessPoolExecutor(
                others,
                context,
                initializer=_begin,
                initargs=(os.getpid(), module, seats, self._orders, self._claims),
            )
            # A task starts a process.
            for _ in range(others):
                self._pool.submit(os.getpid)

    def prepare(self, prepare: Task, *arguments: Any) -> None:
        """Have something called once in every process, this one included, before its first task."""
        for _ in range(self._others):
            self._orders.put((prepare, arguments))
        self._others = 0
        prepare(*arguments)

    def close(self) -> None:
        """End the other processes."""
        for _ in range(self._others):
            self._orders.put(None)
        if self._pool is not None:
            # Their ends take a third of a second, in which this process goes on.
            self._pool.shutdown(wait=False, cancel_futures=True)

    def do(self, task: Task, *arguments: Any, send: Task | None = None, then: Then = _nothing) -> None:
        """Do a task now or later, here or elsewhere.

        Args:
            task: a function of a module.
            arguments: its own.
            send: given the arguments, gives those to send where the task is to be done elsewhere; default: they
                themselves. It gets those here, too, if it is taken back.
            then: called here with the task's result, at the next call of a method after its end.
        """
        while self._sent and self._sent[0].future.done():
            self._end_first()
        for passed in [sent for sent in self._taken_back if sent.future.done()]:
            self._taken_back.remove(passed)
            self._free.append(passed.place)
        if self._pool is None or not self._free:
            then(task(*arguments))
            return
        sent = send(*arguments) if send else arguments
        place = self._free.pop()
        self._claims.renew(place)
        try:
            # As it was sent, so that what was written to a file to be sent is not held in memory, too.
            self._sent.append(_Sent(place, self._pool.submit(_run, place, task, sent), task, sent, then))
        except BrokenProcessPool as error:
            raise _died() from error

    def take_back(self, enough: Enough = _never) -> None:
        """Do here what has not begun elsewhere, the last one first, until there is none or it is enough."""
        for sent in reversed(tuple(self._sent)):
            if enough():
                return
            if self._claims.claim(sent.place):
                self._sent.remove(sent)
                self._taken_back.append(sent)
                sent.do()

    def finish(self, enough: Enough = _never) -> None:
        """Take back what has not begun elsewhere, and wait for the rest, until all is done or it is enough."""
        self.take_back(enough)
        while self._sent and not enough():
            self._end_first()

    def _end_first(self) -> None:
        sent = self._sent.popleft()
        sent.end()
        self._free.append(sent.place)


@contextmanager
def processes(workers: int, module: str = "", own_cores: bool = False) -> Iterator[Workers]:
    """Start worker processes and end them.

    Args:
        workers: processes, this one included; 0 is the same as 1.
        module: that the others import at once.
        own_cores: whether each process, this one too, stays on a core where there is one for each: else the threads of
            one wake up on the core of another, and both wait. For a process that does nothing else afterwards.
    """
    cores = sorted(os.sched_getaffinity(0)) if own_cores and hasattr(os, "sched_getaffinity") else []
    if not 1 < workers == len(cores):
        cores = []
    with _single_threaded():
        started = Workers(max(workers, 1) - 1, module, cores[1:])
        if cores:
            os.sched_setaffinity(0, cores[:1])
        try:
            yield started
        finally:
            started.close()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """The environment that new processes get; libraries read it when they are imported."""
    before = {name: os.environ.get(name) for name in _SINGLE}
    os.environ.update(_SINGLE)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _begin(parent: int, module: str, seats: SimpleQueue, orders: SimpleQueue, claims: _Claims) -> None:
    global _shared
    _shared = claims
    # Ctrl-C is the parent's to handle, and after kill -9 of the parent nobody waits for results.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # Before anything starts threads: they inherit it.
    if (core := seats.get()) is not None:
        os.sched_setaffinity(0, [core])
    if module:
        with short_start():
            import_module(module)
    if (ordered := orders.get()) is not None:
        prepare, arguments = ordered
        prepare(*arguments)
    # All files are closed by then, and to take the libraries apart would cost a third of a second.
    atexit.register(os._exit, 0)


def _run(place: int, task: Task, arguments: Sequence[Any]) -> Any:
    return task(*arguments) if _shared.claim(place) else None


def _died() -> CorpusError:
    return CorpusError(
        "a worker process died, perhaps for lack of memory. Finished batches are kept: give the same command again, "
        "with fewer --workers if memory is short"
    )
