"""Real text for tests: where it is, and how to read its truth. Tests skip where it is absent."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parent.parent
NTREX = Path(os.environ.get("XL_SHARED_DATA", ROOT.parent / "shared" / "data")) / "ntrex"
DEMO = ROOT / "demo" / "corpus"
NTREX_LANGUAGES = ("en", "de", "pt", "hu", "lt", "ga", "mt", "zh", "hi", "fr", "fi", "tr")

needs_ntrex = pytest.mark.skipif(not NTREX.is_dir(), reason=f"no real text in {NTREX} (set XL_SHARED_DATA)")


def truth_of(path: Path) -> pl.DataFrame:
    """Columns file, line, truth, id, of; one row per line of the corpus."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pl.DataFrame(
        rows, schema={"file": pl.String, "line": pl.Int64, "truth": pl.String, "id": pl.String, "of": pl.String}
    )
