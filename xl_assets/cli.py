"""The `xl` command."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from xl_assets.commands.corpus import corpus_app
from xl_assets.commands.evaluate import evaluate_app
from xl_assets.commands.measure import measure

app = typer.Typer(
    name="xl",
    help="Seed corpora to cross-lingual instruction data to a fine-tuned, judged model, as Dagster assets.\n\n"
    "Start with `xl demo`, look at it with `xl ui`, ask for numbers with `xl report`, "
    "for the origin of a training row with `xl trace ROW_ID`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
languages_app = typer.Typer(help="The language registry and this lake's language partitions.", no_args_is_help=True)
app.add_typer(languages_app, name="languages")
corpus_app.command()(measure)
app.add_typer(corpus_app, name="corpus")
app.add_typer(evaluate_app, name="evaluate")

out, err = Console(), Console(stderr=True)

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", "-p", envvar="XL_PROFILE", help="Name of a shipped profile or path of a TOML file."),
]
LakeOption = Annotated[
    str | None,
    typer.Option("--lake", "-l", envvar="XL_LAKE", help="Folder of the lake; default data_lake/<profile>."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]


def main() -> None:
    """Run the command; an expected error is one message with its remedy, not a traceback."""
    try:
        app()
    except Exception as error:
        if os.environ.get("XL_DEBUG"):
            raise
        if not _expected(error):
            err.print_exception(show_locals=False)
            sys.exit(70)
        err.print(f"xl: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _expected(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in {"xl_assets", "resources", "demo"}


@app.command()
def demo(lake: LakeOption = None) -> None:
    """Run the main job on the shipped small world and show where to look.

    Everything is real: fastText identifies, vLLM generates, TRL trains, Dagster runs. The world is small,
    so that two cores do it in minutes; it shows the mechanism, not the figures of the paper.
    A second call does only what is missing: usually nothing.
    """
    began = time.monotonic()
    ran = _run("demo", lake, None, None)
    _show_summary("demo", lake, None)
    seconds = time.monotonic() - began
    if ran:
        out.print(f"\nDone in {seconds / 60:.1f} minutes.")
    else:
        out.print(f"\nNothing to do: every table was fresh, no step ran and no model was asked ({seconds:.0f} s).")
    out.print("Look at it in Dagster's UI:  [bold]make ui[/]   Trace a row:  [bold].venv/bin/xl trace ROW_ID[/]")


@app.command()
def run(
    profile: ProfileOption = None,
    lake: LakeOption = None,
    language: Annotated[list[str] | None, typer.Option(help="Only these languages; repeat the option.")] = None,
    release: Annotated[str | None, typer.Option(help="Name of the release; default from the profile.")] = None,
) -> None:
    """Run the main job: everything that is missing or stale, and nothing else.

    Interrupted? Give the same command again: finished tables and answered calls are kept.
    """
    ran = _run(profile, lake, language, release)
    _show_summary(profile, lake, release)
    if not ran:
        out.print("\nNothing to do: every table was fresh.")


@app.command()
def backfill(
    language: Annotated[list[str], typer.Option(help="Language code; repeat the option for several.")],
    profile: ProfileOption = None,
    lake: LakeOption = None,
) -> None:
    """Bring the tables of one or more languages up to date, without training or judging.

    English work is reused: its calls are in the call log.
    """
    from xl_assets.partitions import register_languages

    runner = _runner(profile, lake)
    register_languages(runner.instance, language)
    if not runner.seed_to_candidates(language):
        out.print("Nothing to do: every table of these languages was fresh.")


@app.command()
def status(profile: ProfileOption = None, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Show which tables are missing, stale (and why) or fresh, per language and release."""
    runner = _runner(profile, lake)
    rows = runner.status(runner.languages(), runner.releases())
    if as_json:
        print(json.dumps([row.__dict__ for row in rows], indent=1))
        return
    marks = {"fresh": "[green]✓[/]", "stale": "[yellow]stale[/]", "missing": "[dim]–[/]"}
    keys = [*runner.languages(), *runner.releases()]
    table = Table(Column("table", no_wrap=True), "all", *keys, title="✓ fresh   – missing")
    cells: dict[str, dict[str | None, str]] = {}
    for row in rows:
        cells.setdefault(row.table, {})[row.partition] = marks[row.state]
    for name, found in cells.items():
        table.add_row(name, found.get(None, ""), *(found.get(key, "") for key in keys))
    out.print(table)
    for row in rows:
        if row.state == "stale":
            where = f"{row.table}[{row.partition}]" if row.partition else row.table
            out.print(f"{where}: {'; '.join(row.reasons)}", markup=False)


