"""Answers gathered into batches, for every engine alike."""

import time
from collections.abc import Sequence

import polars as pl

from xl_assets.generation.calls import ANSWER

#: Longest reason that is recorded: a server's text is data, and may be a whole page.
REASON_LENGTH = 300


class Batch:
    """Answers until there are `size` of them, or `seconds` have passed since the last batch."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._rows: list[dict] = []
        self._since = time.monotonic()

    def add(self, row: dict) -> None:
        """Keep one answer (`answered` or `failed` makes it)."""
        self._rows.append(row)

    def ready(self) -> bool:
        """Whether the batch should be handed on."""
        return len(self._rows) >= self._size or (bool(self._rows) and time.monotonic() - self._since >= self._seconds)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self) -> pl.DataFrame:
        """At most `size` answers (columns ``ANSWER``), the oldest; the next batch begins."""
        rows, self._rows = self._rows[: self._size], self._rows[self._size :]
        self._since = time.monotonic()
        return pl.DataFrame(rows, schema=ANSWER, orient="row")


def answered(
    call_id: str,
    text: str,
    finish_reason: str | None,
    tokens: tuple[int | None, int | None],
    logprobs: Sequence[dict] | None = None,
) -> dict:
    """One answer as a row of ``ANSWER``; `tokens` are those of prompt and answer."""
    return {
        "call_id": call_id,
        "text": text,
        "finish_reason": finish_reason,
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "logprobs": logprobs,
        "failure": None,
    }


def failed(call_id: str, code: str, detail: object = "", tokens: tuple[int | None, int | None] = (None, None)) -> dict:
    """One failure as a row of ``ANSWER``: ``code`` or ``code: detail``."""
    written = " ".join(str(detail).split())[:REASON_LENGTH]
    return {
        "call_id": call_id,
        "text": None,
        "finish_reason": None,
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "logprobs": None,
        "failure": f"{code}: {written}" if written else code,
    }


def by_prefix(requests: pl.DataFrame) -> pl.DataFrame:
    """Requests in an order in which equal prompt beginnings are neighbours, so that prefix caches hit."""
    text = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join("\x1f")
    return requests.sort(text, "seed", "call_id")
