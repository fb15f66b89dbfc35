"""The imported sets of a lake: their files, copied, and how they are read.

A set is a folder ``imports/<name>`` of the lake, see `storing`; what is made from it needs nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xl_assets.identity import file_hash, parameters_hash
from xl_assets.imports.columns import detect_columns
from xl_assets.imports.contract import ImportSetError, check_name
from xl_assets.imports.finding import DEFAULT, Found, SetFile, find_set
from xl_assets.imports.reading import column_names, read_rows
from xl_assets.imports.rows import FileOfSet, placed_languages
from xl_assets.imports.storing import ENTRY, FOLDER, is_whole, store, stored_name
from xl_assets.languages import get_language
from xl_assets.locks import holding

FORMAT = "xl-assets/import/1"
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True)
class StoredFile:
    """A file of a set as it is in the lake.

    Attributes:
        name: relative to the folder that was imported.
        stored: its name here.
        ending: of `finding.ENDINGS`.
        sha256: of its bytes.
        bytes: its size.
        language: of all its rows, or None where each says its own.
        languages: that it has rows of.
        columns: our column -> the file's.
    """

    name: str
    stored: str
    ending: str
    sha256: str
    bytes: int
    language: str | None
    languages: tuple[str, ...]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class ImportedSet:
    """A set that was imported.

    Attributes:
        name: of the set.
        configuration: that was read.
        license: of rows that name none.
        files: sorted by name.
    """

    name: str
    configuration: str
    license: str | None
    files: tuple[StoredFile, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes that it has rows of, sorted."""
        return tuple(sorted({code for file in self.files for code in file.languages}))

    def hash_of(self, language: str) -> str:
        """Address of all that decides a language's rows."""
        files = [asdict(file) for file in self.files if language in file.languages]
        return parameters_hash(
            {"name": self.name, "configuration": self.configuration, "license": self.license, "files": files}
        )

    def file_of_set(self, file: StoredFile) -> FileOfSet:
        """What the rows of a file are told by."""
        return FileOfSet(self.name, self.configuration, file.name, file.language, file.languages, self.license)


@dataclass(frozen=True)
class Imported:
    """What an import came to.

    Attributes:
        set: the set.
        found: the files, and what was left out.
        changed: languages whose rows are others now; empty where the very set was there.
    """

    set: ImportedSet
    found: Found
    changed: tuple[str, ...]


def imported_sets(lake_root: Path, language: str | None = None) -> list[ImportedSet]:
    """The sets of a lake, sorted by name; those with rows of a language where one is given.

    Raises:
        ImportSetError: an entry is damaged.
    """
    sets = [_read_entry(entry) for entry in sorted(lake_root.glob(f"{FOLDER}/*/{ENTRY}"))]
    return [found for found in sets if language is None or language in found.languages]


def imported_languages(lake_root: Path) -> set[str]:
    """Codes of the languages that some imported set has rows of."""
    return {code for found in imported_sets(lake_root) for code in found.languages}


def set_hashes(lake_root: Path, language: str) -> dict[str, str]:
    """Name of each set with rows of a language -> address of all that decides them."""
    return {found.name: found.hash_of(language) for found in imported_sets(lake_root, language)}


