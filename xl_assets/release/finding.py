"""Find the row that an id, or the start of one, means."""

import re

import polars as pl

from xl_assets.identity import ID_LENGTH
from xl_assets.release.graph import STAGES, LineageError, Stage, Tables, fetch

#: Fewest characters of an id that are looked up.
LEAST_PREFIX = 8

#: So many matches of an ambiguous start are named.
SHOWN_MATCHES = 10

_ID = re.compile(rf"[0-9a-f]{{{LEAST_PREFIX},{ID_LENGTH}}}")


class TraceError(LineageError):
    """An id that cannot be traced: it is none, is not there, or means several rows."""


def find_row(text: str, tables: Tables) -> tuple[Stage, str, pl.DataFrame]:
    """Find the row nearest to training that an id names.

    Args:
        text: an id, or at least its first 8 characters.
        tables: name of a table -> its rows, or None.

    Returns:
        The stage, the id in full, and the rows of the stage's table that have it.

    Raises:
        TraceError: says what ids look like, where one is found, or which rows the start fits.
    """
    wanted = text.strip().lower()
    if not _ID.fullmatch(wanted):
        raise TraceError(f"{text!r} is no id. {_help(tables)}")
    key = None
    if len(wanted) < ID_LENGTH:
        key, wanted = _complete(wanted, tables)
    for stage in STAGES.values():
        if key not in (None, stage.key):
            continue
        rows = fetch(tables, stage.table, {stage.key: wanted})
        if rows is not None and rows.height:
            return stage, wanted, rows
    raise TraceError(f"no row has the id {wanted}. {_help(tables)}")


def _complete(start: str, tables: Tables) -> tuple[str, str]:
    """The key column and the one id that begins so."""
    scans = [(stage, frame) for stage in STAGES.values() if (frame := tables(stage.table)) is not None]
    probes = [
        frame.select(pl.col(stage.key).alias("id"))
        .filter(pl.col("id").str.starts_with(start))
        .unique()
        .sort("id")
        .head(SHOWN_MATCHES + 1)
        for stage, frame in scans
    ]
    found: dict[tuple[str, str], str] = {}
    for (stage, _), matches in zip(scans, pl.collect_all(probes), strict=True):
        for row_id in matches["id"]:
            found.setdefault((stage.key, row_id), stage.table)
    if not found:
        raise TraceError(f"no row has an id that begins with {start}. {_help(tables)}")
    if len(found) > 1:
        raise TraceError(_ambiguous(start, found))
    return next(iter(found))


def _ambiguous(start: str, found: dict[tuple[str, str], str]) -> str:
    lines = [f"  {row_id}  {key} in {table}" for (key, row_id), table in list(found.items())[:SHOWN_MATCHES]]
    more = ["  …"] if len(found) > SHOWN_MATCHES else []
    return "\n".join([f"{start} begins more than one id; give more characters of the one you mean:", *lines, *more])


def _help(tables: Tables) -> str:
    example = next((f"; for example {row_id} in {table}" for table, row_id in _examples(tables)), "")
    keys = ", ".join(dict.fromkeys(stage.key for stage in STAGES.values()))
    return (
        f"An id is {ID_LENGTH} hexadecimal digits, of which the first {LEAST_PREFIX} may do: a {keys}. "
        "Training rows have theirs in the column row_id of the table sft_mixture, the report shows some, "
        f"and so does every asset's sample in the UI{example}."
    )


def _examples(tables: Tables):
    for stage in STAGES.values():
        frame = tables(stage.table)
        if frame is not None:
            for row_id in frame.select(stage.key).head(1).collect()[stage.key]:
                yield stage.table, row_id
