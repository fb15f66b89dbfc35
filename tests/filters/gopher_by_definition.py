"""Gopher's measures as datatrove decides by them, one text at a time and straight from their description.

Slow and plain on purpose: what the compiled measures are compared with where datatrove is not installed.
"""

import re
from collections.abc import Collection, Sequence

from xl_assets.filters.measures.punctuation import gopher_punctuation


def gopher_quality(text: str, words: Sequence[str], stop_words: Collection[str]) -> dict[str, float | None]:
    """Return measure -> value, None where it is a share of nothing."""
    punctuation = gopher_punctuation()
    worded = [word for word in words if not all(punctuation[ord(character)] for character in word)]
    lines = text.splitlines()
    ended = [line.rstrip() for line in lines]
    return {
        "gopher_words": len(worded),
        "gopher_mean_word_length": _share(sum(map(len, worded)), len(worded)),
        "gopher_hashes": _share(text.count("#"), len(words)),
        "gopher_ellipses": _share(text.count("...") + text.count("…"), len(words)),
        "gopher_bullet_lines": _share(
            sum(line.lstrip()[:1] in ("•", "-") for line in lines if line.strip()), len(lines)
        ),
        "gopher_ellipsis_lines": _share(sum(line[-1:] == "…" or line[-3:] == "..." for line in ended), len(lines)),
        "gopher_alphabetic_words": _share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "gopher_stop_words": sum(word in words for word in set(stop_words)),
    }


def gopher_repetition(text: str, words: Sequence[str]) -> dict[str, float | None]:
    """Return measure -> value, None where it is a share of nothing."""
    lines, paragraphs = re.split(r"\n+", text), re.split(r"\n\n+", text.strip())
    values: dict[str, float | None] = {"gopher_characters": len(text)}
    for name, pieces in (("line", lines), ("paragraph", paragraphs)):
        repeats = [piece for at, piece in enumerate(pieces) if piece in pieces[:at]]
        values[f"gopher_duplicate_{name}s"] = len(repeats) / len(pieces)
        values[f"gopher_duplicate_{name}_characters"] = _share(len("".join(repeats)), len(text))
    for n in (2, 3, 4):
        values[f"gopher_top_{n}_gram"] = _share(_most_frequent(words, n), len(text))
    for n in range(5, 11):
        values[f"gopher_duplicate_{n}_gram"] = _share(_seen_before(words, n), len(text))
    return values


def _most_frequent(words: Sequence[str], n: int) -> int:
    """Characters of the most frequent n words with one space between them; of several the first."""
    grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    counts: dict[tuple[str, ...], int] = {}
    for gram in grams:
        counts[gram] = counts.get(gram, 0) + 1
    best = max(grams, key=counts.__getitem__, default=())
    return len(" ".join(best)) * counts.get(best, 0)


def _seen_before(words: Sequence[str], n: int) -> int:
    """Characters of n words whose letters in a row were there before; goes on behind them, remembering none inside."""
    seen: set[str] = set()
    at = characters = 0
    while at + n <= len(words):
        gram = "".join(words[at : at + n])
        repeated = gram in seen
        characters += len(gram) * repeated
        seen.add(gram)
        at += n if repeated else 1
    return characters


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
