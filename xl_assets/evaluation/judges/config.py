"""What a judge is: a template plus a small configuration, read from a folder with a ``judge.toml``.

Shipped judges are folders below ``generation/prompts/evaluation/judges``; a user's own is a folder by path::

    my_judge/
      judge.toml                 the configuration, see `Judge`
      template.txt               the message that shows instruction and answers; fields in braces
      system.txt                 a system message, where there is one
      without_reference.txt      rubric only: instead of template.txt where a row has no reference
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xl_assets.generation.calls import Sampling
from xl_assets.generation.prompts import Prompt, load_prompt
from xl_assets.identity import parameters_hash

REFERENCE_FIRST = "reference_first"
MODEL_FIRST = "model_first"
BOTH_ORDERS = (REFERENCE_FIRST, MODEL_FIRST)

#: Fields that a template must and may have, by kind.
FIELDS = {
    "pairwise": ({"instruction", "response_a", "response_b"}, {"target_language"}),
    "rubric": ({"instruction", "response"}, {"target_language", "criteria", "reference"}),
}
SHIPPED = "evaluation/judges"


class JudgeError(ValueError):
    """A judge that is not there, or can't judge what it was given; the message names the remedy."""


@dataclass(frozen=True)
class Judge:
    """How a judge is asked and how it is understood. Which model answers is a binding's to say.

    Attributes:
        name: of the shipped judge or of the user's folder.
        kind: ``pairwise`` (which of two answers is better) or ``rubric`` (scores of one answer).
        prompt: the message. Fields of ``pairwise``: ``instruction``, ``response_a``, ``response_b``; of ``rubric``:
            ``instruction``, ``response``, and if wanted ``reference`` and ``criteria``. ``target_language`` in both.
        system: the system message, or None. It has no fields.
        sampling: of every call.
        attempts: at most so many attempts for an answer that can't be read.
        orders: in which orders a pair is shown.
        verdict: ``logprob``: P(first label) / (P(first label) + P(second label)) of the first answer token;
            ``choice``: the label that was written.
        labels: what names the first shown answer as the better one, and what the second.
        tie: the label of a tie (``choice`` only), or None.
        exact_tokens: compare tokens letter for letter, as AlpacaEval does; else without white space around them.
        strict: nothing but a label may have been written. Off, whatever was written counts if a label is among the
            returned tokens (AlpacaEval), and so a refusal is scored by what little probability was left.
        answer: how a rubric's scores are written: ``json``, an object of all criteria; ``result``, words and then
            ``[RESULT]`` and one score (Hercule, Prometheus), for one criterion.
        criteria: name -> what the rater is told (``rubric``).
        scale: lowest and highest score (``rubric``).
        without_reference: the message for a row that has no reference; None: `prompt` shows none.
    """

    name: str
    kind: Literal["pairwise", "rubric"]
    prompt: Prompt
    sampling: Sampling
    system: Prompt | None = None
    attempts: int = 1
    orders: tuple[str, ...] = BOTH_ORDERS
    verdict: Literal["logprob", "choice"] = "logprob"
    labels: tuple[str, str] = ("m", "M")
    tie: str | None = None
    exact_tokens: bool = True
    strict: bool = True
    answer: Literal["json", "result"] = "json"
    criteria: Mapping[str, str] = field(default_factory=dict)
    scale: tuple[int, int] = (1, 5)
    without_reference: Prompt | None = None

    def __post_init__(self) -> None:
        check_orders(self.orders)

    @property
    def hash(self) -> str:
        """Address of all that decides what this judge is asked and how it is understood.

        Its name is not in it, nor the orders: every judgement has its own."""
        texts = {name: getattr(self, name) for name in ("prompt", "system", "without_reference")}
        names = ("kind", "attempts", "verdict", "labels", "tie", "exact_tokens", "strict", "answer", "scale")
        plain = {name: getattr(self, name) for name in names}
        prompts = {name: prompt.template if prompt else None for name, prompt in texts.items()}
        lists = {"criteria": list(self.criteria.items()), "sampling": self.sampling.parameters()}
        return parameters_hash({**plain, **prompts, **lists})

    @property
    def one_token(self) -> bool:
        """Whether one token is all that is wanted, so that an answer which was cut after it is whole."""
        return self.kind == "pairwise" and self.verdict == "logprob" and self.sampling.max_tokens == 1

    def with_orders(self, orders: Sequence[str]) -> "Judge":
        """The same judge, shown pairs in other orders."""
        return replace(self, orders=tuple(orders))


