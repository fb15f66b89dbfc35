"""Documents to train small classifiers on: made-up news, and the menus and footers around it."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

_WHO = "the minister|the council|a judge|the school|her neighbour|the museum|our team|the farmer".split("|")
_DID = "opened|refused|praised|repaired|visited|described|closed|painted".split("|")
_WHAT = "the new bridge|a small library|the old mill|two letters|the harbour|a long report|the garden".split("|")
_WHEN = "on Monday|last winter|before the vote|after the storm|in the evening|for many years".split("|")
_MENU = "home|login|cart|share|cookies|accept|subscribe|next|previous|menu|contact|imprint|sale|free|click".split("|")


def news(count: int, seed: int = 1) -> list[str]:
    """Made-up sentences, several a document."""
    chance = random.Random(seed)

    def sentence() -> str:
        return f"{' '.join(chance.choice(part) for part in (_WHO, _DID, _WHAT, _WHEN)).capitalize()}."

    return [" ".join(sentence() for _ in range(chance.randint(3, 6))) for _ in range(count)]


def menus(count: int, seed: int = 2) -> list[str]:
    """Words of menus, with some words of the news."""
    chance = random.Random(seed)
    words = _MENU * 3 + " ".join(_WHAT).split()
    return [" ".join(chance.choice(words) for _ in range(chance.randint(10, 25))) for _ in range(count)]


def write_lines(file: Path, texts: Sequence[str], **columns: str) -> str:
    """Write texts as JSON lines, each with its number as id unless `columns` has one; returns the path."""
    rows = ({"id": str(number), "text": text} | columns for number, text in enumerate(texts))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)
