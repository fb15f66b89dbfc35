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
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from xl_assets.generation.binding import BindingError, ModelBinding
from xl_assets.generation.calls import WANTED, call_address
from xl_assets.generation.progress import Progress, Tally

if TYPE_CHECKING:
    from resources.call_log import Appended, CallLog, Source
    from resources.engines import Engine

FINISHED, BAD_INPUT, ENGINE_UNUSABLE, ENGINE_DIED, STOPPED = 0, 2, 3, 4, 5
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
        Path | None, typer.Option(help="Folder for in_flight.json (calls being worked on) and outcome.json.")
    ] = None,
    suspects: Annotated[
        Path | None,
        typer.Option(help="JSON list of call ids that may have killed an engine: answered last, one at a time."),
    ] = None,
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
    paths = _Journal(journal)
    try:
        bound = ModelBinding.from_json(_text(binding))
        code, message, in_flight, tally = _work(read_wanted(wanted, bound), bound, log, run_id, paths, _ids(suspects))
    except (BindingError, WantedError, OSError) as error:
        code, message, in_flight, tally = BAD_INPUT, str(error), [], Tally()
    paths.outcome(code, message, in_flight, tally)
    if message:
        print(message, file=sys.stderr, flush=True)
    raise typer.Exit(code)


def read_wanted(path: Path, binding: ModelBinding) -> pl.DataFrame:
    """Read wanted calls and make sure that they are what they say and meant for this model.

    Raises:
        WantedError: not a Parquet file, columns are missing, an address doesn't fit its call, or the calls were
            planned for another model than the binding's.
    """
    try:
        frame = pl.read_parquet(path, columns=list(WANTED)).cast(WANTED)
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


def _work(
    wanted: pl.DataFrame,
    binding: ModelBinding,
    uri: str,
    run_id: str,
    journal: "_Journal",
    suspects: frozenset[str],
) -> tuple[int, str, list[str], Tally]:
    from resources.call_log import CallLog, CallLogError, Source
    from resources.engines import EngineDied, EngineError, open_engine
    from resources.engines.faults import is_server_fault, server_remedy

    tally = Tally()
    stopped: list[int] = []
    with _dagster() as tell, Progress(f"{binding.role}: {binding.name}", tell) as progress:
        try:
            log = CallLog(uri)
            missing = log.missing(wanted)
            progress.say(f"{binding.role}: {wanted.height} calls wanted, {missing.height} to answer")
            if missing.is_empty():
                return FINISHED, "", [], tally
            engine = open_engine(binding)
            progress.say(f"{binding.role}: {engine.version} is ready with {binding.name}")
            _on_signal(engine, stopped)

            def source(version: str) -> Source:
                return Source(binding.role, binding.name, binding.engine, version, run_id)

            try:
                answer_calls(missing, engine, log, source, progress, tally, journal.in_flight, suspects)
            except EngineDied as error:
                code = STOPPED if stopped else ENGINE_DIED
                return code, f"{error}. {_kept(tally)}", error.in_flight, tally
            finally:
                engine.close()
            log.compact()
        except (EngineError, CallLogError, BindingError) as error:
            return ENGINE_UNUSABLE, f"{error}\n{_kept(tally)}", [], tally
    if stopped:
        return STOPPED, f"stopped by signal {stopped[0]}. {_kept(tally)}", [], tally
    if not tally.answered and tally.failures and all(map(is_server_fault, tally.failures)):
        worst = max(tally.failures, key=lambda reason: tally.failures[reason])
        where = binding.transport.base_url
        return ENGINE_UNUSABLE, f"no call was answered by {where} ({tally.failures}). {server_remedy(worst)}", [], tally
    return FINISHED, "", [], tally


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


class _Journal:
    """Small files that tell the starter how it went, even after a crash."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def in_flight(self, call_ids: list[str]) -> None:
        self._write("in_flight.json", call_ids)

    def outcome(self, code: int, message: str, in_flight: list[str], tally: Tally) -> None:
        self._write("outcome.json", {"code": code, "message": message, "in_flight": in_flight, **vars(tally)})

    def _write(self, name: str, value: object) -> None:
        if self._folder is None:
            return
        aside = self._folder / f".{name}"
        aside.write_text(json.dumps(value), encoding="utf-8")
        aside.replace(self._folder / name)


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
