"""Profiles: which corpora, models and settings a lake is built with. One TOML file each.

`demo` is shipped with its corpus and models; `laptop`, `gpu` and `paper` show what real work needs.
A user's own profile is a TOML file by path. Relative paths are relative to the checkout for a shipped
profile and to the file's folder for a user's own.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xl_assets.evaluation.prompts.files import is_hub_id

ROLES = ("teacher", "translator", "quality_estimator", "judge", "reference", "base")
Role = Literal["teacher", "translator", "prompt_translator", "quality_estimator", "judge", "reference", "base"]

#: A role that a profile need not name -> the one whose model plays it then.
STAND_INS: dict[Role, Role] = {"prompt_translator": "translator"}

SHIPPED = Path(__file__).parent / "profiles"
CHECKOUT = Path(__file__).parent.parent


class ProfileError(ValueError):
    """A profile that is not there or cannot be used as it is."""


class SeedSource(BaseModel):
    """Where a language's documents come from.

    Attributes:
        path: file, glob, folder or URL; ``{language}`` stands for the code.
        columns: our column -> the source's column, e.g. ``{"text" = "content"}``.
        language_column: the source's column that names a row's language, where one file holds several.
        source: name of the corpus for lineage, where the rows have none.
        license: licence of the corpus, where the rows have none.
        layout: name of a published corpus' columns, e.g. ``fineweb2``.
        sample: share of the documents, chosen by a hash of their id.
        text_unit: what a document of plain text is: a ``file``, a ``block`` between blank lines, or a ``line``.
        readers: files that are read at once; changes no result.
    """

    model_config = ConfigDict(extra="forbid")
    path: str
    columns: dict[str, str] = Field(default_factory=dict)
    language_column: str | None = None
    source: str | None = None
    license: str | None = None
    layout: str | None = None
    sample: float = Field(default=1.0, gt=0, le=1)
    text_unit: Literal["file", "block", "line"] = "file"
    readers: int = Field(default=1, ge=1)

    def as_dict(self) -> dict[str, Any]:
        """All that decides what becomes of the files' bytes, for hashing: neither where they are nor how fast."""
        return self.model_dump(mode="json", exclude={"path", "readers"})


class QualitySource(BaseModel):
    """Good and bad examples of a language, to train its quality classifier on.

    Attributes:
        positives: path, or paths, of documents as the corpus should be; ``{language}`` stands for the code.
        negatives: the same of documents as it should not be.
        columns: our column -> the sources', for both.
        license: licence of the examples, where the rows have none.
    """

    model_config = ConfigDict(extra="forbid")
    positives: str | list[str]
    negatives: str | list[str]
    columns: dict[str, str] = Field(default_factory=dict)
    license: str | None = None


class PerplexitySource(BaseModel):
    """A language's KenLM model, and the SentencePiece model of its tokens where it was trained on such."""

    model_config = ConfigDict(extra="forbid")
    model: str
    sentencepiece: str | None = None


class QualitySection(BaseModel):
    """Models that score documents; by language, or ``default`` for every language.

    Attributes:
        sources: examples to train classifiers on. A language without has none, and its documents no score.
        training: fields of `quality.settings.QualityTrainingSettings`.
        share: share of each language's documents to keep.
        shares: language -> share, stronger than `share`.
        perplexity: KenLM models.
    """

    model_config = ConfigDict(extra="forbid")
    sources: dict[str, QualitySource] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    share: float = 1.0
    shares: dict[str, float] = Field(default_factory=dict)
    perplexity: dict[str, PerplexitySource] = Field(default_factory=dict)


