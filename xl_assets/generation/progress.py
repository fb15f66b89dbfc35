"""How a worker tells how far it is: a bar on a terminal, messages to Dagster, or plain lines."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

#: Seconds between two plain lines or messages.
EVERY = 10.0


@dataclass
class Tally:
    """What one worker run did. `seconds` count from the first call on, without the engine's start."""

    wanted: int = 0
    answered: int = 0
    failed: int = 0
    duplicate: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.answered + self.failed + self.duplicate

    def line(self) -> str:
        """E.g. ``512/2000 calls, 40.1 calls/s, 3200 tokens/s, 37 s left, 2 failed``."""
        seconds = max(self.seconds, 1e-9)
        rate = self.done / seconds
        left = f"{(self.wanted - self.done) / rate:.0f} s left" if rate else "time left unknown"
        failed = f", {self.failed} failed" if self.failed else ""
        tokens = self.completion_tokens / seconds
        return f"{self.done}/{self.wanted} calls, {rate:.1f} calls/s, {tokens:.0f} tokens/s, {left}{failed}"


class Progress:
    """Shows a tally. A context manager; call `show` whenever the tally changed.

    Args:
        title: what is being done, e.g. ``questions: teacher``.
        tell: takes a line; None picks a bar on a terminal and plain lines elsewhere.
    """

    def __init__(self, title: str, tell: Callable[[str], None] | None = None) -> None:
        self._title = title
        self._tell = tell or _print
        self._bar = _bar(title) if tell is None and sys.stderr.isatty() else None
        self._told = time.monotonic()

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, tally: Tally, last: bool = False) -> None:
        """Show how far the work is; plain lines come every ten seconds and at the end."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=tally.done, total=tally.wanted, rate=tally.line())
        elif last or time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            self._tell(f"{self._title}: {tally.line()}")

    def say(self, text: str) -> None:
        """Tell something beside the numbers."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._tell(text)


def _bar(title: str):
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    # `title` and `rate` are data: no markup is read from them.
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    bar.add_task(title, total=None, rate="starting")
    return bar


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
