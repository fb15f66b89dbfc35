"""Small files between a worker and the program that started it."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xl_assets.generation.progress import Tally

#: Exit codes of a worker; see its help.
FINISHED, BAD_INPUT, ENGINE_UNUSABLE, ENGINE_DIED, STOPPED = 0, 2, 3, 4, 5
POLL_SECONDS = 0.05


@dataclass
class Outcome:
    """How one file of wanted calls went: an exit code, what to say, what was done, and what an engine died on."""

    code: int
    message: str = ""
    tally: Tally = field(default_factory=Tally)
    in_flight: list[str] = field(default_factory=list)


class Journal:
    """Small files between a worker and the program that started it; they tell how it went even after a crash."""

    def __init__(self, folder: Path | None, follow: float = 0.0) -> None:
        self._folder, self._follow, self._number = folder, follow, 0
        self._write("pid.json", os.getpid())

    def jobs(self, first: Path, stopped: list[int]) -> Iterator[Path]:
        """The first file of wanted calls, and those that come while the engine is kept running."""
        self._number = 1
        yield first
        while self._folder is not None and self._follow:
            self._number += 1
            path, until = self._folder / f"wanted-{self._number}.parquet", time.monotonic() + self._follow
            while not path.exists():
                if stopped or (self._folder / "end").exists() or time.monotonic() > until:
                    return
                time.sleep(POLL_SECONDS)
            yield path

    def in_flight(self, call_ids: Sequence[str]) -> None:
        """Note the calls that the engine is working on."""
        self._write("in_flight.json", list(call_ids))

    def outcome(self, outcome: Outcome) -> None:
        """Tell how the present file of wanted calls went."""
        found = {"code": outcome.code, "message": outcome.message, "in_flight": outcome.in_flight}
        self._write(f"outcome-{max(self._number, 1)}.json", {**found, **vars(outcome.tally)})

    def _write(self, name: str, value: object) -> None:
        if self._folder is not None:
            aside = self._folder / f".{name}"
            aside.write_text(json.dumps(value), encoding="utf-8")
            aside.replace(self._folder / name)
