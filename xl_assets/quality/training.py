"""From good and bad examples to a fastText classifier with its figures, as a file named by its content."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from xl_assets.identity import ID_LENGTH, canonical_json
from xl_assets.languages import get_language
from xl_assets.quality.examples import Examples, ExampleSource, read_examples
from xl_assets.quality.fit import FitError, fit
from xl_assets.quality.metrics import QualityMetrics, measure_quality
from xl_assets.quality.scoring import StockScorer, score_quality
from xl_assets.quality.settings import HIGH, LOW, QualityError, QualityTrainingSettings
from xl_assets.quality.texts import LABEL_PREFIX

#: What the classes stand for; part of a model's card.
LABELS: Mapping[str, str] = {
    HIGH: "like the positive examples; its probability is the quality score",
    LOW: "like the negative examples",
}

Source = str | Sequence[str] | ExampleSource


@dataclass(frozen=True)
class QualityModel:
    """A trained classifier.

    Attributes:
        language: code.
        file: the model; its name is the hash of its bytes. Its card has the same name and ends in ``.json``.
        sha256: of the file.
        metrics: measured on the held-out examples.
        card: what the model is made of: inputs' hashes and licences, settings, figures, meaning of the labels.
    """

    language: str
    file: Path
    sha256: str
    metrics: QualityMetrics
    card: Mapping[str, Any]


def train_quality_model(
    positives: Source,
    negatives: Source,
    settings: QualityTrainingSettings | None = None,
    *,
    language: str,
    folder: str | Path,
) -> QualityModel:
    """Train a classifier and measure it on examples that it has not seen.

    The same documents and settings give the same bytes on the same kind of machine, whatever their order and the
    number and names of their files: fastText runs with one thread and a fixed seed, see `quality.fit`. (It is
    compiled for the machine's own instructions, so another processor's rounding may differ.)

    Args:
        positives: path, paths or `ExampleSource` of documents as the corpus should be.
        negatives: the same of documents as it should not be; a plain crawl is what FineWeb2-HQ takes.
        settings: form of the classifier, split, sample.
        language: code in the registry.
        folder: where model and card go; made if needed.

    Raises:
        QualityError: too few examples, or settings that fastText cannot train with.
        SeedError: a source can't be read.
        UnknownLanguage: a language that the registry does not hold.
    """
    chosen = settings or QualityTrainingSettings()
    get_language(language)
    examples = read_examples(_source(positives), _source(negatives), language, chosen)
    with TemporaryDirectory(prefix="xl-quality-") as work:
        made = _train(examples.frame.filter(~pl.col("held_out")), chosen, Path(work), language)
        metrics = _measure(examples.frame.filter("held_out"), made, language)
        content = made.read_bytes()
    digest = sha256(content).hexdigest()
    card = _card(language, digest, len(content), examples, metrics, chosen)
    file = Path(folder) / f"{digest[:ID_LENGTH]}{made.suffix}"
    _write(file, content)
    _write(file.with_suffix(".json"), (canonical_json(card) + "\n").encode())
    return QualityModel(language, file, digest, metrics, card)


def _source(given: Source) -> ExampleSource:
    if isinstance(given, ExampleSource):
        return given
    return ExampleSource((given,) if isinstance(given, str) else tuple(given))


def _train(examples: pl.DataFrame, settings: QualityTrainingSettings, work: Path, language: str) -> Path:
    lines = work / "examples.txt"
    labelled = examples.select(pl.concat_str(pl.lit(LABEL_PREFIX), "class", pl.lit(" "), "text").alias("line"))
    # One example a line; texts were freed of line ends.
    lines.write_text("\n".join(labelled["line"]) + "\n", encoding="utf-8")
    file = work / ("model.ftz" if settings.quantize else "model.bin")
    try:
        fit(lines, file, settings.parameters(examples.height), settings.quantize)
    except FitError as error:
        raise QualityError(
            f"quality model of {language}: fastText says {error} Fewer buckets or a smaller dim need less memory; a "
            "lower min_count keeps more words; a lower learning_rate keeps numbers finite."
        ) from error
    return file


def _measure(held_out: pl.DataFrame, file: Path, language: str) -> QualityMetrics:
    # By fastText itself: the figures must not depend on the scorer that is used later.
    scored = score_quality(
        held_out.with_columns(pl.lit(language).alias("language")), {language: StockScorer(file)}, is_normalised=True
    )
    return measure_quality((scored["class"] == HIGH).to_numpy(), scored["quality"].to_numpy())


def _card(
    language: str,
    digest: str,
    size: int,
    examples: Examples,
    metrics: QualityMetrics,
    settings: QualityTrainingSettings,
) -> dict[str, Any]:
    return {
        "language": language,
        "sha256": digest,
        "bytes": size,
        "labels": dict(LABELS),
        "inputs": {name: counts._asdict() for name, counts in examples.counts.items()},
        "ambiguous": examples.ambiguous,
        "settings": asdict(settings),
        "epochs": settings.passes(2 * examples.counts[HIGH].training),
        "settings_hash": settings.hash,
        "metrics": {
            **metrics.figures(),
            "calibration": metrics.calibration.to_dicts(),
            "histogram": metrics.histogram.to_dicts(),
        },
        "fasttext": version("fasttext"),
    }


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(file)
