"""The table of trained quality classifiers, and from its rows to loaded ones."""

from collections.abc import Mapping
from pathlib import Path

import dataframely as dy
import polars as pl

from xl_assets.quality.scoring import Scorer, load_scorer
from xl_assets.quality.training import QualityModel


class QualityModelRow(dy.Schema):
    """One language's quality classifier. `file` is relative to the lake; figures are of held-out examples."""

    language = dy.String(primary_key=True)
    file = dy.String(nullable=False)
    sha256 = dy.String(nullable=False)
    bytes = dy.Int64(nullable=False, min=1)
    settings_hash = dy.String(nullable=False)
    accuracy = dy.Float64(nullable=False, min=0, max=1)
    precision = dy.Float64(nullable=False, min=0, max=1)
    recall = dy.Float64(nullable=False, min=0, max=1)
    f1 = dy.Float64(nullable=False, min=0, max=1)
    roc_auc = dy.Float64(nullable=False, min=0, max=1)
    average_precision = dy.Float64(nullable=False, min=0, max=1)
    brier = dy.Float64(nullable=False, min=0, max=1)
    calibration_error = dy.Float64(nullable=False, min=0, max=1)
    classes = dy.List(
        dy.Struct(
            {
                "class": dy.String(nullable=False),
                "meaning": dy.String(nullable=False),
                "read": dy.Int64(nullable=False),
                "distinct": dy.Int64(nullable=False),
                "training": dy.Int64(nullable=False),
                "held_out": dy.Int64(nullable=False),
                "source_hash": dy.String(nullable=False),
                "licenses": dy.List(dy.String(nullable=False), nullable=False),
            }
        ),
        nullable=False,
    )


def model_row(model: QualityModel, root: str | Path) -> pl.DataFrame:
    """The table's row of a trained model whose file is below the lake's root."""
    card = model.card
    classes = [
        {"class": name, "meaning": card["labels"][name], **counts, "licenses": list(counts["licenses"])}
        for name, counts in card["inputs"].items()
    ]
    row = {
        "language": model.language,
        "file": model.file.relative_to(root).as_posix(),
        "sha256": model.sha256,
        "bytes": card["bytes"],
        "settings_hash": card["settings_hash"],
        **model.metrics.figures(),
        "classes": classes,
    }
    return pl.DataFrame([row], schema=QualityModelRow.create_empty().schema)


def load_scorers(rows: pl.DataFrame, root: str | Path) -> Mapping[str, Scorer]:
    """Load the classifiers of a table's rows; language -> scorer, as `score_quality` takes them.

    Raises:
        QualityError: a file that is no longer below the lake.
    """
    return {language: load_scorer(Path(root) / file) for language, file in rows.select("language", "file").iter_rows()}
