import os
import subprocess
import sys
from pathlib import Path

SAYS = "Compiling loops for this machine's processor"


def identify(corpus: Path, kept: Path) -> str:
    """What `xl corpus identify` says on standard error, with compiled code kept in a folder."""
    command = [sys.executable, "-m", "xl_assets", "corpus", "identify", str(corpus), "--json"]
    done = subprocess.run(
        command, env={**os.environ, "NUMBA_CACHE_DIR": str(kept)}, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, '"documents"' in done.stdout) == (0, True), done.stderr
    return done.stderr


def test_a_first_run_says_once_that_it_compiles_and_a_second_one_says_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "A short text."}\n', encoding="utf-8")
    assert identify(corpus, tmp_path / "kept").count(SAYS) == 1
    assert SAYS not in identify(corpus, tmp_path / "kept")
