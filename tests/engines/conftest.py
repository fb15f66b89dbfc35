"""A small real model, an adapter for it, and vLLM's server around it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from xl_assets.generation.binding import ModelBinding, Transport
from xl_assets.generation.calls import Request, Sampling, plan_calls, wanted_calls

#: Small and quick to start; float32 gives the same text whatever else is in the batch.
TRANSPORT = {"threads": 1, "kv_cache_gib": 0.5, "enforce_eager": True, "max_num_seqs": 32, "batch_size": 16}
MAX_MODEL_LEN = 512
ADAPTER_NAME = "tuned"


@pytest.fixture(scope="session")
def model_folder() -> Path:
    folder = Path(os.environ.get("XL_TEST_MODEL", Path(__file__).parents[2] / "demo" / "models" / "teacher"))
    if not (folder / "config.json").is_file():
        pytest.skip(f"no model in {folder}: run `make demo-models`, or name another one as XL_TEST_MODEL")
    return folder


@pytest.fixture(scope="session")
def adapter_folder(model_folder, tmp_path_factory) -> Path:
    """A LoRA adapter with large random weights: it changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("adapters") / ADAPTER_NAME
    settings = LoraConfig(r=12, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), settings).save_pretrained(folder)
    return folder


@pytest.fixture
def offline(model_folder):
    """Binds the model to vLLM in this process; arguments change the binding."""

    def make(transport: dict | None = None, **changed) -> ModelBinding:
        settings = {"role": "teacher", "model": str(model_folder), "dtype": "float32", "max_model_len": MAX_MODEL_LEN}
        return ModelBinding(**{**settings, **changed}, transport=Transport(**{**TRANSPORT, **(transport or {})}))

    return make


def plan(binding: ModelBinding, texts: list[str], sampling: Sampling, step: str = "engine") -> pl.DataFrame:
    """Wanted calls, one a text."""
    rows = pl.DataFrame({"row_id": [str(i) for i in range(len(texts))], "question": texts})
    request = Request(step, [("user", pl.col("question"))], sampling, ("row_id",))
    return wanted_calls(plan_calls(rows, request, binding.fingerprint()))


@pytest.fixture(scope="session")
def vllm_server(model_folder, adapter_folder, tmp_path_factory) -> Iterator[str]:
    """vLLM's own server on loopback, with the adapter under its own name; yields its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The `vllm` command does not start with the CPU build; its module does.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model_folder]
    command += ["--served-model-name", "teacher", "--host", "127.0.0.1", "--port", port, "--enforce-eager"]
    command += ["--dtype", "float32", "--max-model-len", MAX_MODEL_LEN, "--no-enable-chunked-prefill"]
    command += ["--enable-lora", "--max-lora-rank", 16, "--lora-modules", f"{ADAPTER_NAME}={adapter_folder}"]
    settings = {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait_until_healthy(server, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            _end(server)


def _wait_until_healthy(server: subprocess.Popen, port: int, log: Path, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"vLLM's server ended with {server.returncode}:\n{log.read_text()[-3000:]}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"vLLM's server was not healthy after {seconds} s:\n{log.read_text()[-3000:]}")


def _end(server: subprocess.Popen) -> None:
    """Only this server and what it started, by their process group."""
    server.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
