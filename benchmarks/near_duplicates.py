"""Near duplicates: ours beside datatrove's MinHash pipeline, in CPU seconds, recall and precision.

Both read the same JSON lines of regrouped real documents and write what stays and what goes with clusters, each in
a process of its own; imports and loading of compiled code are counted, compiling it once is not. A tenth of the
documents are altered copies of others, words replaced and lines added, to an exact Jaccard similarity of word 5-grams
between 0.5 and 1 that plain Python sets measure afterwards. Recall: planted pairs of at least 0.8 that ended in one
cluster. Precision: pairs in one cluster that are at least as similar as our threshold. Each side has its own
defaults; datatrove runs with white-space words and with its own tokeniser. Chinese is left out: white space gives it
no words, so that side would be spared the work.

Prints a table, and one line of JSON per figure. The python with datatrove: XL_PEERS, or benchmarks/.peers, where
`make bench-peers` puts it; without one, only ours is measured.

Example: python -m benchmarks.near_duplicates --documents 20000
"""

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Annotated, NamedTuple

import polars as pl
import typer

from benchmarks.measuring import Figure, Usage, measured, show
from benchmarks.real_documents import LANGUAGES, regrouped
from xl_assets.filters.near_duplicates import DuplicateSettings, cluster, mark_clusters, sketch_documents

HERE = Path(__file__).parent
PEER = Path(os.environ.get("XL_PEERS", HERE / ".peers" / "datatrove" / "bin" / "python"))
COPIES = 10
BATCH = 5_000

Planted = dict[tuple[str, str], float]


class Side(NamedTuple):
    """What a side needed, and how good it was."""

    usage: Usage
    recall: float
    precision: float


def main(
    documents: Annotated[int, typer.Option(help="Documents, of which a tenth are altered copies.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Another one gives other documents.")] = 0,
    words: Annotated[
        str, typer.Option(help="datatrove's variants: whitespace, default (7 ms a document).")
    ] = "whitespace",
    ours: Annotated[tuple[Path, Path] | None, typer.Option(help="IN OUT: run our side alone.", hidden=True)] = None,
) -> None:
    """Print CPU seconds, peak memory, recall and precision of ours, beside each variant of datatrove's."""
    if ours:
        _ours(*ours)
        return
    variants = [word for word in words.split(",") if word]
    if not PEER.is_file():
        print(f"no datatrove at {PEER}: make bench-peers, or set XL_PEERS to a python that has it", file=sys.stderr)
        variants = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        mine = [sys.executable, "-m", "benchmarks.near_duplicates", "--ours", str(place / "in"), str(place / "ours")]
        # Compiled code is on disk from here on.
        _side(mine, place / "ours", *_make(place / "in", 200, seed))
        texts, planted = _make(place / "in", documents, seed)
        figures = [] if variants else _figures(_side(mine, place / "ours", texts, planted), "", None)
        for variant in variants:
            out = place / variant
            command = [str(PEER), str(HERE / "peers" / "datatrove_minhash.py"), str(place / "in"), str(out), variant]
            peer = _side(command, out, texts, planted)
            figures += _figures(_side(mine, place / "ours", texts, planted), f", datatrove {variant}", peer)
    show(f"near duplicates among {documents:,} documents", figures)


def _figures(mine: Side, against: str, peer: Side | None) -> list[Figure]:
    """Each ratio is above 1 where ours is better."""
    seconds, peak = mine.usage.cpu, mine.usage.peak / 2**20
    if peer is None:
        return [
            Figure("CPU time", round(seconds, 2), "s"),
            Figure("peak memory", round(peak), "MiB"),
            Figure("recall at Jaccard 0.8", round(mine.recall, 4), "share"),
            Figure("precision", round(mine.precision, 4), "share"),
        ]
    cpu, memory = peer.usage.cpu, peer.usage.peak / 2**20
    return [
        Figure(f"CPU time{against}", round(seconds, 2), "s", round(cpu, 2), round(cpu / seconds, 2)),
        Figure(f"peak memory{against}", round(peak), "MiB", round(memory), round(memory / peak, 2)),
        _share(f"recall at Jaccard 0.8{against}", mine.recall, peer.recall),
        _share(f"precision{against}", mine.precision, peer.precision),
    ]


def _share(name: str, mine: float, peer: float) -> Figure:
    return Figure(name, round(mine, 4), "share", round(peer, 4), round(mine / peer, 3) if peer else None)


