"""Where seed files are: a path, a glob, a folder or a URL becomes a list of files."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs

_PACKED = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip"}
_LINES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".txt": "text"}

#: Endings that are read, and what is inside. A bare ``.json`` is one value in most folders, and no corpus.
ENDINGS: Mapping[str, tuple[str, str | None]] = {
    **{
        ending + packed: (kind, compression)
        for ending, kind in {**_LINES, ".json": "jsonl"}.items()
        for packed, compression in _PACKED.items()
    },
    **{ending: (kind, None) for ending, kind in _LINES.items()},
    ".parquet": ("parquet", None),
}

#: Of a folder's files those of the first group that is there are its corpus: a LICENSE.txt beside JSON lines is none.
_GROUPS = (("jsonl", "parquet"), ("csv", "tsv"), ("text",))

_INSTALL = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub", "az": "adlfs"}


class SeedError(ValueError):
    """A seed corpus can't be read; says which and what to do."""


@dataclass(frozen=True)
class SeedFile:
    """One file of a corpus.

    Attributes:
        name: path relative to the corpus' root, the same on every machine.
        format: ``jsonl``, ``parquet``, ``csv``, ``tsv`` or ``text``.
        compression: ``zstd``, ``gzip`` or None.
    """

    name: str
    format: str
    compression: str | None
    _path: str = field(repr=False)
    _filesystem: Any = field(repr=False, compare=False)

    def open(self) -> BinaryIO:
        """Open the file's bytes as they are stored.

        Raises:
            SeedError: here, or later where they are read: the store does not give them. That is no fault of the
                data, so no line is quarantined for it.
        """
        try:
            return cast(BinaryIO, _Stored(self._filesystem.open(self._path, "rb"), self.name))
        except Exception as error:
            raise _unreadable(self.name, error) from error


def find_files(location: str, storage_options: Mapping[str, object] | None = None) -> list[SeedFile]:
    """List the files of a corpus, sorted by path.

    Args:
        location: a file, a folder (searched through), a glob, or a URL of either
            (``hf://``, ``s3://``, ``gs://``, ``file://`` and whatever else fsspec knows). Files and folders whose
            names begin with a dot or an underline are left out, unless named themselves. Of a folder with JSON
            lines or Parquet only these are read; of one without, its tables; of one without these too, its texts.
        storage_options: passed to the file system, e.g. an endpoint.

    Raises:
        SeedError: nothing there, nothing that can be read there, or a file system that is not installed.
    """
    filesystem, path = _filesystem(location, storage_options)
    try:
        return _found(filesystem, path, location)
    except SeedError:
        raise
    except ValueError as error:
        raise SeedError(f"seed corpus {location}: {error}; check the pattern") from error
    except Exception as error:  # whatever the store's client raises: no access, no network, no such bucket
        raise _unreadable(location, error) from error


def _found(filesystem: fsspec.AbstractFileSystem, path: str, location: str) -> list[SeedFile]:
    if filesystem.isfile(path):
        paths, root = [path], path.rpartition("/")[0]
    elif filesystem.isdir(path):
        paths, root = filesystem.find(path), path
        paths = _corpus_of(found for found in paths if not _hidden(found, root))
        if not paths:
            raise SeedError(f"no {', '.join(ENDINGS)} file in folder {location}; name the folder that holds the corpus")
    elif set("*?[") & set(path):
        root = _glob_root(path)
        paths = [found for found in filesystem.glob(path) if not filesystem.isdir(found) and not _hidden(found, root)]
        if not paths:
            raise SeedError(f"no file matches {location}; check the pattern, and quote it in a shell")
    else:
        raise SeedError(f"seed corpus {location} does not exist; name a file, folder, glob or URL")
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


def _corpus_of(paths: Iterable[str]) -> list[str]:
    endings = {path: ending for path in paths if (ending := _ending(path))}
    for group in _GROUPS:
        if corpus := [path for path, ending in endings.items() if ENDINGS[ending][0] in group]:
            return corpus
    return []


def _unreadable(name: str, error: Exception) -> SeedError:
    return SeedError(f"{name} can't be read: {type(error).__name__}: {error}. Check access and network, and run again")


class _Stored(io.RawIOBase):
    """A stored file whose faults of reading are told from faults of its bytes."""

    def __init__(self, stream: Any, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._name = name

    def read(self, size: int = -1) -> bytes:
        return self._asked(self._stream.read, size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._asked(self._stream.seek, offset, whence)

    def tell(self) -> int:
        return self._asked(self._stream.tell)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _asked(self, what: Any, *arguments: int) -> Any:
        try:
            return what(*arguments)
        except ValueError:  # an offset that no file has, from a broken footer
            raise
        except Exception as error:
            raise _unreadable(self._name, error) from error


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
