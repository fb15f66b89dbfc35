"""Small corpora for tests, made of the demo's: clean documents, copies, lines that are no document."""

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from resources.language_identifier import LanguageIdentifier
from tests.real_text import DEMO
from xl_assets.corpus.cleaning import clean
from xl_assets.corpus.funnel import Funnel
from xl_assets.corpus.models import ModelFiles
from xl_assets.corpus.options import CleanOptions, Identifier, ReadOptions
from xl_assets.filters.language_scores import Scores
from xl_assets.native.columns import Utf8
from xl_assets.seeds.readers import collect_seeds

LANGUAGES = ("en", "de", "ga")

#: Lines that are no document, and why.
BAD = {'{"text": ': "bad_json", "[1]": "not_an_object", '{"id": "x"}': "no_text", "   ": "blank_line"}


def texts(language: str, count: int) -> list[str]:
    """The first texts of the demo's corpus in a language."""
    return collect_seeds(str(DEMO / f"{language}.jsonl.zst"), language).documents["text"].head(count).to_list()


def write_corpus(file: Path, each: int = 40) -> int:
    """Write a corpus of several languages, with copies and bad lines in between; returns its number of lines."""
    lines: list[str] = []
    for language in LANGUAGES:
        for number, text in enumerate(texts(language, each)):
            lines.append(json.dumps({"id": f"{language}{number}", "text": text, "language": language}))
        lines.append(json.dumps({"id": f"{language} copy", "text": texts(language, 8)[7], "language": language}))
        lines.append(json.dumps({"id": f"{language} undeclared", "text": texts(language, 2)[1] + " And", "url": "u"}))
        lines += list(BAD)
    lines.append(json.dumps({"id": "foreign", "text": texts("de", 3)[2], "language": "en"}))
    lines.append(json.dumps({"id": "mute", "text": "12345 67890"}))
    lines.append(json.dumps({"id": "tlh", "text": texts("de", 3)[2], "language": "klingon"}))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def run(
    inputs: Path | list[Path],
    out: Path,
    identifier: Identifier | None = None,
    models: ModelFiles | None = None,
    **options: object,
) -> Funnel:
    """Clean a corpus; `batch_rows`, `language` and `columns` go to the reading, the rest to `CleanOptions`."""
    reading = ReadOptions(
        **{name: options.pop(name) for name in ("batch_rows", "language", "columns") if name in options}
    )
    given = [str(path) for path in ([inputs] if isinstance(inputs, Path) else inputs)]
    asked = CleanOptions(reading, **options)
    return clean(given, out, asked, identifier or LanguageIdentifier(), models=models)


def decisions(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "decisions.parquet")


def documents(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "documents" / "*.parquet")


def digests(out: Path) -> dict[str, str]:
    """Name and hash of every finished file but the configuration, which tells the batch size."""
    files = sorted(file for file in out.rglob("*.parquet"))
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class Dying(LanguageIdentifier):
    """A model whose first use in another process kills that process; until then this one waits with its own use."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark, self.parent = mark, os.getpid()

    def score_lines(self, texts: Utf8, wanted: NDArray[np.bool_]) -> tuple[Scores, Scores] | None:
        if os.getpid() != self.parent and not self.mark.exists():
            self.mark.touch()
            self.first()
        patience = time.monotonic() + 60
        while not self.mark.exists() and time.monotonic() < patience:
            time.sleep(0.01)
        return super().score_lines(texts, wanted)

    def first(self) -> None:
        """What becomes of the other process."""
        os._exit(9)


class Late(Dying):
    """One whose first use in another process takes so long that this one has done all else by then."""

    def first(self) -> None:
        time.sleep(2)