@app.command()
def report(
    profile: ProfileOption = None,
    lake: LakeOption = None,
    release: Annotated[str | None, typer.Option(help="Name of the release; default from the profile.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the summary of a release: funnel, language fidelity and win rate before and after, cost."""
    if as_json:
        from xl_assets.reporting import release_summary

        print(json.dumps(release_summary(_workspace(profile, lake), release), indent=1, ensure_ascii=False))
        return
    _show_summary(profile, lake, release)


@app.command()
def trace(
    row_id: Annotated[str, typer.Argument(help="Id of a training row, or of any row before it; 8 characters do.")],
    profile: ProfileOption = None,
    lake: LakeOption = None,
    full: Annotated[bool, typer.Option(help="Show texts in full.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Trace a row back to its document through every filter and every call.

    Ids are in the `row_id` column of the table sft_mixture, in the report's examples and in the UI's samples.
    """
    from xl_assets.release.lineage import trace_in_lake

    found = trace_in_lake(_workspace(profile, lake), row_id)
    if as_json:
        print(found.as_json())
    else:
        out.print(found.as_tree(full=full))


@app.command()
def ui(
    profile: ProfileOption = None,
    lake: LakeOption = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open Dagster's UI on loopback, with the lake's runs, assets and partitions."""
    from xl_assets.partitions import register_languages, register_release

    runner = _runner(profile, lake)
    register_languages(runner.instance, runner.workspace.settings.languages)
    register_release(runner.instance, runner.workspace.settings.release)
    err.print(f"Dagster's UI: http://127.0.0.1:{port}   (Ctrl-C ends it)")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, command)


@languages_app.command("list")
def list_languages(profile: ProfileOption = None, lake: LakeOption = None) -> None:
    """Show the registry: code, names, script, language-ID label, thresholds."""
    from xl_assets.languages import registered

    table = Table("code", "name", "native name", "script", "LID label", "document", "line", title="Languages")
    for entry in registered():
        table.add_row(
            entry.code,
            entry.name,
            entry.native_name,
            entry.script,
            ", ".join(entry.lid_labels),
            f"{entry.document_threshold:.2f}",
            f"{entry.line_threshold:.2f}",
        )
    out.print(table)


@languages_app.command("add")
def add_language(code: str, profile: ProfileOption = None, lake: LakeOption = None) -> None:
    """Register a language partition in this lake; `xl backfill --language CODE` then computes it."""
    from xl_assets.partitions import register_languages

    runner = _runner(profile, lake)
    new = register_languages(runner.instance, [code])
    out.print(f"Registered {code}." if new else f"{code} was registered already.")
    out.print(f"Compute it with: xl backfill --language {code}")


def _workspace(profile: str | None, lake: str | None):
    from resources.configured import Workspace

    return Workspace(profile=profile, lake=lake)


def _runner(profile: str | None, lake: str | None):
    from xl_assets.running import Runner, open_instance

    workspace = _workspace(profile, lake)
    _ = workspace.settings  # a wrong profile fails before anything is made on disk
    instance = open_instance(profile, lake)
    return Runner(instance, workspace, say=lambda line: err.print(line, markup=False, highlight=False, soft_wrap=True))


def _run(profile: str | None, lake: str | None, languages: list[str] | None, release: str | None) -> bool:
    os.environ.setdefault("XL_PROGRESS", "1")
    return _runner(profile, lake).everything(languages, release)


def _show_summary(profile: str | None, lake: str | None, release: str | None) -> None:
    from xl_assets.reporting import report_file, summary_for_terminal

    workspace = _workspace(profile, lake)
    out.print(summary_for_terminal(workspace, release))
    file = report_file(workspace, release)
    shown = os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
    out.print(f"Report: {shown}", markup=False)


if __name__ == "__main__":
    main()
