"""Python's search for garbage, spared what stays to the end: half a second at the end of a run, a fifth at its start."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def to_stay() -> Iterator[None]:
    """Within, objects are made that live as long as the process, as modules do: no search for garbage sees them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def stay_at_the_end() -> None:
    """Have nothing searched when the interpreter ends: it would go through all modules to free them."""
    atexit.register(gc.freeze)
