"""Texts that hit the borders of quality rules: real or made sentences taken apart, repeated and defaced by a seed."""

import random
from collections.abc import Callable, Sequence

_SPACES = [" ", "  ", "\t", "\u00a0", "\u3000", "\u2009", "\x1f"]
_LINE_ENDS = ["\n", "\n\n", "\n\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", " \n "]
_PIECES = [
    *"# ## ... … .... ...... • - •a – — · * ° € + = １ क्षि ß İ ǅ ª ² Ⅷ 😀 👩\u200d👧 。 ！ ।".split(),
    *"the of and The that with be have to 12 3.14 a don't {} \x00 \x07 \u200b \ufeff \u0301".split(" "),
    *["x" * 40, ". . .", "- ", "a b"],
]


def nasty_texts(lines: Sequence[str], count: int, seed: int) -> list[str]:
    """Return texts made of lines; the same for the same seed."""
    draw = random.Random(seed)
    made = [_EDITS[at % len(_EDITS)](draw, _sample(draw, lines)) for at in range(count)]
    return ["", " ", "\n", "\n\n\n", "a", "the the", "…", "-", *made][:count]


def _sample(draw: random.Random, lines: Sequence[str]) -> list[str]:
    return [draw.choice(lines) for _ in range(draw.choice([1, 2, 3, 5, 8, 13, 30]))]


def _plain(draw: random.Random, lines: list[str]) -> str:
    return draw.choice(_LINE_ENDS[:3]).join(lines)


def _odd_ends(draw: random.Random, lines: list[str]) -> str:
    return "".join(line + draw.choice(_LINE_ENDS) for line in lines)


def _odd_spaces(draw: random.Random, lines: list[str]) -> str:
    return "\n".join("".join(word + draw.choice(_SPACES) for word in line.split()) for line in lines)


def _repeated_lines(draw: random.Random, lines: list[str]) -> str:
    again = [draw.choice(lines) for _ in range(draw.randint(1, len(lines)))]
    return draw.choice(["\n", "\n\n", "\r\n"]).join(draw.sample([*lines, *again], len(lines) + len(again)))


def _repeated_words(draw: random.Random, lines: list[str]) -> str:
    words = " ".join(lines).split()
    for _ in range(draw.randint(1, 12)):
        start = draw.randrange(len(words))
        part = words[start : start + draw.randint(2, 14)]
        at = draw.randrange(len(words))
        words[at:at] = part
    return " ".join(words)


def _few_words(draw: random.Random, lines: list[str]) -> str:
    vocabulary = draw.sample(_PIECES, 3) + ["a", "aa", "aaa"][: draw.randint(0, 3)]
    return "".join(draw.choice(vocabulary) + draw.choice([" ", " ", " ", "\n"]) for _ in range(draw.randint(1, 300)))


def _defaced(draw: random.Random, lines: list[str]) -> str:
    rate, pieces = draw.choice([0.02, 0.1, 0.3, 0.8]), draw.sample(_PIECES, draw.randint(1, 8))
    words = []
    for line in lines:
        for word in line.split():
            words.append(word + draw.choice(["", " "]) + draw.choice(pieces) if draw.random() < rate else word)
        words.append("\n")
    return " ".join(words)


def _bulleted(draw: random.Random, lines: list[str]) -> str:
    rate = draw.choice([0.5, 0.9, 0.95, 1.0])
    head = draw.choice(["- ", "• ", "  -", "\u00a0•", "– ", "-", "* "])
    return "\n".join(head + line if draw.random() < rate else line for line in lines)


def _trailing_off(draw: random.Random, lines: list[str]) -> str:
    rate, tail = draw.choice([0.2, 0.3, 0.5, 1.0]), draw.choice(["...", "…", "... ", "…\u3000", "..", '..."', ". . ."])
    return "\n".join(line + tail if draw.random() < rate else line for line in lines)


def _numbered(draw: random.Random, lines: list[str]) -> str:
    rate = draw.choice([0.1, 0.2, 0.25, 0.5])
    return " ".join(str(draw.randint(0, 9999)) if draw.random() < rate else word for word in " ".join(lines).split())


def _cut(draw: random.Random, lines: list[str]) -> str:
    return " ".join(" ".join(lines * 3).split()[: draw.choice([3, 20, 49, 50, 51, 80])])


def _padded(draw: random.Random, lines: list[str]) -> str:
    return draw.choice(_LINE_ENDS) * draw.randint(0, 3) + "\n\n".join(lines) + draw.choice(_LINE_ENDS) * 2


_EDITS: list[Callable[[random.Random, list[str]], str]] = [
    *[_plain, _odd_ends, _odd_spaces, _repeated_lines, _repeated_words, _few_words],
    *[_defaced, _bulleted, _trailing_off, _numbered, _cut, _padded],
]
