"""Runs fastText's training in a process of its own, where the same examples always give the same bytes.

fastText 0.9.3 leaves nine tenths of its word vectors uninitialised when it trains with one thread (each thread
would fill a tenth), so they hold whatever memory held: models differ from run to run, and some trainings end with
"Encountered NaN". More threads fill them, but race. Here the C library is told to hand out zeroed memory, so those
rows begin at zero, which a bag of words learns from as well.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

#: glibc writes the complement of this byte into memory that it hands out: zeros. Blocks of its per-thread cache are
#: handed out as they are, so that is off.
ZEROED_MEMORY = {"MALLOC_PERTURB_": "255", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}

_PR_SET_PDEATHSIG = 1


class FitError(RuntimeError):
    """fastText could not train; the message is its own."""


def fit(examples: Path, model: Path, parameters: Mapping[str, object], quantize: bool = False) -> None:
    """Train a classifier with one thread.

    Args:
        examples: one a line, each beginning with its label.
        model: file to write.
        parameters: of ``fasttext.train_supervised``.
        quantize: whether the vectors are stored as a product quantisation.

    Raises:
        FitError: fastText refuses, or dies.
    """
    order = {"input": str(examples), "output": str(model), "parameters": dict(parameters), "quantize": quantize}
    command = [sys.executable, "-m", "xl_assets.quality.fit"]
    environment = {**os.environ, **ZEROED_MEMORY}
    done = subprocess.run(
        command, input=json.dumps(order), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"]
        raise FitError(told[-1])


def main() -> int:
    """Train as the order on standard input says."""
    # Nobody waits for a training whose parent is gone.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    import fasttext

    order = json.load(sys.stdin)
    # fastText writes its own progress bar to the terminal.
    options = {"thread": 1, "verbose": 0}
    try:
        model = fasttext.train_supervised(input=order["input"], **order["parameters"], **options)
        if order["quantize"]:
            model.quantize(input=order["input"], **options)
    except (ValueError, RuntimeError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 1
    model.save_model(order["output"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
