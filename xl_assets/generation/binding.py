"""Model bindings: which model answers a role, and how its calls travel.

What decides an answer (the model's bytes, adapter, numeric precision) is in the binding's fingerprint and so in every
call's address. How calls travel (`Transport`) is not: changing it repeats no work.
"""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from xl_assets.identity import folder_hash, parameters_hash

COMMIT = re.compile(r"[0-9a-f]{40}")
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
PICKLED_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt")
OPENAI_URL = "https://api.openai.com/v1"


class BindingError(ValueError):
    """A role can't be bound to its model; the message says what to change."""


class Transport(BaseModel):
    """How calls travel. Nothing here changes an answer's address.

    Attributes:
        batch_size: answers that are appended to the call log together; what a crash can lose at most.
        flush_seconds: a batch is appended after so long even if it is not full.
        max_num_seqs: sequences that the engine decodes at once.
        kv_cache_gib: memory for the KV cache in GiB; None leaves it to the engine.
        gpu_memory_utilization: share of a GPU's memory that the engine may take.
        tensor_parallel_size: GPUs that one model is spread over.
        threads: CPU threads of the engine; 1 is fastest for models of a few million parameters.
        enforce_eager: skip compilation: a faster start, slower tokens.
        in_process: run the engine inside the worker: no orphan can outlive a kill. False is vLLM's default on GPUs.
        rebuilds: how often a dead engine is built again before the step fails.
        env: further environment of the engine; never secrets.
        base_url: the server's address, up to and including ``/v1``.
        api_key_env: NAME of the environment variable that holds the server's key, or None for a server without one.
        dialect: ``vllm`` for vLLM's server (structured choices); ``openai`` for OpenAI itself.
        concurrency: calls in flight to a server at once.
        timeout_seconds: longest wait for one answer of a server.
        retries: repeats of a call that met 429, 5xx, a timeout or a lost connection, with growing pauses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: Annotated[int, Field(ge=1)] = 256
    flush_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_num_seqs: Annotated[int, Field(ge=1)] = 256
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = None
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] | None = None
    enforce_eager: bool = False
    in_process: bool = True
    rebuilds: Annotated[int, Field(ge=0)] = 3
    env: dict[str, str] = {}
    base_url: str = OPENAI_URL
    api_key_env: str | None = None
    dialect: Literal["openai", "vllm"] = "openai"
    concurrency: Annotated[int, Field(ge=1)] = 32
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    retries: Annotated[int, Field(ge=0)] = 5

    @field_validator("env")
    @classmethod
    def _env_has_no_secrets(cls, env: dict[str, str]) -> dict[str, str]:
        secrets = sorted(name for name in env if SECRET_NAME.search(name))
        if secrets:
            raise ValueError(
                f"env must not hold secrets, and {secrets} look like some: a binding is written to disk. "
                "Export them in the environment instead; for a server's key give its variable's name as api_key_env"
            )
        return env

    @field_validator("api_key_env")
    @classmethod
    def _a_name_not_the_key(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
            raise ValueError("api_key_env is the NAME of an environment variable, e.g. OPENAI_API_KEY, never the key")
        return name


class ModelBinding(BaseModel):
    """One role bound to one model.

    Attributes:
        role: teacher, translator, prompt_translator, quality_estimator, judge, base, reference, or a recipe's own.
        engine: ``vllm_offline`` runs the model here; ``openai_server`` asks a server.
        model: a model folder, a hub id, or the name that a server serves.
        revision: commit of a hub model (40 hex digits); of a server's model whatever its operator declares.
        adapter: folder of a LoRA adapter on top of the model, or None.
        dtype: numeric precision of the engine; it can change answers, so it is in the fingerprint. On CPUs
            ``float32`` gives the same text whatever else is in the batch; ``bfloat16`` does not quite.
        licence: licence of the model's weights, for the release's cards.
        max_model_len: longest prompt and answer together, in tokens; None is the model's own limit.
        trust_remote_code: run code that ships with the model. Off unless you read that code.
        price_in, price_out: price of 1M tokens read and written, in one currency of your choice, for cost accounting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    role: str
    engine: Literal["vllm_offline", "openai_server"] = "vllm_offline"
    model: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    adapter: str | None = None
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    licence: str | None = None
    max_model_len: Annotated[int, Field(ge=2)] | None = None
    trust_remote_code: bool = False
    price_in: Annotated[float, Field(ge=0)] = 0.0
    price_out: Annotated[float, Field(ge=0)] = 0.0
    transport: Transport = Transport()

    @model_validator(mode="after")
    def _server_has_no_adapter(self) -> "ModelBinding":
        if self.engine == "openai_server" and self.adapter is not None:
            raise ValueError(
                f"role {self.role}: a server loads its adapters itself (--lora-modules NAME=PATH); "
                "give the adapter's served NAME as model and leave adapter empty"
            )
        return self

    @property
    def folder(self) -> Path | None:
        """The model's folder, or None for a hub model or a server's."""
        if self.engine == "openai_server":
            return None
        path = Path(self.model).expanduser()
        looks_local = self.model.startswith((".", "/", "~")) or self.model.count("/") > 1
        return path.resolve() if path.is_dir() or looks_local else None

    @property
    def name(self) -> str:
        """The model's name without this machine's paths, e.g. ``teacher`` or ``teacher + adapter``."""
        base = self.folder.name if self.folder else self.model
        return f"{base} + {Path(self.adapter).name}" if self.adapter else base

    def check(self) -> "ModelBinding":
        """Return the binding if its model can be used.

        Raises:
            BindingError: a folder is missing, holds no model, holds pickled weights only, or has no chat
                template; or a hub model is not pinned to a commit.
        """
        if self.folder is not None:
            _check_model_folder(self.folder, self.role)
        elif self.engine == "vllm_offline" and not COMMIT.fullmatch(self.revision or ""):
            raise BindingError(
                f"role {self.role}: there is no folder {self.model!r}, and as a hub model it needs its commit as "
                f"revision (40 hex digits, not {self.revision!r}): a branch's content changes. Its page on the hub "
                f'lists commits; so does python -c "import huggingface_hub as h; '
                f"print(h.model_info('{self.model}').sha)\""
            )
        if self.adapter is not None:
            _check_adapter(Path(self.adapter).expanduser(), self.role)
        return self

    def fingerprint(self) -> str:
        """Address of the model: its folder's bytes (tokenizer and chat template included), or id and revision.

        Raises:
            BindingError: as `check`.
        """
        self.check()
        identity = {"folder": _hash_of(self.folder)} if self.folder else {"id": self.model, "revision": self.revision}
        adapter = _hash_of(Path(self.adapter).expanduser().resolve()) if self.adapter else None
        served = {"served": True} if self.engine == "openai_server" else {}
        return parameters_hash({**identity, **served, "adapter": adapter, "dtype": self.dtype})

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Price of so many tokens."""
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1_000_000

    def to_json(self) -> str:
        """The binding for a worker, with absolute folders and without secrets (it never holds any)."""
        adapter = str(Path(self.adapter).expanduser().resolve()) if self.adapter else None
        absolute = self.model_copy(update={"model": str(self.folder or self.model), "adapter": adapter})
        return absolute.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str) -> "ModelBinding":
        """Read what `to_json` wrote.

        Raises:
            BindingError: names the fields that are wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            # The input itself is left out: a key pasted into the wrong field must not reach a log.
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise BindingError(f"not a model binding: {wrong}") from None


