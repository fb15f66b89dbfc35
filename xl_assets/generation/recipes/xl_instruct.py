"""XL-Instruct: English passages become English pairs, and their responses are translated into other languages.

passage -> question that it answers -> response, rewritten against criteria -> scored pair -> n translations
-> best of n (`selection`) -> English instruction with the directive "answer in X" (Iyer et al., 2025,
https://aclanthology.org/2025.findings-emnlp.550; prompts, criteria and thresholds are ours and configuration,
for the paper's are not public).

Each function takes kept rows of the table before and returns a whole table: kept and rejected rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from xl_assets.filters.reasons import add_reasons
from xl_assets.generation.calls import Answer, Sampling
from xl_assets.generation.criteria import DEFAULT_CRITERIA, criteria_schema, criteria_text
from xl_assets.generation.finishing import FinishingSettings
from xl_assets.generation.parsing import scores_json, text_answer
from xl_assets.generation.prompts import load_prompt
from xl_assets.generation.recipes.recipe import Fields, Step, instruction_candidates, kept_rows, run_step
from xl_assets.generation.selection import PROMPTS as SELECTION_PROMPTS
from xl_assets.generation.selection import SelectionSettings
from xl_assets.identity import content_address
from xl_assets.languages import get_language
from xl_assets.tables import (
    Question,
    RefinedResponse,
    ScoredPair,
    TranslationCandidate,
    check_table,
    empty_table,
)

RECIPE = "xl_instruct"
SOURCE_LANGUAGE = "en"

#: Asset -> the templates that it renders; their hashes belong in its code version.
PROMPTS: Mapping[str, tuple[str, ...]] = {
    "questions": ("xl_instruct/question",),
    "refined_responses": ("xl_instruct/refine",),
    "scored_pairs": ("xl_instruct/score",),
    "translation_candidates": ("xl_instruct/translate",),
    "selected_translations": SELECTION_PROMPTS,
}


class BadSettings(ValueError):
    """Settings with an unknown name or a value that makes no sense."""


@dataclass(frozen=True)
class XLInstructSettings:
    """Everything that decides what XL-Instruct makes, beside the models.

    Attributes:
        criteria: name -> meaning; what responses are refined and scored against.
        min_mean_score: pairs whose mean score (1 to 5) is lower are rejected.
        samples: translations per pair and language.
        temperature: of the English steps; 0 is greedy.
        translation_temperature: of the translations; above 0 where there are several samples.
        translation_top_p: nucleus mass of the translations.
        question_tokens: longest question, in tokens.
        response_tokens: longest refined response or translation, in tokens.
        score_tokens: longest score answer, in tokens.
        attempts: at most so many attempts where an answer can't be used.
        prompt_folder: a user's own templates, looked in before the shipped ones.
        selection: how the best of n is found.
        finishing: how candidates become training rows.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  for from_dict: a misspelt name must not pass for a default
    criteria: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_CRITERIA))
    min_mean_score: float = 4.0
    samples: int = 3
    temperature: float = 0.0
    translation_temperature: float = 0.7
    translation_top_p: float = 0.95
    question_tokens: int = 256
    response_tokens: int = 1024
    score_tokens: int = 128
    attempts: int = 2
    prompt_folder: Path | None = None
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    finishing: FinishingSettings = field(default_factory=FinishingSettings)

    def __post_init__(self) -> None:
        if self.samples < 1 or self.attempts < 1:
            raise BadSettings(f"samples and attempts must be at least 1, not {self.samples} and {self.attempts}")
        if self.samples > 1 and self.translation_temperature <= 0:
            raise BadSettings(
                f"{self.samples} greedy translations would all be the same: "
                "set translation_temperature above 0, or samples to 1"
            )

    def as_dict(self) -> dict[str, object]:
        """Values for a manifest, ready for JSON; the prompt folder stands there as its prompts' hashes."""
        values = asdict(self)
        folder = values.pop("prompt_folder")
        return {**values, "prompts": {name: prompt_hashes(name, folder) for name in PROMPTS}}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "XLInstructSettings":
        """Settings from a profile; what it does not name keeps its default.

        Raises:
            BadSettings: names every unknown setting and every value of a wrong type or out of range.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(cls).validate_python({**values})
        except ValidationError as error:
            raise BadSettings(f"XL-Instruct settings: {error}") from error


def prompt_hashes(asset: str, folder: Path | None = None) -> dict[str, str]:
    """Template name -> hash, of the templates that an asset of `PROMPTS` renders."""
    return {name: load_prompt(name, folder).hash for name in PROMPTS[asset]}


def steps(settings: XLInstructSettings) -> dict[str, Step]:
    """The recipe's model steps by name, in order; the selection's own step is in `selection`."""
    greedy, folder = settings.temperature, settings.prompt_folder
    asking = Sampling(greedy, max_tokens=settings.question_tokens)
    refining = Sampling(greedy, max_tokens=settings.response_tokens)
    scoring = Sampling(greedy, max_tokens=settings.score_tokens, json_schema=criteria_schema(settings.criteria))
    translating = Sampling(settings.translation_temperature, settings.translation_top_p, settings.response_tokens)
    return {
        "question": Step(
            "question",
            f"{RECIPE}/question",
            "teacher",
            asking,
            ("passage_id",),
            text_answer("instruction"),
            prompt_folder=folder,
        ),
        "refine": Step(
            "refine", f"{RECIPE}/refine", "teacher", refining, ("question_id",), text_answer("response"), None, folder
        ),
        "score": Step(
            "score", f"{RECIPE}/score", "teacher", scoring, ("pair_id",), scores_json(settings.criteria), None, folder
        ),
        "translate": Step(
            "translate",
            f"{RECIPE}/translate",
            "translator",
            translating,
            ("pair_id", "language"),
            text_answer("response"),
            settings.samples,
            folder,
        ),
    }


def write_questions(
    passages: pl.DataFrame, fingerprint: str, answer: Answer, settings: XLInstructSettings
) -> pl.DataFrame:
    """Write the question that each passage answers.

    Args:
        passages: table `Passage`.
        fingerprint: of the model in the role teacher.
        answer: as in `calls.complete_rows`.
        settings: the recipe's.

    Returns:
        A checked table `Question`.
    """
    rows = passages.select("passage_id", pl.col("text").alias("passage"))
    fields: Fields = {"passage": pl.col("passage")}
    asked = run_step(rows, steps(settings)["question"], fields, fingerprint, answer, settings.attempts)
    question_id = content_address("question", "passage_id", "instruction")
    return check_table(asked.with_columns(question_id.alias("question_id")), Question)


def refine_responses(
    questions: pl.DataFrame, fingerprint: str, answer: Answer, settings: XLInstructSettings
) -> pl.DataFrame:
    """Rewrite each passage as a response to its question, against the criteria.

    Args:
        questions: table `Question`.
        fingerprint: of the model in the role teacher.
        answer: as in `calls.complete_rows`.
        settings: the recipe's.

    Returns:
        A checked table `RefinedResponse`.
    """
    rows = kept_rows(questions, "question_id", "passage_id", "passage", "instruction")
    fields: Fields = {
        "criteria": criteria_text(settings.criteria),
        "instruction": pl.col("instruction"),
        "passage": pl.col("passage"),
    }
    refined = run_step(rows, steps(settings)["refine"], fields, fingerprint, answer, settings.attempts)
    pair_id = content_address("pair", "question_id", "instruction", "response")
    return check_table(refined.with_columns(pair_id.alias("pair_id")), RefinedResponse)


def score_pairs(
    responses: pl.DataFrame, fingerprint: str, answer: Answer, settings: XLInstructSettings
) -> pl.DataFrame:
    """Score each English pair on every criterion; a mean below the least is the reason ``low_score``.

    Args:
        responses: table `RefinedResponse`.
        fingerprint: of the model in the role teacher.
        answer: as in `calls.complete_rows`.
        settings: the recipe's.

    Returns:
        A checked table `ScoredPair`.
    """
    rows = kept_rows(responses, "pair_id", "question_id", "passage_id", "instruction", "response")
    fields: Fields = {
        "criteria": criteria_text(settings.criteria),
        "instruction": pl.col("instruction"),
        "response": pl.col("response"),
    }
    scored = run_step(rows, steps(settings)["score"], fields, fingerprint, answer, settings.attempts)
    too_low = pl.col("mean_score") < settings.min_mean_score
    return check_table(add_reasons(scored, {"low_score": too_low}), ScoredPair)


def translate(
    pairs: pl.DataFrame, languages: Sequence[str], fingerprint: str, answer: Answer, settings: XLInstructSettings
) -> pl.DataFrame:
    """Translate each pair's response into languages, several times; all languages in one call of `answer`.

    For English the response itself is the one candidate: sample 0, without a call.

    Args:
        pairs: table `ScoredPair`.
        languages: codes of the registry, each once.
        fingerprint: of the model in the role translator.
        answer: as in `calls.complete_rows`.
        settings: the recipe's.

    Returns:
        A checked table `TranslationCandidate`, language by language.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    rows = kept_rows(pairs, "pair_id", "instruction", "response").rename({"response": "source_response"})
    foreign = [code for code in languages if code != SOURCE_LANGUAGE]
    parts = [empty_table(TranslationCandidate)]
    if SOURCE_LANGUAGE in languages:
        parts.append(_identified(_untranslated(rows)))
    if foreign:
        parts.append(_identified(_translated(rows, foreign, fingerprint, answer, settings)))
    return check_table(pl.concat(parts), TranslationCandidate)


