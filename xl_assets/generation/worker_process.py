"""A worker process as its starter sees it: asked with files, answering with files, alive between questions or not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from threading import Thread

import polars as pl

from xl_assets.generation.binding import ModelBinding
from xl_assets.generation.journal import ENGINE_DIED, ENGINE_UNUSABLE, FINISHED, POLL_SECONDS
from xl_assets.generation.worker import PARENT_VARIABLE

#: Starts a command with extra environment, waits for it and returns its exit code (any but 0 where it failed).
Launch = Callable[[Sequence[str], Mapping[str, str]], int]
#: Seconds that a worker gets to append what is finished when the step is stopped.
PATIENCE = 30.0


class WorkerProcess:
    """One worker, started at the first question.

    Args:
        binding: the model that it runs.
        log_uri, run_id: the call log, and what is recorded beside every answer.
        work_dir: where its folder of small files is made; the folder is removed at the end.
        launch: starts it.
        keep: seconds that it waits, engine running, for another question; 0 ends it after the first.
    """

    def __init__(
        self, binding: ModelBinding, log_uri: str, run_id: str, work_dir: Path, launch: Launch, keep: float
    ) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=work_dir))
        (self._folder / "binding.json").write_text(binding.to_json(), encoding="utf-8")
        self._options = {"--log": log_uri, "--run-id": run_id, "--follow": keep}
        self._launch, self._keep = launch, keep
        self._thread: Thread | None = None
        self._number = 0
        self._code: int | None = None
        self._error: BaseException | None = None

    @property
    def alive(self) -> bool:
        """Whether it can be asked (again)."""
        return self._thread is None or (self._keep > 0 and self._thread.is_alive())

    def ask(self, wanted: pl.DataFrame, suspects: Collection[str] = ()) -> dict:
        """Have calls answered and wait for it.

        Args:
            wanted: columns ``WANTED``.
            suspects: calls to be tried last and one at a time; only the first question may have some.

        Returns:
            The outcome that the worker wrote, or what can be known of its crash: `code`, `message`, `in_flight`,
            and the counts of `Tally` where it wrote them.
        """
        self._number += 1
        aside = self._folder / ".wanted"
        wanted.write_parquet(aside)
        aside.replace(self._folder / f"wanted-{self._number}.parquet")
        try:
            if self._thread is None:
                self._start(suspects)
            outcome = self._wait()
        except BaseException:
            self._terminate()
            raise
        if outcome.get("code") != FINISHED or not self._keep:
            self.close()
        return outcome

    def close(self) -> None:
        """Let it end, and remove its files."""
        if self._thread is not None and self._folder.exists():
            (self._folder / "end").touch()
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                self._terminate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, suspects: Collection[str]) -> None:
        (self._folder / "suspects.json").write_text(json.dumps(sorted(suspects)), encoding="utf-8")
        files = {
            "--wanted": self._folder / "wanted-1.parquet",
            "--binding": self._folder / "binding.json",
            "--suspects": self._folder / "suspects.json",
            "--journal": self._folder,
        }
        flat = [str(part) for option in {**files, **self._options}.items() for part in option]
        command = [sys.executable, "-m", "xl_assets.generation.worker", *flat]

        def run() -> None:
            try:
                self._code = self._launch(command, {PARENT_VARIABLE: str(os.getpid())})
            except BaseException as error:
                self._error = error

        # Kept as long as the worker: Linux tells the worker of its parent's death when this very thread ends.
        self._thread = Thread(target=run, name="worker", daemon=True)
        self._thread.start()

    def _wait(self) -> dict:
        assert self._thread is not None
        path = self._folder / f"outcome-{self._number}.json"
        while not path.exists() and self._thread.is_alive():
            time.sleep(POLL_SECONDS)
        if self._error is not None:
            raise self._error
        outcome = read_json(path)
        if isinstance(outcome, dict):
            return outcome
        killed = " (out of memory?)" if self._code == -signal.SIGKILL else ""
        died = f"the worker ended with code {self._code}{killed}"
        in_flight = read_json(self._folder / "in_flight.json")
        if in_flight is None and self._number == 1:  # nor would it the next time
            return {"code": ENGINE_UNUSABLE, "message": f"{died} before its first call", "in_flight": []}
        return {"code": ENGINE_DIED, "message": died, "in_flight": in_flight or []}

    def _terminate(self) -> None:
        """Stop it gently, then less so; only while it surely is the one that was started."""
        pid = read_json(self._folder / "pid.json")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._thread is None or not self._thread.is_alive() or not isinstance(pid, int):
                return
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            self._thread.join(PATIENCE)


def launch_subprocess(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a worker as a child that shares this terminal."""
    return subprocess.run(list(command), env={**os.environ, **environment}, check=False).returncode


def read_json(path: Path):
    """A small file's content, or None where there is none yet."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
