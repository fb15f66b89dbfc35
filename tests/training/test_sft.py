import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.conftest import make_base, make_rows
from xl_assets.identity import folder_hash
from xl_assets.training import sft
from xl_assets.training.base_model import BaseModelError
from xl_assets.training.examples import IGNORED, RowsError, tokenize_rows
from xl_assets.training.fit import TrainingError
from xl_assets.training.settings import SettingsError, SftSettings, read_settings

KILLED = """
import os, signal, sys
from pathlib import Path
from xl_assets.training.settings import SftSettings
from xl_assets.training.sft import train

def kill(progress):
    if progress.step == 10:
        os.kill(os.getpid(), signal.SIGKILL)

train(Path(sys.argv[1]), SftSettings.model_validate_json(sys.argv[2]), Path(sys.argv[3]), kill)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def run(rows_file: Path, settings: SftSettings, models: Path) -> dict:
    """An unbroken LoRA run."""
    return sft.train(rows_file, settings, models)


@pytest.fixture
def folder(run: dict, models: Path) -> Path:
    return models / run["folder"]


def logits(model: torch.nn.Module, base: Path) -> torch.Tensor:
    tokenizer = AutoTokenizer.from_pretrained(base)
    asked = [{"role": "user", "content": "Where does the owl number 3 live? Answer in German."}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        return model.eval()(**ids).logits


def test_the_loss_falls_and_its_curve_has_step_and_epoch(run: dict) -> None:
    losses = run["losses"]
    assert [point["step"] for point in losses] == list(range(1, 19))
    assert losses[-1]["epoch"] == 3
    assert losses[-1]["loss"] < losses[0]["loss"] - 0.2


@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
def test_the_first_loss_is_that_of_the_base_on_the_assistants_tokens_alone(
    packing: bool, rows: pl.DataFrame, rows_file: Path, settings: SftSettings, base: Path, tmp_path: Path
) -> None:
    options = settings.model_copy(update={"batch_size": 24, "epochs": 1, "packing": packing})
    run = sft.train(rows_file, options, tmp_path)
    examples = tokenize_rows(rows, AutoTokenizer.from_pretrained(base), 128, True)
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    total, count = 0.0, 0
    for ids, labels in zip(examples.input_ids, examples.labels, strict=True):
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        learned = [(i - 1, label) for i, label in enumerate(labels) if label != IGNORED]
        total -= sum(scores[i, label].item() for i, label in learned)
        count += len(learned)
    assert run["losses"][0]["loss"] == pytest.approx(total / count, rel=1e-4)


def test_the_same_inputs_give_the_same_bytes(
    run: dict, rows_file: Path, settings: SftSettings, base: Path, tmp_path: Path
) -> None:
    elsewhere = shutil.copytree(base, tmp_path / "another place" / base.name)
    again = sft.train(rows_file, settings.model_copy(update={"base_model": str(elsewhere)}), tmp_path)
    assert {key: again[key] for key in ("folder", "adapter_hash", "merged_hash", "losses")} == {
        key: run[key] for key in ("folder", "adapter_hash", "merged_hash", "losses")
    }


def test_half_the_batch_and_twice_the_accumulation_learn_the_same(
    rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    whole = settings.model_copy(update={"dropout": 0.0})
    halves = whole.model_copy(update={"batch_size": 2, "gradient_accumulation": 2})
    curves = [[p["loss"] for p in sft.train(rows_file, s, tmp_path)["losses"]] for s in (whole, halves)]
    assert curves[0] == pytest.approx(curves[1], rel=1e-3)


def test_another_seed_is_another_model(run: dict, rows_file: Path, settings: SftSettings, tmp_path: Path) -> None:
    other = sft.train(rows_file, settings.model_copy(update={"seed": 1}), tmp_path)
    assert other["folder"] != run["folder"]
    assert other["adapter_hash"] != run["adapter_hash"]


def test_a_finished_run_is_found_and_not_trained_again(
    run: dict, rows_file: Path, settings: SftSettings, models: Path
) -> None:
    reports: list[object] = []
    again = sft.train(rows_file, settings.model_copy(update={"checkpoint_steps": 7}), models, reports.append)
    assert again == {**run, "reused": True}
    assert reports == []


def test_a_run_killed_in_the_middle_goes_on_to_the_same_bytes(
    run: dict, rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(rows_file), settings.model_dump_json(), str(tmp_path)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / run["folder"]).exists()
    checkpoints = tmp_path / f".{run['folder']}.work" / "checkpoints"
    torn = shutil.copytree(checkpoints / "checkpoint-8", checkpoints / "checkpoint-9")
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    reports: list = []
    resumed = sft.train(rows_file, settings, tmp_path, reports.append)
    assert resumed["resumed_from"] == 8
    assert [progress.step for progress in reports] == list(range(9, 19))
    assert resumed["adapter_hash"] == run["adapter_hash"]
    assert resumed["merged_hash"] == run["merged_hash"]
    assert resumed["losses"] == run["losses"]
    assert [path.name for path in tmp_path.iterdir()] == [run["folder"]]


def test_a_run_killed_while_it_saves_leaves_no_model_and_saves_without_training_again(
    run: dict, rows_file: Path, settings: SftSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sft, "move_into_place", die)
    with pytest.raises(KeyboardInterrupt):
        sft.train(rows_file, settings, tmp_path)
    assert not (tmp_path / run["folder"]).exists()
    monkeypatch.undo()
    reports: list = []
    assert sft.train(rows_file, settings, tmp_path, reports.append)["merged_hash"] == run["merged_hash"]
    assert reports == []


def test_the_merged_model_answers_as_base_and_adapter_together(folder: Path, base: Path) -> None:
    merged = AutoModelForCausalLM.from_pretrained(folder / "merged")
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder / "adapter")
    plain = AutoModelForCausalLM.from_pretrained(base)
    assert torch.allclose(logits(merged, base), logits(adapted, base), atol=1e-4)
    assert not torch.allclose(logits(merged, base), logits(plain, base), atol=1e-1)


def test_the_merged_model_keeps_tokenizer_template_and_configuration_of_its_base(folder: Path, base: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (folder / "merged" / name).read_bytes() == (base / name).read_bytes()
    configs = [json.loads((place / "config.json").read_text()) for place in (base, folder / "merged")]
    assert configs[0] == configs[1]


def test_a_finished_folder_holds_safetensors_and_text_alone_and_no_place_on_this_disk(
    run: dict, folder: Path, base: Path
) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja", ".txt"}
    for path in files:
        if path.suffix == ".json":
            assert str(base.parent) not in path.read_text(encoding="utf-8")
    assert run["adapter_hash"] == folder_hash(folder / "adapter")
    assert run["merged_hash"] == folder_hash(folder / "merged")


def test_a_finished_model_that_was_changed_is_refused(
    run: dict, folder: Path, rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / run["folder"])
    with (tmp_path / run["folder"] / "merged" / "chat_template.jinja").open("a") as file:
        file.write("!")
    with pytest.raises(TrainingError, match=r"merged is not what training wrote.*remove"):
        sft.train(rows_file, settings, tmp_path)


def test_full_fine_tuning_changes_all_weights_and_keeps_the_bases_number_type(
    rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    base = make_base(tmp_path / "bfloat16", dtype="bfloat16")
    options = settings.model_copy(update={"base_model": str(base), "method": "full", "learning_rate": 1e-3})
    run = sft.train(rows_file, options, tmp_path)
    assert run["adapter"] is None
    assert run["adapter_hash"] is None
    before = load_file(base / "model.safetensors")
    after = load_file(tmp_path / run["folder"] / "merged" / "model.safetensors")
    assert before.keys() == after.keys()
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in before if "proj" in name or "embed" in name} <= changed


def test_rows_in_are_rows_trained_on_and_rows_too_long(settings: SftSettings, tmp_path: Path) -> None:
    long = pl.col("messages").list.eval(
        pl.struct(pl.element().struct.field("role"), (pl.element().struct.field("content") + " wald" * 200))
    )
    rows = make_rows(12).with_columns(
        pl.when(pl.col("position") < 3).then(long).otherwise("messages").alias("messages")
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    run = sft.train(tmp_path / "rows.parquet", settings.model_copy(update={"epochs": 1}), tmp_path)
    assert run["too_long"] == ["r0000", "r0001", "r0002"]
    assert run["rows_in"] == run["rows"] + len(run["too_long"]) == 12


def test_a_loss_that_is_no_number_stops_the_training_and_names_the_learning_rate(
    rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="lower learning_rate"):
        sft.train(rows_file, settings.model_copy(update={"method": "full", "learning_rate": 1e30}), tmp_path)


def test_a_missing_base_model_is_named_with_what_is_wanted(
    rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    with pytest.raises(BaseModelError, match=r"no such folder. Give the folder of a model"):
        sft.train(rows_file, settings.model_copy(update={"base_model": str(tmp_path / "none")}), tmp_path)


def test_a_base_model_that_the_hub_does_not_give_is_named_with_the_remedy(
    rows_file: Path, settings: SftSettings, tmp_path: Path
) -> None:
    with pytest.raises(BaseModelError, match=r"nobody/nothing: neither a folder nor .*Check the name"):
        sft.train(rows_file, settings.model_copy(update={"base_model": "nobody/nothing"}), tmp_path)


def test_a_folder_with_pickled_weights_is_refused(rows_file: Path, settings: SftSettings, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BaseModelError, match=r"lacks config.json, weights as .*can run code"):
        sft.train(rows_file, settings.model_copy(update={"base_model": str(tmp_path)}), tmp_path)


def test_a_tokenizer_without_a_chat_template_is_an_error_that_names_the_remedy(
    rows_file: Path, settings: SftSettings, base: Path, tmp_path: Path
) -> None:
    bare = shutil.copytree(base, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(BaseModelError, match=r"no chat template.*chat_template.jinja"):
        sft.train(rows_file, settings.model_copy(update={"base_model": str(bare)}), tmp_path)


def test_a_rows_file_that_is_missing_or_no_parquet_is_an_error_that_names_the_table(
    settings: SftSettings, tmp_path: Path
) -> None:
    with pytest.raises(RowsError, match=r"no rows file .*sft_mixture"):
        sft.train(tmp_path / "none.parquet", settings, tmp_path)
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(RowsError, match="not a Parquet file"):
        sft.train(tmp_path / "text.parquet", settings, tmp_path)


def test_wrong_settings_are_named_field_by_field(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"base_model": "x", "epochs": 0, "colour": "red"}')
    with pytest.raises(SettingsError, match=r"epochs: .*; colour: "):
        read_settings(file)
