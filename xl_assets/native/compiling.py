"""Tells of compiling, which the first run on a machine waits for; later runs find what was kept of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

_PACKAGE = __name__.partition(".")[0]


class _Once(event.Listener):
    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell, self._told = tell, False

    def on_start(self, begun: event.Event) -> None:
        if not self._told and _module(begun.data).startswith(_PACKAGE):
            self._told = True
            self._tell()

    def on_end(self, ended: event.Event) -> None:
        """Nothing: how long it took is no news when it is over."""


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Within, `tell` is called once if a function of this package must be compiled in this process."""
    with event.install_listener("numba:compile", _Once(tell)):
        yield


def _module(data: Any) -> str:
    """Of the function that is compiled; Numba's own helpers are compiled here and there without being kept."""
    return getattr(data["dispatcher"].py_func, "__module__", "")
