"""The worker: answers wanted calls that the call log lacks.

It is a program of its own, so that an engine's memory is given back when it ends, and so that a crash of the engine
ends the worker and nothing else. `answering` starts it; it can be started by hand as well.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from xl_assets.generation.binding import BindingError, ModelBinding
from xl_assets.generation.calls import WANTED, call_address
from xl_assets.generation.journal import (
    BAD_INPUT,
    ENGINE_DIED,
    ENGINE_UNUSABLE,
    FINISHED,
    STOPPED,
    Journal,
    Outcome,
)
from xl_assets.generation.progress import Progress, Tally

if TYPE_CHECKING:
    from resources.call_log import Appended, CallLog, Source
    from resources.engines import Engine

#: Set by the program that started the worker: the worker ends when that program does.
PARENT_VARIABLE = "XL_WORKER_PARENT"
PR_SET_PDEATHSIG = 1
#: Appends after which small files are merged while the worker still runs.
COMPACT_EVERY = 256

program = typer.Typer(add_completion=False)


class WantedError(ValueError):
    """The file of wanted calls is not one."""


@program.command()
def main(
    wanted: Annotated[Path, typer.Option(help="Parquet file of wanted calls: what plan_calls made, one row a call.")],
    binding: Annotated[Path, typer.Option(help="JSON file of the model binding (ModelBinding.to_json).")],
    log: Annotated[str, typer.Option(help="Call log: folder or object-store address of its Delta table.")],
    run_id: Annotated[str, typer.Option(help="Recorded beside every answer.")] = "by_hand",
    journal: Annotated[
        Path | None, typer.Option(help="Folder for in_flight.json (calls being worked on) and outcome-1.json.")
    ] = None,
    suspects: Annotated[
        Path | None,
        typer.Option(help="JSON list of call ids that may have killed an engine: answered last, one at a time."),
    ] = None,
    follow: Annotated[
        float,
        typer.Option(
            help="Seconds to wait with the engine running for wanted-2.parquet, wanted-3.parquet, ... "
            "in the journal folder; a file `end` there ends the wait."
        ),
    ] = 0.0,
) -> None:
    """Answer every wanted call that the call log has no answer for.

    Starts the engine once, or not at all where nothing is missing. Finished batches are appended as they come, each
    whole or not at all, so the same command after a crash does only what is left. SIGTERM and Ctrl-C end it after
    appending what is finished. Credentials of an object store come from the environment (AWS_ACCESS_KEY_ID, ...), a
    server's key from the variable that the binding names.

    Exit codes: 0 every call was tried; 2 bad input; 3 the engine or server can't be used; 4 the engine died while it
    ran (run again: the log keeps what is finished); 5 stopped by a signal.

    Example: python -m xl_assets.generation.worker --wanted calls.parquet --binding teacher.json --log lake/call_log
    """
    die_with_parent()
    files = Journal(journal, follow)
    outcome = Outcome(BAD_INPUT)
    try:
        bound = ModelBinding.from_json(_text(binding))
        with _dagster() as tell, Progress(f"{bound.role}: {bound.name}", tell) as progress:
            stopped: list[int] = []
            with closing(Worker(bound, log, run_id, files, progress, stopped)) as worker:
                for path in files.jobs(wanted, stopped):
                    outcome = worker.answer(read_wanted(path, bound), _ids(suspects))
                    files.outcome(outcome)
                    if outcome.code != FINISHED:
                        break
    except (BindingError, WantedError, OSError) as error:
        outcome = Outcome(BAD_INPUT, str(error))
        files.outcome(outcome)
    if outcome.message:
        print(outcome.message, file=sys.stderr, flush=True)
    raise typer.Exit(outcome.code)


def read_wanted(path: Path, binding: ModelBinding) -> pl.DataFrame:
    """Read wanted calls and make sure that they are what they say and meant for this model.

    Raises:
        WantedError: not a Parquet file, columns are missing, an address doesn't fit its call, or the calls were
            planned for another model than the binding's.
    """
    try:
        frame = pl.read_parquet(path, columns=list(WANTED)).cast(pl.Schema(WANTED))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WantedError(f"{path} is no file of wanted calls (Parquet with {', '.join(WANTED)}): {error}") from error
    if frame.select((call_address() != pl.col("call_id")).any()).item():
        raise WantedError(f"{path}: call_id is not the address of its call; write the file from plan_calls again")
    fingerprint = binding.fingerprint()
    if not frame.filter(pl.col("model_fingerprint") != fingerprint).is_empty():
        raise WantedError(
            f"{path}: calls were planned for another model than role {binding.role} is bound to now. "
            "Plan again: the model's files, adapter or revision changed"
        )
    return frame.unique("call_id", keep="first", maintain_order=True)


def answer_calls(
    wanted: pl.DataFrame,
    engine: "Engine",
    log: "CallLog",
    source: "Callable[[str], Source]",
    progress: Progress,
    tally: Tally,
    admitted: Callable | None = None,
    suspects: frozenset[str] = frozenset(),
) -> None:
    """Run wanted calls through an engine and append each finished batch.

    Args:
        wanted: columns ``WANTED``, all missing from the log.
        engine: as `resources.engines.open_engine` gives it.
        log: the call log.
        source: makes the `Source` of a batch from the engine's version.
        progress: is shown every batch.
        tally: counts what was done.
        admitted: told which calls are in flight.
        suspects: calls that are answered after all others, one at a time.
    """
    tally.wanted = wanted.height
    began = then = time.monotonic()
    for appends, answers in enumerate(_batches(wanted, engine, admitted, suspects), start=1):
        calls = wanted.join(answers, on="call_id", how="semi")
        done = log.append(calls, answers, source(engine.version), time.monotonic() - then)
        then = time.monotonic()
        tally.seconds = then - began
        _count(tally, done, answers)
        progress.show(tally)
        if appends % COMPACT_EVERY == 0:
            log.compact()
    progress.show(tally, last=True)


def _count(tally: Tally, done: "Appended", answers: pl.DataFrame) -> None:
    tally.answered += done.answered
    tally.failed += done.failed
    tally.duplicate += done.duplicate
    tally.prompt_tokens += int(answers["prompt_tokens"].sum())
    tally.completion_tokens += int(answers["completion_tokens"].sum())
    for reason in answers["failure"].drop_nulls().str.split(":").list.first():
        tally.failures[reason] = tally.failures.get(reason, 0) + 1


def die_with_parent() -> None:
    """End this process when the one that started it is gone, even by kill -9 (Linux; elsewhere nothing happens)."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the line above
        raise typer.Exit(STOPPED)


