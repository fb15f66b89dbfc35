"""The release manifest: what a release was really made of, from its final records backwards.

The manifest is built from the records that commits carry, never from what is newest now. It is plain JSON,
the same bytes for the same input, without a path of the machine that made it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
from pydantic import ValidationError

from xl_assets.generation.prompts import Prompt
from xl_assets.identity import canonical_json, parameters_hash
from xl_assets.release import manifest_parts as parts
from xl_assets.release.closure import Lookup, ManifestError, StandIn, TableRecord, collect_closure
from xl_assets.release.manifest_parts import UsedModel
from xl_assets.release.manifest_schema import FORMAT, Manifest
from xl_assets.release.portable import check_portable

#: Parts of a manifest that may differ between two makings of the same release.
_CIRCUMSTANCES = ("created_at", "packages", "checks", "content_hash", "manifest_hash", "mixed_versions")


def build_manifest(
    release: str,
    records: Iterable[TableRecord],
    lookup: Lookup,
    *,
    stand_in: StandIn = lambda *read: None,
    languages: Sequence[str],
    models: Iterable[UsedModel],
    prompts: Iterable[Prompt],
    criteria: Mapping[str, str],
    settings: Mapping[str, Mapping[str, object]],
    sources: pl.DataFrame,
    created_at: datetime,
    scores: Mapping[str, pl.DataFrame] | None = None,
    files: Iterable[Mapping[str, object]] = (),
    packages: Mapping[str, str] | None = None,
    checks: Iterable[Mapping[str, object]] | None = None,
    forbidden: Sequence[str] = (),
) -> dict[str, Any]:
    """Build the manifest of a release.

    Args:
        release: its name.
        records: the release's final records (model, scores, report); all else is found through their inputs.
        lookup: finds the record of an input.
        stand_in: a later record of the same content for one that was read; see `closure.collect_closure`.
        languages: codes of the release's languages.
        models: one for every model that a record names as input ``model:ROLE``; several of a role where the
            records name several. Others are left out.
        prompts: the templates in use.
        criteria: name -> meaning.
        settings: section -> values as JSON; a section that a record names as input ``settings:SECTION`` must
            be given as it was then. Further sections, e.g. the languages' thresholds, are taken as they are.
        sources: the frame of `origins.source_counts`.
        created_at: time with a zone.
        scores: name -> rows, e.g. win rates and language fidelity.
        files: ``path`` (relative), ``sha256`` and ``bytes`` of each file of the release.
        packages: name -> version; default `manifest_parts.package_versions`.
        checks: what the gate found, `gate.Checked.as_dict` of each table version; None where there was none.
        forbidden: further texts that must not appear, such as the machine's name or home folder.

    Returns:
        The manifest as JSON-able dict, valid by `manifest_schema.Manifest`. `content_hash` is that of what the
        release is, without run ids, table version numbers, time, packages and checks; `manifest_hash` of everything
        else in it.

    Raises:
        ManifestError: an input's record is gone or changed; a model or settings differ from those a record
            names; a value is not JSON; a funnel does not add up.
        NotPortable: an absolute path or a secret would get in.
    """
    final = list(records)
    closure = collect_closure(final, lookup, stand_in)
    body: dict[str, Any] = {
        "format": FORMAT,
        "release": release,
        "created_at": _utc(created_at),
        "languages": sorted(set(languages)),
        "tables": parts.tables(closure, final),
        "mixed_versions": parts.mixed_versions(closure),
        "outside": parts.outside(closure),
        "models": parts.models(closure, models),
        "prompts": parts.prompts(prompts),
        "criteria": dict(criteria),
        "settings": parts.settings(closure, settings),
        "sources": parts.sources(sources),
        "funnel": parts.funnels(closure, release),
        "scores": {name: parts.rows(frame) for name, frame in (scores or {}).items()},
        "files": sorted((dict(file) for file in files), key=lambda file: str(file["path"])),
        "packages": dict(parts.package_versions() if packages is None else packages),
    }
    if checks is not None:
        body["checks"] = [dict(entry) for entry in checks]
    body = parts.json_value(body, "manifest")
    body["content_hash"] = parameters_hash(_content(body))
    body["manifest_hash"] = parameters_hash(body)
    check_portable(body, forbidden)
    return check_manifest(body)


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Write a manifest as the text of its file: sorted and indented JSON with a final newline."""
    return json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_manifest(text: str) -> dict[str, Any]:
    """Read and check a manifest's text.

    Raises:
        ManifestError: it is no JSON, or `check_manifest` refuses it.
    """
    try:
        return check_manifest(json.loads(text))
    except json.JSONDecodeError as error:
        raise ManifestError(f"this is no manifest: no JSON at line {error.lineno}: {error.msg}") from error


def check_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest if its form, its hashes, its funnels and its lineage are right.

    Raises:
        ManifestError: names the first thing that is wrong.
    """
    try:
        parsed = Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ManifestError(f"the manifest has not the form {FORMAT}: {place}: {first['msg']}") from error
    if parsed.content_hash != parameters_hash(_content(manifest)):
        raise ManifestError("the manifest was changed: its content_hash is not that of its content")
    if parsed.manifest_hash != parameters_hash({k: v for k, v in manifest.items() if k != "manifest_hash"}):
        raise ManifestError("the manifest was changed: its manifest_hash is not that of its text")
    _check_sums(parsed)
    _check_inputs(parsed)
    return manifest


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ManifestError("created_at has no time zone: use datetime.now(UTC)")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a release is, without the circumstances of its making."""
    content = {name: part for name, part in manifest.items() if name not in _CIRCUMSTANCES}
    for name, circumstance in (("tables", {"version", "run_id", "inputs"}), ("models", {"engine"})):
        kept = ({k: v for k, v in entry.items() if k not in circumstance} for entry in content[name])
        content[name] = _unique(kept)
    content["funnel"] = {
        key: _unique({k: v for k, v in step.items() if k != "version"} for step in steps)
        for key, steps in content["funnel"].items()
    }
    return content


def _unique(entries: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Distinct entries in an order that is theirs, not that of version numbers."""
    return [json.loads(text) for text in sorted({canonical_json(entry) for entry in entries})]


def _check_sums(manifest: Manifest) -> None:
    for key, steps in manifest.funnel.items():
        for step in steps:
            if step.rows_in != step.kept + sum(step.rejected.values()):
                raise ManifestError(
                    f"the funnel of {step.table}[{key}] does not add up: {step.rows_in} rows in, {step.kept} kept, "
                    f"{sum(step.rejected.values())} rejected"
                )


def _check_inputs(manifest: Manifest) -> None:
    there = {(entry.table, entry.partition, entry.content_hash) for entry in manifest.tables}
    for entry in manifest.tables:
        for read in entry.inputs:
            if read.version is not None and (read.table, read.partition, read.content_hash) not in there:
                raise ManifestError(
                    f"{entry.table}[{entry.partition or ''}] was made from version {read.version} of "
                    f"{read.table}[{read.partition or ''}], of whose content the manifest holds no version"
                )
