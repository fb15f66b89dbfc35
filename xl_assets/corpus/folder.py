"""The folder of a cleaned corpus: finished files under their names, work in progress in a folder of its own."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.corpus.handing_over import HandedOver, hand_over
from xl_assets.corpus.judging import Judged
from xl_assets.corpus.options import CorpusError
from xl_assets.corpus.reading import Batch

CONFIGURATION, DECISIONS, DOCUMENTS, QUARANTINE = (
    "configuration.json",
    "decisions.parquet",
    "documents",
    "quarantine.parquet",
)

_WORK = ".work"

#: Everything that a cleaned corpus' folder may hold.
_OURS = {CONFIGURATION, DECISIONS, DOCUMENTS, QUARANTINE, _WORK}


class CorpusFolder:
    """Where a corpus is cleaned to.

    A batch's parts are files named by its number in `work`; its decisions are written last, so a batch that has
    these is finished.

    Args:
        path: the folder; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / _WORK

    @property
    def finished(self) -> bool:
        """Whether everything is under its final name: the decisions come last."""
        return (self.path / DECISIONS).is_file()

    @contextmanager
    def claimed(self, configuration: Mapping[str, Any], fresh: bool) -> Iterator[None]:
        """Hold the folder for one configuration.

        Args:
            configuration: JSON-able; what was made under another one must not be mixed with this one's. Where
                that one has not judged any document yet, this one takes its place.
            fresh: remove what another run made.

        Raises:
            CorpusError: the folder holds something else, or another command works in it.
        """
        self._refuse_others()
        self.path.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(exist_ok=True)
        with (self.work / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CorpusError(f"another command is at work in {self.path}: wait for its end") from error
            if fresh:
                self._clear()
            self._settle(configuration)
            for part in ("decisions", "documents", "sketches", "quarantine", "sent"):
                (self.work / part).mkdir(exist_ok=True)
            yield

    def done(self) -> set[int]:
        """Numbers of the finished batches."""
        return {int(file.stem) for file in (self.work / "decisions").glob("*.parquet")}

    def holds(self, number: int) -> bool:
        """Whether a batch is finished."""
        return self.part("decisions", number).is_file()

    def part(self, part: str, number: int) -> Path:
        """The file of a part of a batch."""
        return self.work / part / f"{number:08}.parquet"

    def parts(self, part: str) -> list[Path]:
        """The files of a part of all batches, in the order of the corpus."""
        return sorted((self.work / part).glob("*.parquet"))

    def store(self, number: int, judged: Judged, quarantined: pl.DataFrame) -> None:
        """Write a judged batch; whole or not at all."""
        if judged.sketches is not None:
            self._write(judged.sketches, "sketches", number)
        if not quarantined.is_empty():
            self._write(quarantined, "quarantine", number)
        self._write(judged.documents, "documents", number)
        self._write(judged.decisions, "decisions", number)

    def hand_over(self, batch: Batch) -> tuple[HandedOver]:
        """A batch as it can be sent to another process."""
        return (hand_over(batch, self.work / "sent"),)

    def publish(self, made: Path, name: str) -> None:
        """Put a file or folder that was made in `work` under its final name."""
        final = self.path / name
        if final.is_dir():
            shutil.rmtree(final)
        made.replace(final)

    def close(self) -> None:
        """Remove the work folder."""
        shutil.rmtree(self.work)

    def _write(self, frame: pl.DataFrame, part: str, number: int) -> None:
        file = self.part(part, number)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        frame.write_parquet(beside, compression="lz4", statistics=False)
        beside.replace(file)

    def _refuse_others(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise CorpusError(f"{self.path} is a file: name a folder")
        if self.path.is_dir() and (others := sorted({entry.name for entry in self.path.iterdir()} - _OURS)):
            raise CorpusError(
                f"{self.path} holds something that is no cleaned corpus ({', '.join(others[:3])}): "
                "name an empty folder or one that does not exist"
            )

    def _clear(self) -> None:
        for entry in [*self.path.iterdir(), *self.work.iterdir()]:
            if entry.is_dir() and entry != self.work:
                shutil.rmtree(entry)
            elif entry.is_file() and entry.name != "lock":
                entry.unlink()

    def _settle(self, configuration: Mapping[str, Any]) -> None:
        file = self.path / CONFIGURATION
        written = json.dumps(configuration, indent=1, sort_keys=True, ensure_ascii=False)
        if not file.is_file():
            beside = self.work / CONFIGURATION
            beside.write_text(written, encoding="utf-8")
            beside.replace(file)
        elif differing := _differing(json.loads(file.read_text(encoding="utf-8")), json.loads(written)):
            if self._holds_nothing():
                # Parts of a batch that another configuration began would be taken for this one's.
                self._clear()
                return self._settle(configuration)
            raise CorpusError(
                f"{self.path} was made with other {', '.join(differing)}: name another folder, "
                "or give --fresh to remove what is there"
            )

    def _holds_nothing(self) -> bool:
        """Whether no document is judged yet: a wrong text column leaves batches behind in which no line is one."""
        if self.finished or (self.path / DOCUMENTS).exists():
            return False
        parts = self.parts("decisions")
        return not parts or not pl.scan_parquet(parts).select(pl.col("id").is_not_null().any()).collect().item()


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
