"""CPU seconds, wall seconds and peak memory of a command with all its children; figures as a table and JSON lines."""

import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        cpu: user and system seconds, of it and all its children.
        wall: seconds.
        peak: greatest sum of resident bytes, looked at 20 times a second; 0 where it was not asked for.
        peak_shared_once: the same, but what processes may share, the pages of libraries above all, counts once: how
            much of these is mapped hangs on the state of the page cache.
        out: what it wrote to standard output.
    """

    cpu: float
    wall: float
    peak: int
    peak_shared_once: int
    out: str


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark; `ratio` says how many times better than `baseline` the value is."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None


def measured(
    command: Sequence[str], cores: Sequence[int] | None = None, memory: bool = True, **environment: str
) -> Usage:
    """Run a command, on the given cores only.

    Args:
        command: and its arguments.
        cores: numbers of the cores; None for all.
        memory: whether its memory is looked at, which takes 4 % of a core: not where the wall time of processes on all
            cores counts.
        environment: variables to set.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    # What was written before, by corpora being made or by another tool, reaches the disk now and not on its time.
    os.sync()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    bound = ["taskset", "-c", ",".join(map(str, cores)), *command] if cores else list(command)
    process = subprocess.Popen(
        bound, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    watch = _Watch(process.pid, memory)
    out, err = process.communicate()
    wall = time.monotonic() - began
    watch.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{err[-2000:]}")
    return Usage(
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, watch.peak, watch.shared_once, out
    )


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print a table, then one JSON line a figure."""
    table = Table("figure", "value", "unit", "baseline", "ratio", title=title)
    for figure in figures:
        table.add_row(figure.name, _short(figure.value), figure.unit, _short(figure.baseline), _short(figure.ratio))
    Console(width=120).print(table)
    for figure in figures:
        print(json.dumps(asdict(figure)), flush=True)


def paired(name: str, unit: str, ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """A figure from runs in pairs, lower is better: medians, and the median of the pairs' ratios."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return Figure(name, round(median(ours), 3), unit, round(median(theirs), 3), round(median(ratios), 2))


def last_json(text: str) -> Mapping[str, object]:
    """The last line of a command's output that is a JSON object."""
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


class _Watch(threading.Thread):
    def __init__(self, pid: int, wanted: bool) -> None:
        super().__init__(daemon=True)
        self._pid, self._stopped = pid, threading.Event()
        self.peak = self.shared_once = 0
        if not wanted:
            self._stopped.set()
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(0.05):
            try:
                root = psutil.Process(self._pid)
                family = [root, *root.children(recursive=True)]
                used = [process.memory_info() for process in family]
                own = sum(memory.rss - memory.shared for memory in used)
                self.peak = max(self.peak, sum(memory.rss for memory in used))
                self.shared_once = max(self.shared_once, own + max(memory.shared for memory in used))
            except psutil.Error:
                continue

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
