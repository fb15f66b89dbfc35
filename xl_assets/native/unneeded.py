"""LLVM's code out of the resident set: a new installation maps 90 MB of it, which only the loading of a loop needs."""

import ctypes
import mmap
import sys
from functools import cache
from pathlib import Path

_LIBRARY = "libllvmlite"


def release_compiler() -> None:
    """Unmap the pages of LLVM's code; whoever needs one again gets it from the file. On Linux; elsewhere nothing."""
    for start, length in _code():
        _libc().madvise(start, length, mmap.MADV_DONTNEED)


@cache
def _code() -> list[tuple[int, int]]:
    """Where it is, once it is loaded. Code alone: nothing was written there that the file does not hold."""
    if sys.platform != "linux":
        return []
    mapped = (line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines())
    spans = [place[0].split("-") for place in mapped if place[1] == "r-xp" and _LIBRARY in place[-1]]
    return [(int(start, 16), int(end, 16) - int(start, 16)) for start, end in spans]


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc
