"""Files of imported sets in a lake: ``imports/<name>/`` holds them under their hashes, and ``import.json`` names them.

The entry is replaced in one step after the files, and what it does not name is removed after it. So the set is the old
one or the new one as a whole, whenever the process ends.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from xl_assets.identity import file_hash
from xl_assets.imports.contract import ImportSetError, check_name

FOLDER, ENTRY = "imports", "import.json"

_COPYING = ".importing-"


def stored_name(digest: str, ending: str) -> str:
    """What a file is called in the lake."""
    return f"{digest[:32]}{ending}"


def is_whole(lake_root: Path, name: str, stored: str, digest: str) -> bool:
    """Whether the copy of a file is there with its very bytes."""
    path = _path(lake_root, name, stored)
    return path.is_file() and file_hash(path) == digest


def stored_path(lake_root: Path, name: str, stored: str, digest: str, told: str) -> Path:
    """Where a file of a set is, its bytes checked to be there.

    Raises:
        ImportSetError: it is gone, or was changed; `told` is the name that people know it by.
    """
    if not is_whole(lake_root, name, stored, digest):
        raise ImportSetError(
            f"the copy of {told} of the imported set {name} is gone or was changed: import the set again"
        )
    return _path(lake_root, name, stored)


def store(lake_root: Path, name: str, sources: Mapping[str, Path], digests: Mapping[str, str], entry: str) -> None:
    """Copy a set's files into the lake, and let its entry say so.

    Args:
        lake_root: of the lake.
        name: of the set.
        sources: name in the lake -> file.
        digests: name in the lake -> SHA-256 that the file had when it was described.
        entry: text of the entry.

    Raises:
        ImportSetError: a file changed in the meantime.
    """
    folder = lake_root / FOLDER / check_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_COPYING, dir=folder) as beside:
        for stored, source in sources.items():
            copy = Path(beside, stored)
            shutil.copyfile(source, copy)
            if file_hash(copy) != digests[stored]:
                raise ImportSetError(f"{source.name} changed while it was read: import it again when it is finished")
            os.replace(copy, folder / stored)
        new = Path(beside, "entry")
        new.write_text(entry, encoding="utf-8")
        os.replace(new, folder / ENTRY)
        _remove_others(folder, {ENTRY, Path(beside).name, *sources})


def _remove_others(folder: Path, named: Collection[str]) -> None:
    for file in folder.iterdir():
        if file.name in named:
            continue
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                file.unlink()


def _path(lake_root: Path, name: str, stored: str) -> Path:
    return lake_root / FOLDER / check_name(name) / Path(stored).name
