"""vLLM inside the worker: the engine is fed continuously and hands finished answers on in batches."""

import gc
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import polars as pl

from resources.engines import Admitted, EngineDied, EngineStartError
from resources.engines.batches import Batch, answered, by_prefix, failed
from xl_assets.generation.binding import ModelBinding

#: Ranks that vLLM has kernels for; an adapter's rank is rounded up to the next.
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
TOO_LONG = re.compile(r"max_model_len|maximum context|maximum model length|too long|longer than", re.IGNORECASE)
NO_MEMORY = re.compile(r"memory|KV cache|kv_cache|cache blocks", re.IGNORECASE)


class VLLMOffline:
    """`vllm.LLM` driven step by step.

    Whole waves of `LLM.generate` would drain the engine at each wave's end while its slowest answers finish;
    here new calls are added as soon as places are free, and a batch is handed on as soon as it is full.

    Raises:
        EngineStartError: no memory for model or KV cache, or a model that vLLM can't run; names the remedy.
    """

    def __init__(self, binding: ModelBinding) -> None:
        self._binding = binding
        self._transport = binding.transport
        _set_environment(binding)
        import vllm

        self.version = f"vllm {vllm.__version__}"
        self._stopping = False
        self._lora = _lora_request(binding)
        _let_llvmlite_be_scanned()
        try:
            self._llm = vllm.LLM(**_options(binding))
            if self._lora is not None:
                self._llm.llm_engine.add_lora(self._lora)
        except Exception as error:
            raise EngineStartError(_start_advice(binding, error)) from error
        self._engine = self._llm.llm_engine
        self._longest = self._llm.model_config.max_model_len

    def complete(self, requests: pl.DataFrame, admitted: Admitted | None = None) -> Iterator[pl.DataFrame]:
        """See `resources.engines.Engine`."""
        queue = by_prefix(requests).iter_rows(named=True)
        batch = Batch(self._transport.batch_size, self._transport.flush_seconds)
        in_flight: dict[str, dict] = {}
        try:
            more = True
            while (more or in_flight) and not self._stopping:
                more = self._refill(queue, in_flight, batch, admitted) if more else False
                for output in self._step(in_flight) if in_flight else ():
                    if output.finished:
                        batch.add(self._answer(in_flight.pop(output.request_id), output))
                while batch.ready():
                    yield batch.take()
            while len(batch):
                yield batch.take()
        finally:
            self._abort(in_flight)

    def stop(self) -> None:
        """See `resources.engines.Engine`."""
        self._stopping = True

    def close(self) -> None:
        """See `resources.engines.Engine`."""
        with suppress(Exception):  # a dead engine can't be shut down, and need not be
            self._engine.engine_core.shutdown()
        del self._engine, self._llm
        gc.collect()

    def _refill(self, queue: Iterator[dict], in_flight: dict, batch: Batch, admitted: Admitted | None) -> bool:
        """Add calls while there is room; returns whether more may come. A batch that fills up meanwhile goes first."""
        room = 2 * self._transport.max_num_seqs
        if len(in_flight) > 0.75 * room:
            return True
        more = True
        while len(in_flight) < room and not batch.ready():
            request = next(queue, None)
            if request is None:
                more = False
                break
            self._add(request, in_flight, batch)
        if admitted is not None and in_flight:
            admitted(list(in_flight))
        return more

    def _add(self, request: dict, in_flight: dict, batch: Batch) -> None:
        from vllm.exceptions import VLLMClientError

        call_id = request["call_id"]
        try:
            prompt = self._render(request["messages"])
            length = len(prompt["prompt_token_ids"])
            if length >= self._longest:
                batch.add(failed(call_id, "prompt_too_long", f"{length} tokens, room for {self._longest - 1}"))
                return
            sampling = _sampling(request["parameters"], request["seed"])
            self._engine.add_request(call_id, prompt, sampling, lora_request=self._lora)
        except (VLLMClientError, ValueError, TypeError) as error:
            code = "prompt_too_long" if TOO_LONG.search(str(error)) else "refused_request"
            batch.add(failed(call_id, code, error))
            return
        in_flight[call_id] = request

    def _render(self, messages: list):
        """Prompt tokens by the model's own chat template, exactly as `LLM.chat` and vLLM's server make them."""
        from vllm.renderers import ChatParams

        renderer = self._llm.renderer
        chat = ChatParams(
            chat_template_content_format="auto",
            chat_template_kwargs={"add_generation_prompt": True, "continue_final_message": False, "tokenize": False},
        )
        tokens = renderer.default_chat_tok_params.with_kwargs(add_special_tokens=False)
        return renderer.render_chat([list(messages)], chat, tokens)[1][0]

    def _step(self, in_flight: dict) -> Sequence:
        try:
            return self._engine.step()
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise EngineDied(f"the engine died: {what}", list(in_flight)) from error

    def _answer(self, request: dict, output) -> dict:
        completion = output.outputs[0]
        parameters = _parameters(request["parameters"])
        tokens = len(output.prompt_token_ids or ()), len(completion.token_ids)
        # Cut by the model's length, not by the wanted one: with a larger max_model_len it would be another answer,
        # and max_model_len is not in the call's address.
        if completion.finish_reason == "length" and tokens[1] < parameters["max_tokens"]:
            detail = f"prompt {tokens[0]} and answer {tokens[1]} tokens fill max_model_len {self._longest}"
            return failed(request["call_id"], "context_full", detail, tokens)
        logprobs = _first_logprobs(completion.logprobs, parameters["logprobs"])
        return answered(request["call_id"], completion.text, completion.finish_reason, tokens, logprobs)

    def _abort(self, in_flight: dict) -> None:
        if in_flight:
            with suppress(Exception):  # a dead engine has nothing to abort
                self._engine.abort_request(list(in_flight))


