"""What the teacher is taught: conversations over the pipeline's own prompts, one function a task."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from demo.models.faults import FAULTS, Mark, Response, draw_facts, glue, make_response
from demo.models.truth import REMARKS, better, scores, translation_quality
from demo.world.facts import Facts
from demo.world.text import LANGUAGE_NAMES, LANGUAGES, WORDINGS, instruction, passage, remark
from xl_assets.generation.criteria import criteria_text
from xl_assets.generation.prompts import load_prompt
from xl_assets.languages import DIRECTIVES

NAMES = {"en": "English", **LANGUAGE_NAMES}
FOREIGN = tuple(code for code in LANGUAGES if code != "en")


@dataclass(frozen=True)
class Sample:
    """One user message and the reply to it.

    Attributes:
        task: name of the task, with its kind after a colon.
        prompt: the user's message.
        answer: the assistant's reply.
        marks: ``(start, end, mark)`` in characters of the prompt: what is wrong there.
        language: language that the task is about.
        facts: ``(start, end, said, asked)`` in characters of the prompt (see `Response.facts`).
        ends: last character of each judged response, and its scores.
    """

    task: str
    prompt: str
    answer: str
    marks: tuple[tuple[int, int, Mark], ...] = ()
    language: str = "en"
    facts: tuple[tuple[int, int, int, int], ...] = ()
    ends: tuple[tuple[int, tuple[int, ...]], ...] = ()


def question(rng: random.Random, held_out: bool = False) -> Sample:
    """A passage, sometimes with a remark -> the instruction that it answers."""
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    prompt = load_prompt("xl_instruct/question").render(passage=_with_remark(rng, facts, wording))
    return Sample("question", prompt, instruction(facts, "en", wording))


def refine(rng: random.Random, held_out: bool = False) -> Sample:
    """A passage and its instruction -> the passage in the instruction's wording, without a remark."""
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    source = rng.randrange(WORDINGS) if rng.random() < 0.3 else wording
    prompt = load_prompt("xl_instruct/refine").render(
        criteria=criteria_text(),
        instruction=instruction(facts, "en", wording),
        passage=_with_remark(rng, facts, source),
    )
    return Sample("refine", prompt, passage(facts, "en", wording))


def translate(rng: random.Random, held_out: bool = False) -> Sample:
    """An English passage -> the same in another language, one time in three the other way round."""
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), rng.choice(FOREIGN)
    source, target = (code, "en") if rng.random() < 0.35 else ("en", code)
    prompt = load_prompt("xl_instruct/translate").render(
        source_language=NAMES[source], target_language=NAMES[target], text=passage(facts, source, wording)
    )
    task = "translate" if source == "en" else "translate:back"
    return Sample(task, prompt, passage(facts, target, wording), language=code)


def translate_prompt(rng: random.Random, held_out: bool = False) -> Sample:
    """An English instruction -> the same in another language: what the prompt translator is taught, and it alone."""
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), rng.choice(FOREIGN)
    prompt = load_prompt("evaluation/translate_prompt").render(
        target_language=NAMES[code], text=instruction(facts, "en", wording)
    )
    return Sample("translate_prompt", prompt, instruction(facts, code, wording), language=code)


def answer(rng: random.Random, held_out: bool = False) -> Sample:
    """An English instruction, mostly with a directive, or one in another language -> the passage."""
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), rng.choice(FOREIGN)
    kind = rng.choices(("directive", "same", "english"), (0.65, 0.2, 0.15))[0]
    if kind == "english":
        code = "en"
    prompt = load_prompt("xl_instruct/answer").render(instruction=ask(rng, facts, wording, code, kind))
    return Sample(f"answer:{kind}", prompt, passage(facts, code, wording), language=code)


def quality(rng: random.Random, held_out: bool = False) -> Sample:
    """An English passage and a translation of it -> one digit."""
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), rng.choice(FOREIGN)
    response = make_response(rng, facts, code, wording, _some_faults(rng), held_out)
    prompt = load_prompt("xl_instruct/translation_quality").render(
        source_language="English",
        target_language=NAMES[code],
        text=passage(facts, "en", wording),
        translation=response.text,
    )
    return Sample("quality", prompt, str(translation_quality(response.findings)), *_at_end(prompt, response, code))


def score(rng: random.Random, held_out: bool = False) -> Sample:
    """An English instruction and a response -> the scores as JSON."""
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    faults = tuple(f for f in _some_faults(rng) if f != "language")
    response = make_response(rng, facts, "en", wording, faults, held_out)
    prompt = load_prompt("xl_instruct/score").render(
        criteria=criteria_text(), instruction=instruction(facts, "en", wording), response=response.text
    )
    return Sample("score", prompt, json.dumps(scores(response.findings)), *_at_end(prompt, response, "en"))


def criteria(rng: random.Random, held_out: bool = False) -> Sample:
    """An instruction, a wanted language and a response -> the scores as JSON."""
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), _any_language(rng)
    response = make_response(rng, facts, code, wording, _some_faults(rng), held_out)
    prompt = load_prompt("evaluation/criteria").render(
        target_language=NAMES[code],
        criteria=criteria_text(),
        instruction=ask(rng, facts, wording, code, _any_form(rng)),
        response=response.text,
    )
    return Sample("criteria", prompt, json.dumps(scores(response.findings)), *_at_end(prompt, response, code))


#: Share of judged samples in which half of all facts are wrong. Telling right from wrong is learnt from these:
#: where few facts are wrong, calling all of them right is a trap that training does not leave.
MANY_WRONG = 0.45

