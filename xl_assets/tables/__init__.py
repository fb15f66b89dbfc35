"""The contract of every table: columns, types, keys and rules; one file for each stage of the pipeline.

A step that filters keeps what it rejects: `kept` is False and `reasons` says why; the next step reads
the kept rows. `check_table` is what assets and tests call on a frame before it is written. An asset's code
version names `contract` and the files of its own stage, so that a table of the report makes no candidate stale.

Tables whose contract is beside the functions that fill them: ``language_confusion``
(`evaluation.contract_fidelity.LanguageConfusionRow`), ``prompt_translations`` (`evaluation.contract_prompts`),
``surrogate_scores`` (`evaluation.contract_surrogate`).
"""

from xl_assets.tables.contract import Filtered, TableError, check_table, empty_table
from xl_assets.tables.evaluation import CriterionScore, EvalPrompt, Judgement, LanguageFidelity, ModelResponse
from xl_assets.tables.generation import (
    SCORES,
    InstructionCandidate,
    LanguageFiltered,
    Question,
    RefinedResponse,
    ScoredPair,
    SelectedTranslation,
    TranslationCandidate,
    XLInstruct,
)
from xl_assets.tables.release import ReleaseFile
from xl_assets.tables.scores import JudgeFigure, ModelScore, ReferenceMetric, WinRate
from xl_assets.tables.seeds import FilteredDocument, IdentifiedDocument, Passage, QuarantinedLine, SeedDocument
from xl_assets.tables.training import MESSAGES, SftModel, SftRow

__all__ = [
    "MESSAGES",
    "SCORES",
    "CriterionScore",
    "EvalPrompt",
    "Filtered",
    "FilteredDocument",
    "IdentifiedDocument",
    "InstructionCandidate",
    "JudgeFigure",
    "Judgement",
    "LanguageFidelity",
    "LanguageFiltered",
    "ModelResponse",
    "ModelScore",
    "Passage",
    "QuarantinedLine",
    "Question",
    "ReferenceMetric",
    "RefinedResponse",
    "ReleaseFile",
    "ScoredPair",
    "SeedDocument",
    "SelectedTranslation",
    "SftModel",
    "SftRow",
    "TableError",
    "TranslationCandidate",
    "WinRate",
    "XLInstruct",
    "check_table",
    "empty_table",
]
