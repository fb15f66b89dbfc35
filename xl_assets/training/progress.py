"""Telling how a training goes: to Dagster where it launched us, else to the terminal."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xl_assets.training.fit import Progress, Report

#: Seconds between two lines where there is no bar that redraws itself.
PAUSE = 10.0


@contextmanager
def reporting() -> Iterator[Report]:
    """A reporter for this process: Dagster Pipes, a progress bar, or a line now and then on stderr."""
    if launched_by_dagster():
        from dagster_pipes import open_dagster_pipes

        with open_dagster_pipes() as pipes:
            yield _now_and_then(pipes.log.info)
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _now_and_then(lambda line: print(line, file=sys.stderr, flush=True))


def launched_by_dagster() -> bool:
    """Whether the environment says that Dagster Pipes started this process."""
    return "DAGSTER_PIPES_CONTEXT" in os.environ


def describe(progress: Progress) -> str:
    """One line, e.g. ``step 40/282, epoch 0.43, loss 1.204, 1.9 steps/s, 2:07 to go``."""
    minutes, seconds = divmod(round(progress.remaining()), 60)
    pace = (progress.step - progress.started_at) / max(progress.seconds, 1e-9)
    return (
        f"step {progress.step}/{progress.steps}, epoch {progress.epoch:.2f}, loss {progress.loss:.4f}, "
        f"{pace:.1f} steps/s, {minutes}:{seconds:02d} to go"
    )


def _now_and_then(say: Callable[[str], None]) -> Report:
    said_at = [-PAUSE]

    def report(progress: Progress) -> None:
        if progress.step == progress.steps or time.monotonic() - said_at[0] >= PAUSE:
            said_at[0] = time.monotonic()
            say(describe(progress))

    return report


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("fine-tuning", total=None)
        yield lambda p: bar.update(task, completed=p.step, total=p.steps, description=describe(p))
