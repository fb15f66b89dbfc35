"""What decides the bytes of a cleaned corpus: inputs, settings, model, languages and code."""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.corpus.models import ModelFiles
from xl_assets.corpus.options import CleanOptions, Identifier
from xl_assets.identity import ID_LENGTH, parameters_hash
from xl_assets.languages import registry
from xl_assets.seeds.source_hash import source_hash

_PACKAGE = Path(__file__).parents[1]

#: The rooms whose code a cleaned corpus depends on.
_ROOMS = ("corpus", "seeds", "filters", "native", "fasttext", "quality")


def configuration_of(
    inputs: Sequence[str], identifier: Identifier, options: CleanOptions, models: ModelFiles
) -> dict[str, Any]:
    """Describe a run by all that its batches depend on; how many workers there are is not among it."""
    return {
        "inputs": [{"location": location, "hash": source_hash(location)} for location in inputs],
        "reading": asdict(options.reading),
        "identification": options.identification.as_dict(),
        "filters": options.filters.as_dict(),
        "duplicates": options.duplicates,
        "model": f"{identifier.name} {identifier.fingerprint}",
        "scoring models": models.fingerprints(),
        "languages": parameters_hash({code: entry.hash for code, entry in registry().items()}),
        "code": _code(),
        "polars": pl.__version__,
    }


def _code() -> str:
    digest = sha256()
    files = [*_PACKAGE.glob("*.py"), *(file for room in _ROOMS for file in (_PACKAGE / room).rglob("*.py"))]
    for file in sorted(files):
        digest.update(f"{file.relative_to(_PACKAGE)}\x1f".encode() + file.read_bytes())
    return digest.hexdigest()[:ID_LENGTH]