def import_set(
    lake_root: Path,
    location: Path,
    name: str,
    *,
    configuration: str = DEFAULT,
    language: str | None = None,
    license: str | None = None,
    columns: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Imported:
    """Copy a published set into the lake and note how it is read.

    Args:
        lake_root: of the lake.
        location: folder or file.
        name: of the set.
        configuration: which one to read.
        language: of files whose names and rows say none.
        license: of rows that name none.
        columns: our column -> the files', where the names are not known ones.
        replace: whether another set of this name may be replaced.

    Raises:
        ImportSetError: nothing to read, columns or languages that can't be told, bytes that are not those of the
            folder's own ``SHA256SUMS``, or another set of this name.
        UnknownLanguage: `language` is not registered.
    """
    check_name(name)
    if language is not None:
        get_language(language)
    found = find_set(location, configuration)
    published = _published_hashes(location)
    described = [_describe(file, language, columns or {}, published) for file in found.files]
    made = ImportedSet(name, configuration, license, tuple(described))
    with holding(lake_root / "work" / "locks", [f"import {name}"], lambda what, who: None):
        return Imported(made, found, _put(lake_root, made, found.files, replace))


def _put(lake_root: Path, made: ImportedSet, files: Sequence[SetFile], replace: bool) -> tuple[str, ...]:
    """Store the set where it is not there as it is; returns the languages whose rows are others now."""
    name = made.name
    before = _before(lake_root, name, replace)
    changed = _changed(before, made)
    if before is not None and changed and not replace:
        raise ImportSetError(
            f"a set {name} with other content was imported before: give another --name, or --replace (tables of "
            "finished releases keep the old rows)"
        )
    # Copies that were damaged since are mended by the same bytes.
    if changed or not all(is_whole(lake_root, name, file.stored, file.sha256) for file in made.files):
        sources = {stored.stored: file.path for file, stored in zip(files, made.files, strict=True)}
        store(lake_root, name, sources, {file.stored: file.sha256 for file in made.files}, _entry_text(made))
    return changed


def _describe(
    file: SetFile, language: str | None, columns: Mapping[str, str], published: Mapping[str, str]
) -> StoredFile:
    digest = file_hash(file.path)
    if published.get(file.name, digest) != digest:
        raise ImportSetError(
            f"{file.name} is not the file that was exported: its hash differs from that in {CHECKSUMS}. Get it again, "
            f"or take {CHECKSUMS} away if the change was meant."
        )
    mapped = detect_columns(column_names(file.path, file.ending), columns, file.name)
    own = file.language or (None if "language" in mapped else language)
    languages = (own,) if own else _languages_in(file, mapped)
    return StoredFile(
        file.name,
        stored_name(digest, file.ending),
        file.ending,
        digest,
        file.path.stat().st_size,
        own,
        languages,
        dict(sorted(mapped.items())),
    )


def _languages_in(file: SetFile, columns: Mapping[str, str]) -> tuple[str, ...]:
    told: set[str] = set()
    if "language" in columns:
        probe = FileOfSet("", "", file.name, None, ("",), None)
        for raw in read_rows(file.path, file.ending, columns, file.name):
            told.update(placed_languages(raw, probe)["_said"].drop_nulls().unique())
    if not told:
        raise ImportSetError(
            f"{file.name}: neither its name nor a column says a registered language. Name it (--language de), name the "
            "column (--column language=THEIRS), or register the language (xl languages add)"
        )
    return tuple(sorted(told))


def _changed(before: ImportedSet | None, made: ImportedSet) -> tuple[str, ...]:
    codes = {*made.languages, *(before.languages if before else ())}
    return tuple(sorted(c for c in codes if before is None or before.hash_of(c) != made.hash_of(c)))


def _before(lake_root: Path, name: str, replace: bool) -> ImportedSet | None:
    entry = lake_root / FOLDER / name / ENTRY
    try:
        return _read_entry(entry) if entry.is_file() else None
    except ImportSetError:
        if replace:
            return None
        raise


def _entry_text(made: ImportedSet) -> str:
    return json.dumps({"format": FORMAT, **asdict(made)}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _read_entry(entry: Path) -> ImportedSet:
    try:
        fields = json.loads(entry.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT or fields["name"] != entry.parent.name:
            raise ValueError("it is of another format or set")
        files = tuple(StoredFile(**{**file, "languages": tuple(file["languages"])}) for file in fields.pop("files"))
        return ImportedSet(files=files, **fields)
    except (ValueError, KeyError, TypeError) as error:
        raise ImportSetError(
            f"{FOLDER}/{entry.parent.name}/{ENTRY} of the lake is damaged ({error}): "
            "import the set again with --replace"
        ) from error


def _published_hashes(location: Path) -> dict[str, str]:
    """Path -> hash, of a folder that lists them, as our exports do."""
    try:
        lines = (location / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {
        path.lstrip("*"): digest
        for digest, _, path in (line.partition(" ") for line in lines)
        for path in [path.strip()]
    }
