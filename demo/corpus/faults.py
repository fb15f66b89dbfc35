"""What goes wrong in a crawl, planted on purpose, so that cleaning can be checked line by line.

Each kind has its own function and its own name in `truth.jsonl`. A fault is a whole line
of the file: most are well-formed rows of a bad document, the last ones are no rows at all.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from demo.corpus.documents import Document, vary, write_document
from demo.world.text import LANGUAGES

# How many of each kind go with 900 good documents; a smaller file gets its share, and at least one.
PER_900 = {
    "exact_duplicate": 10,
    "near_duplicate": 10,
    "wrong_language": 10,
    "pii": 6,
    "repetition": 6,
    "too_short": 6,
    "symbols": 6,
    "bad_json": 3,
    "bad_utf8": 2,
    "null_text": 2,
    "no_text": 2,
    "not_an_object": 2,
    "blank_line": 2,
}


@dataclass(frozen=True)
class Line:
    """One line of a corpus file, and the truth about it."""

    data: bytes
    truth: str = "keep"
    id: str | None = None
    of: str | None = None


def row(document_id: str, url: str, text: str, language: str) -> bytes:
    """A corpus row; key order and separators are fixed, so the same row is always the same bytes."""
    record = {
        "id": document_id,
        "url": f"https://demo.example/{url}",
        "text": text,
        "language": language,
        "source": "demo-world",
        "license": "CC0-1.0",
    }
    return json.dumps(record, ensure_ascii=False).encode()


def plant(rng: random.Random, documents: list[Document]) -> list[Line]:
    """The faulty lines that go with one language's good documents.

    Duplicates, near duplicates and rows with personal data are each made from another
    document, so that every family has two members and exactly one of them should stay.
    """
    language = documents[0].language
    counts = {kind: max(1, round(number * len(documents) / 900)) for kind, number in PER_900.items()}
    # Long ones only: in a short text, one changed word is too much of it for a near duplicate.
    longest = [document for document in documents if len(document.facts) == 3]
    originals = iter(rng.sample(longest, sum(counts[kind] for kind in _OF_ANOTHER)))
    lines = []
    for kind, count in counts.items():
        for number in range(count):
            line_id = f"demo/{language}/{kind}/{number}"
            if kind in _OF_ANOTHER:
                original = next(originals)
                data = row(line_id, original.id, _OF_ANOTHER[kind](rng, original), language)
                lines.append(Line(data, kind, line_id, original.id))
            elif kind in _OF_NOTHING:
                data = row(line_id, f"{language}/{kind}", _OF_NOTHING[kind](rng, language), language)
                lines.append(Line(data, kind, line_id))
            else:
                lines.append(_broken(kind, number, line_id, language))
    return lines


def _exact_duplicate(rng: random.Random, original: Document) -> str:
    return original.text


def _near_duplicate(rng: random.Random, original: Document) -> str:
    return vary(rng, original).text


def _pii(rng: random.Random, original: Document) -> str:
    """The document with somebody's contact data below it, all from the ranges kept for examples."""
    number = rng.randrange(10, 100)
    contact = f"Contact: jane.roe{number}@example.com, +44 20 7946 00{number}, 192.0.2.{number}"
    return f"{original.text}\n\n{contact}"


def _wrong_language(rng: random.Random, language: str) -> str:
    """A good document of another language than the one its row claims."""
    other = rng.choice([code for code in LANGUAGES if code != language])
    return write_document(rng, other, "").text


def _repetition(rng: random.Random, language: str) -> str:
    return "\n".join([write_document(rng, language, "").paragraphs[0]] * 12)


def _too_short(rng: random.Random, language: str) -> str:
    return "Cookies"


def _symbols(rng: random.Random, language: str) -> str:
    return " ".join(rng.choice(("...", "==>", "$$$", "|||", "##", "###", "{}")) for _ in range(120))


def _broken(kind: str, number: int, line_id: str, language: str) -> Line:
    """A line that is no row: not JSON, not UTF-8, not an object, or without a text."""
    named = json.dumps({"id": line_id, "language": language})[:-1].encode()
    not_objects = (b"null", b"17", b"[]", b'"Cookies"')
    data = {
        "bad_json": named + b', "text": "unterminated',
        "bad_utf8": named + b', "text": "\xff\xfe\xfa broken"}',
        "null_text": named + b', "text": null}',
        "no_text": named + b"}",
        "not_an_object": not_objects[number % len(not_objects)],
        "blank_line": b"",
    }[kind]
    return Line(data, kind, line_id if kind in ("null_text", "no_text") else None)


_OF_ANOTHER: dict[str, Callable[[random.Random, Document], str]] = {
    "exact_duplicate": _exact_duplicate,
    "near_duplicate": _near_duplicate,
    "pii": _pii,
}
_OF_NOTHING: dict[str, Callable[[random.Random, str], str]] = {
    "wrong_language": _wrong_language,
    "repetition": _repetition,
    "too_short": _too_short,
    "symbols": _symbols,
}