def to_instruction_candidates(selected: pl.DataFrame) -> pl.DataFrame:
    """Join each English instruction and its directive; a checked table `InstructionCandidate`.

    Args:
        selected: table `SelectedTranslation`, of one language or several.
    """
    rows = kept_rows(selected, "language", "instruction", "response", "pair_id", "candidate_id")
    return instruction_candidates(rows, RECIPE)


def _translated(
    rows: pl.DataFrame, languages: list[str], fingerprint: str, answer: Answer, settings: XLInstructSettings
) -> pl.DataFrame:
    names = {code: get_language(code).name for code in languages}
    targets = pl.DataFrame({"language": languages}, schema={"language": pl.String})
    wanted = targets.join(rows, how="cross", maintain_order="left_right")
    fields: Fields = {
        "source_language": get_language(SOURCE_LANGUAGE).name,
        "target_language": pl.col("language").replace_strict(names, return_dtype=pl.String),
        "text": pl.col("source_response"),
    }
    return run_step(wanted, steps(settings)["translate"], fields, fingerprint, answer, settings.attempts)


def _untranslated(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(SOURCE_LANGUAGE).alias("language"),
        pl.lit(0, dtype=pl.Int64).alias("sample"),
        pl.col("source_response").alias("response"),
        pl.lit(None, dtype=pl.String).alias("call_id"),
        pl.lit(True).alias("kept"),
        pl.lit([], dtype=pl.List(pl.String)).alias("reasons"),
    )


def _identified(rows: pl.DataFrame) -> pl.DataFrame:
    """Name each candidate. The sample counts: two samples may say the same, and both are rows."""
    candidate_id = content_address("candidate", "pair_id", "language", "sample", "response")
    named = rows.with_columns(candidate_id.alias("candidate_id"))
    return named.select(TranslationCandidate.column_names())
