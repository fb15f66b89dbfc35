"""The trainer: runs the fine-tuning program in a process of its own and reads what it recorded.

A process of its own, so that training's memory is free again afterwards and a dying run takes it along.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from xl_assets.tables import SftModel, check_table
from xl_assets.training.settings import SftSettings

PROGRAM = "xl_assets.training.sft"

#: Below the lake's root.
MODELS = "models"

Launch = Callable[[Sequence[str]], None]


class TrainerError(RuntimeError):
    """The training program ended without a model."""


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        model: one `SftModel` row.
        rows_in: rows that were handed in; = rows trained on + `too_long`.
        too_long: ids of the rows that were left out as longer than `max_length`.
        reused: True if the model was there already.
        seconds: that the training took, whenever it was.
        resumed_from: step of the checkpoint that it went on from, or None.
    """

    model: pl.DataFrame
    rows_in: int
    too_long: list[str]
    reused: bool
    seconds: float
    resumed_from: int | None


def train_model(
    rows: pl.DataFrame, release: str, settings: SftSettings, root: Path, launch: Launch | None = None
) -> Trained:
    """Fine-tune a release's model, or find it.

    Args:
        rows: `SftRow`.
        release: name of the release, and of the folder below ``models``.
        settings: of the training.
        root: the lake's root, to which the row's folders are relative.
        launch: starts a command, waits for it and raises if it fails; default a subprocess. A Dagster asset hands in
            ``lambda command: pipes.run(context=context, command=command)`` of a `PipesSubprocessClient`.

    Raises:
        TrainerError: the program failed; its own message is above it on stderr (or in Dagster's log).
    """
    out = root / MODELS / release
    with tempfile.TemporaryDirectory(prefix="xl-train-") as folder:
        rows_file, settings_file, result = (Path(folder) / name for name in ("rows.parquet", "settings.json", "result"))
        rows.write_parquet(rows_file)
        settings_file.write_text(settings.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", PROGRAM, "--rows", rows_file, "--settings", settings_file, "--out", out]
        (launch or run_program)([*map(str, command), "--result", str(result), "--die-with-parent"])
        if not result.exists():
            raise TrainerError(f"{PROGRAM} wrote no result: its own message is above (in Dagster's UI: stderr)")
        record = json.loads(result.read_text(encoding="utf-8"))
    return Trained(
        model=_model_row(record, release),
        rows_in=record["rows_in"],
        too_long=record["too_long"],
        reused=record["reused"],
        seconds=record["seconds"],
        resumed_from=record["resumed_from"],
    )


def run_program(command: Sequence[str]) -> None:
    """Run the program in a process session of its own, which ends with this process.

    Raises:
        TrainerError: it ended with another code than 0.
    """
    # A session of its own keeps a terminal's Ctrl-C from it; then this process ends and takes it along.
    process = subprocess.Popen(command, start_new_session=True)
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code:
        why = "was killed (out of memory?)" if code == -9 else f"ended with code {code}"
        raise TrainerError(f"training {why}: its message is above. The same command goes on from the last checkpoint")


def _model_row(record: dict, release: str) -> pl.DataFrame:
    folder = Path(MODELS) / release / record["folder"]
    row = {
        "release": release,
        "model_fingerprint": record["model_fingerprint"],
        "base_model": record["base_model"],
        "base_fingerprint": record["base_fingerprint"],
        "adapter_folder": str(folder / record["adapter"]) if record["adapter"] else None,
        "adapter_hash": record["adapter_hash"],
        "merged_folder": str(folder / record["merged"]),
        "merged_hash": record["merged_hash"],
        "method": record["method"],
        "parameters": record["parameters"],
        "rows": record["rows"],
        "losses": record["losses"],
    }
    schema = {name: SftModel.columns()[name].dtype for name in SftModel.column_names()}
    return check_table(pl.DataFrame([row], schema=schema), SftModel)
