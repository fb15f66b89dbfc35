"""The `xl` command, called in this process."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import pytest

from xl_assets import cli
from xl_assets.native import compiling


class Done(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def xl(monkeypatch, capfd) -> Callable[..., Done]:
    """Call `xl` with arguments; what it sets in the environment is undone."""
    # The command asks for one thread each in libraries that are loaded here already.
    for name in ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.setenv("COLUMNS", "100")
    # Whether something is left to compile hangs on what ran before.
    monkeypatch.setattr(compiling, "told_of_compiling", lambda tell: nullcontext())

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["xl", *map(str, arguments)])
        code = 0
        capfd.readouterr()
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capfd.readouterr())

    return call