class Worker:
    """One engine, started when the first call needs it, and the log that its answers go to."""

    def __init__(
        self,
        binding: ModelBinding,
        uri: str,
        run_id: str,
        journal: Journal,
        progress: Progress,
        stopped: list[int],
    ) -> None:
        self._binding, self._uri, self._run_id = binding, uri, run_id
        self._journal, self._progress, self._stopped = journal, progress, stopped
        self._engine: Engine | None = None

    def answer(self, wanted: pl.DataFrame, suspects: frozenset[str]) -> Outcome:
        """Answer what the log lacks; never raises what an engine, a server or the log may do."""
        from resources.call_log import CallLog, CallLogError
        from resources.engines import EngineDied, EngineError

        tally, role = Tally(), self._binding.role
        try:
            log = CallLog(self._uri)
            missing = log.missing(wanted)
            self._progress.say(f"{role}: {wanted.height} calls wanted, {missing.height} to answer")
            if not missing.is_empty():
                admitted = self._journal.in_flight
                answer_calls(missing, self._ready(), log, self._source, self._progress, tally, admitted, suspects)
                log.compact()
        except EngineDied as error:
            code = STOPPED if self._stopped else ENGINE_DIED
            return Outcome(code, f"{error}. {_kept(tally)}", tally, error.in_flight)
        except (EngineError, CallLogError, BindingError) as error:
            return Outcome(ENGINE_UNUSABLE, f"{error}\n{_kept(tally)}", tally)
        if self._stopped:
            return Outcome(STOPPED, f"stopped by signal {self._stopped[0]}. {_kept(tally)}", tally)
        return self._judge(tally)

    def close(self) -> None:
        """End the engine, if one was started."""
        if self._engine is not None:
            self._engine.close()

    def _ready(self) -> "Engine":
        from resources import engines

        if self._engine is None:
            self._engine = engines.open_engine(self._binding)
            _on_signal(self._engine, self._stopped)
            self._progress.say(f"{self._binding.role}: {self._engine.version} is ready with {self._binding.name}")
        return self._engine

    def _source(self, version: str) -> "Source":
        from resources.call_log import Source

        return Source(self._binding.role, self._binding.name, self._binding.engine, version, self._run_id)

    def _judge(self, tally: Tally) -> Outcome:
        """A server that answered nothing at all is an error; single failures among answers are not."""
        from resources.engines.faults import is_server_fault, server_remedy

        if tally.answered or not tally.failures or not all(map(is_server_fault, tally.failures)):
            return Outcome(FINISHED, tally=tally)
        worst = max(tally.failures, key=lambda reason: tally.failures[reason])
        where = self._binding.transport.base_url
        message = f"no call was answered by {where} ({tally.failures}). {server_remedy(worst)}"
        return Outcome(ENGINE_UNUSABLE, message, tally)


def _batches(
    wanted: pl.DataFrame, engine: "Engine", admitted: Callable | None, suspects: frozenset[str]
) -> Iterator[pl.DataFrame]:
    suspected = pl.col("call_id").is_in(list(suspects))
    yield from engine.complete(wanted.filter(~suspected), admitted)
    for call in wanted.filter(suspected).iter_slices(1):
        yield from engine.complete(call, admitted)


def _on_signal(engine: "Engine", stopped: list[int]) -> None:
    """Stop gently at the first signal; the second one ends the process as usual."""

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        engine.stop()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


@contextmanager
def _dagster() -> Iterator[Callable[[str], None] | None]:
    """Where lines go: to Dagster if it launched this process through Pipes, else None."""
    launched = "DAGSTER_PIPES_CONTEXT" in os.environ
    if launched:
        from dagster_pipes import open_dagster_pipes
    with open_dagster_pipes() if launched else nullcontext() as pipes:
        yield pipes.log.info if pipes is not None else None


def _kept(tally: Tally) -> str:
    return f"{tally.answered} of {tally.wanted} calls are answered and kept; the same command continues with the rest"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BindingError(f"the binding {path} can't be read: {error}") from error


def _ids(path: Path | None) -> frozenset[str]:
    return frozenset(json.loads(path.read_text(encoding="utf-8"))) if path else frozenset()


if __name__ == "__main__":
    program()
