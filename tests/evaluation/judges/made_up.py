"""Pairs to judge and judges that decide by rule."""

import math
from collections.abc import Callable, Sequence

import polars as pl

Reply = str | tuple[str, Sequence[tuple[str, float]]]


def pairs(*texts: tuple[str | None, str | None], language: str | None = None) -> pl.DataFrame:
    """Pairs of (response, reference)."""
    rows = [
        {"response_id": f"r{i}", "instruction": f"question {i}", "response": a, "reference": b, "language": language}
        for i, (a, b) in enumerate(texts)
    ]
    names = ("response_id", "instruction", "response", "reference", "language")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))


def shown(message: str) -> tuple[str, str]:
    """The two answers in a message of the shipped pairwise templates."""
    for first, second, end in (
        ("Answer of model m:\n", "\n\nAnswer of model M:\n", "\n\nReply with"),
        ("Response A:\n", "\n\nResponse B:\n", None),
    ):
        if first in message:
            a, b = message.split(first)[1].split(second)
            return a, b.split(end)[0] if end else b
    raise AssertionError(f"no pair in {message}")


def weighed(a: float, labels: tuple[str, str] = ("m", "M")) -> Reply:
    """A verdict that gives the first answer the probability `a`."""
    return labels[0] if a >= 0.5 else labels[1], [(labels[0], math.log(a)), (labels[1], math.log(1 - a))]


def likes_longer(labels: tuple[str, str] = ("m", "M")) -> Callable[[str], Reply]:
    """A symmetric judge: the longer answer is better, the surer the greater the difference."""

    def reply(message: str) -> Reply:
        a, b = (len(text) for text in shown(message))
        return weighed(1 / (1 + math.exp((b - a) / 10)), labels)

    return reply