def shipped_judges() -> tuple[str, ...]:
    """Names of the judges that come with the package."""
    folder = files("xl_assets.generation.prompts") / SHIPPED
    return tuple(sorted(entry.name for entry in folder.iterdir() if (entry / "judge.toml").is_file()))


def load_judge(judge: str | Path, prompt_folder: Path | None = None) -> Judge:
    """Load a shipped judge by name or a user's own by its folder.

    Args:
        judge: name, or path of a folder with a ``judge.toml``.
        prompt_folder: a user's own prompts, looked in before the shipped ones.

    Raises:
        JudgeError: no such judge, or a configuration or template that can't be used; names what and where.
    """
    if str(judge) in shipped_judges():
        name = str(judge)
        find = partial(_prompt, place=f"{SHIPPED}/{name}/", folder=prompt_folder)
        return _read(name, files("xl_assets.generation.prompts") / SHIPPED / name, find)
    folder = Path(judge).expanduser()
    if not (folder / "judge.toml").is_file():
        raise JudgeError(
            f"no judge {str(judge)!r}: give one of {', '.join(shipped_judges())}, "
            "or the path of a folder with judge.toml and template.txt"
        )
    return _read(folder.resolve().name, folder, partial(_prompt, place="", folder=folder.resolve()))


def check_orders(orders: Sequence[str]) -> None:
    """Refuse orders that are none.

    Raises:
        JudgeError: names the orders that there are.
    """
    if not orders or set(orders) - set(BOTH_ORDERS) or len(set(orders)) != len(orders):
        raise JudgeError(f"orders must be some of {', '.join(BOTH_ORDERS)}, each once; got {tuple(orders)}")


class _Sampling(BaseModel):
    model_config = ConfigDict(extra="forbid")
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 8
    stop: tuple[str, ...] = ()
    top_logprobs: Annotated[int, Field(ge=1, le=20)] | None = None
    structured: bool = False


class _File(BaseModel):
    """``judge.toml``: the fields of `Judge`, and `Sampling`'s in ``[sampling]``."""

    model_config = ConfigDict(extra="forbid")
    description: str = ""
    kind: Literal["pairwise", "rubric"]
    template: str = "template"
    template_without_reference: str | None = None
    verdict: Literal["logprob", "choice"] = "logprob"
    labels: tuple[str, str] = ("m", "M")
    tie: str | None = None
    tokens: Literal["exact", "stripped"] = "exact"
    strict: bool = True
    answer: Literal["json", "result"] = "json"
    orders: tuple[str, ...] = BOTH_ORDERS
    attempts: Annotated[int, Field(ge=1)] = 1
    scale: tuple[int, int] = (1, 5)
    criteria: dict[str, str] = {}
    sampling: _Sampling = _Sampling()

    @model_validator(mode="after")
    def _sound(self) -> "_File":
        labels = [*self.labels, *([self.tie] if self.tie is not None else [])]
        if len(set(labels)) != len(labels) or any(not label or label != label.strip() for label in labels):
            raise ValueError(f"labels {labels} must differ and have no blanks around them")
        if self.kind == "pairwise" and self.verdict == "logprob" and self.sampling.top_logprobs is None:
            raise ValueError("verdict logprob needs sampling.top_logprobs (5 as AlpacaEval, at most 20)")
        if self.verdict == "logprob" and self.tie is not None:
            raise ValueError("a tie label needs verdict = choice: log probabilities weigh two labels")
        if self.kind == "rubric" and not self.criteria:
            raise ValueError("a rubric needs [criteria]: name = what the rater is told")
        if self.answer == "result" and (len(self.criteria) != 1 or self.sampling.structured):
            raise ValueError("answer result has one criterion, and no structured sampling: words come before the score")
        if not 0 <= self.scale[0] < self.scale[1] <= 100:
            raise ValueError(f"scale {self.scale} must be two whole numbers from 0 to 100, the lower one first")
        return self


