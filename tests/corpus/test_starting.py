"""A process of its own starts without what it does not need, and leaves other libraries as they are."""

import subprocess
import sys


def told(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_short_start_leaves_scipy_to_whoever_wants_it():
    code = """
import gc, sys
from xl_assets.corpus.starting import short_start
with short_start():
    import xl_assets.corpus.cleaning
print("scipy.linalg" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 10_000)
import scipy.linalg
import numba
import numpy as np
print(numba.njit(lambda a, b: np.dot(a, b))(np.ones(3), np.full(3, 2.0)))
"""
    assert told(code) == ["False", "True", "True", "6.0"]


def test_compiled_loops_give_the_same_with_and_without_it():
    scored = """
from resources.language_identifier import LanguageIdentifier
import polars as pl
found = LanguageIdentifier().predict(pl.Series(["Der Hund schläft im Garten.", "The dog sleeps in the garden."]))
print(found["labels"].list.first().to_list(), found["scores"].list.first().to_list())
"""
    before = "from xl_assets.corpus.starting import short_start\nwith short_start():\n    import xl_assets.fasttext\n"
    assert told(before + scored) == told(scored)


def test_the_commands_own_module_costs_a_worker_process_nothing():
    assert told("import sys, xl_assets.__main__; print('typer' in sys.modules, 'polars' in sys.modules)") == [
        "False",
        "False",
    ]
