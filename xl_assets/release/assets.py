"""Releases: the manifest that says what a release was really made of."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.configured import Workspace
from resources.lake import RELEASE, Partition
from xl_assets.declaring import code_version, release_asset
from xl_assets.evaluation.language_fidelity import fidelity_by_language, pass_rates_of_models
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.generation.recipes.xl_instruct import PROMPTS
from xl_assets.outcome import Outcome
from xl_assets.profile import CHECKOUT
from xl_assets.release.closure import collect_closure
from xl_assets.release.gate import check_versions, close_gate, gate_warnings
from xl_assets.release.gate_evaluations import declared_checks, evaluations_of
from xl_assets.release.graph import Tables
from xl_assets.release.lineage import tables_at
from xl_assets.release.manifest import ManifestError, UsedModel, build_manifest, manifest_text, read_manifest
from xl_assets.release.origins import import_counts, row_documents, source_counts
from xl_assets.release_links import observe_release
from xl_assets.reporting import used_models
from xl_assets.settings import plain
from xl_assets.step import Step
from xl_assets.tables import ReleaseFile

GROUP = "release"
#: Tables of figures, which the manifest holds whole.
SCORE_TABLES = ("win_rates", "model_scores", "reference_metrics", "judge_quality")
FINAL_TABLES = (
    "sft_model",
    *SCORE_TABLES,
    "language_fidelity",
    "language_confusion",
    "criteria_scores",
    "surrogate_scores",
    "evaluation_report",
)
SECTIONS = (
    "identification",
    "filters",
    "quality",
    "quality_training",
    "passages",
    "xl_instruct",
    "mixture",
    "training",
    "evaluation_prompts",
    "evaluation",
)


#: What decides a manifest. Other modules of this room only read it, and must not make finished releases look stale.
CODE = tuple(
    f"xl_assets.release.{module}"
    for module in ("closure", "gate", "manifest", "manifest_parts", "manifest_schema", "origins", "portable")
)


@release_asset(
    name="release_manifest",
    group=GROUP,
    kinds={"json"},
    version=code_version(*CODE),
    deps=list(FINAL_TABLES),
    checks=("contract",),
)
def release_manifest(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
    """Every table version, model, prompt, threshold, funnel and licence that the release was made of.

    Built from the records that commits carry, never from what is newest now. There is none where a table version that
    the release was made of does not pass its checks.
    """
    step = Step(context, workspace)
    release, lake = context.partition_key, workspace.tables
    frames = {table: step.read_release(table, release) for table in FINAL_TABLES}
    lookup = lake.lookup()
    records = [record for table in FINAL_TABLES if (record := lake.record(table, Partition(RELEASE, release)))]
    in_force = lake.in_force()
    closure = collect_closure(records, lookup, in_force)
    evaluations = evaluations_of(context.instance, (record.run_id for record in closure.records))
    checked = check_versions(closure.records, declared_checks(), evaluations, frames["win_rates"].collect())
    close_gate(release, checked)
    tables = tables_at(lake, closure)
    report = frames["evaluation_report"].collect()
    settings_folder = workspace.settings_of("xl_instruct").prompt_folder
    settings = {name: plain(workspace.settings_of(name)) for name in SECTIONS}
    build = partial(
        build_manifest,
        release,
        records,
        lookup,
        stand_in=in_force,
        languages=_languages(tables("sft_mixture")),
        models=_models(workspace, closure.records),
        prompts=[*(load_prompt(name, settings_folder) for name in _prompt_names()), *_evaluation_prompts(workspace)],
        criteria=workspace.settings_of("xl_instruct").criteria,
        settings=settings,
        sources=_sources(tables),
        scores={
            **{table: frames[table].collect() for table in SCORE_TABLES},
            "language_fidelity": fidelity_by_language(frames["language_fidelity"].collect()),
            "language_pass_rates": pass_rates_of_models(frames["language_confusion"].collect()),
        },
        files=[
            {"path": row["file"], "sha256": row["sha256"], "bytes": row["bytes"]} for row in report.rows(named=True)
        ],
        checks=[version.as_dict() for version in checked],
        forbidden=[str(Path.home()), str(Path(lake.root).resolve()), str(CHECKOUT)],
    )
    manifest = _same_or_new(Path(lake.root) / "reports" / release / "manifest.json", build)
    frame = step.write_file(release, f"reports/{release}/manifest.json", manifest_text(manifest).encode())
    observe_release(context, manifest)
    shown = {
        "manifest_hash": dg.MetadataValue.text(manifest["manifest_hash"]),
        "release_content": dg.MetadataValue.text(manifest["content_hash"]),
        "table_versions": dg.MetadataValue.int(len(manifest["tables"])),
        "checks_passed": dg.MetadataValue.int(sum(len(version.passed) for version in checked)),
        "warnings": dg.MetadataValue.text("\n".join(gate_warnings(checked)) or "none"),
    }
    facts = {"content_hash": manifest["content_hash"]}
    yield from step.write({release: Outcome(frame, facts=facts, metadata=shown)}, ReleaseFile)


def _same_or_new(file: Path, build: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """A manifest made again of the same release keeps its time, so that its bytes stay the same.

    One that is replaced by another is kept beside it, by its content hash: what was released once can be looked up.
    """
    manifest = build(created_at=datetime.now(UTC))
    try:
        text = file.read_text(encoding="utf-8")
        before = read_manifest(text)
    except (OSError, ManifestError):
        return manifest
    again = build(created_at=datetime.fromisoformat(before["created_at"]))
    if before["content_hash"] == again["content_hash"]:
        return again
    kept = file.parent / "superseded" / f"{before['content_hash']}.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(text, encoding="utf-8")
    return manifest


def _languages(mixture: pl.LazyFrame | None) -> list[str]:
    assert mixture is not None
    return mixture.select("language").unique().collect()["language"].sort().to_list()


def _sources(tables: Tables) -> pl.DataFrame:
    """Documents and imported rows by source and licence; a release may have either alone."""
    documents, imported, mixture = (tables(name) for name in ("seed_documents", "imported_rows", "sft_mixture"))
    assert mixture is not None
    own = [source_counts(documents, row_documents(tables))] if documents is not None else []
    others = [import_counts(imported, mixture)] if imported is not None else []
    return pl.concat([*own, *others])


def _prompt_names() -> list[str]:
    return sorted({name for names in PROMPTS.values() for name in names})


def _evaluation_prompts(workspace: Workspace) -> list[Prompt]:
    """The templates of questions, judges and, where prompts are translated, of that."""
    settings = workspace.settings_of("evaluation")
    judges = (settings.judge.config, settings.criteria.config)
    templates = [prompt for judge in judges for prompt in (judge.prompt, judge.system, judge.without_reference)]
    asked = workspace.settings_of("evaluation_prompts")
    translation = [asked.translation.prompt] if asked.translate else []
    return [settings.responses.prompt, *(prompt for prompt in templates if prompt), *translation]


def _models(workspace: Workspace, records) -> list[UsedModel]:
    return [
        UsedModel(role, binding.name, fingerprint, binding.revision, binding.licence, binding.engine)
        for role, fingerprint, binding in used_models(workspace, records)
    ]
