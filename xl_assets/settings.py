"""Settings by name: what a profile's sections become, and what of them decides a table."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from xl_assets.evaluation.criteria_scores import CriteriaSettings
from xl_assets.evaluation.fidelity.lines import ConfusionSettings
from xl_assets.evaluation.judges.config import load_judge, shipped_judges
from xl_assets.evaluation.judging import JudgeSettings
from xl_assets.evaluation.prompts.translating import TranslationSettings
from xl_assets.evaluation.reference_metrics import ReferenceMetricSettings
from xl_assets.evaluation.responses import ResponseSettings
from xl_assets.evaluation.surrogate import SurrogateSettings
from xl_assets.evaluation.win_rate import WinRateSettings
from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.generation.calls import Sampling
from xl_assets.generation.recipes.xl_instruct import XLInstructSettings
from xl_assets.profile import Profile, ProfileError
from xl_assets.quality.settings import QualitySettings, QualityTrainingSettings
from xl_assets.seeds.passages import PassageSettings
from xl_assets.seeds.source_hash import source_hash
from xl_assets.training.mixture import PRESETS, MixtureSettings
from xl_assets.training.settings import SftSettings


@dataclass(frozen=True)
class PromptSettings:
    """What becomes of the file of evaluation prompts.

    Attributes:
        exclude: prompts to leave out; see `evaluation.prompts.exclusions.mark_excluded`.
        columns: our column -> the file's.
        translate: whether instructions are translated, too.
        translation: how.
    """

    exclude: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    translate: bool = False
    translation: TranslationSettings = field(default_factory=TranslationSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the hash of the prompt in use."""
        # A rule stands between slashes, as an absolute path could.
        exclude = [{"rule": entry[1:-1]} if entry.startswith("/") else entry for entry in self.exclude]
        prompt = self.translation.prompt
        return {**_jsonable(self), "exclude": exclude, "prompts": {prompt.name: prompt.hash}}


@dataclass(frozen=True)
class EvaluationSettings:
    """How models are asked and judged, and how that is scored.

    Attributes:
        responses: sampling of the evaluated models.
        judge: which pairwise judge, orders and sampling.
        criteria: the rubric judge, or the criteria that single responses are rated on.
        win_rate: resamples, confidence and seed of all intervals.
        english_references: whether the rubric judge is shown the reference's answer to the English prompt.
        confusion: what counts as a line or a word in another language.
        overlap: how answers are compared with the reference's.
        surrogate: how the surrogate judge learns.
        difficulty: file of the instructions' difficulty, or None.
        known: file of people's preferences, or None.
    """

    responses: ResponseSettings = field(default_factory=ResponseSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    criteria: CriteriaSettings = field(default_factory=CriteriaSettings)
    win_rate: WinRateSettings = field(default_factory=WinRateSettings)
    english_references: bool = False
    confusion: ConfusionSettings = field(default_factory=ConfusionSettings)
    overlap: ReferenceMetricSettings = field(default_factory=ReferenceMetricSettings)
    surrogate: SurrogateSettings = field(default_factory=SurrogateSettings)
    difficulty: Path | None = None
    known: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the hashes of prompts, judges and files in use: a user's own have no code version."""
        prompts = (self.responses.prompt, self.judge.prompt, self.criteria.prompt)
        judges = {"judge": self.judge.config, "criteria": self.criteria.config}
        values = _jsonable(self)
        for name, judge in judges.items():
            # The name, not the folder, which is a path of this machine.
            values[name]["judge"] = judge.name
        return {
            **values,
            "prompts": {prompt.name: prompt.hash for prompt in prompts},
            "judges": {name: judge.hash for name, judge in judges.items()},
            **{name: source_hash(str(file)) for name in ("difficulty", "known") if (file := getattr(self, name))},
        }


def settings_of(profile: Profile, name: str) -> Any:
    """Build the settings of one section.

    Args:
        profile: the loaded profile.
        name: identification, filters, quality, quality_training, passages, xl_instruct, mixture, training,
            evaluation_prompts or evaluation.

    Raises:
        ProfileError: names the section and what is wrong with it.
    """
    try:
        return _BUILDERS[name](profile)
    except (TypeError, ValueError) as error:
        raise ProfileError(f"profile {profile.name}, [{name}]: {error}") from error


def plain(settings: Any) -> dict[str, Any]:
    """Settings as JSON-able values, for hashes, records and manifests; no paths of this machine."""
    if hasattr(settings, "as_dict"):
        return settings.as_dict()
    if isinstance(settings, SftSettings):
        return {"parameters": settings.parameters()}
    if hasattr(settings, "model_dump"):
        return settings.model_dump(mode="json")
    return {name: _jsonable(value) for name, value in asdict(settings).items() if name != "prompt_folder"}


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _jsonable(getattr(value, f.name)) for f in fields(value) if f.name != "prompt_folder"}
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items() if k != "prompt_folder"}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, Path) else value


