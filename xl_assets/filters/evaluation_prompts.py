"""The evaluation prompts that no document may hold: which files, and the reason ``contaminated``."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import polars as pl

from xl_assets.filters.block_lists import list_hash
from xl_assets.filters.contamination import PromptIndex, judge_contamination

#: Names of the column with the prompt, the first that a file has.
COLUMNS = ("instruction", "prompt", "question", "text")


class PromptListError(ValueError):
    """A file of evaluation prompts that can't be used; names it and the remedy."""


@dataclass(frozen=True)
class ContaminationSettings:
    """What counts as a document that holds an evaluation prompt.

    Attributes:
        prompts: files of prompts: JSON (a list of objects), JSON lines (also ``.zst`` or ``.gz``), Parquet or CSV
            with one of `COLUMNS`, or plain text with one prompt a line. None: nothing is looked for.
        words: terms in an n-gram.
        share: least share of a prompt's n-grams in a document.
    """

    prompts: tuple[str, ...] = ()
    words: int = 8
    share: float = 0.8

    def __post_init__(self) -> None:
        if isinstance(self.prompts, str):
            raise PromptListError(f"contamination.prompts is a list of files: write [{self.prompts!r}]")
        object.__setattr__(self, "prompts", tuple(map(str, self.prompts)))
        if not (self.words >= 4 and 0 < self.share <= 1):
            raise PromptListError(
                f"contamination: words {self.words} must be at least 4, share {self.share} above 0 and at most 1"
            )

    def placed(self, place: Callable[[str], str]) -> "ContaminationSettings":
        """With each file's path as `place` gives it."""
        return replace(self, prompts=tuple(map(place, self.prompts)))

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, each file by its hash.

        Raises:
            BlockListError: a file that is not there.
        """
        return {"prompts": sorted(map(list_hash, self.prompts)), "words": self.words, "share": self.share}


def judge_prompts(frame: pl.DataFrame, settings: ContaminationSettings | None = None) -> pl.DataFrame:
    """Add the reason ``contaminated`` to documents that hold an evaluation prompt; see `contamination`.

    Args:
        frame: column ``text``.
        settings: the prompts; without any nothing is rejected.

    Raises:
        PromptListError: a file that can't be used.
    """
    chosen = settings or ContaminationSettings()
    if not chosen.prompts:
        return frame
    return judge_contamination(frame, _index(tuple(map(_version, chosen.prompts)), chosen.words), share=chosen.share)


def read_prompts(path: str | Path) -> pl.Series:
    """The prompts of a file.

    Raises:
        PromptListError: it is missing, broken, or has no column of prompts.
    """
    path = Path(path)
    try:
        frame = _read(path)
    except (OSError, ValueError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise PromptListError(f"evaluation prompts {path.name} can't be read: {error}") from error
    column = next((name for name in COLUMNS if name in frame.columns), None)
    if column is None or frame.schema[column] != pl.String:
        raise PromptListError(
            f"evaluation prompts {path.name}: no column of texts among {', '.join(COLUMNS)}; "
            f"it has {', '.join(frame.columns) or 'none'}"
        )
    prompts = frame[column].drop_nulls()
    if prompts.is_empty():
        raise PromptListError(f"evaluation prompts {path.name} holds no prompt; take it out or fill it")
    return prompts


def _read(path: Path) -> pl.DataFrame:
    kind = next((end for end in reversed(path.suffixes) if end not in (".zst", ".gz")), "")
    if kind == ".json":
        objects = json.loads(path.read_text(encoding="utf-8"))
        named = [name for name in COLUMNS if any(name in entry for entry in objects)]
        return pl.DataFrame({name: [entry.get(name) for entry in objects] for name in named})
    if kind in (".jsonl", ".ndjson"):
        return pl.read_ndjson(path)
    if kind == ".parquet":
        return pl.read_parquet(path)
    if kind == ".csv":
        return pl.read_csv(path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return pl.DataFrame({"text": lines}, schema={"text": pl.String})


def _version(path: str) -> tuple[str, int, int]:
    """A changed file is read again."""
    try:
        told = Path(path).stat()
    except OSError as error:
        raise PromptListError(f"no evaluation prompts at {path}; correct the path or take it out") from error
    return path, told.st_mtime_ns, told.st_size


@lru_cache(maxsize=4)
def _index(files: tuple[tuple[str, int, int], ...], words: int) -> PromptIndex:
    prompts = pl.concat([read_prompts(path) for path, _, _ in files]).unique().sort()
    return PromptIndex.of(pl.DataFrame({"prompt_id": prompts, "instruction": prompts}), n=words)
