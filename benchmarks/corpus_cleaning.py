"""Cleaning a corpus: language identification, Gopher quality and repetition, from zst to Parquet; beside three peers.

Paired: every round gives all tools the same documents, and a ratio is of one round. Documents are real text (see
`real_documents`), the model, the languages' thresholds and the stop words are the same for all.

Example: python -m benchmarks.corpus_cleaning --documents 102000 --rounds 3
"""

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
import zstandard

from benchmarks.measuring import Figure, Usage, last_json, measured, paired, show
from benchmarks.real_documents import LANGUAGES, regrouped
from resources.language_identifier import LanguageIdentifier
from xl_assets.filters.measures.gopher import stop_words_of
from xl_assets.languages import registry

HERE = Path(__file__).parent
WORK, PEERS = HERE / ".work", HERE / ".peers"
RULES = ("gopher_quality", "gopher_repetition")

#: Name of a peer -> its environment, its script and further arguments.
RUNS = {
    "datatrove, words at white space": ("datatrove", "datatrove_clean.py", ()),
    "datatrove, its default tokenisers": ("datatrove", "datatrove_clean.py", ("--words", "default")),
    "dolma": ("dolma", "dolma_clean.py", ()),
    "NeMo Curator": ("curator", "curator_clean.py", ()),
}


def main(
    documents: Annotated[int, typer.Option(help="How many, over all rounds.")] = 102_000,
    rounds: Annotated[int, typer.Option(help="Rounds, each with other documents.")] = 3,
    slow_rounds: Annotated[int, typer.Option(help="In how many datatrove runs with its default tokenisers.")] = 1,
    peers: Annotated[bool, typer.Option(help="Run the peers too (make bench-peers installs them).")] = True,
) -> None:
    """Measure and print."""
    corpora = [_corpus(number, documents // rounds) for number in range(rounds)]
    known = {name: run for name, run in RUNS.items() if peers and (PEERS / run[0] / "bin" / "python").is_file()}
    if peers and len(known) < len(RUNS):
        print("not installed, so left out:", ", ".join(sorted(set(RUNS) - set(known))), "(make bench-peers)")
    # The first run of an installation compiles loops for this processor and keeps them, like building a package.
    before = _ours(corpora[0], cores=[0])
    ours: list[Usage] = []
    theirs: dict[str, list[Usage]] = {name: [] for name in known}
    for number, corpus in enumerate(corpora):
        ours.append(_ours(corpus, cores=[0]))
        for name, (place, script, further) in known.items():
            if "--words" not in further or number < slow_rounds:
                theirs[name].append(_peer(corpus, place, script, further))
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    rate = documents // rounds
    figures = [
        Figure("xl corpus clean: documents per CPU second", round(rate / min(u.cpu for u in ours)), "1/s"),
        Figure("CPU of the run before all others (an installation's first compiles)", round(before.cpu, 1), "s"),
    ]
    figures += [
        paired(f"CPU beside {name}", "s", [u.cpu for u in ours[: len(used)]], [u.cpu for u in used])
        for name, used in theirs.items()
    ]
    more = [_corpus(number, documents // rounds) for number in range(20)]
    second = [_second_core(few, documents // rounds * len(few)) for few in (corpora, more)]
    show("LID + Gopher quality + Gopher repetition", [*figures, *second, _second_core_at_most(), *_memory(more[:10])])


def _second_core(corpora: list[Path], documents: int) -> Figure:
    """Wall time of one process on one core, and of two on two: of few documents and of many, as each process has to
    start, which takes as long for either.
    """
    pairs = [
        (_ours(*corpora, cores=[0], memory=False), _ours(*corpora, workers=2, cores=[0, 1], memory=False))
        for _ in range(3)
    ]
    name = f"second core, {documents:,} documents"
    return paired(name, "s", [two.wall for _, two in pairs], [one.wall for one, _ in pairs])


def _second_core_at_most() -> Figure:
    """The same of a loop that shares nothing with its like: more than that the machine's second core can't give."""

    def loop(core: int) -> float:
        return measured([sys.executable, "-c", "for _ in range(100_000_000): pass"], [core], memory=False).wall

    alone, half = [], []
    for _ in range(3):
        alone.append(loop(0))
        with ThreadPoolExecutor(2) as pool:
            half.append(max(pool.map(loop, (0, 1))) / 2)
    return paired("second core, a loop that shares nothing", "s", half, alone)


def _memory(corpora: list[Path]) -> list[Figure]:
    """Peak memory of all processes together, for all documents beside a tenth of them (already many batches)."""
    few, many = ([_ours(*given, workers=2) for _ in range(3)] for given in (corpora[:1], corpora))
    return [
        _grown("peak memory, 10 times the documents", [u.peak for u in few], [u.peak for u in many]),
        _grown("peak memory, shared pages once", [u.peak_shared_once for u in few], [u.peak_shared_once for u in many]),
    ]


def _grown(name: str, few: list[int], many: list[int]) -> Figure:
    value, baseline = median(many), median(few)
    return Figure(name, round(value / 2**20), "MiB", round(baseline / 2**20), round(value / baseline, 3))


def _ours(*corpora: Path, workers: int = 1, cores: list[int] | None = None, memory: bool = True) -> Usage:
    out = WORK / "out" / "xl"
    shutil.rmtree(out, ignore_errors=True)
    rules = [part for rule in RULES for part in ("--rules", rule)]
    xl = str(Path(sys.executable).with_name("xl"))
    command = [xl, "corpus", "clean", *map(str, corpora), "--out", str(out), *rules, "--no-duplicates"]
    # The peers do neither.
    command += ["--no-redact", "--no-refine"]
    return measured([*command, "--workers", str(workers), "--json"], cores, memory)


def _peer(corpus: Path, place: str, script: str, further: tuple[str, ...]) -> Usage:
    out, model = WORK / "out" / place, str(LanguageIdentifier().path)
    shutil.rmtree(out, ignore_errors=True)
    python = PEERS / place / "bin" / "python"
    command = [str(python), str(HERE / "peers" / script), str(corpus), str(out), model, str(corpus / "settings.json")]
    # One core for all, and no threads that only wait.
    usage = measured([*command, *further], [0], PEER_MODEL=model, OMP_NUM_THREADS="1")
    print(script, *further, last_json(usage.out), f"{usage.cpu:.1f} s", file=sys.stderr)
    return usage


def _corpus(number: int, documents: int) -> Path:
    """A folder with one file a language, and the settings for the peers."""
    folder = WORK / f"corpus-{number}-{documents}"
    if (folder / "settings.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        text = b"".join(batch.write_ndjson().encode() for batch in regrouped(documents // 12, number, (language,)))
        (folder / f"{language}.jsonl.zst").write_bytes(zstandard.compress(text))
    settings = {
        code: {"threshold": entry.document_threshold, "stop_words": sorted(stop_words_of(entry))}
        for code, entry in registry().items()
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


if __name__ == "__main__":
    typer.run(main)
