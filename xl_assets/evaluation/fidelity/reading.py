"""Responses from a file, and what was found in them as plain values for JSON."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from xl_assets.evaluation.fidelity.confusion import CONFUSION, averages, pass_rates
from xl_assets.evaluation.fidelity.words import FidelityError

_COLUMNS = pl.Schema({"id": pl.String(), "language": pl.String(), "response": pl.String()})


class _Response(msgspec.Struct):
    id: str | int | None = None
    language: str | None = None
    response: str | None = None


def read_responses(file: Path) -> pl.DataFrame:
    """Read responses: JSON lines or one JSON list, of objects with ``id``, ``language`` and ``response``.

    Returns:
        Columns ``id``, ``language`` and ``response``, in the file's order. Without an id a response has the number of
        its row, from 1.

    Raises:
        FidelityError: no such file, no JSON, or a field of another type; names the row.
    """
    try:
        content = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise FidelityError(f"response file {file} can't be opened ({error.strerror}): check the path") from error
    try:
        if content.lstrip().startswith(b"["):
            rows = msgspec.json.decode(content, type=list[_Response])
        else:
            rows = msgspec.json.Decoder(_Response).decode_lines(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FidelityError(
            f"response file {file.name}{_place(content)}: {error}. Write one JSON object with id, language and "
            "response per line"
        ) from error
    frame = pl.DataFrame([(row.id, row.language, row.response) for row in rows], schema=_COLUMNS, orient="row")
    number = pl.int_range(1, pl.len() + 1).cast(pl.String)
    return frame.with_columns(pl.coalesce("id", number))


def _place(content: bytes) -> str:
    """Which line can't be read; only asked once something is wrong."""
    if content.lstrip().startswith(b"["):
        return ""
    decoder = msgspec.json.Decoder(_Response)
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            decoder.decode_lines(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return f", line {number}"
    return ""


def as_plain(checked: pl.DataFrame) -> dict[str, Any]:
    """Pass rates by language and the evidence of every row, for JSON.

    Args:
        checked: as `language_confusion` returns it, with ``id``.

    Returns:
        ``languages``: code -> ``RATES``; ``average`` over these; ``unknown_languages``: code -> rows that were
        counted apart; ``rows``: for each response ``id``, ``language`` and the columns of ``CONFUSION``.
    """
    rates = pass_rates(checked)
    unknown = pl.col("n_unknown_language") > 0
    return {
        "languages": {rate["language"]: rate for rate in rates.filter(~unknown).rows(named=True)},
        "average": averages(rates.filter(~unknown)),
        "unknown_languages": {
            language or "": rows for language, rows in rates.filter(unknown).select("language", "n_rows").rows()
        },
        "n_rows": checked.height,
        "rows": checked.select("id", "language", *CONFUSION.names()).rows(named=True),
    }
