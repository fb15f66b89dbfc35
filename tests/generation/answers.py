"""Answers without a model: pure functions from wanted calls to rows of ``ANSWER``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from xl_assets.generation.calls import ANSWER

LOGPROBS = ANSWER["logprobs"]


@dataclass
class Answers:
    """Answers every wanted call with what `reply` says to its last message, and remembers what was asked.

    Attributes:
        reply: last message -> text, or text and (token, logprob) pairs.
        asked: one frame of wanted calls per call.
    """

    reply: Callable[[str], str | tuple[str, Sequence[tuple[str, float]]]]
    asked: list[pl.DataFrame] = field(default_factory=list)

    def __call__(self, wanted: pl.DataFrame) -> pl.DataFrame:
        self.asked.append(wanted)
        return pl.DataFrame([self._answer(call) for call in wanted.to_dicts()], schema=ANSWER)

    @property
    def calls(self) -> pl.DataFrame:
        """All that was asked."""
        return pl.concat(self.asked)

    def _answer(self, call: dict) -> dict:
        replied = self.reply(call["messages"][-1]["content"])
        text, tokens = (replied, ()) if isinstance(replied, str) else replied
        return {
            "call_id": call["call_id"],
            "text": text,
            "finish_reason": "stop",
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "logprobs": [{"token": token, "logprob": logprob} for token, logprob in tokens] or None,
            "failure": None,
        }


def nobody(wanted: pl.DataFrame) -> pl.DataFrame:
    """For steps that must not ask."""
    raise AssertionError(f"{wanted.height} calls were wanted where none should be")