def _check_model_folder(folder: Path, role: str) -> None:
    if not folder.is_dir():
        raise BindingError(f"role {role}: no model folder {folder}. Correct `model` in the profile, or make the folder")
    if not (folder / "config.json").is_file():
        raise BindingError(f"role {role}: {folder} is not a model folder: it has no config.json")
    if not any(folder.glob("*.safetensors")):
        pickled = any(path for pattern in PICKLED_WEIGHTS for path in folder.glob(pattern))
        why = "its weights are pickled, which can run code when loaded" if pickled else "it has no weights"
        raise BindingError(f"role {role}: {folder}: {why}. Convert or save it as *.safetensors")
    if not _has_chat_template(folder):
        raise BindingError(
            f"role {role}: {folder} has no chat template, so messages can't become a prompt. "
            "Add chat_template.jinja to it (instruction-tuned models ship one)"
        )


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template"))
    except (OSError, ValueError):
        return False


def _check_adapter(folder: Path, role: str) -> None:
    if not folder.is_dir():
        raise BindingError(f"role {role}: no adapter folder {folder}. Correct `adapter` in the profile, or train it")
    missing = [name for name in ("adapter_config.json", "adapter_model.safetensors") if not (folder / name).is_file()]
    if missing:
        raise BindingError(f"role {role}: {folder} is not a LoRA adapter: it has no {' and no '.join(missing)}")


def _hash_of(folder: Path | None) -> str:
    if folder is None:
        raise BindingError("only a folder has a hash")
    files = (path for path in folder.rglob("*") if path.is_file())
    state = tuple(sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))
    return _hash_of_state(folder, state)


@lru_cache(maxsize=64)
def _hash_of_state(folder: Path, state: tuple) -> str:
    """Hash once per state of a folder: gigabytes are read, and every step asks."""
    return folder_hash(folder)
