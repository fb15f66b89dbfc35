"""Engines: who answers calls. One protocol; each engine's library is imported when it is opened."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import polars as pl

from xl_assets.generation.binding import ModelBinding

#: Told the ids of all calls in flight whenever calls were added, so that a crash can be blamed on some of them.
Admitted = Callable[[Sequence[str]], None]


class EngineError(RuntimeError):
    """An engine or server can't be used; the message names the remedy."""


class EngineStartError(EngineError):
    """The engine did not start: memory, model or configuration."""


class ServerError(EngineError):
    """The server can't be used at all: down, no permission, unknown model, no quota."""


class EngineDied(EngineError):
    """The engine died while it ran; `in_flight` are the calls it was working on."""

    def __init__(self, message: str, in_flight: Sequence[str]) -> None:
        super().__init__(message)
        self.in_flight = list(in_flight)


class Engine(Protocol):
    """Answers calls in batches."""

    version: str

    def complete(self, requests: pl.DataFrame, admitted: Admitted | None = None) -> Iterator[pl.DataFrame]:
        """Answer every request once, in the engine's own order.

        Args:
            requests: columns ``WANTED``.
            admitted: told which calls are in flight.

        Yields:
            finished batches with the columns ``ANSWER``; a call that failed has its reason in ``failure``.

        Raises:
            EngineDied: the engine must be built again; batches yielded before are good.
            ServerError: no further call can succeed.
        """
        ...

    def stop(self) -> None:
        """Make a running `complete` yield what is finished and end. Safe inside a signal handler."""
        ...

    def close(self) -> None:
        """Give memory and connections back."""
        ...


def open_engine(binding: ModelBinding) -> Engine:
    """Start the engine that a binding names.

    Raises:
        BindingError: the model can't be used.
        EngineStartError, ServerError: the engine can't be used.
    """
    binding.check()
    if binding.engine == "openai_server":
        from resources.engines.openai_server import OpenAIServer

        return OpenAIServer(binding)
    from resources.engines.vllm_offline import VLLMOffline

    return VLLMOffline(binding)
