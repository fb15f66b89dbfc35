"""Trace a row back to the document that it was made from, through every filter and every call.

`trace_row` takes the tables and the call log as callables, so that it serves the lake as it is now, a frozen
release, or frames in memory. A broken chain is told, not raised: what there is is still shown.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from xl_assets.release.finding import TraceError, find_row
from xl_assets.release.graph import ID_COLUMNS, STAGES, Parent, Stage, Tables, fetch
from xl_assets.release.plain_text import escape_json

if TYPE_CHECKING:
    from rich.tree import Tree

__all__ = ["Trace", "TraceCall", "TraceError", "TraceNode", "trace_row"]

#: Call ids -> what the log holds of them: columns of ``WANTED`` and ``ANSWER`` with role, model, engine,
#: engine_version, run_id and answered_at. A call may have several entries: failures before its answer.
Calls = Callable[[Sequence[str]], pl.DataFrame]


@dataclass(frozen=True)
class TraceCall:
    """One entry of the call log. `named_by` is the column that names the call; `parameters` are the sampling's."""

    call_id: str
    named_by: str
    step: str | None
    role: str | None
    model: str | None
    model_fingerprint: str | None
    engine: str | None
    engine_version: str | None
    parameters: object
    seed: int | None
    attempt: int | None
    run_id: str | None
    answered_at: str | None
    messages: tuple[Mapping[str, str], ...]
    text: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    failure: str | None


@dataclass(frozen=True)
class TraceNode:
    """One row on the way.

    Attributes:
        kind: what it is, in words, e.g. ``scored pair``.
        id: its id in `table`.
        table: the table that holds it.
        fields: the row's columns as plain values; empty where the row is missing.
        calls: what was asked for it, in the order of the log.
        children: the rows it was chosen among (`relation` is ``alternative``), then those it was made from
            (``origin``).
        relation: how it stands to the node above.
        problem: what is wrong here, or None.
    """

    kind: str
    id: str
    table: str
    fields: Mapping[str, object]
    calls: tuple[TraceCall, ...] = ()
    children: tuple["TraceNode", ...] = ()
    relation: Literal["start", "origin", "alternative"] = "origin"
    problem: str | None = None


@dataclass(frozen=True)
class Trace:
    """The way back of one row.

    Attributes:
        id: the id in full, also where only its start was given.
        root: the row itself; its children lead back.
        problems: everything that is missing or contradicts itself; empty for a whole chain.
    """

    id: str
    root: TraceNode
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the chain leads to a seed document without a gap or contradiction."""
        return not self.problems

    def as_dict(self) -> dict[str, object]:
        """The trace as plain values: `id`, `complete`, `problems` and the nested `root`."""
        return {"id": self.id, "complete": self.complete, "problems": list(self.problems), "root": asdict(self.root)}

    def as_json(self) -> str:
        """`as_dict` as indented JSON with all texts in full; control characters are escaped."""
        return escape_json(json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False))

    def as_tree(self, full: bool = False) -> "Tree":
        """The trace for a terminal, see `trace_view.trace_tree`."""
        from xl_assets.release.trace_view import trace_tree

        return trace_tree(self, full)


def trace_row(row_id: str, tables: Tables, calls: Calls) -> Trace:
    """Trace a row back to its seed document.

    Args:
        row_id: id of a row of any table of `graph.STAGES`, or its first 8 or more characters.
        tables: name of a table -> its rows, or None where it was never written. Each is scanned once, filtered.
        calls: call ids -> the log's entries.

    Raises:
        TraceError: the id is none, is not there, or its start fits several rows.
    """
    stage, full_id, rows = find_row(row_id, tables)
    walk = _Walk(tables)
    root = walk.arrive(stage, rows, {stage.key: full_id}, "start")
    log = _Log(calls, sorted(_call_ids(root)))
    root = log.attach(root)
    return Trace(full_id, root, (*walk.problems, *log.problems))


class _Walk:
    """Goes from a row to its parents and collects what is wrong on the way."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.problems: list[str] = []

    def arrive(
        self, stage: Stage, rows: pl.DataFrame, known: Mapping[str, object], relation: Literal["start", "origin"]
    ) -> TraceNode:
        """Make the node of the row that is meant among `rows`; the others are its alternatives."""
        wanted = str(known[stage.key])
        own = rows.filter(pl.col(stage.key) == wanted).unique(maintain_order=True)
        if own.is_empty():
            return self._missing(stage, known, "there is no such row")
        fields = _merged(own)
        problems = self._contradictions(stage, own, fields, known)
        known = {**known, **{c: v for c, v in fields.items() if c in ID_COLUMNS or c == "language"}}
        if relation == "start" and stage.alternatives:
            among = fetch(self._tables, stage.table, {column: known[column] for column in stage.alternatives})
            rows = rows if among is None else among
        others = rows.filter(pl.col(stage.key) != wanted).unique(maintain_order=True)
        return TraceNode(
            stage.kind,
            wanted,
            stage.table,
            fields,
            children=(*_alternatives(stage, others), *self._origins(stage, known)),
            relation=relation,
            problem="; ".join(problems) or None,
        )

    def _origins(self, stage: Stage, known: Mapping[str, object]) -> list[TraceNode]:
        return [self._origin(stage, parent, known) for parent in stage.parents]

    def _origin(self, child: Stage, parent: Parent, known: Mapping[str, object]) -> TraceNode:
        stage = STAGES[parent.table]
        if known.get(stage.key) is None:
            return self._missing(stage, known, f"no row before it names its {stage.key}")
        # Alternatives are rows of the same choice: they come with the row itself, in the one scan of its table.
        among = stage.alternatives if all(known.get(column) is not None for column in stage.alternatives) else ()
        by = among or [column for column in parent.by if known.get(column) is not None]
        rows = fetch(self._tables, stage.table, {column: known[column] for column in by})
        if rows is None:
            return self._missing(stage, known, f"the table was never written, although {child.table} was made from it")
        return self.arrive(stage, rows, known, "origin")

    def _missing(self, stage: Stage, known: Mapping[str, object], why: str) -> TraceNode:
        """A node for what is not there, and beyond it what other tables still tell of the way."""
        wanted = str(known.get(stage.key) or "?")
        problem = f"{stage.table}: {stage.kind} {wanted} is missing: {why}"
        self.problems.append(problem)
        further = [parent for parent in stage.parents if known.get(STAGES[parent.table].key) is not None]
        children = tuple(self._origin(stage, parent, known) for parent in further)
        return TraceNode(stage.kind, wanted, stage.table, {}, children=children, problem=problem)

    def _contradictions(
        self, stage: Stage, own: pl.DataFrame, fields: Mapping[str, object], known: Mapping[str, object]
    ) -> list[str]:
        found = [
            f"{stage.table}: its row {known[stage.key]} names {column} {fields[column]}, "
            f"rows made from it name {known[column]}"
            for column in ID_COLUMNS
            if column in fields and known.get(column) not in (None, fields[column])
        ]
        if own.height > 1 and not (stage.copies and own[stage.copies].n_unique() == own.height):
            found.append(f"{stage.table}: {own.height} different rows have the {stage.key} {known[stage.key]}")
        self.problems += found
        return found


