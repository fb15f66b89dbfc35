"""Prompt sets: from a file of instructions to the prompts of one language.

Three kinds: ``cross_lingual`` (an English instruction with a directive, to be answered in another language),
``same_language`` (asked and answered in one other language) and ``english``. The file may be a user's own:
JSON or JSON lines, with AlpacaEval's field names or others by a column mapping.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from xl_assets.generation.directives import chosen_directive, with_directive
from xl_assets.identity import content_address
from xl_assets.languages import UnknownLanguage, get_language
from xl_assets.tables import EvalPrompt, check_table

ENGLISH = "en"
BASE, SAME_LANGUAGE = "base", "same_language"

#: Our column -> the names that it has in known files; the first one present is taken.
KNOWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "prompt", "question"),
    "id": ("id", "prompt_id", "question_id", "index"),
    "language": ("language", "lang"),
    "kind": ("kind",),
    "cluster": ("cluster_id", "cluster"),
    "source": ("source", "dataset"),
}


class PromptFileError(ValueError):
    """A prompt file that can't be read as it is; names the file, the line or row, and the remedy."""


def build_eval_prompts(base_prompts: pl.DataFrame, language: str) -> pl.DataFrame:
    """The prompts of one language partition.

    Args:
        base_prompts: as `read_prompt_file` returns it; excluded rows are left out.
        language: code of the wanted answers. English gets the kind ``english``, any other language
            ``cross_lingual`` and ``same_language``.

    Returns:
        A checked table `EvalPrompt`.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    if language == ENGLISH:
        return english_prompts(base_prompts)
    parts = [cross_lingual_prompts(base_prompts, [language]), same_language_prompts(base_prompts, [language])]
    return check_table(pl.concat(parts), EvalPrompt)


def cross_lingual_prompts(base_prompts: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    """Each English instruction once per language, with a directive chosen by a hash of instruction and language.

    Args:
        base_prompts: as `read_prompt_file` returns it; rows of the kind ``base`` are used.
        languages: codes of the wanted answers, without English.

    Returns:
        A checked table `EvalPrompt`; prompts made from one instruction share ``cluster_id``.
    """
    targets = pl.DataFrame({"language": list(languages)}, schema={"language": pl.String})
    rows = _of_kind(base_prompts, BASE).drop("language")
    crossed = targets.join(rows, how="cross", maintain_order="left_right")
    directed = crossed.with_columns(chosen_directive(languages, "instruction").alias("directive"))
    return _prompts(directed.with_columns(with_directive().alias("instruction")), "cross_lingual")


def same_language_prompts(base_prompts: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    """The file's instructions that are written in one of the languages; a checked table `EvalPrompt`."""
    rows = _of_kind(base_prompts, SAME_LANGUAGE).filter(pl.col("language").is_in(list(languages)))
    return _prompts(rows, SAME_LANGUAGE)


def english_prompts(base_prompts: pl.DataFrame) -> pl.DataFrame:
    """The English instructions as they are, to be answered in English; a checked table `EvalPrompt`."""
    return _prompts(_of_kind(base_prompts, BASE), "english")


