"""What a report is made of: the tables as the steps wrote them, and what they cannot say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dataframely as dy
import polars as pl

from xl_assets.evaluation.contract_fidelity import LanguageConfusionRow
from xl_assets.evaluation.contract_surrogate import SurrogateScore
from xl_assets.evaluation.funnel import FUNNEL
from xl_assets.tables import (
    CriterionScore,
    JudgeFigure,
    Judgement,
    LanguageFidelity,
    ModelResponse,
    ModelScore,
    ReferenceMetric,
    WinRate,
    empty_table,
)

#: Cost of the steps that asked a model, in the pipeline's order. ``seconds`` is wall-clock time of answering calls.
STEPS = pl.Schema(
    {
        "step": pl.String(),
        "calls": pl.Int64(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "seconds": pl.Float64(),
    }
)

#: Training rows to show with their ids; rows of ``XLInstruct`` have these columns.
TRAINING_ROWS = pl.Schema(
    {"row_id": pl.String(), "language": pl.String(), "instruction": pl.String(), "response": pl.String()}
)

#: The kind of prompt that headline figures are of, where a language has it.
HEADLINE_KIND = "cross_lingual"

BEFORE, AFTER, REFERENCE = "base", "fine_tuned", "reference"

CAVEATS = (
    "A win rate is the opinion of one judge model against one reference model. It compares models judged in the same "
    "way; it is not a share of correct answers.",
    "Intervals come from a bootstrap over the prompts. They say how far other prompts could have moved the figure, "
    "not how far another judge could have.",
    "A prompt counts towards the win rate only where the judge gave a verdict in every order; the others are "
    "counted as missing or invalid, and below 99 % coverage there is no headline figure.",
    "Judges tend to prefer longer answers. The length-controlled win rate estimates what the judge would say at equal "
    "length; it rests on a model of that liking.",
    "Language fidelity is a language identifier's verdict, on whole answers and on lines. It errs on short texts, on "
    "small languages and between close ones.",
    "chrF and BLEU say how near an answer is to the reference's wording. Two good answers need not look alike.",
)


@dataclass(frozen=True)
class ModelCard:
    """A model that took part: its role, name, fingerprint (what it is, not what it is called) and licence."""

    role: str
    name: str
    fingerprint: str
    licence: str


@dataclass(frozen=True)
class EarlierRelease:
    """An earlier release that was judged on the same prompts.

    Attributes:
        release: its name.
        judgements: rows of ``Judgement`` of it.
        notes: what else differs between the two and makes the comparison hard to read, a sentence each.
    """

    release: str
    judgements: pl.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportData:
    """All that a report shows. Every frame may be empty; the report then says so or leaves the part out.

    Attributes:
        release: name of the release.
        date: as it shall be written; the report itself knows no clock.
        models: the models of all roles.
        funnel: a frame of ``funnel.FUNNEL``, steps in the pipeline's order.
        translations: a frame of ``funnel.FUNNEL``: the English prompts that a model translated into each language.
        win_rates: rows of ``WinRate`` of this release.
        language_fidelity: rows of ``LanguageFidelity`` of this release, of all models.
        criterion_scores: rows of ``CriterionScore`` of this release.
        responses: rows of ``ModelResponse`` of this release, the reference's among them; for the examples.
        judgements: rows of ``Judgement`` of this release.
        model_scores: rows of ``ModelScore`` of this release.
        language_confusion: rows of ``LanguageConfusionRow`` of this release.
        reference_metrics: rows of ``ReferenceMetric`` of this release.
        judge_figures: rows of ``JudgeFigure`` of this release.
        surrogate_scores: rows of ``SurrogateScore`` of this release.
        surrogate_report: how well the surrogate agrees with the judge; see `surrogate.SurrogateJudge`.
        earlier: the release that this one is compared with.
        steps: a frame of ``STEPS``.
        training_rows: a frame with the columns of ``TRAINING_ROWS``; one row of each language is shown.
        caveats: what a reader must know to not misread the figures, a paragraph each.
        examples: how many prompts of each language are shown.
        confidence: that the intervals of ``win_rates`` were made with.
    """

    release: str
    date: str
    models: tuple[ModelCard, ...] = ()
    funnel: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FUNNEL))
    translations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FUNNEL))
    win_rates: pl.DataFrame = field(default_factory=lambda: empty_table(WinRate))
    language_fidelity: pl.DataFrame = field(default_factory=lambda: empty_table(LanguageFidelity))
    criterion_scores: pl.DataFrame = field(default_factory=lambda: empty_table(CriterionScore))
    responses: pl.DataFrame = field(default_factory=lambda: empty_table(ModelResponse))
    judgements: pl.DataFrame = field(default_factory=lambda: empty_table(Judgement))
    model_scores: pl.DataFrame = field(default_factory=lambda: empty_table(ModelScore))
    language_confusion: pl.DataFrame = field(default_factory=lambda: empty_table(LanguageConfusionRow))
    reference_metrics: pl.DataFrame = field(default_factory=lambda: empty_table(ReferenceMetric))
    judge_figures: pl.DataFrame = field(default_factory=lambda: empty_table(JudgeFigure))
    surrogate_scores: pl.DataFrame = field(default_factory=lambda: empty_table(SurrogateScore))
    surrogate_report: Mapping[str, Any] = field(default_factory=dict)
    earlier: EarlierRelease | None = None
    steps: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STEPS))
    training_rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRAINING_ROWS))
    caveats: tuple[str, ...] = CAVEATS
    examples: int = 2
    confidence: float = 0.95

    @property
    def interval(self) -> str:
        """How the intervals are called, e.g. ``95 % interval``."""
        return f"{100 * self.confidence:g} % interval"


def as_table(frame: pl.DataFrame, schema: type[dy.Schema]) -> pl.DataFrame:
    """Rows of a table that an earlier version of the code may have written: columns it did not know are null."""
    types = {name: column.dtype for name, column in schema.columns().items()}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in types.items()
    )
