"""`xl corpus`: any corpus cleaned or identified, without Dagster and without a lake."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from resources.language_identifier import LanguageIdentifier
    from xl_assets.corpus.cleaning import Watch
    from xl_assets.corpus.funnel import Funnel
    from xl_assets.profile import Profile

corpus_app = typer.Typer(
    help="Any corpus cleaned or identified, without Dagster and without a lake.", no_args_is_help=True
)
out, err = Console(), Console(stderr=True)

#: This process reads and judges in turn with the workers: one thread each is all the cores there are. Libraries
#: read these when they are imported, so the commands import everything late.
_THREADS = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs (quoted) or URLs: hf://, s3://, gs://.", metavar="INPUT...")
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Code of the language that all documents are declared to be in. Without it each record's own language "
        "column counts, and where there is none, the language that is identified.",
    ),
]
ColumnOption = Annotated[str | None, typer.Option(help="Name of the column with the text, if not `text`.")]
LayoutOption = Annotated[
    str | None, typer.Option(help="Whose columns the corpus has: fineweb2, culturax, hplt, oscar, ...")
]
SampleOption = Annotated[
    float | None,
    typer.Option(help="Share of the documents, chosen by a hash of their id: a larger share holds the smaller one."),
]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes, this one included; default one a core. Changes no result.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]


@corpus_app.command()
def clean(
    inputs: Inputs,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for the result; must be empty or absent.")],
    language: LanguageOption = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", "-p", help="Profile whose identification, filters and languages count; default: ours."
        ),
    ] = None,
    workers: WorkersOption = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(help="Rule set, e.g. gopher_quality; repeat the option. Instead of the profile's sets."),
    ] = None,
    layout: LayoutOption = None,
    text_column: ColumnOption = None,
    sample: SampleOption = None,
    duplicates: Annotated[bool, typer.Option("--duplicates/--no-duplicates", help="Look for duplicates.")] = True,
    across_languages: Annotated[
        bool, typer.Option("--across-languages", help="Look for duplicates among all languages together.")
    ] = False,
    redact: Annotated[bool | None, typer.Option("--redact/--no-redact", help="Replace personal data.")] = None,
    refine: Annotated[
        bool | None, typer.Option("--refine/--no-refine", help="Mend mojibake and remove lines of page furniture.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Remove what another configuration left in the folder.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read, identify, filter and deduplicate a corpus of any size; show what was kept and why the rest was not.

    Writes `documents/*.parquet` (what is kept), `decisions.parquet` (one row for each record that was read, with
    all reasons) and `quarantine.parquet` (lines that are no document) into the folder.

    Interrupted? Give the same command again: finished batches are kept.
    """
    count = _one_thread_each(workers)
    from xl_assets.corpus.cleaning import clean as clean_corpus
    from xl_assets.corpus.options import CleanOptions

    chosen = _profile(profile)
    identification, filters = _settings(chosen, rules, across_languages, redact, refine)
    options = CleanOptions(
        _reading(language, layout, text_column, sample), identification, filters, duplicates, count, fresh
    )
    with _progress() as watch:
        funnel = clean_corpus(inputs, folder, options, _identifier(chosen, None, 5), watch)
    if as_json:
        print(json.dumps({"out": str(folder), **funnel.as_dict()}, indent=1, ensure_ascii=False))
        return
    out.print(_funnel_table(funnel))
    _warn(funnel)
    err.print(f"Kept: {folder}/documents   Every record's reasons: {folder}/decisions.parquet", markup=False)


