"""Answering: what the log lacks is answered by a worker, then the log is read.

`make_answer` gives the callable that `complete_rows` and the recipes take. Where nothing is missing no process is
started. An engine that dies is started again a bounded number of times; calls that it was working on are then tried
one at a time, so that a call which kills the engine is found, recorded as failed and left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from xl_assets.generation.binding import BindingError, ModelBinding
from xl_assets.generation.calls import ANSWER, WANTED
from xl_assets.generation.journal import BAD_INPUT, ENGINE_UNUSABLE, FINISHED, STOPPED
from xl_assets.generation.worker_process import Launch, WorkerProcess, launch_subprocess

if TYPE_CHECKING:
    from resources.call_log import CallLog


class AnsweringError(RuntimeError):
    """Calls could not be answered; the message says why, what is finished and how to go on."""


@dataclass
class Statistics:
    """What answering cost, summed over all attempts and steps of one `Answerer`.

    `wanted` calls = `reused` (the log had an answer) + made now (`answered` + `failed`, those of the last try).
    `seconds` and tokens are of this run's workers; `engine_starts` counts their starts.
    """

    wanted: int = 0
    reused: int = 0
    answered: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    engine_starts: int = 0
    cost: float = 0.0
    failures: dict[str, int] = field(default_factory=dict)

    def metadata(self) -> dict[str, int | float]:
        """Numbers for an asset's metadata."""
        rate = self.completion_tokens / self.seconds if self.seconds else 0.0
        numbers = {f"calls_{name}": getattr(self, name) for name in ("wanted", "reused", "answered", "failed")}
        rest = {name: getattr(self, name) for name in ("prompt_tokens", "completion_tokens", "engine_starts", "cost")}
        return {**numbers, **rest, "generation_seconds": round(self.seconds, 3), "tokens_per_second": round(rate, 1)}


@dataclass
class Answerer:
    """Callable of wanted calls (``WANTED``) that returns what the log holds for them afterwards (``ANSWER``).

    Raises when called:
        BindingError: the calls were planned for another model than the binding's.
        AnsweringError: the engine can't be used, kept dying, or was stopped.
    """

    binding: ModelBinding
    log: "CallLog"
    run_id: str
    work_dir: Path
    launch: Launch
    keep_seconds: float = 0.0
    statistics: Statistics = field(default_factory=Statistics)
    _worker: WorkerProcess | None = field(default=None, repr=False)

    def __enter__(self) -> "Answerer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End a worker that was kept running. Another call would start a new one."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __call__(self, wanted: pl.DataFrame) -> pl.DataFrame:
        wanted = wanted.select(list(WANTED))
        if wanted.is_empty():
            return pl.DataFrame(schema=ANSWER)
        if wanted.select((pl.col("model_fingerprint") != self.binding.fingerprint()).any()).item():
            raise BindingError(f"calls were planned for another model than role {self.binding.role} is bound to")
        missing = self.log.missing(wanted)
        self.statistics.wanted += wanted.height
        self.statistics.reused += wanted.height - missing.height
        if not missing.is_empty():
            self._answer(missing)
        answers = self.log.answers(wanted)
        self._count(missing, answers)
        return answers

    def _answer(self, missing: pl.DataFrame) -> None:
        suspects: set[str] = set()
        poisoned: set[str] = set()
        for _ in range(1 + self.binding.transport.rebuilds):
            outcome = self._ask(missing, suspects)
            if outcome["code"] == FINISHED:
                return
            if outcome["code"] in (BAD_INPUT, ENGINE_UNUSABLE, STOPPED):
                raise AnsweringError(self._explain(outcome["message"], missing))
            missing = self.log.missing(missing).filter(~pl.col("call_id").is_in(list(poisoned)))
            in_flight = set(outcome["in_flight"]) & set(missing["call_id"])
            if len(in_flight) == 1 and in_flight <= suspects:  # alone, and not for the first time: it kills the engine
                self._record_killer(missing.filter(pl.col("call_id").is_in(list(in_flight))), outcome["message"])
                poisoned |= in_flight
                missing = missing.filter(~pl.col("call_id").is_in(list(in_flight)))
            suspects |= in_flight
            if missing.is_empty():
                return
        times = 1 + self.binding.transport.rebuilds
        message = f"the engine died {times} times, lastly: {outcome['message'] or 'without a word'}"
        raise AnsweringError(self._explain(message, missing))

    def _ask(self, missing: pl.DataFrame, suspects: set[str]) -> dict:
        if self._worker is None or not self._worker.alive:
            self.close()
            self._worker = WorkerProcess(
                self.binding, self.log.uri, self.run_id, self.work_dir, self.launch, self.keep_seconds
            )
            self.statistics.engine_starts += 1
        outcome = self._worker.ask(missing, suspects)
        if outcome["code"] != FINISHED:
            self.close()
        self.statistics.seconds += outcome.get("seconds", 0.0)
        return outcome

    def _record_killer(self, call: pl.DataFrame, message: str) -> None:
        from resources.call_log import Source
        from resources.engines.batches import failed

        row = pl.DataFrame([failed(call["call_id"][0], "engine_died", message)], schema=ANSWER)
        source = Source(self.binding.role, self.binding.name, self.binding.engine, "died", self.run_id)
        self.log.append(call, row, source, seconds=0.0)

    def _explain(self, message: str, missing: pl.DataFrame) -> str:
        left = self.log.missing(missing).height
        steps = ", ".join(missing["step"].unique().sort())
        return (
            f"step {steps}, role {self.binding.role} ({self.binding.name}): {message}\n"
            f"{missing.height - left} of {missing.height} calls that were missing are answered and kept in "
            f"{self.log.uri}; running the same command again continues with the other {left}."
        )

    def _count(self, made: pl.DataFrame, answers: pl.DataFrame) -> None:
        now = answers.join(made.select("call_id"), on="call_id", how="semi")
        reasons = now["failure"].drop_nulls().str.split(":").list.first().value_counts().rows()
        totals = self.statistics
        totals.answered += now["failure"].null_count()
        totals.failed += now.height - now["failure"].null_count()
        tokens = int(now["prompt_tokens"].sum()), int(now["completion_tokens"].sum())
        totals.prompt_tokens += tokens[0]
        totals.completion_tokens += tokens[1]
        totals.cost += self.binding.cost(*tokens)
        for reason, count in reasons:
            totals.failures[reason] = totals.failures.get(reason, 0) + count


def make_answer(
    binding: ModelBinding,
    log_uri: str,
    run_id: str,
    work_dir: Path,
    launch: Launch | None = None,
    storage_options: Mapping[str, str] | None = None,
    keep_seconds: float = 0.0,
) -> Answerer:
    """The `answer` of `complete_rows` for one role.

    Args:
        binding: the role's model.
        log_uri: the call log.
        run_id: recorded beside every answer.
        work_dir: for the worker's small files, removed afterwards.
        launch: how the worker is started; None starts a plain subprocess whose progress is passed through.
        storage_options: of the call log, where it is in an object store; a worker takes its own from the environment.
        keep_seconds: how long a worker waits, engine running, for the next calls (a second attempt, say) before it
            ends by itself; use the answerer in a ``with`` or `close` it. 0 ends the worker after each question.

    Raises:
        BindingError: the model can't be used; before any work is done.
    """
    from resources.call_log import CallLog

    log = CallLog(log_uri, storage_options)
    return Answerer(binding.check(), log, run_id, Path(work_dir), launch or launch_subprocess, keep_seconds)
