"""JSON and CSV files of other programs: every field is data, none is trusted to be there or to be of its type."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from xl_assets.evaluation.formats import FormatError


def read_objects(path: Path) -> list[dict]:
    """Read a JSON list of objects, or JSON lines.

    Raises:
        FormatError: no such file, no UTF-8, no JSON, no object in it, or something else than objects.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: can't be read as UTF-8 text ({error})") from None
    try:
        rows = json.loads(text)
    except json.JSONDecodeError:
        rows = _lines(text, path)
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f"{path}: must be a JSON list of objects, as AlpacaEval writes it, with one at least")
    return rows


def require(rows: Sequence[Mapping], names: Sequence[str], path: Path) -> None:
    """Raise a `FormatError` unless each name is in one object at least."""
    for name in names:
        if not any(name in row for row in rows):
            raise FormatError(f"{path}: no object has `{name}`; the first one has {', '.join(map(repr, rows[0]))}")


def texts_of(rows: Sequence[Mapping], name: str) -> pl.Series:
    """The values of one name as String, null where there is no text."""
    values = [value if isinstance(value := row.get(name), str) else None for row in rows]
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError:
        # JSON can name half a surrogate pair, UTF-8 can't; one mark for one code point keeps lengths.
        return pl.Series(name, [v and v.encode("utf-8", "replace").decode() for v in values], dtype=pl.String)


def read_csv(path: Path) -> pl.DataFrame:
    """A CSV with a header, all columns as String: an instruction like `007` stays what it is.

    Raises:
        FormatError: no such file, or no CSV.
    """
    try:
        return pl.read_csv(path, infer_schema=False, empty_string_is_null=False, glob=False)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(f"{path}: no CSV with a header ({str(error).splitlines()[0]})") from None


def write_objects(frame: pl.DataFrame, path: Path) -> None:
    """Write a JSON list of objects."""
    path.write_text(
        json.dumps(frame.to_dicts(), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def _lines(text: str, path: Path) -> list[object]:
    try:
        # Not splitlines(): JSON allows U+2028 inside of a string.
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: no JSON ({error}); write a list of objects, or one object a line") from None
