"""kill -9 in the middle of `xl corpus clean`: the same command goes on, and the folder is that of an unbroken run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.corpus.made_up import decisions, digests, write_corpus

#: The command with small batches that say when they are judged, each after a pause: so there is a middle to be
#: killed in. A script of its own, because its worker processes run it too.
_SLOW = """
import os, sys, time
from dataclasses import replace
import xl_assets.corpus.cleaning as cleaning
judge, read = cleaning.judge_batch, cleaning.read_corpus
def slowly(documents, *rest):
    time.sleep(float(os.environ["PAUSE"]))
    print("judged", documents["line"].min(), file=sys.stderr, flush=True)
    return judge(documents, *rest)
cleaning.judge_batch = slowly
cleaning.read_corpus = lambda inputs, options: read(inputs, replace(options, batch_rows=10))
if __name__ == "__main__":
    from xl_assets.cli import app
    app()
"""


class World(NamedTuple):
    """A corpus, the folder that an unbroken run made of it, what that run said, and the command's script."""

    corpus: Path
    whole: Path
    log: Path
    script: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("killed")
    made = World(folder / "mixed.jsonl", folder / "whole", folder / "whole.log", folder / "slow.py")
    write_corpus(made.corpus)
    made.script.write_text(_SLOW)
    assert begin(made, made.whole, made.log, 0, 1).wait() == 0
    return made


def begin(world: World, out: Path, log: Path, pause: float, workers: int) -> subprocess.Popen:
    """Start `xl corpus clean` in a process group of its own; it tells in `log` which batches it judges."""
    command = ["corpus", "clean", str(world.corpus), "--out", str(out), "--workers", str(workers), "--json"]
    with log.open("a") as stream:
        return subprocess.Popen(
            [sys.executable, str(world.script), *command],
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env={**os.environ, "PAUSE": str(pause), "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )


def judged(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith("judged")]


def finished_batches(out: Path) -> set[str]:
    return {file.stem for file in (out / ".work" / "decisions").glob("*.parquet") if not file.name.startswith(".")}


def kill_when(process: subprocess.Popen, ready: Callable[[], bool], pause: float = 0.02) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < deadline, "nothing was finished within 120 s"
        time.sleep(pause)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_command_goes_on_where_it_was_and_ends_with_the_same_bytes(world, tmp_path, workers):
    broken = tmp_path / "broken"
    process = begin(world, broken, tmp_path / "killed.log", 0.3, workers)
    kill_when(process, lambda: len(finished_batches(broken)) >= 3)
    time.sleep(0.5)  # a worker that outlived the kill would still be writing
    before = finished_batches(broken)
    assert not (broken / "decisions.parquet").exists()

    assert begin(world, broken, tmp_path / "again.log", 0, workers).wait() == 0
    assert digests(broken) == digests(world.whole)
    assert (broken / "configuration.json").read_bytes() == (world.whole / "configuration.json").read_bytes()
    assert sorted(path.name for path in broken.iterdir()) == sorted(path.name for path in world.whole.iterdir())
    # Of all batches, those that were finished are not judged again.
    assert len(judged(tmp_path / "again.log")) == len(judged(world.log)) - len(before) > 0
    assert decisions(broken).height == len(world.corpus.read_text().splitlines())


def test_a_command_killed_after_its_last_batch_judges_nothing_again(world, tmp_path):
    broken, batches = tmp_path / "broken", len(judged(world.log))
    process = begin(world, broken, tmp_path / "killed.log", 0, 1)
    # Comparing and writing take far longer than the time between two looks.
    kill_when(process, lambda: len(finished_batches(broken)) == batches, pause=0.002)
    assert begin(world, broken, tmp_path / "again.log", 0, 1).wait() == 0
    assert judged(tmp_path / "again.log") == []
    assert digests(broken) == digests(world.whole)