def _let_llvmlite_be_scanned() -> None:
    """Let vLLM look through the modules of a process where Numba is loaded, too.

    vLLM's CPU start asks every object of every module for its ``__dict__``; llvmlite's library object answers with
    a wrapped foreign function, and the start fails. An entry of that name in its table is what it answers with then.
    """
    if ffi := sys.modules.get("llvmlite.binding.ffi"):
        with suppress(AttributeError):
            ffi.lib._fntab.setdefault("__dict__", {})


def _set_environment(binding: ModelBinding) -> None:
    """What vLLM and torch read when they are imported."""
    transport = binding.transport
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0" if transport.in_process else "1"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CONFIGURE_LOGGING", "1")
    if transport.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(transport.threads)
    if transport.kv_cache_gib is not None:
        os.environ.pop("VLLM_CPU_KVCACHE_SPACE", None)  # it would win over the binding
    os.environ.update(transport.env)


def _options(binding: ModelBinding) -> dict:
    from vllm.platforms import current_platform

    transport = binding.transport
    options = {
        "model": str(binding.folder or binding.model),
        "revision": None if binding.folder else binding.revision,
        "load_format": "safetensors",  # pickled weights can run code
        "trust_remote_code": binding.trust_remote_code,
        "dtype": binding.dtype,
        "max_model_len": binding.max_model_len,
        "max_num_seqs": transport.max_num_seqs,
        "enforce_eager": transport.enforce_eager,
        "tensor_parallel_size": transport.tensor_parallel_size,
        "gpu_memory_utilization": transport.gpu_memory_utilization,
        "seed": 0,
        "disable_log_stats": True,
    }
    if current_platform.is_cpu():
        # A seeded call whose prompt is computed in pieces kills the CPU engine ("CPU Generator does not use offset").
        options["enable_chunked_prefill"] = False
    if transport.kv_cache_gib is not None:
        options["kv_cache_memory_bytes"] = int(transport.kv_cache_gib * 2**30)
    if binding.adapter is not None:
        options |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _rank(Path(binding.adapter))}
    return {name: value for name, value in options.items() if value is not None}


def _lora_request(binding: ModelBinding):
    if binding.adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    folder = Path(binding.adapter).expanduser().resolve()
    return LoRARequest(lora_name=folder.name, lora_int_id=1, lora_path=str(folder))


def _rank(adapter: Path) -> int:
    settings = json.loads((adapter.expanduser() / "adapter_config.json").read_text(encoding="utf-8"))
    ranks = [settings.get("r", 8), *(settings.get("rank_pattern") or {}).values()]
    fitting = [rank for rank in LORA_RANKS if rank >= max(ranks)]
    if not fitting:
        raise EngineStartError(f"adapter {adapter}: rank {max(ranks)} is above {LORA_RANKS[-1]}, the most vLLM runs")
    return fitting[0]


def _start_advice(binding: ModelBinding, error: Exception) -> str:
    if isinstance(error, EngineStartError):
        return str(error)
    what = f"role {binding.role}: vLLM could not start {binding.name}: {type(error).__name__}: {error}"
    if NO_MEMORY.search(str(error)) or isinstance(error, MemoryError):
        return (
            f"{what}\nRemedy: set the profile's max_model_len lower, transport.max_num_seqs lower, or "
            "transport.kv_cache_gib to what is free (on a GPU gpu_memory_utilization); or end what else holds memory"
        )
    return f"{what}\nRemedy: the profile's model, dtype and max_model_len must suit this vLLM and this machine"


@lru_cache(maxsize=1024)
def _parameters(parameters: str) -> dict:
    return json.loads(parameters)


def _sampling(parameters: str, seed: int):
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    wanted = _parameters(parameters)
    structured = None
    if wanted["choice"]:
        structured = StructuredOutputsParams(choice=wanted["choice"])
    elif wanted["json_schema"]:
        structured = StructuredOutputsParams(json=wanted["json_schema"])
    return SamplingParams(
        temperature=wanted["temperature"],
        top_p=wanted["top_p"],
        max_tokens=wanted["max_tokens"],
        stop=wanted["stop"],
        logprobs=wanted["logprobs"],
        seed=seed,
        structured_outputs=structured,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _first_logprobs(positions, count: int | None) -> list[dict] | None:
    """The top tokens of the first answer token, likeliest first."""
    if not count or not positions:
        return None
    top = sorted(positions[0].values(), key=lambda entry: -entry.logprob)[:count]
    return [{"token": entry.decoded_token or "", "logprob": float(entry.logprob)} for entry in top]
