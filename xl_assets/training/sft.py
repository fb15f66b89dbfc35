"""Supervised fine-tuning: rows, settings and a base model in; a folder with adapter and merged model out.

    python -m xl_assets.training.sft --rows rows.parquet --settings settings.json --out models/r1

A run's folder is named by what decides its content (base, settings, rows). If it is there, nothing is
trained again. Until it is whole it has another name, so a kill never leaves half a model under the final
one; the same command then goes on from the last checkpoint and ends with the same bytes (on a CPU; on a
GPU kernels sum in an order of their own). One process, one GPU.
"""

import argparse
import ctypes
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.identity import content_hash, folder_hash
from xl_assets.tables import SftRow, TableError, check_table
from xl_assets.training.base_model import BaseModel, BaseModelError, find_base, load_tokenizer
from xl_assets.training.examples import RowsError, tokenize_rows
from xl_assets.training.fit import Report, TrainingError, fit
from xl_assets.training.publish import ADAPTER, MERGED, RECORD, move_into_place, save_model
from xl_assets.training.settings import SettingsError, SftSettings, read_settings, run_address

#: Libraries whose version can change a model's bytes.
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")

#: Where a run's models are saved until they are whole.
NEW = "new"

#: Errors that are the user's to mend: shown without a traceback.
USER_ERRORS = (BaseModelError, RowsError, SettingsError, TrainingError, TableError)

PR_SET_PDEATHSIG = 1


def train(rows_file: Path, settings: SftSettings, out: Path, report: Report = lambda _: None) -> dict[str, Any]:
    """Fine-tune a model, or find the one that was.

    Args:
        rows_file: Parquet of `SftRow`.
        settings: all that decides the model beside the rows.
        out: folder of a release's models; the run's folder is made in it.
        report: told of every logged step.

    Returns:
        The run's record: ``folder`` (its name in `out`), ``adapter`` and ``merged`` (folders below it; adapter
        None for full fine-tuning), their hashes, ``model_fingerprint``, ``base_model``, ``base_fingerprint``,
        ``rows_in`` = ``rows`` (trained on) + ``too_long`` (row ids left out), ``losses``, ``steps``, ``reused``.

    Raises:
        BaseModelError, RowsError, TrainingError, TableError: each names the remedy.
    """
    rows = _read_rows(rows_file)
    base = find_base(settings)
    rows_hash = content_hash(rows.select("position", "messages"))
    address = run_address(base.fingerprint, settings, rows_hash)
    out.mkdir(parents=True, exist_ok=True)
    final, work = out / address, out / f".{address}.work"
    with _alone(out / f".{address}.lock"):
        if final.exists():
            return {**_finished(final), "reused": True}
        made = _make(rows, base, settings, work, report)
        record = {"folder": address, "rows_hash": rows_hash, **made}
        write_json(work / NEW / RECORD, record)
        move_into_place(work / NEW, final)
        shutil.rmtree(work, ignore_errors=True)
    return {**record, "reused": False}


def _make(rows: pl.DataFrame, base: BaseModel, settings: SftSettings, work: Path, report: Report) -> dict[str, Any]:
    """Train and save into ``work/new``; returns the record of it."""
    began = time.monotonic()
    tokenizer = load_tokenizer(base, settings)
    examples = tokenize_rows(rows, tokenizer, base.longest(settings.max_length), settings.completion_only)
    fitted = fit(base, tokenizer, examples, settings, work / "checkpoints", report)
    shutil.rmtree(work / NEW, ignore_errors=True)
    hashes = save_model(fitted.model, base, settings, work / NEW)
    return {
        "adapter": ADAPTER if settings.method == "lora" else None,
        "merged": MERGED,
        **hashes,
        "model_fingerprint": hashes["merged_hash"],
        "base_model": base.name,
        "base_fingerprint": base.fingerprint,
        "method": settings.method,
        "parameters": settings.parameters(),
        "rows_in": rows.height,
        "rows": len(examples.row_ids),
        "too_long": examples.too_long,
        "steps": fitted.steps,
        "losses": fitted.losses,
        "resumed_from": fitted.resumed_from,
        "seconds": round(time.monotonic() - began, 1),
        "threads": settings.threads,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def write_json(file: Path, value: object) -> None:
    """Write a JSON file whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(beside, file)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that a killed run leaves no trainer behind."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Exit code 0: a record was written; 2: the message on stderr says what to mend."""
    options = _options(arguments)
    if options.die_with_parent:
        die_with_parent()
    try:
        settings = read_settings(options.settings)
        _prepare_environment(settings)
        from xl_assets.training.progress import reporting

        with reporting() as report:
            record = train(options.rows, settings, options.out, report)
    except USER_ERRORS as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if options.result:
        write_json(options.result, record)
    said = "it was there already" if record["reused"] else f"in {record['seconds']} s"
    counts = f"{record['rows']} rows trained on, {len(record['too_long'])} too long"
    print(f"{options.out / record['folder']}: {counts}; {said}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m xl_assets.training.sft",
        description="Fine-tune a language model on conversations (LoRA by default) and save adapter and merged model.",
        epilog="""
The smallest settings file is {"base_model": "path/or/hub-id"}. Often changed:
  method          lora (default) or full
  rank, alpha     size of the adapter and its strength (the update is scaled by alpha/rank)
  learning_rate   2e-4 for LoRA on a model of 7-9B; about 2e-5 for full fine-tuning
  epochs, batch_size, gradient_accumulation, max_length, packing, seed, checkpoint_steps, threads
All of them, with defaults: xl_assets.training.settings.SftSettings

What you get: OUT/<address>/adapter, OUT/<address>/merged (both safetensors) and OUT/<address>/training.json
(counts, losses, hashes). Run it again: finished work is found, unfinished work goes on from its last checkpoint.
""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=Path, required=True, metavar="FILE.parquet", help="sft_mixture rows (SftRow)")
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE.json", help="see below")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder in which the run's folder is made"
    )
    parser.add_argument("--result", type=Path, metavar="FILE.json", help="write the run's record here, too")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process ends")
    return parser.parse_args(arguments)


def _prepare_environment(settings: SftSettings) -> None:
    """Set what must be set before torch is imported."""
    os.environ.update(
        OMP_NUM_THREADS=str(settings.threads), TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_TELEMETRY="1"
    )
    # TRL refuses to train with several GPUs in one process.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")


def _read_rows(file: Path) -> pl.DataFrame:
    try:
        return check_table(pl.read_parquet(file), SftRow).sort("position")
    except FileNotFoundError as error:
        raise RowsError(f"no rows file {file}: write the sft_mixture table there as Parquet") from error
    except pl.exceptions.ComputeError as error:
        raise RowsError(f"{file} is not a Parquet file ({error}): write the sft_mixture table there") from error


def _finished(final: Path) -> dict[str, Any]:
    """The record of a finished run, after checking that its files are those that it wrote."""
    record = json.loads((final / RECORD).read_text(encoding="utf-8"))
    for part in (ADAPTER, MERGED):
        wanted = record[f"{part}_hash"]
        if wanted is not None and folder_hash(final / part) != wanted:
            raise TrainingError(f"{final / part} is not what training wrote there: remove {final} to train it again")
    return record


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process works on this run. The kernel frees the lock of a killed process."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another process trains this very model; waiting for it.", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        lock.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
