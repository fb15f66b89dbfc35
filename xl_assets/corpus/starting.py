"""A short start and end for a process of which nothing else is asked: 0.2 s for the one, 0.5 s for the other."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

#: Where Numba looks for BLAS when it is asked for its first function; without it, it has a loop of its own instead.
_BLAS, _ASKS = "scipy.linalg", "numba.np.arraymath"


@contextmanager
def short_start() -> Iterator[None]:
    """Within, modules are imported; for a process with one thread, before its first compiled function is called."""
    gc.disable()
    try:
        _load_without_blas()
        yield
    finally:
        # Modules live as long as the process: no search for garbage need see them again.
        gc.freeze()
        gc.enable()


def short_end() -> None:
    """Let the interpreter end without a search through all modules for what could be freed."""
    atexit.register(gc.freeze)


def _load_without_blas() -> None:
    if _BLAS in sys.modules or _ASKS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        import_module(_ASKS)
    finally:
        del sys.modules[_BLAS]
