"""`xl release export` and `xl import`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from xl_assets.commands.shared import JsonOption, LakeOption, ProfileOption, err, open_runner, open_workspace, out


def export(
    name: Annotated[str, typer.Argument(help="The release, as `xl release list` names it.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; an earlier export of the release is replaced.")],
    with_merged_model: Annotated[
        bool, typer.Option("--with-merged-model", help="Also the model with its adapter merged into the base.")
    ] = False,
    no_model: Annotated[bool, typer.Option("--no-model", help="Only the data.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Use a folder that holds something else; that is moved aside.")
    ] = False,
    profile: ProfileOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a finished release as the files that people publish.

    Per language in XL-Suite's configurations (default, bestof3, scored) as Parquet and .jsonl.zst, the model's adapter,
    a dataset card and a model card, Croissant metadata, licences by source, the manifest and SHA256SUMS. All is read
    from the versions that the release froze, so what the lake did since changes nothing, and a repeated export has the
    same bytes. Read it back with `xl import DIR`.
    """
    from xl_assets.release.export.writing import export_release

    if no_model and with_merged_model:
        raise typer.BadParameter("--no-model and --with-merged-model contradict each other")
    workspace = open_workspace(profile, lake)
    with err.status("exporting") as status:
        done = export_release(
            workspace,
            name,
            to,
            with_model=not no_model,
            with_merged=with_merged_model,
            force=force,
            say=lambda what: status.update(f"writing {what}"),
        )
    if as_json:
        print(json.dumps({**asdict(done), "to": str(to)}, indent=1))
        return
    out.print(_files_table(done))
    told = {
        "new": "Written to",
        "replaced": "An earlier folder was replaced:",
        "unchanged": "These very bytes were there already:",
    }
    out.print(f"{told[done.placed]} {to}   Check it: cd {to} && sha256sum -c SHA256SUMS", markup=False, soft_wrap=True)


def _files_table(done: Any) -> Table:
    table = Table(title=f"Export of release {done.release}")
    table.add_column("file")
    table.add_column("rows", justify="right")
    table.add_column("bytes", justify="right")
    for file in done.files:
        table.add_row(file.path, "" if file.rows is None else f"{file.rows:,}", f"{file.bytes:,}")
    return table


def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of a published set, or one file of it.")],
    name: Annotated[str | None, typer.Option(help="Name of the set; default: the folder's.")] = None,
    config: Annotated[str, typer.Option(help="Configuration to read: default, bestof3, scored.")] = "default",
    language: Annotated[str | None, typer.Option(help="Language of files whose names and rows say none.")] = None,
    licence: Annotated[str | None, typer.Option("--license", help="Licence of rows that name none.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="ours=theirs, where the names are not known ones; repeat the option."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the set of this name that was imported before.")
    ] = False,
    profile: ProfileOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a published set as tables: an export of ours, or XL-Suite's files, or others of that kind.

    Files are found by configuration and language in their names (default/de.json, bestof3/de.parquet, de.jsonl,
    en_scored.json) and copied into the lake. Their rows become the table imported_rows, and from there they are
    filtered, deduplicated, decontaminated, mixed, traced and judged like our own at the next `xl run` of that language.
    Lines that are no row are kept with the reason. The same bytes again: nothing is done.
    """
    from xl_assets.imports.columns import parse_columns
    from xl_assets.imports.registry import import_set

    columns = parse_columns(column or [])
    workspace = open_workspace(profile, lake)
    _ = workspace.settings  # a wrong profile fails before anything is copied, and it says where the registry is
    done = import_set(
        Path(workspace.tables.folder(".")),
        folder,
        name or folder.resolve().name.partition(".")[0],
        configuration=config,
        language=language,
        license=licence,
        columns=columns,
        replace=replace,
    )
    funnels, made = _materialise(profile, lake, done.set.languages)
    if as_json:
        print(json.dumps({**asdict(done.set), "changed": list(done.changed), "rows": funnels}, indent=1))
        return
    _show_import(done, funnels, made)


def _materialise(
    profile: str | None, lake: str | None, languages: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Make the table of the languages that it is not of the lake's very sets for, those that a set no longer has
    among them; returns the funnels of the given ones, and what was made.
    """
    import dagster as dg

    from xl_assets.imports.assets import imported_rows
    from xl_assets.imports.contract import ImportSetError
    from xl_assets.partitions import listed_first, register_languages
    from xl_assets.running import RANGE_END, RANGE_START

    runner = open_runner(profile, lake)
    tables = runner.workspace.tables
    register_languages(runner.instance, list(languages))
    there = tables.current("imported_rows")
    root = Path(tables.folder("."))
    known = dict.fromkeys((*languages, *sorted(code for code in there if code)))
    wanted = [code for code in known if not _is_of_its_sets(there.get(code), root, code)]
    if wanted:
        with err.status(f"reading {', '.join(wanted)}"), listed_first(runner.instance, wanted):
            result = dg.materialize(
                [imported_rows],
                instance=runner.instance,
                resources={"workspace": runner.workspace},
                tags={RANGE_START: wanted[0], RANGE_END: wanted[-1]},
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        if not result.success:
            raise ImportSetError(f"the set is in the lake, but its rows are not: {_why(result)}")
    current = tables.current("imported_rows")
    return {code: dict(current[code].facts["funnel"]) for code in languages}, wanted


def _is_of_its_sets(record: Any, root: Path, language: str) -> bool:
    """Whether a language's table, if it is there, was read from the sets that the lake has now."""
    from xl_assets.imports.contract import RECIPE
    from xl_assets.imports.registry import set_hashes

    if record is None:
        return False
    read = {version.table: version.content_hash for version in record.inputs if version.table.startswith(RECIPE)}
    return read == {f"{RECIPE}{name}": digest for name, digest in set_hashes(root, language).items()}


def _why(result: Any) -> str:
    """What the step that failed said; the innermost message."""
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        if error:
            return str(error.message).strip()
    return "the run failed before its step; see `xl ui`, Runs"


def _show_import(done: Any, funnels: Mapping[str, Mapping[str, Any]], made: Sequence[str]) -> None:
    files = done.set.files
    table = Table(title=f"Imported set {done.set.name} ({done.set.configuration}, {len(files)} files)")
    for title, justify in (("language", "left"), ("read", "right"), ("kept", "right"), ("rejected", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for code, told in sorted(funnels.items()):
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in told["rejected"].items())
        table.add_row(code, f"{told['in']:,}", f"{told['kept']:,}", reasons)
    out.print(table)
    out.print("Rows are of all sets that were imported for the language.")
    if done.found.others:
        out.print(f"Not read: {', '.join(done.found.others)} (--config, under another --name).", markup=False)
    if not made:
        out.print("Nothing to do: this very set was imported before.")
        return
    options = " ".join(f"--language {code}" for code in made)
    out.print(f"To filter them and go on:  xl run {options}", markup=False, soft_wrap=True)
