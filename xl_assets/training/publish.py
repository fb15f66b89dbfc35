"""Saving what was trained: safetensors and text only, whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xl_assets.identity import folder_hash
from xl_assets.training.base_model import BaseModel
from xl_assets.training.settings import SftSettings

ADAPTER, MERGED, RECORD = "adapter", "merged", "training.json"

#: Files of a base model that its fine-tuned child keeps as they are: tokenizer, chat template, licence.
KEPT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "LICENSE*", "NOTICE*")

_REWRITTEN = ("config.json", "model.safetensors.index.json", "training_args.json")


def save_model(model: Any, base: BaseModel, settings: SftSettings, folder: Path) -> dict[str, str | None]:
    """Save a trained model into a folder that nobody else reads yet.

    The adapter goes to ``adapter/``; the model with the adapter merged into its weights, in the base's
    own number type, to ``merged/``, where it loads like any model.

    Returns:
        ``adapter_hash`` (None for full fine-tuning) and ``merged_hash``.
    """
    adapter_hash = None
    if settings.method == "lora":
        _save_adapter(model, base, folder / ADAPTER)
        adapter_hash = folder_hash(folder / ADAPTER)
        model = model.merge_and_unload(safe_merge=True)
    _save_merged(model, base, settings, folder / MERGED)
    return {"adapter_hash": adapter_hash, "merged_hash": folder_hash(folder / MERGED)}


def move_into_place(folder: Path, final: Path) -> None:
    """Rename a finished folder to its final name, after its bytes have reached the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():  # safetensors writes files that only their owner may read
            path.chmod(0o644)
        _flush(path)
    os.replace(folder, final)
    _flush(final.parent)


def _save_adapter(model: Any, base: BaseModel, folder: Path) -> None:
    # False: "auto" would look the base model up on the hub to see whether embeddings were resized; they never are.
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    # PEFT keeps module names in a set, whose order changes from process to process, and the base's place on this disk.
    config = {key: sorted(value) if _is_names(value) else value for key, value in config.items()}
    config["base_model_name_or_path"] = base.name
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _save_merged(model: Any, base: BaseModel, settings: SftSettings, folder: Path) -> None:
    # Training turned the cache off, and a child must generate as its base does.
    model.config.use_cache = base.configuration().get("use_cache", True)
    model.to(base_dtype(base)).save_pretrained(folder)
    for path in _kept_files(base, settings):
        shutil.copyfile(path, folder / path.name)


def base_dtype(base: BaseModel) -> Any:
    """The number type in which the base's weights are stored."""
    import torch
    from safetensors import safe_open

    names = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    with safe_open(min(base.folder.glob("*.safetensors")), framework="pt") as tensors:
        stored = [tensors.get_slice(name).get_dtype() for name in tensors.keys()]  # noqa: SIM118  it is no mapping
    # A quantised base has integers; bfloat16 is what it computes in.
    return names.get(max(set(stored), key=stored.count), torch.bfloat16)


def _kept_files(base: BaseModel, settings: SftSettings) -> Iterator[Path]:
    patterns = (*KEPT_FILES, "*.py") if settings.trust_remote_code else KEPT_FILES
    for pattern in patterns:
        yield from (path for path in sorted(base.folder.glob(pattern)) if path.name not in _REWRITTEN)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
