"""Imported sets as a table, beside our own candidates."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl

from resources.configured import Workspace
from resources.lake import TableVersion
from xl_assets.declaring import code_version, language_asset
from xl_assets.imports.contract import RECIPE, ImportedRow
from xl_assets.imports.reading import read_rows
from xl_assets.imports.registry import ImportedSet, imported_sets
from xl_assets.imports.rows import RowMaker
from xl_assets.imports.storing import stored_path
from xl_assets.outcome import Outcome
from xl_assets.step import Step
from xl_assets.tables import empty_table

#: That of what reads it: there is no job of imports alone.
GROUP = "xl_instruct"


@language_asset(
    name="imported_rows",
    group=GROUP,
    kinds={"polars"},
    version=code_version("xl_assets.imports", "xl_assets.identity", "xl_assets.tables.contract"),
    checks=("accounted_for", "contract"),
)
def imported_rows(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
    """Rows of published sets that `xl import` read, ours or others'; empty where none was imported.

    Lines that are no row are kept with the reason. What is kept goes the way of our own candidates: language filter,
    duplicates, decontamination, mixture.
    """
    step = Step(context, workspace)
    root = Path(step.lake.root)
    outcomes = {}
    for key in step.keys:
        # Read once: what is noted is what is read, even if a set is replaced meanwhile.
        sets = imported_sets(root, key)
        for found in sets:
            step.note(TableVersion(f"{RECIPE}{found.name}", key, 0, found.hash_of(key)))
        outcomes[key] = _outcome(root, sets, key)
    yield from step.write(outcomes, ImportedRow)


def _outcome(root: Path, sets: list[ImportedSet], language: str) -> Outcome:
    outcome = Outcome([], 0)
    outcome.frame = _rows(root, sets, language, outcome)
    return outcome


def _rows(root: Path, sets: list[ImportedSet], language: str, outcome: Outcome) -> Iterator[pl.DataFrame]:
    yield empty_table(ImportedRow)
    for found in sets:
        maker = RowMaker(language)
        for file in (file for file in found.files if language in file.languages):
            path = stored_path(root, found.name, file.stored, file.sha256, file.name)
            raw = read_rows(path, file.ending, file.columns, file.name)
            for frame in maker.rows(raw, found.file_of_set(file)):
                outcome.rows_in = (outcome.rows_in or 0) + frame.height
                yield frame