def _read(name: str, folder: Traversable, find: partial) -> Judge:
    try:
        given = _File.model_validate(tomllib.loads((folder / "judge.toml").read_text(encoding="utf-8")))
        judge = Judge(
            name=name,
            kind=given.kind,
            prompt=find(given.template),
            sampling=_sampling(given),
            system=find("system") if (folder / "system.txt").is_file() else None,
            attempts=given.attempts,
            orders=given.orders,
            verdict=given.verdict,
            labels=given.labels,
            tie=given.tie,
            exact_tokens=given.tokens == "exact",
            strict=given.strict,
            answer=given.answer,
            criteria=given.criteria,
            scale=given.scale,
            without_reference=_without_reference(given, folder, find),
        )
        _check_fields(judge)
    except ValueError as error:  # of TOML, of pydantic, of templates and ours alike
        raise JudgeError(f"judge {name}: {error}") from error
    return judge


def _prompt(name: str, place: str, folder: Path | None) -> Prompt:
    """A file beside ``judge.toml``, else a shipped prompt by its whole name, e.g. ``evaluation/pairwise``."""
    own = folder / f"{name}.txt" if folder and not place else None
    if own is not None and own.is_file():  # read here: `load_prompt` remembers, and a user's judge is worked on
        return Prompt(f"{own.parent.name}/{name}", own.read_text(encoding="utf-8").strip())
    return load_prompt(name if "/" in name else f"{place}{name}", folder)


def _without_reference(given: _File, folder: Traversable, find: partial) -> Prompt | None:
    if given.template_without_reference is not None:
        return find(given.template_without_reference)
    return find("without_reference") if (folder / "without_reference.txt").is_file() else None


def _sampling(given: _File) -> Sampling:
    wanted = given.sampling
    labels = (*given.labels, *([given.tie] if given.tie is not None else []))
    pairwise, structured = given.kind == "pairwise", wanted.structured
    return Sampling(
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        max_tokens=wanted.max_tokens,
        stop=wanted.stop,
        choice=labels if structured and pairwise else None,
        json_schema=_schema(given) if structured and not pairwise else None,
        logprobs=wanted.top_logprobs,
    )


def _schema(given: _File) -> dict:
    score = {"type": "integer", "minimum": given.scale[0], "maximum": given.scale[1]}
    return {
        "type": "object",
        "properties": dict.fromkeys(given.criteria, score),
        "required": list(given.criteria),
        "additionalProperties": False,
    }


def _check_fields(judge: Judge) -> None:
    must, may = FIELDS[judge.kind]
    for prompt in filter(None, (judge.prompt, judge.without_reference)):
        missing, unknown = must - set(prompt.fields), set(prompt.fields) - must - may
        if missing or unknown:
            raise JudgeError(
                f"template {prompt.name} lacks the fields {sorted(missing)} and has the unknown "
                f"{sorted(unknown)}; a {judge.kind} template may have {', '.join(sorted(must | may))}"
            )
    if judge.system is not None and judge.system.fields:
        raise JudgeError(f"system.txt has fields {list(judge.system.fields)}; it may have none")
    if judge.without_reference is not None and "reference" in judge.without_reference.fields:
        raise JudgeError(f"template {judge.without_reference.name} shows a reference; it must not")
    if "reference" in judge.prompt.fields and judge.without_reference is None:
        raise JudgeError("the template shows a reference, and rows without one need without_reference.txt")
