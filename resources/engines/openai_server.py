"""Any server that speaks OpenAI's chat completions: vLLM's own, or OpenAI itself."""

import asyncio
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

import openai
import polars as pl
from openai.types.chat import ChatCompletion

from resources.engines import Admitted, ServerError
from resources.engines.batches import Batch, answered, by_prefix, failed
from resources.engines.faults import is_server_fault, server_remedy
from xl_assets.generation.binding import OPENAI_URL, BindingError, ModelBinding

#: So many of those in a row, with no answer between, and the server is given up.
GIVE_UP_AFTER = 20


class OpenAIServer:
    """Bounded concurrency; 429, 5xx, timeouts and lost connections are repeated with growing pauses (the `openai`
    library does it, and keeps to Retry-After up to two minutes); what fails all the same is recorded as a failure.

    The key comes from the environment variable that the binding names and is never written anywhere.

    Raises:
        BindingError: the key's variable is not set.
    """

    def __init__(self, binding: ModelBinding) -> None:
        self._binding = binding
        self._transport = binding.transport
        self._key = _key(binding)
        self._stopping = False
        self.version = f"openai {openai.__version__} -> {urlsplit(self._transport.base_url).netloc}"

    def complete(self, requests: pl.DataFrame, admitted: Admitted | None = None) -> Iterator[pl.DataFrame]:
        """See `resources.engines.Engine`."""
        queue = by_prefix(requests).iter_rows(named=True)
        batch = Batch(self._transport.batch_size, self._transport.flush_seconds)
        patience = max(GIVE_UP_AFTER, self._transport.concurrency)
        faults, fatal = 0, None
        if admitted is not None:
            admitted([])  # no call can kill a client, so none is ever blamed
        with asyncio.Runner() as runner:
            calls = _Calls(self._client, self._arguments, self._transport.concurrency)
            try:
                while not (self._stopping or fatal) and (done := runner.run(calls.advance(queue))) is not None:
                    for row in done:
                        if isinstance(row, ServerError):
                            fatal = row
                            continue
                        batch.add(row)
                        faults = faults + 1 if is_server_fault(row["failure"]) else 0
                        if faults >= patience:
                            fatal = ServerError(self._advice(row["failure"], faults))
                    while batch.ready():
                        yield batch.take()
                while len(batch):
                    yield batch.take()
                if fatal:
                    raise fatal
            finally:
                runner.run(calls.close())

    def stop(self) -> None:
        """See `resources.engines.Engine`."""
        self._stopping = True

    def close(self) -> None:
        """See `resources.engines.Engine`."""

    def _client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=self._transport.base_url,
            api_key=self._key,
            timeout=self._transport.timeout_seconds,
            max_retries=self._transport.retries,
        )

    def _arguments(self, request: dict) -> dict:
        wanted = _parameters(request["parameters"])
        arguments = {
            "model": self._binding.model,
            "messages": request["messages"],
            "seed": request["seed"],
            "temperature": wanted["temperature"],
            "top_p": wanted["top_p"],
            "stop": wanted["stop"] or openai.omit,
            "logprobs": True if wanted["logprobs"] else openai.omit,
            "top_logprobs": wanted["logprobs"] or openai.omit,
        }
        if wanted["json_schema"]:
            schema = {"name": "answer", "schema": json.loads(wanted["json_schema"]), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self._transport.dialect == "openai":
            # OpenAI has no structured choice; the prompt asks for one, and the parser refuses anything else.
            return arguments | {"max_completion_tokens": wanted["max_tokens"]}
        # vLLM's server would otherwise take these from the model's generation_config.json.
        extra: dict = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
        if wanted["choice"]:
            extra["structured_outputs"] = {"choice": wanted["choice"]}
        return arguments | {"max_tokens": wanted["max_tokens"], "extra_body": extra}

    def _advice(self, reason: str, faults: int) -> str:
        return (
            f"role {self._binding.role}: {faults} calls in a row failed at {self._transport.base_url}, lastly with "
            f"{reason!r}. {server_remedy(reason)}"
        )


class _Calls:
    """Calls in flight on one event loop."""

    def __init__(self, make_client, arguments, concurrency: int) -> None:
        self._make_client, self._arguments, self._concurrency = make_client, arguments, concurrency
        self._client: openai.AsyncOpenAI | None = None
        self._pending: set[asyncio.Task] = set()

    async def advance(self, queue: Iterator[dict]) -> "list[dict | ServerError] | None":
        """Fill up the places and return what finished within a second; None when all is done."""
        if self._client is None:
            self._client = self._make_client()
        while len(self._pending) < self._concurrency and (request := next(queue, None)) is not None:
            self._pending.add(asyncio.create_task(self._ask(self._client, request)))
        if not self._pending:
            return None
        done, self._pending = await asyncio.wait(self._pending, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        return [task.result() for task in done]

    async def close(self) -> None:
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def _ask(self, client: openai.AsyncOpenAI, request: dict) -> "dict | ServerError":
        call_id = request["call_id"]
        try:
            response = await client.chat.completions.create(**self._arguments(request))
            return _answer(call_id, response, _parameters(request["parameters"])["logprobs"])
        except openai.APIError as error:
            return _fatal(error) or _failure(call_id, error)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # Whatever is no chat completion: an HTML page, cut-off JSON, other fields.
            return failed(call_id, "garbled_answer", f"{type(error).__name__}: {error}")


def _key(binding: ModelBinding) -> str:
    name = binding.transport.api_key_env
    if name is None and binding.transport.base_url == OPENAI_URL:
        name = "OPENAI_API_KEY"
    if name is None:
        return "none"  # the library wants one; OPENAI_API_KEY must not travel to another server
    key = os.environ.get(name)
    if not key:
        raise BindingError(f"role {binding.role}: the environment variable {name} is not set; export the server's key")
    return key


def _answer(call_id: str, response: ChatCompletion, logprobs: int | None) -> dict:
    if not isinstance(response, ChatCompletion):
        return failed(call_id, "garbled_answer", response)
    if not response.choices:
        return failed(call_id, "empty_answer", "no choices")
    choice, usage = response.choices[0], response.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
    text = choice.message.content
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        return failed(call_id, "content_filtered", choice.message.refusal or "", tokens)
    if text is None or (not text and not tokens[1]):
        return failed(call_id, "empty_answer", "no content", tokens)
    if not isinstance(text, str):
        return failed(call_id, "garbled_answer", f"content is {type(text).__name__}", tokens)
    return answered(call_id, text, choice.finish_reason, tokens, _first_logprobs(choice, logprobs))


def _first_logprobs(choice, count: int | None) -> list[dict] | None:
    if not count or choice.logprobs is None or not choice.logprobs.content:
        return None
    top = sorted(choice.logprobs.content[0].top_logprobs, key=lambda entry: -entry.logprob)[:count]
    return [{"token": entry.token, "logprob": float(entry.logprob)} for entry in top]


def _fatal(error: openai.APIError) -> ServerError | None:
    """An error after which no further call can succeed."""
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        # The server's words are left out: they may quote the key.
        return ServerError(
            f"the server refuses the key (HTTP {error.status_code}). Set the environment variable that "
            "transport.api_key_env names to a valid key for this server and model"
        )
    if isinstance(error, openai.NotFoundError):
        return ServerError(
            f"the server knows no such model or address: {_said(error)}. `model` must be a name that it serves "
            "(its /v1/models lists them), and transport.base_url its address up to and including /v1"
        )
    if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
        return ServerError("the server's quota for this key is used up. Finished answers are kept")
    return None


def _failure(call_id: str, error: openai.APIError) -> dict:
    codes = (
        (openai.APITimeoutError, "timeout"),
        (openai.APIConnectionError, "unreachable"),
        (openai.RateLimitError, "rate_limited"),
        (openai.InternalServerError, "server_error"),
        (openai.APIResponseValidationError, "garbled_answer"),
    )
    code = next((code for kind, code in codes if isinstance(error, kind)), "refused_request")
    if code == "refused_request" and any(sign in str(error) for sign in ("context length", "max_model_len", "maximum")):
        code = "prompt_too_long"
    return failed(call_id, code, _said(error))


def _said(error: openai.APIError) -> str:
    status = getattr(error, "status_code", None)
    return f"HTTP {status}: {error.message}" if status else error.message


@lru_cache(maxsize=1024)
def _parameters(parameters: str) -> dict:
    return json.loads(parameters)
