"""The compiler's code leaves memory, and comes back when it is needed."""

import subprocess
import sys

import pytest

CODE = """
import numba, numpy as np
from pathlib import Path
from xl_assets.native.unneeded import release_compiler

def resident():
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            ours = "libllvmlite" in line and " r-xp " in line
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total

print(numba.njit(lambda a: a.sum() + 1)(np.arange(4)))
before = resident()
release_compiler()
after = resident()
print(before > 1000, after)
print(numba.njit(lambda a: a.prod() + 1)(np.arange(1, 5)))
print(resident() > 1000)
release_compiler()
print(resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the resident set is told by /proc, which only Linux has")
def test_the_compilers_code_is_given_back_and_comes_again_when_a_loop_is_compiled():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "True", "0", "25", "True", "0"]
