"""A file of instructions as one table, whatever its form and the names of its columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from xl_assets.evaluation.prompts.exclusions import PromptFileError, mark_excluded
from xl_assets.evaluation.prompts.files import read_objects
from xl_assets.identity import content_address
from xl_assets.languages import UnknownLanguage, get_language, lid_codes

ENGLISH = "en"
BASE, SAME_LANGUAGE = "base", "same_language"

#: Our column -> the names that it has in known files (AlpacaEval, Arena-Hard, m-ArenaHard); the first one is taken.
KNOWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "prompt", "question", "turns"),
    "id": ("id", "prompt_id", "question_id", "index"),
    "language": ("language", "lang"),
    "kind": ("kind",),
    "cluster": ("cluster_id", "cluster"),
    "source": ("source", "dataset"),
}


def read_prompt_file(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    exclude: Sequence[str] = (),
    language: str | None = None,
) -> pl.DataFrame:
    """Read a file of instructions: JSON (a list of objects), JSON lines, CSV, TSV or Parquet.

    Args:
        path: a path, a URL (``hf://datasets/OWNER/NAME/FILE``), or the hub id ``OWNER/NAME`` of a data set with
            one such file.
        columns: our column -> the file's, where the names are not the known ones (`KNOWN_NAMES`). Only
            ``instruction`` must be there. A row without ``kind`` is ``base`` if its ``language`` is English or not
            said, else ``same_language``; without ``id`` its id is the row's number, from 1.
        exclude: prompts to leave out; see `exclusions.mark_excluded`.
        language: of the rows that say none; English by default.

    Returns:
        One row per instruction, in the file's order: ``id``, ``instruction``, ``language``, ``kind``, ``cluster_id``
        (the file's own; else one for all languages of an id, made from the English instruction where it is there),
        ``source`` and ``excluded`` (what excludes it, else null).

    Raises:
        PromptFileError: no such file, no prompts, unreadable rows, a row without instruction, a repeated id, an unknown
            kind or language, or an exclusion that means nothing.
    """
    name, objects = read_objects(path)
    if not objects:
        raise PromptFileError(f"prompt file {name} holds no prompts: give one object with an instruction per line")
    names = _names(objects, columns or {}, name)
    rows = [
        _row(number, place, item, names, name, language or ENGLISH)
        for number, (place, item) in enumerate(objects, start=1)
    ]
    schema = dict.fromkeys(("id", "instruction", "language", "kind", "cluster_id", "source"), pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(_cluster().alias("cluster_id"))
    _refuse_repeated_ids(frame, name)
    return mark_excluded(frame, exclude, name)


def _cluster() -> pl.Expr:
    """Translations of one prompt have one id; what is made from one prompt is one draw for every interval."""
    together = ["source", "id"]
    own = content_address("cluster", "instruction")
    english = own.filter(pl.col("kind") == BASE).first().over(together)
    several = pl.col("language").n_unique().over(together) > 1
    return pl.coalesce("cluster_id", english, pl.when(several).then(content_address("cluster", *together)), own)


def _names(objects: list[tuple[str, dict[str, Any]]], columns: Mapping[str, str], file: str) -> dict[str, str]:
    """Our column -> the file's."""
    if unknown := sorted(set(columns) - set(KNOWN_NAMES)):
        raise PromptFileError(f"column mapping names {unknown}; our columns are {sorted(KNOWN_NAMES)}")
    there = {name for _, item in objects for name in item}
    if absent := sorted(set(columns.values()) - there):
        raise PromptFileError(f"prompt file {file} has no column {absent}; it has {sorted(there)}")
    found = {ours: next((name for name in known if name in there), None) for ours, known in KNOWN_NAMES.items()}
    names = {**{ours: name for ours, name in found.items() if name is not None}, **columns}
    if "instruction" not in names:
        raise PromptFileError(
            f"prompt file {file} has no column named {', '.join(KNOWN_NAMES['instruction'])}; it has "
            f"{sorted(there)}: map one, e.g. columns = {{ instruction = 'text' }}"
        )
    return names


def _row(
    number: int, place: str, item: dict[str, Any], names: Mapping[str, str], file: str, default: str
) -> tuple[str | None, ...]:
    value = {ours: item.get(name) for ours, name in names.items()}
    where = f"prompt file {file}, {place}"
    instruction = _instruction(value["instruction"], names["instruction"], where)
    language = _language(_text(value.get("language")) or default, where)
    kind = _text(value.get("kind")) or (BASE if language == ENGLISH else SAME_LANGUAGE)
    if kind not in (BASE, SAME_LANGUAGE) or (kind == BASE) != (language == ENGLISH):
        raise PromptFileError(
            f"{where}: kind {kind!r} with language {language!r}; write 'base' for English instructions, "
            "'same_language' for those in another language"
        )
    given = value.get("id")
    identity = str(number) if given is None else str(given)
    source = _text(value.get("source")) or PurePosixPath(file).stem
    return identity, instruction, language, kind, _text(value.get("cluster")), source


def _instruction(value: object, column: str, where: str) -> str:
    if isinstance(value, list):
        # Arena-Hard's form; its later turns would need the model's own answers.
        if len(value) != 1:
            raise PromptFileError(f"{where}: {column!r} has {len(value)} turns; only single-turn prompts are asked")
        value = value[0].get("content") if isinstance(value[0], dict) else value[0]
    if not isinstance(value, str) or not value.strip() or not _is_unicode(value):
        raise PromptFileError(f"{where}: {column!r} must be a text that is not empty and has no lone surrogates")
    return value


def _language(code: str, where: str) -> str:
    try:
        return get_language(lid_codes().get(code, code)).code
    except UnknownLanguage as error:
        raise PromptFileError(f"{where}: {error}") from error


def _is_unicode(text: str) -> bool:
    r"""False for half a character: JSON can write one, as ``\ud83d``, but no file can hold it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _refuse_repeated_ids(frame: pl.DataFrame, file: str) -> None:
    repeated = frame.filter(pl.struct("source", "language", "id").is_duplicated())["id"].unique(maintain_order=True)
    if len(repeated):
        shown = ", ".join(repeated.head(5).to_list())
        raise PromptFileError(f"prompt file {file} repeats {len(repeated)} ids ({shown}): ids must be unique")
