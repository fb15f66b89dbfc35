"""Where prompt files are and what form they have: JSON, JSON lines, CSV or Parquet; here or on a hub."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from xl_assets.evaluation.prompts.exclusions import PromptFileError

_ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def read_objects(location: str | Path) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Read a file of objects.

    Args:
        location: a path, a URL that fsspec knows (``hf://datasets/OWNER/NAME/FILE``, ``s3://…``), or the id
            ``OWNER/NAME`` of a data set on the Hugging Face hub that holds one such file (``@REVISION`` may follow).

    Returns:
        The file's name without folders, and each object with the words that name its place.

    Raises:
        PromptFileError: nothing there, several files to choose from, or no such form.
    """
    name, content = _content(location)
    ending = PurePosixPath(name).suffix.lower()
    if ending == ".parquet":
        return name, _numbered(_table(name, content, ending).to_dicts())
    if ending in (".csv", ".tsv"):
        return name, _numbered(_table(name, content, ending).to_dicts())
    return name, list(_json_objects(name, content))


def is_hub_id(text: str) -> bool:
    """Whether a text could be the hub's id of a data set, ``owner/name``; a path may look the same."""
    return bool(_HUB_ID.fullmatch(text.partition("@")[0])) and PurePosixPath(text).suffix.lower() not in _ENDINGS


def _content(location: str | Path) -> tuple[str, bytes]:
    path = Path(location)
    text = str(location)
    if "://" in text:
        return _fetched(text)
    if not path.exists() and is_hub_id(text):
        return _fetched(f"hf://datasets/{text}")
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise PromptFileError(f"prompt file {path} can't be opened ({error.strerror}): check the path") from error


def _fetched(url: str) -> tuple[str, bytes]:
    from fsspec.core import url_to_fs

    try:
        filesystem, path = url_to_fs(url)
        if filesystem.isdir(path):
            found = [name for name in sorted(filesystem.find(path)) if name.lower().endswith(_ENDINGS)]
            if len(found) != 1:
                shown = ", ".join(PurePosixPath(name).name for name in found[:8]) or "none"
                raise PromptFileError(f"{url} holds {len(found)} prompt files ({shown}): name one, as {url}/FILE")
            path = found[0]
        return PurePosixPath(path).name, filesystem.cat_file(path)
    except PromptFileError:
        raise
    except Exception as error:  # each store's client has its own errors
        raise PromptFileError(
            f"prompts {url} can't be fetched ({error}): check the address and your access, or fetch the file and give "
            "its path"
        ) from error


def _table(name: str, content: bytes, ending: str) -> pl.DataFrame:
    try:
        if ending == ".parquet":
            return pl.read_parquet(io.BytesIO(content))
        # Everything is text here: an id "007" must not become a number.
        return pl.read_csv(io.BytesIO(content), separator="\t" if ending == ".tsv" else ",", infer_schema=False)
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PromptFileError(f"prompt file {name} is no readable {ending[1:]} table: {error}") from error


def _numbered(rows: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"row {number}", row) for number, row in enumerate(rows, start=1)]


def _json_objects(name: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptFileError(f"prompt file {name} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    for place, item in _list_items(text, name) if text.lstrip().startswith("[") else _line_items(text, name):
        if not isinstance(item, dict):
            raise PromptFileError(f"prompt file {name}, {place}: no JSON object, but {type(item).__name__}")
        yield place, item


def _list_items(text: str, name: str) -> Iterator[tuple[str, object]]:
    try:
        items = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PromptFileError(f"prompt file {name} is no JSON list: {error}") from error
    return ((f"row {number}", item) for number, item in enumerate(items, start=1))


def _line_items(text: str, name: str) -> Iterator[tuple[str, object]]:
    # Not splitlines(): it also breaks at U+2028 and the like, which JSON strings may hold as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise PromptFileError(
                f"prompt file {name}, line {number}: no JSON ({error}). "
                "Write one JSON object per line, or one JSON list of objects"
            ) from error
