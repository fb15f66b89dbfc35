"""The manifest against itself, against the records of its table versions, and against what these led to."""

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import polars as pl
from pydantic import ValidationError

from xl_assets.evaluation.language_fidelity import fidelity_by_language, pass_rates_of_models
from xl_assets.identity import canonical_json, parameters_hash
from xl_assets.release import manifest_parts as parts
from xl_assets.release.closure import Closure, Lookup, ManifestError, StandIn, TableRecord, collect_closure
from xl_assets.release.manifest import check_manifest
from xl_assets.release.manifest_schema import Manifest
from xl_assets.release.verify.outcome import Check, Finding
from xl_assets.release.verify.versions import Look

#: Names of tables and partitions become paths: others than the lake's own are not looked for.
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

#: Sections that follow from the records alone.
_FROM_RECORDS = ("mixed_versions", "outside", "funnel")
#: Tables whose rows the manifest holds whole.
_SCORES = ("win_rates", "model_scores", "reference_metrics", "judge_quality")


def check_form(manifest: dict[str, Any], release: str, check: Check) -> bool:
    """Check form, hashes, sums and lineage of a manifest; returns whether the other checks can use it."""
    check.look("manifest")
    try:
        check_manifest(manifest)
    except ManifestError as error:
        check.fail(Finding(str(error), "manifest"))
    try:
        parsed = Manifest.model_validate(manifest)
    except ValidationError:
        return False
    if parsed.release != release:
        check.fail(Finding("it is the manifest of another release", "manifest", expected=release, found=parsed.release))
    strange = [
        (entry.table, entry.partition)
        for entry in parsed.tables
        if not _TABLE.fullmatch(entry.table) or not (entry.partition is None or _PARTITION.fullmatch(entry.partition))
    ]
    for table, partition in strange:
        message = "it names a table or partition that no lake can have"
        check.fail(Finding(message, "manifest", found=f"{table}[{partition}]"))
    return not strange


def check_recorded_file(content: bytes, row: Mapping[str, Any] | None, file: str, check: Check) -> None:
    """Compare a file's bytes with the row of ``ReleaseFile`` that was written with it."""
    if row is None:
        check.skip(f"no table records the hash of {file}")
        return
    check.look("recorded files")
    found = sha256(content).hexdigest()
    if found != row["sha256"] or len(content) != row["bytes"]:
        message = "the file is another one than the release recorded"
        check.fail(Finding(message, "release_manifest", file=file, expected=row["sha256"], found=found))


def check_records(manifest: Mapping[str, Any], lookup: Lookup, check: Check) -> None:
    """Compare every entry, and all sections that follow from records, with the commits of exactly those versions."""
    records: list[TableRecord] = []
    for entry in manifest["tables"]:
        place = f"{entry['table']}[{entry['partition']}]" if entry["partition"] else entry["table"]
        record = lookup(entry["table"], entry["partition"], entry["version"])
        check.look("records")
        if record is None:
            check.fail(Finding("the lake has no commit of this version", place, entry["version"]))
            continue
        records.append(record)
        _compare_entry(entry, record, place, check)
    if len(records) < len(manifest["tables"]):
        check.skip("the sections that follow from the records: some records are gone")
        return
    _compare_sections(manifest, records, lookup, check)


def check_prompts(manifest: Mapping[str, Any], check: Check) -> None:
    """Compare each prompt's hash with that of its text."""
    for entry in manifest["prompts"]:
        check.look("prompts")
        found = sha256(entry["text"].encode()).hexdigest()[:16]
        if entry["hash"] != found:
            message = f"the hash of prompt {entry['name']} is not that of its text"
            check.fail(Finding(message, "manifest", expected=entry["hash"], found=found))


def check_settings(manifest: Mapping[str, Any], check: Check) -> None:
    """Compare each section of settings with the hash that the records name."""
    for entry in manifest["outside"]:
        kind, _, section = entry["name"].partition(":")
        if kind != "settings":
            continue
        check.look("sections of settings")
        found = parameters_hash(manifest["settings"][section]) if section in manifest["settings"] else "not there"
        if found != entry["content_hash"]:
            message = f"the settings {section!r} are not those that {', '.join(entry['read_by'])} read"
            check.fail(Finding(message, "manifest", expected=entry["content_hash"], found=found))


