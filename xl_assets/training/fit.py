"""The training loop: TRL's `SFTTrainer`, made deterministic and able to go on after a kill."""

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xl_assets.training.base_model import BaseModel, load_weights
from xl_assets.training.examples import Examples
from xl_assets.training.settings import SftSettings

#: A loss curve has at most about so many points, however long the training.
CURVE_POINTS = 500

#: Written into a checkpoint when it is whole: the size of each of its files.
WHOLE = "whole.json"


class TrainingError(RuntimeError):
    """Training that cannot go on; says what to change."""


@dataclass(frozen=True)
class Progress:
    """Where a training stands. `seconds` are since this process began to train."""

    step: int
    steps: int
    epoch: float
    loss: float
    seconds: float
    started_at: int

    def remaining(self) -> float:
        """Seconds still to go at the pace so far."""
        return (self.steps - self.step) * self.seconds / max(1, self.step - self.started_at)


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Fitted:
    """A trained model in memory. `losses`: {step, epoch, loss}, each the mean since the point before it."""

    model: Any
    losses: list[dict[str, float]]
    steps: int
    resumed_from: int | None


def fit(
    base: BaseModel, tokenizer: Any, examples: Examples, settings: SftSettings, checkpoints: Path, report: Report
) -> Fitted:
    """Train, from the last whole checkpoint where there is one.

    Args:
        checkpoints: folder of this run's checkpoints.
        report: told of every logged step.

    Raises:
        TrainingError: no GPU where one is asked for, memory runs out, or the loss is no number.
    """
    import torch
    from datasets import Dataset, disable_progress_bars
    from transformers.utils import logging

    disable_progress_bars()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    torch.set_num_threads(settings.threads)
    use_cpu = _use_cpu(settings)
    precision = _precision(settings, use_cpu)
    resume = last_whole_checkpoint(checkpoints)
    steps = _steps(len(examples.row_ids), settings)
    trainer = _trainer_class()(
        model=load_weights(base, settings, precision),
        args=_arguments(settings, checkpoints, use_cpu, precision, steps),
        train_dataset=Dataset.from_dict({"input_ids": examples.input_ids, "labels": examples.labels}),
        processing_class=tokenizer,
        peft_config=_adapter(settings),
        callbacks=[_callback(report, settings)],
    )
    _remove_printer(trainer)
    try:
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"out of GPU memory with batch_size {settings.batch_size} and max_length {settings.max_length}: halve "
            "batch_size and double gradient_accumulation (the same result), or set gradient_checkpointing"
        ) from error
    losses = [
        {"step": entry["step"], "epoch": float(entry["epoch"]), "loss": float(entry["loss"])}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]
    return Fitted(trainer.model, losses, trainer.state.global_step, None if resume is None else _step_of(resume))


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end; removes those that were not."""
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        if _is_whole(checkpoint):
            whole.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return max(whole, key=_step_of, default=None)


def mark_whole(checkpoint: Path) -> None:
    """Mark a checkpoint as written to its end."""
    sizes = {path.name: path.stat().st_size for path in sorted(checkpoint.iterdir())}
    (checkpoint / WHOLE).write_text(json.dumps(sizes), encoding="utf-8")


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _use_cpu(settings: SftSettings) -> bool:
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("device is cuda, but PyTorch sees no GPU here: set device to auto or install a CUDA build")
    return settings.device == "cpu" or not torch.cuda.is_available()


def _precision(settings: SftSettings, use_cpu: bool) -> str:
    import torch

    if settings.precision != "auto":
        return settings.precision
    return "bfloat16" if not use_cpu and torch.cuda.is_bf16_supported() else "float32"


def _steps(rows: int, settings: SftSettings) -> int:
    """Updates in all (an upper bound where rows are packed)."""
    return math.ceil(math.ceil(rows / settings.batch_size) / settings.gradient_accumulation) * settings.epochs


def _arguments(settings: SftSettings, checkpoints: Path, use_cpu: bool, precision: str, steps: int) -> Any:
    from trl import SFTConfig

    logging_steps = max(1, steps // CURVE_POINTS)
    # A checkpoint between two logged steps would lose part of the mean that is logged next.
    save_steps = math.ceil(settings.checkpoint_steps / logging_steps) * logging_steps
    checkpointing = settings.gradient_checkpointing
    return SFTConfig(
        output_dir=str(checkpoints),
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.scheduler,
        warmup_steps=math.ceil(settings.warmup_ratio * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        max_length=settings.max_length,
        packing=settings.packing,
        # Rows come with ids and labels and none is too long; only packing is left to TRL.
        dataset_kwargs=None if settings.packing else {"skip_prepare_dataset": True},
        bf16=precision == "bfloat16",
        use_cpu=use_cpu,
        gradient_checkpointing=not use_cpu if checkpointing is None else checkpointing,
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_num_workers=0,
        dataloader_pin_memory=not use_cpu,
        logging_steps=logging_steps,
        # Otherwise a loss that is no number is silently logged as the mean of those before it.
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=save_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
    )


def _adapter(settings: SftSettings) -> Any:
    from peft import LoraConfig

    if settings.method == "full":
        return None
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.modules(),
        task_type="CAUSAL_LM",
    )


def _trainer_class() -> type:
    """`SFTTrainer` with length-grouped batches whose order depends on seed and epoch only.

    `transformers`' own length-grouped sampler draws from the global generator, whose state at the start of
    an epoch is not restored by a resume; so a resumed run would see other batches than an unbroken one.
    """
    import torch
    from transformers import Trainer as HubTrainer
    from transformers.trainer_pt_utils import LengthGroupedSampler
    from trl import SFTTrainer

    class EpochSampler(LengthGroupedSampler):
        epoch = 0

        def __init__(self, seed: int, batch_size: int, lengths: list[int]) -> None:
            super().__init__(batch_size, lengths=lengths)
            self.seed = seed

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __iter__(self) -> Any:
            self.generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            return super().__iter__()

    class Trainer(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            dataset = self.train_dataset if train_dataset is None else train_dataset
            lengths = [len(ids) for ids in cast(Any, dataset)["input_ids"]]
            batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
            return EpochSampler(self.args.seed, batch, lengths)

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.args.use_cpu:
                return super().compute_loss(model, inputs, *args, **kwargs)
            # TRL's chunked loss is made for a GPU's memory; on a CPU the model's own is the same and much cheaper.
            return HubTrainer.compute_loss(self, model, inputs, *args, **kwargs)

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """A checkpoint needs no card."""

    return Trainer


def _callback(report: Report, settings: SftSettings) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.began, self.started_at = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if "loss" not in (logs or {}):
                return
            if not math.isfinite(logs["loss"]):
                raise TrainingError(
                    f"the loss at step {state.global_step} is {logs['loss']}: lower learning_rate (it is "
                    f"{settings.learning_rate}) or raise warmup_ratio, and look at the rows for broken text"
                )
            passed = time.monotonic() - self.began
            report(
                Progress(state.global_step, state.max_steps, float(state.epoch), logs["loss"], passed, self.started_at)
            )

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return Watch()


def _remove_printer(trainer: Any) -> None:
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