def read_prompt_file(
    path: str | Path, columns: Mapping[str, str] | None = None, exclude: Sequence[str] = ()
) -> pl.DataFrame:
    """Read a file of instructions: JSON (a list of objects) or JSON lines.

    Args:
        path: the file.
        columns: our column -> the file's, where the names are not the known ones (`KNOWN_NAMES`). Only
            ``instruction`` must be there. A row without ``kind`` is ``base`` if its ``language`` is English or not
            said, else ``same_language``; without ``id`` its id is the row's number, from 1.
        exclude: prompts to leave out: an id as it stands in the file, or a regular expression between slashes
            that the instruction matches, e.g. ``/(?i)english grammar/``.

    Returns:
        One row per instruction, in the file's order: ``id``, ``instruction``, ``language``, ``kind``, ``cluster_id``,
        ``source`` and ``excluded`` (the entry of `exclude` that excludes it, else null).

    Raises:
        PromptFileError: no such file, no prompts, unreadable JSON, a row without instruction, a repeated id, an unknown
            kind or language, or an exclusion that means nothing.
    """
    file = Path(path)
    objects = list(_objects(file))
    if not objects:
        raise PromptFileError(f"prompt file {file.name} holds no prompts: give one object with an instruction per line")
    names = _names(objects, columns or {}, file)
    rows = [_row(number, place, item, names, file) for number, (place, item) in enumerate(objects, start=1)]
    schema = dict.fromkeys(("id", "instruction", "language", "kind", "cluster_id", "source"), pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    own_cluster = content_address("cluster", "instruction")
    clustered = frame.with_columns(pl.coalesce("cluster_id", own_cluster).alias("cluster_id"))
    _refuse_repeated_ids(clustered, file)
    return _mark_excluded(clustered, exclude, file)


def _of_kind(base_prompts: pl.DataFrame, kind: str) -> pl.DataFrame:
    return base_prompts.filter((pl.col("kind") == kind) & pl.col("excluded").is_null())


def _prompts(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    address = content_address("prompt", "kind", "language", "source", "id", "instruction")
    named = rows.with_columns(pl.lit(kind).alias("kind")).with_columns(address.alias("prompt_id"))
    return check_table(named, EvalPrompt)


def _objects(file: Path) -> Iterator[tuple[str, dict]]:
    """Each object with the words that name its place."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PromptFileError(f"prompt file {file} can't be opened ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise PromptFileError(f"prompt file {file.name} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    items = _list_items(text, file) if text.lstrip().startswith("[") else _line_items(text, file)
    for place, item in items:
        if not isinstance(item, dict):
            raise PromptFileError(f"prompt file {file.name}, {place}: no JSON object, but {type(item).__name__}")
        yield place, item


def _list_items(text: str, file: Path) -> Iterator[tuple[str, object]]:
    try:
        items = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PromptFileError(f"prompt file {file.name} is no JSON list: {error}") from error
    return ((f"row {number}", item) for number, item in enumerate(items, start=1))


def _line_items(text: str, file: Path) -> Iterator[tuple[str, object]]:
    # Not splitlines(): it also breaks at U+2028 and the like, which JSON strings may hold as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise PromptFileError(
                f"prompt file {file.name}, line {number}: no JSON ({error}). "
                "Write one JSON object per line, or one JSON list of objects"
            ) from error


def _names(objects: list[tuple[str, dict]], columns: Mapping[str, str], file: Path) -> dict[str, str]:
    """Our column -> the file's."""
    if unknown := sorted(set(columns) - set(KNOWN_NAMES)):
        raise PromptFileError(f"column mapping names {unknown}; our columns are {sorted(KNOWN_NAMES)}")
    there = {name for _, item in objects for name in item}
    if absent := sorted(set(columns.values()) - there):
        raise PromptFileError(f"prompt file {file.name} has no column {absent}; it has {sorted(there)}")
    found = {ours: next((name for name in known if name in there), None) for ours, known in KNOWN_NAMES.items()}
    names = {**{ours: name for ours, name in found.items() if name is not None}, **columns}
    if "instruction" not in names:
        raise PromptFileError(
            f"prompt file {file.name} has no column named {', '.join(KNOWN_NAMES['instruction'])}; it has "
            f"{sorted(there)}: map one, e.g. columns = {{ instruction = 'text' }}"
        )
    return names


def _row(number: int, place: str, item: dict, names: Mapping[str, str], file: Path) -> tuple[str | None, ...]:
    value = {ours: item.get(name) for ours, name in names.items()}
    where = f"prompt file {file.name}, {place}"
    instruction = value["instruction"]
    if not isinstance(instruction, str) or not instruction.strip() or not _is_unicode(instruction):
        raise PromptFileError(
            f"{where}: {names['instruction']!r} must be a text that is not empty and has no lone surrogates"
        )
    language = _text(value.get("language")) or ENGLISH
    kind = _text(value.get("kind")) or (BASE if language == ENGLISH else SAME_LANGUAGE)
    if kind not in (BASE, SAME_LANGUAGE) or (kind == BASE) != (language == ENGLISH):
        raise PromptFileError(
            f"{where}: kind {kind!r} with language {language!r}; write 'base' for English instructions, "
            "'same_language' for those in another language"
        )
    try:
        get_language(language)
    except UnknownLanguage as error:
        raise PromptFileError(f"{where}: {error}") from error
    given = value.get("id")
    identity = str(number) if given is None else str(given)
    return identity, instruction, language, kind, _text(value.get("cluster")), _text(value.get("source")) or file.stem


def _is_unicode(text: str) -> bool:
    r"""False for half a character: JSON can write one, as ``\ud83d``, but no file can hold it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _refuse_repeated_ids(frame: pl.DataFrame, file: Path) -> None:
    repeated = frame.filter(pl.struct("source", "language", "id").is_duplicated())["id"].unique(maintain_order=True)
    if len(repeated):
        shown = ", ".join(repeated.head(5).to_list())
        raise PromptFileError(f"prompt file {file.name} repeats {len(repeated)} ids ({shown}): ids must be unique")


def _mark_excluded(frame: pl.DataFrame, exclude: Sequence[str], file: Path) -> pl.DataFrame:
    excluded = pl.lit(None, dtype=pl.String)
    known = set(frame["id"])
    for entry in exclude:
        if len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
            matches = pl.col("instruction").str.contains(_pattern(entry[1:-1]))
        elif entry in known:
            matches = pl.col("id") == entry
        else:
            raise PromptFileError(
                f"exclusion {entry!r} is no id of prompt file {file.name}: correct it, or write a rule as /expression/"
            )
        excluded = pl.coalesce(excluded, pl.when(matches).then(pl.lit(entry)))
    return frame.with_columns(excluded.alias("excluded"))


def _pattern(expression: str) -> str:
    try:
        pl.Series([""]).str.contains(expression)
    except pl.exceptions.ComputeError as error:
        raise PromptFileError(f"exclusion /{expression}/ is no regular expression: {error}") from error
    return expression
