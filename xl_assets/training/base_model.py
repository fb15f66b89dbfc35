"""The model that training starts from: found, checked and fingerprinted."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xl_assets.identity import folder_hash
from xl_assets.training.settings import SftSettings

#: What is fetched from the hub: weights that cannot carry code, and text.
HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class BaseModelError(ValueError):
    """A base model that cannot be trained."""


@dataclass(frozen=True)
class BaseModel:
    """A base model on this machine.

    Attributes:
        name: its hub id, or the folder's own name: never a place on this machine.
        folder: where its files are.
        fingerprint: the hub's commit, or the hash of the folder.
    """

    name: str
    folder: Path
    fingerprint: str

    def configuration(self) -> dict[str, Any]:
        """What config.json says."""
        return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))

    def longest(self, max_length: int) -> int:
        """The wanted length, or the model's own where that is less."""
        return min(max_length, self.configuration().get("max_position_embeddings") or max_length)


def find_base(settings: SftSettings) -> BaseModel:
    """Find the base model, fetching it from the hub where it isn't a folder.

    Raises:
        BaseModelError: no such folder or hub id, or the folder lacks configuration, tokenizer or safetensors weights.
    """
    folder = Path(settings.base_model).expanduser()
    if folder.exists() or not _HUB_ID.fullmatch(settings.base_model):
        check_folder(folder)
        return BaseModel(folder.resolve().name, folder.resolve(), folder_hash(folder))
    folder = _fetch(settings)
    check_folder(folder)
    return BaseModel(settings.base_model, folder, folder.name)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds no model that could be trained."""
    if not folder.is_dir():
        raise BaseModelError(
            f"base model {folder}: no such folder. Give the folder of a model (config.json, *.safetensors, "
            "tokenizer), or an id on the Hugging Face hub"
        )
    missing = [
        what
        for what, pattern in (("config.json", "config.json"), ("weights as *.safetensors", "*.safetensors"),
                              ("a tokenizer (tokenizer_config.json)", "tokenizer_config.json"))
        if not any(folder.glob(pattern))
    ]  # fmt: skip
    if missing:
        pickled = " Its pickled weights are not loaded, since they can run code: convert them." * any(
            folder.glob("*.bin")
        )
        raise BaseModelError(f"{folder} is not a model folder: it lacks {', '.join(missing)}.{pickled}")
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BaseModelError(
            f"{folder / 'config.json'} is not JSON ({error}): fetch or write the model again"
        ) from error


def load_tokenizer(base: BaseModel, settings: SftSettings) -> Any:
    """The base's tokenizer, which must have a chat template and an end-of-sequence token.

    Raises:
        BaseModelError: it lacks one of them.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=settings.trust_remote_code)
    if not tokenizer.chat_template:
        raise BaseModelError(
            f"the tokenizer of {base.name} has no chat template, so conversations can't be written for it. "
            "Take the instruct variant, or put a chat_template.jinja into a copy of the model's folder"
        )
    if tokenizer.eos_token is None:
        raise BaseModelError(
            f"the tokenizer of {base.name} has no end-of-sequence token, so a model could not learn to stop: "
            "set eos_token in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_weights(base: BaseModel, settings: SftSettings, precision: str) -> Any:
    """The base's weights, in the precision in which they are trained or stand still.

    A LoRA run in bfloat16 keeps the frozen weights in it; full fine-tuning keeps float32 master weights
    and computes in bfloat16 by autocast.
    """
    import torch
    from transformers import AutoModelForCausalLM

    frozen_in_bfloat16 = settings.method == "lora" and precision == "bfloat16"
    extra = {} if settings.attention is None else {"attn_implementation": settings.attention}
    return AutoModelForCausalLM.from_pretrained(
        base.folder,
        dtype=torch.bfloat16 if frozen_in_bfloat16 else torch.float32,
        use_safetensors=True,
        trust_remote_code=settings.trust_remote_code,
        **extra,
    )


def _fetch(settings: SftSettings) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(settings.base_model, revision=settings.revision, allow_patterns=HUB_FILES))
    except Exception as error:
        raise BaseModelError(
            f"base model {settings.base_model}: neither a folder nor to be had from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}). Check the name "
            "and revision, log in if it is gated, or give the folder of a copy"
        ) from error