@corpus_app.command()
def identify(
    inputs: Inputs,
    file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to: .parquet or .jsonl; default: only the counts.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="fastText model by name or path; default lid.176.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Languages for each document, best first.")] = 1,
    layout: LayoutOption = None,
    text_column: ColumnOption = None,
    sample: SampleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Identify the language of every document of a corpus; show how many there are of each."""
    _one_thread_each(1)
    from xl_assets.corpus.identifying import identify as identify_corpus
    from xl_assets.corpus.options import IdentifyOptions

    options = IdentifyOptions(_reading(None, layout, text_column, sample), top)
    with _progress() as watch:
        counts = identify_corpus(inputs, file, options, _identifier(None, model, top), watch)
    if as_json:
        print(json.dumps(counts.rows(named=True), indent=1, ensure_ascii=False))
        return
    table = Table("language", "documents", "mean score", title="Identified")
    for code, documents, score in counts.rows():
        table.add_row(code or "–", f"{documents:,}", "–" if score is None else f"{score:.3f}")
    out.print(table)


def _one_thread_each(workers: int | None) -> int:
    count = len(os.sched_getaffinity(0)) if workers is None else max(workers, 1)
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    return count


def _profile(name: str | None) -> "Profile | None":
    if name is None:
        return None
    from xl_assets.languages import REGISTRY_VARIABLE
    from xl_assets.profile import load_profile

    profile = load_profile(name)
    if profile.language_file:
        os.environ[REGISTRY_VARIABLE] = profile.place(profile.language_file)
    return profile


def _settings(
    profile: "Profile | None", rules: list[str] | None, across: bool, redact: bool | None, refine: bool | None
) -> Any:
    from dataclasses import replace

    from xl_assets.filters.language_id import IdentificationSettings
    from xl_assets.filters.pipeline import FilterSettings

    identification, filters = IdentificationSettings(), FilterSettings()
    if profile is not None:
        from xl_assets.settings import settings_of

        identification, filters = settings_of(profile, "identification"), settings_of(profile, "filters")
    if rules:
        filters = replace(filters, sets=tuple(rules))
    if across:
        filters = replace(filters, duplicates=replace(filters.duplicates, across_languages=True))
    if redact is not None:
        filters = replace(filters, redact=redact)
    if refine is not None:
        filters = replace(filters, refine=refine, repair=refine)
    return identification, filters


def _reading(language: str | None, layout: str | None, text_column: str | None, sample: float | None) -> Any:
    from xl_assets.corpus.options import ReadOptions

    return ReadOptions(language, {"text": text_column} if text_column else {}, layout, sample)


def _identifier(profile: "Profile | None", model: str | None, top: int) -> "LanguageIdentifier":
    from resources.language_identifier import LanguageIdentifier

    if profile is not None and profile.lid_model:
        model = profile.place(profile.lid_model)
    return LanguageIdentifier(model, top=top)


@contextmanager
def _progress() -> Iterator["Watch"]:
    """Shows documents and MB/s while standard error is a terminal; nothing where it is not."""
    stages = {"skip": "kept from before", "judge": "judged", "duplicates": "duplicates", "write": "written"}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} records"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        tasks: dict[str, Any] = {}
        sizes: dict[str, int] = {}

        def watch(stage: str, records: int, size: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stages.get(stage, stage), total=None, rate="")
            sizes[stage] = sizes.get(stage, 0) + size
            elapsed = progress.tasks[tasks[stage]].elapsed or 0
            rate = f"{sizes[stage] / elapsed / 1e6:.1f} MB/s" if elapsed and sizes[stage] else ""
            progress.update(tasks[stage], advance=records, rate=rate)

        yield watch


def _funnel_table(funnel: "Funnel") -> Table:
    table = Table("language", "records", "kept", "rejected, by first reason", title="Cleaned")
    rows = [*funnel.languages.items(), *([("all", funnel.all)] if len(funnel.languages) != 1 else [])]
    for name, step in rows:
        if name == "all":
            table.add_section()
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in step.rejected.items())
        table.add_row(name, f"{step.records:,}", f"{step.kept:,}", reasons or "–")
    return table


def _warn(funnel: "Funnel") -> None:
    for source, reason in funnel.broken.items():
        err.print(f"{source} is {reason}: what came before the break was read", style="yellow", markup=False)
    if unknown := funnel.all.rejected.get("unknown_language"):
        err.print(
            f"{unknown:,} records declare a language that the registry does not hold: give --language, or add it to "
            "the file that XL_LANGUAGES names",
            style="yellow",
            markup=False,
        )
