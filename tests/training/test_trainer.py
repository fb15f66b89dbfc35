import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import polars as pl
import psutil
import pytest

from resources.trainer import TrainerError, run_program, train_model
from xl_assets.identity import folder_hash
from xl_assets.training import sft
from xl_assets.training.plots import loss_curve, to_png, to_svg
from xl_assets.training.settings import SftSettings

PARENT = """
import subprocess, sys
child = (
    "import time; from xl_assets.training.sft import die_with_parent; die_with_parent();"
    "print('up', flush=True); time.sleep(60)"
)
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, start_new_session=True)
process.stdout.readline()
print(process.pid, flush=True)
process.wait()
"""


def in_process(command: Sequence[str]) -> None:
    assert sft.main([part for part in command[3:] if part != "--die-with-parent"]) == 0


def test_an_asset_trains_through_dagster_pipes_and_finds_the_model_again(
    rows: pl.DataFrame, settings: SftSettings, tmp_path: Path
) -> None:
    trained = []

    @dg.asset
    def sft_model(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient) -> dg.MaterializeResult:
        trained.append(
            train_model(rows, "r1", settings, tmp_path, lambda command: pipes.run(command=command, context=context))
        )
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([sft_model], instance=instance, resources={"pipes": dg.PipesSubprocessClient()})
        logged = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any("step 18/18, epoch 3.00, loss" in message for message in logged)
    row = trained[0].model.row(0, named=True)
    assert row["release"] == "r1"
    assert row["rows"] == 24
    assert not trained[0].reused
    assert folder_hash(tmp_path / row["adapter_folder"]) == row["adapter_hash"]
    assert folder_hash(tmp_path / row["merged_folder"]) == row["merged_hash"] == row["model_fingerprint"]
    again = train_model(rows, "r1", settings, tmp_path, in_process)
    assert again.reused
    assert again.model.equals(trained[0].model)


def test_a_failing_program_is_reported_with_its_own_message(
    rows: pl.DataFrame, settings: SftSettings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = settings.model_copy(update={"base_model": str(tmp_path / "none")})
    with pytest.raises(TrainerError, match="ended with code 2"):
        train_model(rows, "r1", wrong, tmp_path)
    assert "BaseModelError: base model" in capfd.readouterr().err


def test_a_launcher_that_leaves_no_result_is_an_error(
    rows: pl.DataFrame, settings: SftSettings, tmp_path: Path
) -> None:
    with pytest.raises(TrainerError, match="wrote no result"):
        train_model(rows, "r1", settings, tmp_path, lambda command: None)


def test_a_killed_program_is_said_to_be_killed() -> None:
    with pytest.raises(TrainerError, match=r"was killed .*goes on from the last checkpoint"):
        run_program([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])


def test_the_program_dies_with_the_process_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def test_help_teaches_the_smallest_settings_and_what_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sft.main(["--help"])
    said = capsys.readouterr().out
    assert '{"base_model": "path/or/hub-id"}' in said
    assert "OUT/<address>/merged" in said


def test_the_loss_curve_is_drawn_without_a_browser() -> None:
    chart = loss_curve([{"step": step, "epoch": step / 6, "loss": 5 / step} for step in range(1, 19)])
    assert to_png(chart)[:4] == b"\x89PNG"
    assert b"update step" in to_svg(chart)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
