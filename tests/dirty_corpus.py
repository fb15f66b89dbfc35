"""Makes a dirty crawl out of clean real text: faults of known kinds at known lines, different with every seed."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import zstandard

from tests.real_text import NTREX, NTREX_LANGUAGES

Row = dict[str, Any]

_SYMBOLS = ("***", ">>>", "%%%", "&&", "||", "~~~", "{}", "++", "...", "@@", "<<", "==>")
_STUBS = ("Menu", "Sign in", "Read more", "403 Forbidden", "Share | Print", "Next page")
_NO_OBJECT = ("null", "[]", "3.5", '"a string"', "true", '[{"text": "in a list"}]')

#: A text that may hold a telephone number of its own; how many there are to find could not be said.
_LIKE_A_NUMBER = re.compile(r"(?:\d[ -]?){7}").search


class DirtyCrawl(NamedTuple):
    """Where a dirty crawl and its truth are.

    Attributes:
        corpus: JSON lines in several zstd frames.
        truth: one row per line: `line`, `truth` (the fault, ``keep`` where none), `id`, and `of`: the id of the
            document that the row was made from, of whose family one is to stay.
    """

    corpus: Path
    truth: Path


def write_dirty_crawl(folder: Path, seed: int, *, documents: int = 900, frames: int = 7) -> DirtyCrawl:
    """Write ``dirty.jsonl.zst`` and ``dirty.truth.jsonl`` into a folder.

    Args:
        folder: must exist.
        seed: of all draws: which documents, which faults, in which order.
        documents: clean documents, over all languages.
        frames: zstd frames, cut anywhere, also inside of a line.
    """
    random = Random(seed)
    clean = _clean_documents()
    kept = random.sample(clean, documents)
    planted = [(_line(row), {"truth": "keep", "id": row["id"]}) for row in kept]
    planted += _variants(kept, random)
    planted += _junk(kept, random)
    random.shuffle(planted)
    data = b"".join(line + b"\n" for line, _ in planted)
    corpus, truth = folder / "dirty.jsonl.zst", folder / "dirty.truth.jsonl"
    corpus.write_bytes(_in_frames(data, frames, random))
    rows = [json.dumps({"line": number, **said}) for number, (_, said) in enumerate(planted, start=1)]
    truth.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return DirtyCrawl(corpus, truth)


def _clean_documents() -> list[Row]:
    rows = []
    for language in NTREX_LANGUAGES:
        with zstandard.open(NTREX / f"{language}.jsonl.zst", "rt", encoding="utf-8", newline="\n") as lines:
            rows += [json.loads(line) for line in lines]
    return [{**row, "id": f"crawl/{row['id']}"} for row in rows]


def _variants(kept: list[Row], random: Random) -> Iterator[tuple[bytes, Row]]:
    """Rows made from kept documents: duplicates, wrong labels, personal data."""
    family = random.sample([row for row in kept if len(_units(row)) >= 100], 120)
    for number, row in enumerate(family[:60]):
        yield _variant(row, "exact_duplicate", f"crawl/dup/{number}")
    for number, row in enumerate(family[60:]):
        yield _variant(row, "near_duplicate", f"crawl/near/{number}", text=_edited(row, random))
    english = [row for row in kept if row["language"] == "en" and row not in family and not _LIKE_A_NUMBER(row["text"])]
    for number, row in enumerate(random.sample(english, 20)):
        yield _variant(row, "pii", f"crawl/pii/{number}", text=f"{row['text']}\n{_personal_data(number, random)}")
    for number, row in enumerate(random.sample(kept, 60)):
        other = random.choice([code for code in NTREX_LANGUAGES if code != row["language"]])
        label = {**row, "id": f"crawl/lang/{number}", "language": other}
        yield _line(label), {"truth": "wrong_language", "id": label["id"]}


def _variant(row: Row, kind: str, name: str, **changed: str) -> tuple[bytes, Row]:
    return _line({**row, **changed, "id": name}), {"truth": kind, "id": name, "of": row["id"]}


def _edited(row: Row, random: Random) -> str:
    """The text with one unit in about 150 taken from elsewhere in it: most of its 5-grams stay."""
    units = _units(row)
    for place in random.sample(range(len(units)), max(1, len(units) // 150)):
        units[place] = random.choice([unit for unit in units if unit != units[place]])
    return ("" if row["language"] == "zh" else " ").join(units)


def _units(row: Row) -> list[str]:
    """Words, or characters where words are not separated."""
    return list(row["text"]) if row["language"] == "zh" else row["text"].split(" ")


def _personal_data(number: int, random: Random) -> str:
    # Numbers and addresses that are reserved for examples (RFC 2606, RFC 5737, Ofcom's drama numbers).
    host = random.choice(("198.51.100", "203.0.113"))
    mail = f"{random.choice(('john', 'mary', 'lee'))}_{number}@mail.example.org"
    return f"Call +44 161 496 0{number:03d} or write to {mail} from {host}.{number + 1}"


def _junk(kept: list[Row], random: Random) -> Iterator[tuple[bytes, Row]]:
    """Rows that no document stands behind."""

    def repeated() -> str:
        return "\n".join([random.choice(kept)["text"].partition("\n")[0]] * random.randint(15, 40))

    kinds: list[tuple[str, int, Callable[[int], bytes]]] = [
        ("repetition", 30, lambda n: _planted("rep", n, repeated())),
        ("symbols", 30, lambda n: _planted("sym", n, " ".join(random.choices(_SYMBOLS, k=random.randint(80, 160))))),
        ("too_short", 30, lambda n: _planted("short", n, random.choice(_STUBS))),
        ("bad_json", 10, lambda n: _cut(_line(random.choice(kept)), random)),
        ("not_an_object", 6, lambda n: _NO_OBJECT[n].encode()),
        ("bad_utf8", 5, lambda n: _line({"id": f"crawl/utf8/{n}", "text": "caf@ au lait"}).replace(b"@", b"\xe9")),
        ("null_text", 5, lambda n: _line({"id": f"crawl/null/{n}", "language": "de", "text": None})),
        ("no_text", 5, lambda n: _line({"id": f"crawl/none/{n}", "language": "fr", "title": "a title"})),
        ("blank_line", 4, lambda n: (b"", b" ", b"\t", b"")[n]),
    ]
    for kind, times, make in kinds:
        yield from ((make(number), {"truth": kind}) for number in range(times))


def _planted(name: str, number: int, text: str) -> bytes:
    return _line({"id": f"crawl/{name}/{number}", "url": "https://example.org/p", "text": text, "language": "en"})


def _cut(line: bytes, random: Random) -> bytes:
    """A line that breaks off inside its text, between two characters."""
    text = line.decode()
    return text[: random.randint(text.index('"text"') + 12, len(text) - 120)].encode()


def _line(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def _in_frames(data: bytes, frames: int, random: Random) -> bytes:
    compressor = zstandard.ZstdCompressor(level=6)
    cuts = [0, *sorted(random.sample(range(1, len(data)), frames - 1)), len(data)]
    return b"".join(compressor.compress(data[start:stop]) for start, stop in pairwise(cuts))
