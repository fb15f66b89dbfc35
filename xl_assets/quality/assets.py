"""Quality models: a language's classifier of good and bad documents, trained on the examples that the profile names."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from resources.configured import Workspace
from resources.lake import TableVersion
from xl_assets.declaring import code_version, language_asset
from xl_assets.evaluation.plots import markdown_image, to_png
from xl_assets.outcome import Outcome
from xl_assets.profile import QualitySource
from xl_assets.quality.contract import QualityModelRow, model_row
from xl_assets.quality.examples import classes_of, examples_hash
from xl_assets.quality.plots import quality_charts
from xl_assets.quality.settings import QualityTrainingSettings
from xl_assets.quality.training import QualityModel, train_quality_model
from xl_assets.step import Step
from xl_assets.tables import empty_table

GROUP = "seeds"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]


@language_asset(
    name="quality_model",
    group=GROUP,
    kinds={"fasttext"},
    version=code_version(
        "xl_assets.quality", "xl_assets.seeds.normalise", "xl_assets.filters.words", "xl_assets.native.characters"
    ),
    checks=("contract",),
)
def quality_model(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """A fastText classifier of good and bad documents, with its figures on held-out examples.

    A language without examples in the profile has no row, and its documents get no quality score.
    """
    step = Step(context, workspace)
    settings = step.settings("quality_training")
    outcomes = {}
    for language in step.keys:
        source = workspace.settings.quality_source(language)
        step.note(TableVersion("source:quality_examples", language, 0, examples_hash(source)))
        if source is None:
            outcomes[language] = _without_examples(language)
        else:
            outcomes[language] = _trained(step, language, source, settings)
    yield from step.write(outcomes, QualityModelRow)


def _trained(step: Step, language: str, source: QualitySource, settings: QualityTrainingSettings) -> Outcome:
    high, low = classes_of(source)
    folder = step.lake.folder(f"models/quality/{language}")
    model = train_quality_model(high, low, settings, language=language, folder=folder)
    row = model_row(model, step.lake.root)
    figures = {name: round(value, 4) for name, value in model.metrics.figures().items()}
    facts = {"file": row["file"].item(), "metrics": figures}
    return Outcome(row, facts=facts, metadata=_metadata(model))


def _without_examples(language: str) -> Outcome:
    told = (
        f"The profile names no examples for {language}, so it has no quality model. "
        f"To train one, add [quality.sources.{language}] with positives and negatives."
    )
    return Outcome(empty_table(QualityModelRow), metadata={"quality_model": dg.MetadataValue.text(told)})


def _metadata(model: QualityModel) -> dict[str, dg.MetadataValue]:
    picture = to_png(quality_charts(model.metrics, model.language))
    figures = [{"figure": name, "value": round(value, 4)} for name, value in model.metrics.figures().items()]
    classes = [{"class": name, **_plain(counts)} for name, counts in model.card["inputs"].items()]
    return {
        "metrics": _table(figures),
        "classes": _table(classes),
        "calibration": _table(model.metrics.calibration.with_columns(pl.col(pl.Float64).round(4)).to_dicts()),
        "plots": dg.MetadataValue.md(markdown_image(picture, f"Quality model of {model.language}")),
        "model_file": dg.MetadataValue.path(str(model.file)),
        "settings": dg.MetadataValue.json(model.card["settings"]),
    }


def _plain(counts: dict) -> dict:
    return {**counts, "licenses": ", ".join(counts["licenses"])}


def _table(rows: list[dict]) -> dg.MetadataValue:
    kinds = {str: "string", int: "int", float: "float"}
    columns = [dg.TableColumn(name, kinds[type(value)]) for name, value in rows[0].items()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], dg.TableSchema(columns))
