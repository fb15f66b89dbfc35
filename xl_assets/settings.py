"""Settings by name: what a profile's sections become, and what of them decides a table."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from xl_assets.evaluation.criteria_scores import CriteriaSettings
from xl_assets.evaluation.judging import JudgeSettings
from xl_assets.evaluation.responses import ResponseSettings
from xl_assets.evaluation.win_rate import WinRateSettings
from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.generation.calls import Sampling
from xl_assets.generation.recipes.xl_instruct import XLInstructSettings
from xl_assets.profile import Profile, ProfileError
from xl_assets.quality.settings import QualitySettings, QualityTrainingSettings
from xl_assets.seeds.passages import PassageSettings
from xl_assets.training.mixture import PRESETS, MixtureSettings
from xl_assets.training.settings import SftSettings


@dataclass(frozen=True)
class EvaluationSettings:
    """How models are asked and judged.

    Attributes:
        responses: sampling of the evaluated models.
        judge: orders and sampling of the pairwise judge.
        criteria: the criteria that single responses are rated on.
        win_rate: resamples, confidence and seed of the interval.
    """

    responses: ResponseSettings = field(default_factory=ResponseSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    criteria: CriteriaSettings = field(default_factory=CriteriaSettings)
    win_rate: WinRateSettings = field(default_factory=WinRateSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with the hashes of the prompts in use: a user's own prompt folder has no code version."""
        prompts = (self.responses.prompt, self.judge.prompt, self.criteria.prompt)
        return {**_jsonable(self), "prompts": {prompt.name: prompt.hash for prompt in prompts}}


def settings_of(profile: Profile, name: str) -> Any:
    """Build the settings of one section.

    Args:
        profile: the loaded profile.
        name: identification, filters, quality, quality_training, passages, xl_instruct, mixture, training
            or evaluation.

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
    return replace(given, compliance=given.compliance.placed(profile.place))


def _xl_instruct(profile: Profile) -> XLInstructSettings:
    return XLInstructSettings.from_dict({**profile.xl_instruct, **_prompt_folder(profile)})


def _evaluation(profile: Profile) -> EvaluationSettings:
    source, folder = profile.evaluation, _prompt_folder(profile)
    given = source.settings
    if unknown := sorted(set(given) - {"orders", "resamples", "confidence", "seed", "criteria"}):
        raise ValueError(f"unknown settings {unknown}")
    interval = {name: given[name] for name in ("resamples", "confidence", "seed") if name in given}
    orders: dict[str, Any] = {"orders": tuple(given["orders"])} if "orders" in given else {}
    criteria: dict[str, Any] = {"criteria": given["criteria"]} if "criteria" in given else {}
    return EvaluationSettings(
        ResponseSettings(Sampling(max_tokens=source.max_tokens), source.attempts, **folder),
        JudgeSettings(**orders, **folder),
        CriteriaSettings(**criteria, **folder),
        WinRateSettings(**interval),
    )


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
    "evaluation": _evaluation,
}