class _Log:
    """The entries of the calls that a trace names."""

    def __init__(self, calls: Calls, ids: Sequence[str]) -> None:
        self.problems: list[str] = []
        self._entries: dict[str, list[dict]] = {}
        frame = calls(ids) if ids else pl.DataFrame()
        order = [column for column in ("answered_at", "attempt") if column in frame.columns]
        for row in (frame.sort(order) if order else frame).iter_rows(named=True):
            self._entries.setdefault(row["call_id"], []).append(row)

    def attach(self, node: TraceNode) -> TraceNode:
        """The node and all below it with their calls."""
        children = tuple(self.attach(child) for child in node.children)
        found: list[TraceCall] = []
        problem = node.problem
        for column in STAGES[node.table].calls:
            if (call_id := node.fields.get(column)) is None:
                continue
            entries = self._entries.get(str(call_id), [])
            found += [_call(entry, column) for entry in entries]
            if not entries:
                told = f"call log: call {call_id} is missing, which {node.table} {node.id} names as its {column}"
                self.problems.append(told)
                problem = f"{problem}; {told}" if problem else told
        return replace(node, calls=tuple(found), children=children, problem=problem)


def _alternatives(stage: Stage, others: pl.DataFrame) -> list[TraceNode]:
    rows = ({name: _plain(value) for name, value in row.items()} for row in others.iter_rows(named=True))
    return [TraceNode(stage.kind, str(row[stage.key]), stage.table, row, relation="alternative") for row in rows]


def _call_ids(node: TraceNode) -> set[str]:
    own = {str(node.fields[column]) for column in STAGES[node.table].calls if node.fields.get(column) is not None}
    return own.union(*(_call_ids(child) for child in node.children))


def _merged(rows: pl.DataFrame) -> dict[str, object]:
    """One row as plain values; where copies of it differ, e.g. in their release, the list of their values."""
    columns = {name: [_plain(value) for value in rows[name].to_list()] for name in rows.columns}
    return {name: values[0] if all(v == values[0] for v in values) else values for name, values in columns.items()}


def _call(entry: Mapping[str, object], named_by: str) -> TraceCall:
    plain: dict[str, Any] = {name: _plain(value) for name, value in entry.items()}
    fields: dict[str, Any] = {name: plain.get(name) for name in TraceCall.__dataclass_fields__}
    fields["named_by"] = named_by
    fields["messages"] = tuple(plain.get("messages") or ())
    fields["parameters"] = _parameters(plain.get("parameters"))
    return TraceCall(**fields)


def _parameters(text: object) -> object:
    try:
        return json.loads(str(text)) if text is not None else None
    except json.JSONDecodeError:
        return text


def _plain(value: object) -> object:
    """A cell as JSON has it: times as ISO text, infinities and NaN as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value
