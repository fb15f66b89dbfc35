"""Any number of documents of real text for the benchmarks, made by regrouping the lines of a small corpus.

A document has one language, as many lines as some document of the corpus, and lines drawn from all documents of
that language. So words, lines and lengths are real, and two documents share no more than single lines.

Example: python -m benchmarks.real_documents OUT --documents 100000 --files 4
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
import zstandard
from numpy.typing import NDArray

#: The corpus: one file of JSON lines with a `text` per language, named after it.
CORPUS = Path(os.environ.get("XL_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "ntrex"
LANGUAGES = ("en", "de", "pt", "hu", "lt", "ga", "mt", "zh", "hi", "fr", "fi", "tr")

_BATCH = 2_000
_HOSTS = 997


class NoRealText(FileNotFoundError):
    """The corpus that documents are made from is not there; says where it was looked for."""


def regrouped(
    documents: int,
    seed: int = 0,
    languages: tuple[str, ...] = LANGUAGES,
    corpus: Path = CORPUS,
) -> Iterator[pl.DataFrame]:
    """Yield frames with the columns id, url, text and language; the languages take turns.

    Document n is the same for every number of documents, so a smaller set is the beginning of a larger one.

    Args:
        documents: how many in all.
        seed: another one gives other documents.
        languages: whose.
        corpus: folder with ``<language>.jsonl.zst``.

    Raises:
        NoRealText: a language's file is not there.
    """
    sources = [_lines(corpus / f"{language}.jsonl.zst") for language in languages]
    for start in range(0, documents, _BATCH):
        made = [
            _made(lines, lengths, language, np.random.default_rng((seed, start, place)), -(-_BATCH // len(languages)))
            for place, (language, (lines, lengths)) in enumerate(zip(languages, sources, strict=True))
        ]
        turns = pl.concat(made).sort("turn", maintain_order=True).head(min(_BATCH, documents - start))
        yield turns.with_row_index("number", offset=start).select(
            pl.format("regrouped/{}/{}", pl.lit(str(seed)), "number").alias("id"),
            pl.format("https://host{}.example.org/{}/{}", pl.col("number") % _HOSTS, "language", "number").alias("url"),
            "text",
            "language",
        )


def write_documents(
    folder: Path,
    documents: int,
    files: int = 1,
    seed: int = 0,
    languages: tuple[str, ...] = LANGUAGES,
) -> list[Path]:
    """Write `regrouped` documents as ``part-<n>.jsonl.zst``, batches in turn; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"part-{number}.jsonl.zst" for number in range(files)]
    streams = [zstandard.ZstdCompressor(level=3).stream_writer(path.open("wb")) for path in paths]
    for number, batch in enumerate(regrouped(documents, seed, languages)):
        streams[number % files].write(batch.write_ndjson().encode())
    for stream in streams:
        stream.close()
    return paths


def _lines(path: Path) -> tuple[pl.Series, NDArray[np.int64]]:
    """All lines of a language, and how many each document has."""
    if not path.is_file():
        raise NoRealText(f"no real text at {path}; set XL_SHARED_DATA to the folder that has ntrex/")
    lines = pl.read_ndjson(path).select(pl.col("text").str.split("\n").alias("line"))
    return lines.explode("line")["line"], lines["line"].list.len().to_numpy().astype(np.int64)


def _made(
    lines: pl.Series, lengths: NDArray[np.int64], language: str, random: np.random.Generator, count: int
) -> pl.DataFrame:
    drawn = random.choice(lengths, count)
    rows = pl.DataFrame(
        {
            "turn": np.repeat(np.arange(count), drawn),
            "text": lines.gather(random.integers(0, len(lines), int(drawn.sum()))),
        }
    )
    texts = rows.group_by("turn", maintain_order=True).agg(pl.col("text").str.join("\n"))
    return texts.with_columns(pl.lit(language).alias("language"))


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    documents: Annotated[int, typer.Option(help="How many documents.")] = 100_000,
    files: Annotated[int, typer.Option(help="Over how many files.")] = 1,
    seed: Annotated[int, typer.Option(help="Another one gives other documents.")] = 0,
) -> None:
    """Write documents of real text as .jsonl.zst files."""
    for path in write_documents(folder, documents, files, seed):
        typer.echo(path)


if __name__ == "__main__":
    typer.run(main)
