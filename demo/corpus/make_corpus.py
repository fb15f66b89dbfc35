"""Make the demo corpus: a dirty crawl of storybook documents in nine languages.

    python -m demo.corpus.make_corpus --out demo/corpus --seed 0

The same seed gives the same bytes: rows are drawn from one seeded generator a language,
and the compressor's level is fixed and its frames carry no time.
"""

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import zstandard

from demo.corpus.documents import write_document
from demo.corpus.faults import Line, plant, row
from demo.corpus.prompts import eval_prompts
from demo.world.text import LANGUAGES

HERE = Path(__file__).parent
DOCUMENTS = {language: 900 if language == "en" else 350 for language in LANGUAGES}
LINES_PER_FRAME = 120
LEVEL = 19


def make_corpus(out: Path, seed: int, documents: dict[str, int] | None = None) -> Counter:
    """Write every file into `out`; returns how many lines of each kind there are."""
    out.mkdir(parents=True, exist_ok=True)
    truths = []
    for language, count in (documents or DOCUMENTS).items():
        lines = corpus_lines(random.Random(f"{seed}/{language}"), language, count)
        name = f"{language}.jsonl.zst"
        (out / name).write_bytes(_compress([line.data for line in lines]))
        truths += [_truth(name, number, line) for number, line in enumerate(lines, 1)]
    _write_jsonl(out / "truth.jsonl", truths)
    _write_jsonl(out / "eval_prompts.jsonl", eval_prompts(random.Random(f"{seed}/prompts")))
    return Counter(truth["truth"] for truth in truths)


def corpus_lines(rng: random.Random, language: str, count: int) -> list[Line]:
    """One language's file, line by line: good documents with the faults scattered among them."""
    documents = [write_document(rng, language, f"demo/{language}/{number:04}") for number in range(count)]
    lines = [Line(row(document.id, document.id, document.text, language), id=document.id) for document in documents]
    lines += plant(rng, documents)
    rng.shuffle(lines)
    return lines


def _compress(lines: list[bytes]) -> bytes:
    """Several frames one after another, as crawls are: a reader that stops at the first loses most lines."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    chunks = [lines[start : start + LINES_PER_FRAME] for start in range(0, len(lines), LINES_PER_FRAME)]
    return b"".join(compressor.compress(b"\n".join(chunk) + b"\n") for chunk in chunks)


def _truth(file: str, number: int, line: Line) -> dict:
    truth = {"file": file, "line": number, "truth": line.truth, "id": line.id, "of": line.of}
    return {key: value for key, value in truth.items() if value is not None}


def _write_jsonl(path: Path, rows: list[dict]) -> None:
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in rows]
    path.write_bytes("".join(lines).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: where this file is)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives another corpus (default: %(default)s)")
    arguments = parser.parse_args()
    counts = make_corpus(arguments.out, arguments.seed)
    for kind, count in counts.most_common():
        print(f"{count:6} {kind}")


if __name__ == "__main__":
    main()