class EvaluationSource(BaseModel):
    """The prompts that models are judged on.

    Attributes:
        prompts: file by path or URL, or the hub id ``owner/name`` of a data set that holds one such file.
        columns: our column -> the file's, where the names are not the known ones.
        exclude: prompts to leave out: ids, ``/expressions/``, or ``@`` and the name of a shipped set.
        translate: whether the role ``prompt_translator``, which the translator plays unless ``[roles]`` names another
            model, translates the instructions themselves (m-AlpacaEval).
        attempts: at most so many for an answer.
        max_tokens: longest answer.
        difficulty: CSV of ``instruction``, ``difficulty`` for AlpacaEval's length-controlled win rate, or None.
        known: preferences of people in AlpacaEval's annotation format, which the judge is compared with, or None.
        settings: of judges, intervals and scores; see `settings.EvaluationSettings`.
    """

    model_config = ConfigDict(extra="forbid")
    prompts: str
    columns: dict[str, str] = Field(default_factory=dict)
    exclude: list[str] = Field(default_factory=list)
    translate: bool = False
    attempts: int = 1
    max_tokens: int = 512
    difficulty: str | None = None
    known: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class OpenLineageSection(BaseModel):
    """What becomes of OpenLineage events; by default they are files in the lake's folder ``lineage``.

    Attributes:
        enabled: whether there are any.
        namespace: of jobs and tables; default ``xl-assets/<name of the profile>``.
        url: of a server that events are sent to as well, e.g. Marquez's; never with a password in it.
        endpoint: path below the URL; default ``api/v1/lineage``.
        api_key_variable: NAME of the environment variable that holds the server's key.
        timeout: seconds to wait for the server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    enabled: bool = True
    namespace: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}$")
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")
    endpoint: str | None = None
    api_key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
    timeout: float = Field(default=5.0, gt=0)


class Profile(BaseModel):
    """All configuration of a lake."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())
    name: str
    description: str
    languages: list[str]
    release: str
    seeds: dict[str, SeedSource]
    lid_model: str | None = None
    language_file: str | None = None
    prompt_folder: str | None = None
    models: dict[str, dict[str, Any]]
    roles: dict[Role, str]
    passages: dict[str, Any] = Field(default_factory=dict)
    identification: dict[str, Any] = Field(default_factory=dict)
    filters: dict[str, Any] = Field(default_factory=dict)
    quality: QualitySection = Field(default_factory=QualitySection)
    xl_instruct: dict[str, Any] = Field(default_factory=dict)
    mixture: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    evaluation: EvaluationSource
    openlineage: OpenLineageSection = Field(default_factory=OpenLineageSection)
    base_folder: Path = CHECKOUT

    @model_validator(mode="after")
    def _complete(self) -> "Profile":
        if missing := [role for role in ROLES if role not in self.roles]:
            raise ValueError(f"[roles] lacks {', '.join(missing)}: name a model of [models] for each")
        for role, stand_in in STAND_INS.items():
            self.roles.setdefault(role, self.roles[stand_in])
        if unknown := sorted(set(self.roles.values()) - set(self.models)):
            raise ValueError(f"[roles] names {', '.join(unknown)}, which [models] does not have")
        if "default" not in self.seeds and (missing := [c for c in self.languages if c not in self.seeds]):
            raise ValueError(f"[seeds] has neither a default nor an entry for {', '.join(missing)}")
        # A data set on the hub is not below this folder; from here on it is a URL like any other.
        prompts = self.evaluation.prompts
        if is_hub_id(prompts) and not (self.base_folder / prompts).exists():
            self.evaluation.prompts = f"hf://datasets/{prompts}"
        return self

    def seed_source(self, language: str) -> SeedSource:
        """The source of a language: its own entry, else the default one.

        Raises:
            ProfileError: where there is neither.
        """
        source = self.seeds.get(language) or self.seeds.get("default")
        if source is None:
            raise ProfileError(
                f"profile {self.name} has no seed corpus for {language!r}: add [seeds.{language}] with a path to it"
            )
        return source.model_copy(update={"path": self.place(source.path.replace("{language}", language))})

    def quality_source(self, language: str) -> QualitySource | None:
        """A language's examples of good and bad documents with paths that can be opened; None without any."""
        found = self.quality.sources.get(language) or self.quality.sources.get("default")
        if found is None:
            return None
        placed = {name: self._places(getattr(found, name), language) for name in ("positives", "negatives")}
        return found.model_copy(update=placed)

    def perplexity_source(self, language: str) -> PerplexitySource | None:
        """A language's KenLM model with paths that can be opened; None without one."""
        found = self.quality.perplexity.get(language) or self.quality.perplexity.get("default")
        if found is None:
            return None
        pieces = self._places([found.sentencepiece], language)[0] if found.sentencepiece else None
        return PerplexitySource(model=self._places(found.model, language)[0], sentencepiece=pieces)

    def place(self, path: str) -> str:
        """A path or URL as it can be opened: relative paths are put below the profile's folder."""
        if "://" in path or Path(path).is_absolute():
            return path
        return str(self.base_folder / path)

    def _places(self, paths: str | list[str], language: str) -> list[str]:
        given = [paths] if isinstance(paths, str) else paths
        return [self.place(path.replace("{language}", language)) for path in given]

    def model(self, role: Role) -> Mapping[str, Any]:
        """The binding's fields of the model that plays a role, with its path made absolute if it is a folder here."""
        fields = dict(self.models[self.roles[role]])
        local = self.base_folder / str(fields.get("model", ""))
        if local.exists():
            fields["model"] = str(local)
        return {**fields, "role": role}


def load_profile(name: str) -> Profile:
    """Load a shipped profile by name or a user's by path.

    Raises:
        ProfileError: names the shipped profiles, the file's problem and its place.
    """
    shipped = SHIPPED / f"{name}.toml"
    file = shipped if shipped.is_file() else Path(name).expanduser()
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.toml")))
        raise ProfileError(
            f"no profile {name!r}: give the path of a TOML file or one of {known} (XL_PROFILE or --profile)"
        )
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
        folder = CHECKOUT if file == shipped else file.resolve().parent
        return Profile(**fields, base_folder=folder)
    except (tomllib.TOMLDecodeError, ValidationError, ValueError) as error:
        raise ProfileError(f"profile {file.name} cannot be used: {error}") from error