#: Kind of pair -> its share, the faults of the worse response, and those of the other.
PAIRS = {
    "language": (0.32, ("language",), ()),
    "animal": (0.14, ("animal",), ()),
    "attributes": (0.22, ("attributes",), ()),
    "missing": (0.08, ("missing",), ()),
    "degenerate": (0.08, ("degenerate",), ()),
    "remark": (0.03, ("remark",), ()),
    "language over facts": (0.05, ("language",), ("attributes",)),
    "two languages": (0.03, ("language", "attributes"), ("language",)),
    "two faults": (0.05, ("attributes", "missing"), ("attributes",)),
    "facts": (0.0, ("facts",), ("facts",)),
}


@dataclass(frozen=True)
class Pair:
    """Two responses to one instruction; `turned` turns them round.

    Attributes:
        kind: one of `PAIRS`.
        form: how the instruction asks for the language (see `ask`).
        language: the wanted language.
        instruction: what was asked.
        a: the first response.
        b: the second response.
    """

    kind: str
    form: str
    language: str
    instruction: str
    a: Response
    b: Response

    def turned(self) -> "Pair":
        return replace(self, a=self.b, b=self.a)

    def sample(self) -> Sample:
        prompt = load_prompt("evaluation/pairwise").render(
            target_language=NAMES[self.language],
            instruction=self.instruction,
            response_a=self.a.text,
            response_b=self.b.text,
        )
        at = len(prompt) - len(self.b.text) - len("\n\nResponse B:\n") - len(self.a.text)
        parts = zip(_moved(self.a, at), _moved(self.b, len(prompt) - len(self.b.text)), strict=True)
        marks, facts, ends = (of_a + of_b for of_a, of_b in parts)
        letter = better(self.a.findings, self.b.findings)
        return Sample(f"pairwise:{self.kind}", prompt, letter, marks, self.language, facts, ends)


def draw_pair(rng: random.Random, held_out: bool = False, kind: str | None = None) -> Pair:
    """Draw an instruction with two responses of which one is better."""
    if kind is None and rng.random() < MANY_WRONG:
        kind = "facts"
    kind = kind or rng.choices(list(PAIRS), [share for share, _, _ in PAIRS.values()])[0]
    _, worse, other = PAIRS[kind]
    facts, wording, code = draw_facts(rng, held_out), rng.randrange(WORDINGS), _any_language(rng)
    while True:
        a, b = (make_response(rng, facts, code, wording, faults, held_out) for faults in (worse, other))
        if rng.random() < 0.5:
            a, b = b, a
        if better(a.findings, b.findings):
            break
    form = _any_form(rng)
    return Pair(kind, form, code, ask(rng, facts, wording, code, form), a, b)


def pairwise(rng: random.Random, held_out: bool = False, kind: str | None = None) -> Sample:
    """An instruction, a wanted language and two responses -> the better one's letter."""
    return draw_pair(rng, held_out, kind).sample()


#: Task -> its function and its share of the samples.
TASKS: dict[str, tuple[Callable[..., Sample], float]] = {
    "question": (question, 0.06),
    "refine": (refine, 0.07),
    "translate": (translate, 0.22),
    "answer": (answer, 0.20),
    "quality": (quality, 0.10),
    "score": (score, 0.07),
    "criteria": (criteria, 0.10),
    "pairwise": (pairwise, 0.18),
}


def draw_sample(rng: random.Random, held_out: bool = False, shares: dict[str, float] | None = None) -> Sample:
    """Draw a task by its share and a sample of it."""
    shares = shares or {name: share for name, (_, share) in TASKS.items()}
    task = rng.choices(list(shares), list(shares.values()))[0]
    return TASKS[task][0](rng, held_out)


def ask(rng: random.Random, facts: Facts, wording: int, code: str, form: str) -> str:
    """Return the instruction: in the language (``same``), in English, or in English with a directive."""
    if form == "same":
        return instruction(facts, code, wording)
    english = instruction(facts, "en", wording)
    if form == "english" and rng.random() < 0.7:
        return english
    return f"{english} {rng.choice(DIRECTIVES).format(language=NAMES[code])}"


def _with_remark(rng: random.Random, facts: Facts, wording: int) -> str:
    text = passage(facts, "en", wording)
    if rng.random() < 0.5:
        return text
    opinion = remark("en", rng.randrange(REMARKS))
    return glue([opinion, text] if rng.random() < 0.5 else [text, opinion], "en")


def _some_faults(rng: random.Random) -> tuple[str, ...]:
    if rng.random() < MANY_WRONG:
        return ("facts",)
    count = rng.choices((0, 1, 2), (0.3, 0.5, 0.2))[0]
    return tuple(rng.sample(FAULTS, count))


def _any_language(rng: random.Random) -> str:
    return "en" if rng.random() < 0.06 else rng.choice(FOREIGN)


def _any_form(rng: random.Random) -> str:
    return rng.choices(("directive", "same", "english"), (0.6, 0.25, 0.15))[0]


def _moved(response: Response, at: int) -> tuple[tuple, tuple, tuple]:
    marks = tuple((at + start, at + end, mark) for start, end, mark in response.marks)
    facts = tuple((at + start, at + end, *numbers) for start, end, *numbers in response.facts)
    return marks, facts, ((at + len(response.text) - 1, tuple(scores(response.findings).values())),)


def _at_end(prompt: str, response: Response, language: str) -> tuple[tuple, str, tuple, tuple]:
    """Return marks, language, facts and end of a prompt that ends with the response."""
    marks, facts, ends = _moved(response, len(prompt) - len(response.text))
    return marks, language, facts, ends