def _ours(source: Path, out: Path) -> None:
    """Sketch, cluster and write, batch by batch."""
    for name in ("documents", "sketches", "kept", "removed"):
        (out / name).mkdir(parents=True)
    settings = DuplicateSettings()
    for number, batch in enumerate(_read(source)):
        batch.write_ipc(out / "documents" / f"{number:05}.arrow")
        # Hashes don't compress.
        sketches = sketch_documents(batch, settings)
        sketches.write_parquet(out / "sketches" / f"{number:05}.parquet", compression="uncompressed", statistics=False)
    files = sorted((out / "documents").iterdir())

    def fetch(ids: pl.Series) -> Iterator[pl.DataFrame]:
        return (pl.read_ipc(file).filter(pl.col("document_id").is_in(ids.implode())) for file in files)

    clusters = cluster(out / "sketches", fetch, settings)
    for file in files:
        marked = mark_clusters(pl.read_ipc(file), clusters).rename({"document_id": "id"})
        for name, kept in (("kept", True), ("removed", False)):
            marked.filter(pl.col("kept") == kept).write_ndjson(out / name / f"{file.stem}.jsonl")


def _read(source: Path) -> Iterator[pl.DataFrame]:
    for file in sorted(source.glob("*.jsonl")):
        rows = pl.read_ndjson(file).rename({"id": "document_id"})
        yield from rows.iter_slices(BATCH)


def _make(folder: Path, documents: int, seed: int) -> tuple[dict[str, str], Planted]:
    """Write the documents; returns their texts, and the planted pairs with their similarity."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rng = random.Random(seed)
    copies = documents // COPIES
    originals = pl.concat(regrouped(documents - copies, seed, tuple(code for code in LANGUAGES if code != "zh")))
    chosen = originals[sorted(rng.sample(range(originals.height), copies))]
    altered = [_altered(text, rng, number) for number, text in enumerate(chosen["text"])]
    planted = chosen.with_columns(id=pl.format("{}-copy", "id"), text=pl.Series(altered))
    together = pl.concat([originals, planted]).sample(fraction=1, shuffle=True, seed=seed)
    for number, part in enumerate(together.iter_slices(5_000)):
        part.select("id", "text", "language").write_ndjson(folder / f"{number:03}.jsonl")
    pairs = {
        (one, other): _similarity(left, right)
        for one, other, left, right in zip(chosen["id"], planted["id"], chosen["text"], altered, strict=True)
    }
    return dict(together.select("id", "text").iter_rows()), pairs


def _altered(text: str, rng: random.Random, number: int) -> str:
    """A copy with words replaced or a stretch of words added, or only its case changed."""
    words = text.split(" ")
    share = rng.uniform(0.5, 1.0)
    if share > 0.97:
        return text.upper()
    if number % 2:
        added = round(len(words) * (1 / share - 1))
        return text + " " + " ".join(f"added{number}x{place}" for place in range(added))
    # Words far enough apart spoil five n-grams each, on both sides.
    changes = max(round(len(words) * (1 - share) / (1 + share) / 5), 1)
    for place in rng.sample(range(0, len(words), 5), min(changes, -(-len(words) // 5))):
        words[place] = f"changed{number}"
    return " ".join(words)


def _similarity(left: str, right: str) -> float:
    """Exact Jaccard similarity of the word 5-grams, case and punctuation aside, by plain sets."""
    one, other = _grams(left), _grams(right)
    return len(one & other) / len(one | other) if one | other else 0.0


def _grams(text: str) -> set[tuple[str, ...]]:
    terms = ["".join(filter(str.isalnum, word.lower())) for word in text.split()]
    named = [term for term in terms if term]
    return {tuple(named[place : place + 5]) for place in range(len(named) - 4)}


def _side(command: list[str], out: Path, texts: dict[str, str], planted: Planted) -> Side:
    shutil.rmtree(out, ignore_errors=True)
    # One thread each: datatrove's is one process without threads.
    return Side(measured(command, POLARS_MAX_THREADS="1"), *_quality(_clusters(out), texts, planted))


def _clusters(out: Path) -> dict[str, object]:
    """Document id -> its cluster, where it has one."""
    found: dict[str, object] = {}
    for file in [*(out / "kept").glob("*.jsonl"), *(out / "removed").glob("*.jsonl")]:
        for line in file.open(encoding="utf-8"):
            row = json.loads(line)
            number = row.get("metadata", {}).get("minhash_cluster_id", row.get("cluster_id"))
            if number not in (None, -1):
                found[row["id"]] = number
    return found


def _quality(clusters: dict[str, object], texts: dict[str, str], planted: Planted) -> tuple[float, float]:
    high = [pair for pair, similarity in planted.items() if similarity >= 0.8]
    found = sum(pair[0] in clusters and clusters[pair[0]] == clusters.get(pair[1]) for pair in high)
    members: dict[object, list[str]] = {}
    for document, number in clusters.items():
        members.setdefault(number, []).append(document)
    joined = [pair for ids in members.values() for pair in combinations(sorted(ids), 2)]
    right = sum(_similarity(texts[one], texts[other]) >= DuplicateSettings().jaccard for one, other in joined)
    return found / max(len(high), 1), right / max(len(joined), 1)


if __name__ == "__main__":
    typer.run(main)
