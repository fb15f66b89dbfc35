"""What `xl corpus` shows in a terminal: progress, tables and warnings."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from xl_assets.corpus.cleaning import Watch
    from xl_assets.corpus.funnel import Funnel

out, err = Console(), Console(stderr=True)

_COMPILING = "Compiling loops for this machine's processor: ten to twenty-five seconds, in the first run only"


@contextmanager
def progress() -> Iterator["Watch"]:
    """Shows documents and MB/s while standard error is a terminal; tells of compiling wherever it goes."""
    from xl_assets.native.compiling import told_of_compiling

    stages = {"skip": "kept from before", "judge": "judged", "duplicates": "duplicates", "write": "written"}
    with (
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:,.0f} records"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not sys.stderr.isatty(),
        ) as bars,
        told_of_compiling(lambda: err.print(_COMPILING, soft_wrap=True)),
    ):
        tasks: dict[str, Any] = {}
        sizes: dict[str, int] = {}

        def watch(stage: str, records: int, size: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stages.get(stage, stage), total=None, rate="")
            sizes[stage] = sizes.get(stage, 0) + size
            elapsed = bars.tasks[tasks[stage]].elapsed or 0
            rate = f"{sizes[stage] / elapsed / 1e6:.1f} MB/s" if elapsed and sizes[stage] else ""
            bars.update(tasks[stage], advance=records, rate=rate)

        yield watch


def counts_table(counts: list[tuple[Any, ...]]) -> Table:
    """How many documents are in each language."""
    table = Table("language", "documents", "mean score", title="Identified")
    for code, documents, score in counts:
        table.add_row(code or "–", f"{documents:,}", "–" if score is None else f"{score:.3f}")
    return table


def funnel_table(funnel: "Funnel") -> Table:
    """What was kept of each language, and why the rest was not."""
    table = Table("language", "records", "kept", "rejected, by first reason", title="Cleaned")
    rows = [*funnel.languages.items(), *([("all", funnel.all)] if len(funnel.languages) != 1 else [])]
    for name, step in rows:
        if name == "all":
            table.add_section()
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in step.rejected.items())
        # A language is what a record says it is: text, never markup.
        table.add_row(Text(name), f"{step.records:,}", f"{step.kept:,}", reasons or "–")
    return table


def warn(funnel: "Funnel") -> None:
    """What to do about records of languages that are not known."""
    if unknown := funnel.all.rejected.get("unknown_language"):
        err.print(
            f"{unknown:,} records declare a language that the registry does not hold: give --language, or add it to "
            "the file that XL_LANGUAGES names",
            style="yellow",
            markup=False,
        )
