"""What the options of `xl corpus clean` and a profile say together, as settings and models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xl_assets.corpus.options import CorpusError
from xl_assets.filters.language_id import IdentificationSettings
from xl_assets.filters.pipeline import FilterSettings
from xl_assets.filters.quality_model import QualitySettings

if TYPE_CHECKING:
    from xl_assets.corpus.models import ModelFiles
    from xl_assets.profile import Profile


@dataclass(frozen=True)
class Asked:
    """The options that change settings; None and empty ones leave them as the profile has them.

    Attributes:
        rules: names of rule sets.
        thresholds: ``RULE=VALUE``, each stronger than the profile's.
        quality_models: ``CODE=PATH``.
        quality_share: share of the scored documents of every language to keep.
        prompts: files of evaluation prompts that no document may hold.
        across_languages: whether duplicates are looked for among all languages together.
        redact: whether personal data are replaced.
        refine: whether texts are mended.
    """

    rules: Sequence[str] = ()
    thresholds: Sequence[str] = ()
    quality_models: Sequence[str] = ()
    quality_share: float | None = None
    prompts: Sequence[str] = ()
    across_languages: bool = False
    redact: bool | None = None
    refine: bool | None = None


def settings_for(profile: "Profile | None", asked: Asked) -> tuple[IdentificationSettings, FilterSettings]:
    """The settings of identification and filters.

    Raises:
        ProfileError: of the profile.
        CorpusError: an option that can't be read, or a share of documents that nothing scores.
        QualityError: a share out of range.
    """
    identification, filters = IdentificationSettings(), FilterSettings()
    if profile is not None:
        # It knows the settings of all stages, and to import these takes longer than all else here.
        from xl_assets.settings import settings_of

        identification = settings_of(profile, "identification")
        filters = settings_of(profile, "filters").with_share(settings_of(profile, "quality"))
    if asked.rules:
        filters = replace(filters, sets=tuple(asked.rules))
    filters = replace(filters, thresholds={**filters.thresholds, **_thresholds(asked.thresholds)})
    if asked.quality_share is not None:
        if not asked.quality_models:
            raise CorpusError("--quality-share chooses by score: name what scores, --quality-model CODE=PATH")
        filters = replace(filters, quality=QualitySettings(asked.quality_share))
    if asked.prompts:
        filters = replace(filters, contamination=replace(filters.contamination, prompts=tuple(asked.prompts)))
    if asked.across_languages:
        filters = replace(filters, duplicates=replace(filters.duplicates, across_languages=True))
    if asked.redact is not None:
        filters = replace(filters, redact=asked.redact)
    if asked.refine is not None:
        filters = replace(filters, refine=asked.refine, repair=asked.refine)
    return identification, filters


def models_for(profile: "Profile | None", asked: Asked, filters: FilterSettings, language: str | None) -> "ModelFiles":
    """The models that score documents: the options' classifiers and, where a rule asks, the profile's KenLM models.

    Args:
        profile: whose `[quality.perplexity]` counts.
        asked: the options.
        filters: the settings that came of both.
        language: that all documents are declared to be in; None for those of the profile.

    Raises:
        CorpusError: an option that can't be read.
    """
    from xl_assets.corpus.models import ModelFiles
    from xl_assets.filters.perplexity import PerplexityModel

    quality = _pairs("--quality-model", asked.quality_models, "de=models/de.bin")
    if profile is None or not filters.asks_perplexity:
        return ModelFiles(quality)
    named = [code for code in profile.quality.perplexity if code != "default"]
    codes = dict.fromkeys([*profile.languages, *named]) if language is None else [language]
    sources = {code: source for code in codes if (source := profile.perplexity_source(code)) is not None}
    return ModelFiles(quality, {code: PerplexityModel(one.model, one.sentencepiece) for code, one in sources.items()})


def unscored(filters: FilterSettings, models: "ModelFiles") -> str | None:
    """What to tell where a best share is to be kept and nothing scores."""
    if models.quality or filters.quality == QualitySettings():
        return None
    return (
        "the profile keeps a best share, but no document gets a score: --quality-model CODE=PATH names a classifier "
        "of a language; the asset quality_model leaves them in the lake's models/quality"
    )


def _thresholds(given: Sequence[str]) -> dict[str, float]:
    return {rule: _number(rule, value) for rule, value in _pairs("--threshold", given, "words=50").items()}


def _number(rule: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise CorpusError(f"--threshold {rule}={value}: {value!r} is no number; give one, e.g. {rule}=0.2")
    return number


def _pairs(option: str, given: Sequence[str], example: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise CorpusError(f"{option} {text}: give a name and a value, e.g. {option} {example}")
        if name in pairs:
            raise CorpusError(f"{option}: {name} is given twice; give it once")
        pairs[name] = value
    return pairs
