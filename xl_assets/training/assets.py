"""Training: a release's mixture and the model fine-tuned on it."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from resources.configured import Trainer, Workspace
from resources.lake import LANGUAGE
from xl_assets.declaring import code_version, every_partition, release_asset
from xl_assets.outcome import Outcome
from xl_assets.step import Step
from xl_assets.tables import SftModel, SftRow
from xl_assets.training.mixture import build_mixture, mixture_counts
from xl_assets.training.plots import loss_curve, to_png

GROUP = "training"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]


class ReleaseConfig(dg.Config):
    """What a release is made of."""

    languages: list[str] = Field(default_factory=list)


@release_asset(
    name="sft_mixture",
    group=GROUP,
    kinds={"polars"},
    version=code_version("xl_assets.training.mixture", "xl_assets.tables.contract", "xl_assets.tables.training"),
    deps=[every_partition("xl_instruct")],
)
def sft_mixture(context: dg.AssetExecutionContext, config: ReleaseConfig, workspace: Workspace) -> Events:
    """The release's training rows as conversations, in training order.

    Its languages are those of the run's configuration, else of the release's earlier record, else all that have rows.
    """
    step = Step(context, workspace)
    release = context.partition_key
    languages = config.languages or step.recorded_partitions("xl_instruct") or step.partitions_of("xl_instruct")
    rows = pl.concat([step.read_language("xl_instruct", language) for language in languages]).collect()
    mixture = build_mixture(rows, release, step.settings("mixture"))
    counts = mixture_counts(rows, mixture)
    facts = {"languages": sorted(languages), "mixture": {r[LANGUAGE]: r["taken"] for r in counts.rows(named=True)}}
    yield from step.write({release: Outcome(mixture, facts=facts)}, SftRow)


@release_asset(
    name="sft_model",
    group=GROUP,
    kinds={"huggingface", "pytorch"},
    version=code_version("xl_assets.training"),
    deps=["sft_mixture"],
)
def sft_model(context: dg.AssetExecutionContext, workspace: Workspace, trainer: Trainer) -> Events:
    """The base model fine-tuned on the mixture with TRL and PEFT; adapter and merged model as safetensors.

    Interrupted training goes on from its last checkpoint; a finished model is found, not trained again.
    """
    step = Step(context, workspace)
    release = context.partition_key
    rows = step.read_release("sft_mixture", release).collect()
    settings = step.settings("training")
    step.note_model("base", workspace.fingerprint("base"))
    trained = trainer.train(context, rows, release, settings)
    losses = trained.model["losses"].to_list()[0]
    picture = b64encode(to_png(loss_curve(losses))).decode()
    metadata = {
        "loss_curve": dg.MetadataValue.md(f"![Training loss](data:image/png;base64,{picture})"),
        "rows_too_long": dg.MetadataValue.int(len(trained.too_long)),
        "training_seconds": dg.MetadataValue.float(trained.seconds),
        "found_finished": dg.MetadataValue.bool(trained.reused),
        "adapter": dg.MetadataValue.text(str(Path(trained.model["merged_folder"][0]).parent)),
    }
    facts = {"rows_in": trained.rows_in, "too_long": len(trained.too_long)}
    yield from step.write({release: Outcome(trained.model, facts=facts, metadata=metadata)}, SftModel)