def check_scores(manifest: Mapping[str, Any], look: Look, check: Check) -> None:
    """Compare the manifest's figures with the tables that they are from."""
    sources: dict[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
        **{name: (name, lambda frame: frame) for name in _SCORES},
        "language_fidelity": ("language_fidelity", fidelity_by_language),
        "language_pass_rates": ("language_confusion", pass_rates_of_models),
    }
    for name, told in manifest["scores"].items():
        table, made = sources.get(name, (name, lambda frame: frame))
        frame = look.rows(table)
        if frame is None:
            check.skip(f"scores of {name}: the release has no table {table}, or it cannot be read")
            continue
        found = parts.json_value(parts.rows(made(frame)), "scores")
        check.look("scores", len(told))
        # Means over rows in another order may differ in their last digits.
        if _rounded(told) != _rounded(found):
            few = next(((t, f) for t, f in zip(told, found, strict=False) if _rounded(t) != _rounded(f)), (None, None))
            message = f"the manifest's {name} are not those of the table"
            shown = [
                canonical_json(row)[:300] if row is not None else f"{len(rows)} rows"
                for row, rows in zip(few, (told, found), strict=True)
            ]
            check.fail(Finding(message, table, expected=shown[1], found=shown[0]))


def _compare_entry(entry: Mapping[str, Any], record: TableRecord, place: str, check: Check) -> None:
    told = parts.json_value(parts.tables(Closure((record,)), ())[0], "manifest")
    for name in ("content_hash", "rows", "code_version", "run_id", "inputs", "facts"):
        if entry[name] != told[name]:
            message = f"its {name} in the commit's record is not that of the manifest"
            expected, found = _difference(entry[name], told[name])
            check.fail(Finding(message, place, entry["version"], expected=expected, found=found))


def _compare_sections(
    manifest: Mapping[str, Any], records: Sequence[TableRecord], lookup: Lookup, check: Check
) -> None:
    final = [r for r, entry in zip(records, manifest["tables"], strict=True) if entry["final"]]
    try:
        closure = collect_closure(final, lookup, _pinned(records))
        made = {
            "mixed_versions": parts.mixed_versions(closure),
            "outside": parts.outside(closure),
            "funnel": parts.funnels(closure, manifest["release"]),
        }
    except ManifestError as error:
        check.fail(Finding(str(error), "manifest"))
        return
    there = {(e["table"], e["partition"], e["version"]) for e in manifest["tables"]}
    wanted = {(r.table, r.partition, r.version) for r in closure.records}
    for table, partition, version in sorted(there ^ wanted, key=str):
        place = f"{table}[{partition}]" if partition else table
        extra = (table, partition, version) in there
        why = "in the manifest, and nothing" if extra else "not in the manifest, and something"
        check.fail(Finding(f"it is {why} in the release was made from it", place, version))
    for name in _FROM_RECORDS:
        check.look("sections")
        found = parts.json_value(made[name], name)
        if manifest[name] != found:
            expected, shown = _difference(manifest[name], found)
            message = f"the section {name} does not follow from the records"
            check.fail(Finding(message, "manifest", expected=shown, found=expected))
    _compare_models(manifest, closure, check)


def _pinned(records: Sequence[TableRecord]) -> StandIn:
    """Finds the release's record of what was read: that version, else another of its content."""
    exact = {(r.table, r.partition, r.version): r for r in records}
    alike = {(r.table, r.partition, r.content_hash): r for r in records}
    return lambda table, partition, version, content: (
        exact.get((table, partition, version)) or alike.get((table, partition, content))
    )


def _compare_models(manifest: Mapping[str, Any], closure: Closure, check: Check) -> None:
    asked = {
        (name.partition(":")[2], found): list(readers)
        for (name, _, found), readers in closure.outside.items()
        if name.startswith("model:")
    }
    told = {(entry["role"], entry["fingerprint"]): entry["used_by"] for entry in manifest["models"]}
    check.look("sections")
    for role, fingerprint in sorted({key for key in {*told, *asked} if told.get(key) != asked.get(key)}):
        there = "names" if (role, fingerprint) in told else "does not name"
        message = f"it {there} a {role} model of this fingerprint, asked by some tables; the records say otherwise"
        check.fail(Finding(message, "manifest", found=fingerprint))


def _difference(told: Any, found: Any) -> tuple[str, str]:
    """Two values as short texts; of lists and mappings only what differs."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        names = [name for name in sorted({*told, *found}) if told.get(name) != found.get(name)]
        told, found = ({name: side.get(name) for name in names} for side in (told, found))
    elif isinstance(told, list) and isinstance(found, list):
        told, found = ([e for e in one if e not in other] for one, other in ((told, found), (found, told)))
    return tuple(side if isinstance(side, str) else canonical_json(side)[:300] for side in (told, found))  # type: ignore[return-value]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
