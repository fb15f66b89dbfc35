"""What decides a fine-tuned model: one frozen record, with an address of its own."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xl_assets.identity import address_of, canonical_json

#: Fields that say how the work is done, not what comes out; no part of a model's address.
EXECUTION = frozenset({"base_model", "checkpoint_steps", "threads", "gradient_checkpointing", "device"})


class SettingsError(ValueError):
    """Settings that cannot be read or contradict each other."""


class SftSettings(BaseModel):
    """Settings of one supervised fine-tuning run; the defaults suit a model of 7 to 9 billion parameters on one GPU.

    Attributes:
        base_model: folder of the base model, or its id on the Hugging Face hub.
        revision: branch, tag or commit on the hub; ignored for a folder.
        trust_remote_code: run Python code that a base model ships. Off unless asked for.
        method: ``lora`` trains an adapter, ``full`` all weights.
        rank, alpha, dropout: of the LoRA adapter; an update is scaled by alpha / rank (vLLM wants a whole alpha).
        target_modules: ``all-linear`` or a comma-separated list of module names that get an adapter.
        learning_rate: the highest; LoRA wants about ten times that of full fine-tuning.
        scheduler: as `transformers` names them, e.g. ``cosine``.
        warmup_ratio: share of all steps in which the rate rises from 0.
        weight_decay, max_grad_norm: of AdamW and of the gradient's clipping.
        epochs: passes over the rows.
        batch_size: rows per forward pass on one device.
        gradient_accumulation: forward passes per update.
        max_length: tokens; a longer row is left out and counted, never cut.
        packing: put several rows into one sequence of `max_length` tokens (they don't attend to each other).
            Helps on a GPU with FlashAttention and rows far shorter than `max_length`; wasteful for tiny models.
        attention: `transformers`' attention implementation, e.g. ``flash_attention_2``; None is its default.
        completion_only: learn from the assistant's turns only; else from every token.
        precision: ``auto`` is bfloat16 on a GPU that has it, else float32.
        seed: of adapter initialisation, dropout and row order.
        checkpoint_steps: updates between checkpoints.
        gradient_checkpointing: recompute activations to save memory; None means on a GPU only.
        threads: CPU threads. Sums are split by thread, so byte-equal results need equal threads.
        device: ``auto`` takes a GPU where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_model: str
    revision: str | None = None
    trust_remote_code: bool = False
    method: Literal["lora", "full"] = "lora"
    rank: int = Field(default=32, ge=1)
    alpha: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    target_modules: str = "all-linear"
    learning_rate: float = Field(default=2e-4, gt=0)
    scheduler: str = "cosine"
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    epochs: int = Field(default=2, ge=1)
    batch_size: int = Field(default=8, ge=1)
    gradient_accumulation: int = Field(default=4, ge=1)
    max_length: int = Field(default=2048, ge=8)
    packing: bool = False
    attention: str | None = None
    completion_only: bool = True
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**31)
    checkpoint_steps: int = Field(default=100, ge=1)
    gradient_checkpointing: bool | None = None
    threads: int = Field(default=2, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def parameters(self) -> str:
        """Canonical JSON of all that decides the result, defaults included; without the base model's place on disk.

        Settings that only one method reads are left out for the other, so that they make no second model.
        """
        unused = set() if self.method == "lora" else {"rank", "alpha", "dropout", "target_modules"}
        return canonical_json(self.model_dump(exclude={*EXECUTION, *unused, "revision"}))

    def modules(self) -> str | list[str]:
        """`target_modules` as PEFT wants them."""
        names = [name.strip() for name in self.target_modules.split(",") if name.strip()]
        return names[0] if names == ["all-linear"] else names


def read_settings(file: Path) -> SftSettings:
    """Read settings from a JSON file.

    Raises:
        SettingsError: names the field and what is wrong with it.
    """
    try:
        return SftSettings.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SettingsError(f'no settings file {file}: write one with at least {{"base_model": FOLDER}}') from error
    except json.JSONDecodeError as error:
        raise SettingsError(f"{file} is not JSON: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"{file}: {problems}") from error


def run_address(base_fingerprint: str, settings: SftSettings, rows_hash: str) -> str:
    """Address of a training run, which names its folder: same base, settings and rows, same run."""
    return address_of("sft", base_fingerprint, settings.parameters(), rows_hash)
