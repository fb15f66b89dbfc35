"""Where seed files are: a path, a glob, a folder or a URL becomes a list of files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import fsspec
from fsspec.core import url_to_fs

#: Endings that are read, and what is inside.
ENDINGS = {
    ".jsonl.zst": ("jsonl", "zstd"),
    ".jsonl.zstd": ("jsonl", "zstd"),
    ".jsonl.gz": ("jsonl", "gzip"),
    ".jsonl": ("jsonl", None),
    ".parquet": ("parquet", None),
}

_INSTALL = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub", "az": "adlfs"}


class SeedError(ValueError):
    """A seed corpus can't be read; says which and what to do."""


@dataclass(frozen=True)
class SeedFile:
    """One file of a corpus.

    Attributes:
        name: path relative to the corpus' root, the same on every machine.
        format: ``jsonl`` or ``parquet``.
        compression: ``zstd``, ``gzip`` or None.
    """

    name: str
    format: str
    compression: str | None
    _path: str = field(repr=False)
    _filesystem: Any = field(repr=False, compare=False)

    def open(self) -> BinaryIO:
        """Open the file's bytes as they are stored."""
        return self._filesystem.open(self._path, "rb")


def find_files(location: str, storage_options: Mapping[str, object] | None = None) -> list[SeedFile]:
    """List the files of a corpus, sorted by path.

    Args:
        location: a file, a folder (searched through), a glob, or a URL of either
            (``hf://``, ``s3://``, ``file://`` and whatever else fsspec knows). Files and folders whose names begin
            with a dot or an underline are left out, unless named themselves.
        storage_options: passed to the file system, e.g. an endpoint.

    Raises:
        SeedError: nothing there, nothing that can be read there, or a file system that is not installed.
    """
    filesystem, path = _filesystem(location, storage_options)
    if filesystem.isfile(path):
        paths, root = [path], path.rpartition("/")[0]
    elif filesystem.isdir(path):
        paths, root = filesystem.find(path), path
        paths = [found for found in paths if not _hidden(found, root) and _ending(found)]
        if not paths:
            raise SeedError(f"no {', '.join(ENDINGS)} file in folder {location}; name the folder that holds the corpus")
    elif set("*?[") & set(path):
        root = _glob_root(path)
        paths = [found for found in filesystem.glob(path) if not filesystem.isdir(found) and not _hidden(found, root)]
        if not paths:
            raise SeedError(f"no file matches {location}; check the pattern, and quote it in a shell")
    else:
        raise SeedError(
            f"seed corpus {location} does not exist; name a file, folder, glob or URL in the profile's seeds"
        )
    return [_seed_file(found, root, filesystem) for found in sorted(paths)]


def _filesystem(location: str, storage_options: Mapping[str, object] | None) -> tuple[fsspec.AbstractFileSystem, str]:
    protocol = location.partition("://")[0] if "://" in location else "file"
    try:
        filesystem, path = url_to_fs(location, **(storage_options or {}))
    except ImportError as error:
        package = _INSTALL.get(protocol, "the package that fsspec asks for")
        raise SeedError(f"{protocol}:// needs {package}: pip install {package}. ({error})") from error
    except ValueError as error:
        raise SeedError(f"seed corpus {location}: {error}; use a path or an hf://, s3:// or file:// URL") from error
    return filesystem, str(path).rstrip("/")


def _seed_file(path: str, root: str, filesystem: fsspec.AbstractFileSystem) -> SeedFile:
    ending = _ending(path)
    if ending is None:
        raise SeedError(f"{path}: unknown ending; files that end in {', '.join(ENDINGS)} can be read")
    name = path.removeprefix(root).lstrip("/") if root else path
    return SeedFile(name, *ENDINGS[ending], path, filesystem)


def _ending(path: str) -> str | None:
    return next((ending for ending in ENDINGS if path.lower().endswith(ending)), None)


def _hidden(path: str, root: str) -> bool:
    parts = PurePosixPath(path.removeprefix(root)).parts
    return any(part.startswith((".", "_")) for part in parts)


def _glob_root(pattern: str) -> str:
    fixed = []
    for part in pattern.split("/")[:-1]:
        if set("*?[") & set(part):
            break
        fixed.append(part)
    return "/".join(fixed)