def _filters(profile: Profile) -> FilterSettings:
    given = FilterSettings(**profile.filters)
    return replace(
        given,
        compliance=given.compliance.placed(profile.place),
        contamination=given.contamination.placed(profile.place),
    )


def _xl_instruct(profile: Profile) -> XLInstructSettings:
    return XLInstructSettings.from_dict({**profile.xl_instruct, **_prompt_folder(profile)})


#: What ``[evaluation.settings]`` may hold.
_EVALUATION = {
    *("orders", "judge", "rubric", "criteria", "english_references"),
    *("resamples", "confidence", "seed", "confusion", "overlap", "surrogate"),
}


def _evaluation(profile: Profile) -> EvaluationSettings:
    source, folder = profile.evaluation, _prompt_folder(profile)
    given = source.settings
    if unknown := sorted(set(given) - _EVALUATION):
        raise ValueError(f"unknown settings {unknown}; there are {', '.join(sorted(_EVALUATION))}")
    interval = {name: given[name] for name in ("resamples", "confidence", "seed") if name in given}
    criteria: dict[str, Any] = {"criteria": given["criteria"]} if "criteria" in given else {}
    rubric: dict[str, Any] = {"judge": _judge(profile, given["rubric"])} if "rubric" in given else {}
    return EvaluationSettings(
        ResponseSettings(Sampling(max_tokens=source.max_tokens), source.attempts, **folder),
        JudgeSettings(**_pairwise(profile), **folder),
        CriteriaSettings(**criteria, **rubric, **folder),
        WinRateSettings(**interval),
        bool(given.get("english_references", False)),
        ConfusionSettings(**_tuples(given.get("confusion", {}))),
        ReferenceMetricSettings(**given.get("overlap", {})),
        SurrogateSettings(**given.get("surrogate", {})),
        _file(profile, source.difficulty),
        _file(profile, source.known),
    )


def _evaluation_prompts(profile: Profile) -> PromptSettings:
    source = profile.evaluation
    translation = TranslationSettings(**_prompt_folder(profile))
    return PromptSettings(tuple(source.exclude), source.columns, source.translate, translation)


def _pairwise(profile: Profile) -> dict[str, Any]:
    """The pairwise judge that a profile names, in its own orders unless the profile gives others."""
    given = profile.evaluation.settings
    chosen: dict[str, Any] = {"judge": _judge(profile, given["judge"])} if "judge" in given else {}
    if "orders" in given:
        return {**chosen, "orders": tuple(given["orders"])}
    if chosen:
        chosen["orders"] = load_judge(chosen["judge"], _prompt_folder(profile).get("prompt_folder")).orders
    return chosen


def _judge(profile: Profile, name: str) -> str:
    return name if name in shipped_judges() else profile.place(name)


def _file(profile: Profile, path: str | None) -> Path | None:
    return Path(profile.place(path)) if path else None


def _tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _mixture(profile: Profile) -> MixtureSettings:
    given = dict(profile.mixture)
    preset = PRESETS[given.pop("preset", "xl_instruct")]
    return preset.model_copy(update=MixtureSettings(**given).model_dump(exclude_unset=True))


def _training(profile: Profile) -> SftSettings:
    base = profile.model("base")
    given = {"base_model": base["model"], "revision": base.get("revision"), **profile.training}
    return SftSettings(**given)


def _prompt_folder(profile: Profile) -> dict[str, Any]:
    return {"prompt_folder": Path(profile.place(profile.prompt_folder))} if profile.prompt_folder else {}


_BUILDERS = {
    "identification": lambda profile: IdentificationSettings(**profile.identification),
    "filters": _filters,
    "quality": lambda profile: QualitySettings(profile.quality.share, profile.quality.shares),
    "quality_training": lambda profile: QualityTrainingSettings(**profile.quality.training),
    "passages": lambda profile: PassageSettings(**profile.passages),
    "xl_instruct": _xl_instruct,
    "mixture": _mixture,
    "training": _training,
    "evaluation_prompts": _evaluation_prompts,
    "evaluation": _evaluation,
}
