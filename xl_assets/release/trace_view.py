"""A trace for a terminal. Texts are data: they are put into `rich.text.Text`, never read as markup."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from xl_assets.release.graph import STAGES
from xl_assets.release.plain_text import shorten, visible

if TYPE_CHECKING:
    from xl_assets.release.trace import Trace, TraceCall, TraceNode

#: Characters of a text that are shown where not all is asked for.
SHOWN = 160

#: Columns that the heading or the calls of a node already say.
_SAID = {"kept", "reasons", *(column for stage in STAGES.values() for column in stage.calls)}


def trace_tree(trace: "Trace", full: bool = False) -> Tree:
    """Draw a trace: the steps one below the other, the row first, its seed document last.

    Args:
        trace: what `trace_row` returned.
        full: whole texts and every column; otherwise texts are shortened, and a column that stands with the same
            value in the step above is left out, but never of the seed document.
    """
    head = Text.assemble(("Trace of ", "bold"), (trace.root.kind, "bold"), " ", (trace.id, "cyan"))
    tree = Tree(head, guide_style="dim")
    shown: dict[str, object] = {}
    node: TraceNode | None = trace.root
    while node is not None:
        _add(tree, node, shown, full)
        shown = dict(node.fields)
        origins = [child for child in node.children if child.relation == "origin"]
        node = origins[0] if origins else None
    if trace.problems:
        broken = tree.add(Text("The chain is broken or contradicts itself", style="bold red"))
        for problem in trace.problems:
            broken.add(_text(problem, True, "red"))
    return tree


def _add(tree: Tree, node: "TraceNode", shown: Mapping[str, object], full: bool) -> None:
    branch = tree.add(_heading(node))
    for name, value in node.fields.items():
        if name not in _SAID and name != STAGES[node.table].key and (full or _tells(node, name, shown)):
            _add_field(branch, name, value, full)
    for call in node.calls:
        _add_call(branch, call, full)
    for other in node.children:
        if other.relation == "alternative":
            # What alternatives were measured by is told of each, also where it is the same.
            _add(branch, other, {k: v for k, v in node.fields.items() if isinstance(v, str)}, full)


def _tells(node: "TraceNode", name: str, shown: Mapping[str, object]) -> bool:
    """Whether a column says something that the step above it did not; of a seed document also what is not known."""
    value = node.fields[name]
    if not STAGES[node.table].parents:
        return True
    return value is not None and not (name in shown and shown[name] == value)


def _heading(node: "TraceNode") -> Text:
    kind = f"other {node.kind}" if node.relation == "alternative" else node.kind
    heading = Text.assemble((kind, "bold"), " ", (visible(node.id), "cyan"), (f"  {node.table}", "dim"))
    if not node.fields:
        heading.append("  missing", "bold red")
    elif node.fields.get("kept") is False:
        reasons = node.fields.get("reasons")
        why = ", ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
        heading.append(f"  not kept: {visible(why)}", "yellow")
    elif node.fields.get("kept") is True:
        heading.append("  kept", "green")
    return heading


def _add_field(branch: Tree, name: str, value: object, full: bool) -> None:
    if isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        inner = branch.add(Text(name, style="blue"))
        for entry in value:
            inner.add(_text(_entry(entry), full))
        return
    branch.add(_labelled(name, _cell(value), full))


def _add_call(branch: Tree, call: "TraceCall", full: bool) -> None:
    told = branch.add(Text.assemble((f"call {visible(call.call_id)}", "magenta"), (f"  {call.named_by}", "dim")))
    for name, value in _facts(call):
        told.add(_labelled(name, value, full))
    for message in call.messages:
        told.add(_labelled(_cell(message.get("role")), _cell(message.get("content")), full))
    if call.failure is None:
        told.add(_labelled("answer", _cell(call.text), full))
    else:
        told.add(_labelled("failure", call.failure, full, "red"))


def _facts(call: "TraceCall") -> Iterator[tuple[str, str]]:
    yield "step", f"{_cell(call.step)}, role {_cell(call.role)}, attempt {_cell(call.attempt)}, seed {_cell(call.seed)}"
    yield "model", f"{_cell(call.model)}, fingerprint {_cell(call.model_fingerprint)}"
    where = f"{_cell(call.engine)} {_cell(call.engine_version)}"
    yield "engine", f"{where}, run {_cell(call.run_id)}, {_cell(call.answered_at)}"
    yield "parameters", _cell(call.parameters)
    tokens = f"{_cell(call.prompt_tokens)} read, {_cell(call.completion_tokens)} written"
    yield "tokens", f"{tokens}, ended by {_cell(call.finish_reason)}"


def _entry(entry: Mapping[str, object]) -> str:
    """One struct of a list on a line; a message reads as role and text, a measured rule as a comparison."""
    if set(entry) == {"role", "content"}:
        return f"{_cell(entry['role'])}: {_cell(entry['content'])}"
    if set(entry) == {"rule", "value", "threshold"}:
        return f"{_cell(entry['rule'])}: {_cell(entry['value'])} (threshold {_cell(entry['threshold'])})"
    return ", ".join(f"{name} {_cell(value)}" for name, value in entry.items())


def _cell(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in value.items() if inner is not None) or "none"
    if isinstance(value, list):
        return ", ".join(_cell(inner) for inner in value) or "none"
    return str(value)


def _labelled(name: str, value: str, full: bool, style: str = "") -> Text:
    return Text.assemble((f"{visible(name)}: ", "blue"), _text(value, full, style))


def _text(value: str, full: bool, style: str = "") -> Text:
    return Text(visible(value if full else shorten(value, SHOWN)), style=style)
