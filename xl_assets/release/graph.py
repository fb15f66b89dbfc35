"""The way a training row came: which table's rows were made from which, and by which columns they name their parents.

One declaration serves every direction: `trace` walks it back from a row, `origins` joins along it for all rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

#: Name of a table -> its rows (of all partitions), or None where it was never written.
Tables = Callable[[str], pl.LazyFrame | None]


class LineageError(LookupError):
    """Lineage that cannot be followed; the message names what is missing and the remedy."""


@dataclass(frozen=True)
class Parent:
    """A table that a row was made from.

    Attributes:
        table: its name.
        by: columns whose values both rows share; together they name the parent. `language` is among them
            wherever both tables have the same one, so that only one partition is read.
    """

    table: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One table on the way.

    Attributes:
        table: its name.
        kind: what one of its rows is, in words.
        key: the column that names a row.
        parents: what its rows were made from.
        calls: columns that name calls of the call log.
        alternatives: columns that a row shares with the rows it was chosen among.
        copies: column that tells apart rows which rightly share a key, e.g. one row in several releases.
    """

    table: str
    kind: str
    key: str
    parents: tuple[Parent, ...] = ()
    calls: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    copies: str | None = None


_ROW = ("row_id", "language")
_DOCUMENT = ("document_id", "language")
_AMONG = ("pair_id", "language")
_CALL = ("call_id",)


def _from(table: str, *by: str) -> tuple[Parent, ...]:
    return (Parent(table, by),)


#: Every table on the way from a training row to its seed document, the training row first.
STAGES: Mapping[str, Stage] = {
    stage.table: stage
    for stage in (
        Stage("sft_mixture", "training row", "row_id", _from("xl_instruct", *_ROW), copies="release"),
        Stage("xl_instruct", "finished row", "row_id", _from("language_filtered", *_ROW)),
        Stage("language_filtered", "language check", "row_id", _from("instruction_candidates", *_ROW)),
        Stage(
            "instruction_candidates",
            "instruction candidate",
            "row_id",
            _from("selected_translations", "candidate_id", *_AMONG),
        ),
        Stage(
            "selected_translations",
            "selection",
            "candidate_id",
            _from("translation_candidates", "candidate_id", *_AMONG),
            calls=("quality_call_id",),
            alternatives=_AMONG,
        ),
        Stage(
            "translation_candidates",
            "translation",
            "candidate_id",
            _from("scored_pairs", "pair_id"),
            calls=_CALL,
            alternatives=_AMONG,
        ),
        Stage("scored_pairs", "scored pair", "pair_id", _from("refined_responses", "pair_id"), calls=_CALL),
        Stage("refined_responses", "refined response", "pair_id", _from("questions", "question_id"), calls=_CALL),
        Stage("questions", "question", "question_id", _from("seed_passages", "passage_id"), calls=_CALL),
        Stage("seed_passages", "passage", "passage_id", _from("seed_documents_filtered", *_DOCUMENT)),
        Stage(
            "seed_documents_filtered",
            "filtered document",
            "document_id",
            _from("seed_documents_identified", *_DOCUMENT),
        ),
        Stage("seed_documents_identified", "identified document", "document_id", _from("seed_documents", *_DOCUMENT)),
        Stage("seed_documents", "seed document", "document_id"),
    )
}

#: Columns that hold ids of rows on the way.
ID_COLUMNS = tuple(dict.fromkeys(stage.key for stage in STAGES.values()))


def fetch(tables: Tables, table: str, where: Mapping[str, object]) -> pl.DataFrame | None:
    """Read the rows of a table whose columns have the given values, with one filtered scan, in a fixed order.

    The columns are sorted out here, not after reading: partitions and row groups that cannot match are not read.

    Returns:
        The rows, or None where the table was never written.
    """
    frame = tables(table)
    if frame is None:
        return None
    rows = frame.filter(*(pl.col(column) == value for column, value in where.items())).collect(engine="streaming")
    stage = STAGES[table]
    order = [column for column in ("sample", stage.key, stage.copies) if column and column in rows.columns]
    return rows.sort(order, maintain_order=True)


def need(tables: Tables, table: str) -> pl.LazyFrame:
    """Scan a table.

    Raises:
        LineageError: where it was never written.
    """
    frame = tables(table)
    if frame is None:
        raise LineageError(f"the table {table} was never written: materialise the asset {table} first")
    return frame
