"""Faulty responses: texts that go wrong in a known way, with a mark on every wrong place."""

import random
import re
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from enum import IntFlag
from functools import lru_cache

from demo.models.truth import REMARKS, Findings, find, split_sentences
from demo.world.facts import Facts, all_facts, is_held_out
from demo.world.text import LANGUAGES, WORDINGS, passage, remark

FAULTS = ("language", "animal", "attributes", "facts", "missing", "remark", "degenerate")
_UNSPACED = {"zh"}


class Mark(IntFlag):
    """What is wrong at a token; the teacher learns to see it there while it is trained. `READ`: it is judged at all."""

    FACT = 1
    BROKEN = 2
    REMARK = 4
    LANGUAGE = 8
    MISSING = 16
    READ = 32


@dataclass(frozen=True)
class Response:
    """A text that answers an instruction, and what is wrong with it.

    Attributes:
        text: the response.
        language: the language it is in.
        findings: what `demo.models.truth` finds in it.
        marks: ``(start, end, mark)`` in characters.
        facts: ``(start, end, said, asked)``: where a fact is said, and the numbers of the said and the asked value.
    """

    text: str
    language: str
    findings: Findings
    marks: tuple[tuple[int, int, Mark], ...]
    facts: tuple[tuple[int, int, int, int], ...] = ()


_FACTS = all_facts()
_VALUES = {name: sorted({getattr(facts, name) for facts in _FACTS}) for name in asdict(_FACTS[0])}
#: Every value that a fact may have, as the number that a training model is asked for.
NUMBERS = {pair: i for i, pair in enumerate((name, v) for name, values in _VALUES.items() for v in values)}
_TRAINED = [facts for facts in _FACTS if not is_held_out(facts)]
_HELD_OUT = [facts for facts in _FACTS if is_held_out(facts)]


def draw_facts(rng: random.Random, held_out: bool = False) -> Facts:
    """Draw a combination that training sees, or one that it never sees."""
    return rng.choice(_HELD_OUT if held_out else _TRAINED)


def make_response(
    rng: random.Random, asked: Facts, wanted: str, wording: int, faults: tuple[str, ...], held_out: bool = False
) -> Response:
    """Write a response with the named faults.

    Args:
        rng: source of every choice.
        asked: the facts that were asked for.
        wanted: the language that was asked for.
        wording: the wording that was asked for; one response in five has another.
        faults: some of `FAULTS`; ``facts`` changes each fact with an even chance.
        held_out: whether wrong facts may come from held-out combinations.
    """
    wording = rng.randrange(WORDINGS) if rng.random() < 0.2 else wording
    language = _other_language(rng, wanted) if "language" in faults else wanted
    facts = asked
    if "animal" in faults:
        facts = _change(rng, facts, ["animal"], held_out)
    if "attributes" in faults:
        names = [name for name in _VALUES if name != "animal"]
        facts = _change(rng, facts, rng.sample(names, rng.choice((1, 1, 1, 2, 2, 3, 4))), held_out)
    if "facts" in faults:
        facts = _change(rng, asked, [name for name in _VALUES if rng.random() < 0.5], held_out)
    sentences = split_sentences(passage(facts, language, wording))
    proper = split_sentences(passage(asked, language, wording))
    parts = [(s, _wrong_words(s, p)) for s, p in zip(sentences, proper, strict=True)]
    said = _said(facts, asked, sentences, language, wording)
    if "missing" in faults:
        parts = _leave_out(rng, parts)
    if "degenerate" in faults:
        parts = _degenerate(rng, parts, language)
    if "remark" in faults:
        opinion = remark(language, rng.randrange(REMARKS))
        parts.insert(rng.choice((0, len(parts))), (opinion, [(0, len(opinion), Mark.REMARK)]))
    text, marks = _join(parts, language)
    findings = find(text, asked, language, wanted)
    if language != wanted:
        marks.append((0, len(text), Mark.LANGUAGE))
    if findings.missing:
        marks.append((len(text) - 1, len(text), Mark.MISSING))
    marks.append((0, len(text), Mark.READ))
    at = {sentence: text.find(sentence) for sentence in said}
    places = ((at[s] + a, at[s] + b, *numbers) for s, found in said.items() if at[s] >= 0 for a, b, *numbers in found)
    return Response(text, language, findings, tuple(marks), tuple(places))


def glue(parts: list[str], language: str) -> str:
    """Join sentences as the language does."""
    return ("" if language in _UNSPACED else " ").join(parts)


def _other_language(rng: random.Random, wanted: str) -> str:
    if wanted != "en" and rng.random() < 0.6:
        return "en"
    return rng.choice([code for code in LANGUAGES if code != wanted])


def _change(rng: random.Random, facts: Facts, names: list[str], held_out: bool) -> Facts:
    while True:
        values = {name: rng.choice([v for v in _VALUES[name] if v != getattr(facts, name)]) for name in names}
        changed = replace(facts, **values)
        if held_out or not is_held_out(changed):
            return changed


def _said(
    facts: Facts, asked: Facts, sentences: list[str], language: str, wording: int
) -> dict[str, list[tuple[int, int, int, int]]]:
    """Where each fact stands in the sentences: the words that change with it."""
    found: dict[str, list[tuple[int, int, int, int]]] = {sentence: [] for sentence in sentences}
    for name, values in _VALUES.items():
        value = getattr(facts, name)
        numbers = NUMBERS[name, value], NUMBERS[name, getattr(asked, name)]
        changed = replace(facts, **{name: values[(values.index(value) + 1) % len(values)]})
        for sentence, other in zip(sentences, split_sentences(passage(changed, language, wording)), strict=True):
            found[sentence] += [(start, end, *numbers) for start, end, _ in _wrong_words(sentence, other)]
    return found


@lru_cache(maxsize=1 << 16)
def _wrong_words(text: str, proper: str) -> list[tuple[int, int, Mark]]:
    if text == proper:
        return []
    unit = r"\S+" if " " in text else r"."
    ours, theirs = (list(re.finditer(unit, t)) for t in (text, proper))
    matcher = SequenceMatcher(None, [w.group() for w in ours], [w.group() for w in theirs], autojunk=False)
    return [
        (ours[i].start(), ours[min(j, len(ours)) - 1].end(), Mark.FACT)
        for kind, i, j, _, _ in matcher.get_opcodes()
        if kind in ("replace", "insert") and j > i
    ]


def _leave_out(rng: random.Random, parts: list) -> list:
    kept = list(parts)
    for _ in range(rng.choice((1, 1, 1, 2))):
        kept.pop(rng.randrange(len(kept)))
    return kept


def _degenerate(rng: random.Random, parts: list, language: str) -> list:
    kind = rng.choice(("scramble", "scramble", "scramble all", "repeat", "repeat", "loop", "cut"))
    i = rng.randrange(len(parts))
    if kind == "scramble":
        return [(_scramble(rng, s, language), None) if j == i else (s, m) for j, (s, m) in enumerate(parts)]
    if kind == "scramble all":
        return [(_scramble(rng, s, language), None) for s, _ in parts]
    if kind == "repeat":
        return parts[: i + 1] + [(parts[i][0], None)] * rng.choice((1, 1, 2)) + parts[i + 1 :]
    words = _words(parts[i][0], language)
    if kind == "loop":
        start = rng.randrange(max(1, len(words) - 3))
        looped = words[: start + 1] + words[start : start + rng.choice((1, 2, 3))] * rng.randint(4, 10)
        return [*parts[:i], (_unwords(looped, language), None)]
    return [*parts[:i], (_unwords(words[: rng.randint(1, max(1, len(words) - 1))], language), None)]


def _scramble(rng: random.Random, sentence: str, language: str) -> str:
    words = _words(sentence[:-1], language)
    while True:
        shuffled = rng.sample(words, len(words))
        if shuffled != words:
            return _unwords(shuffled, language) + sentence[-1]


def _words(sentence: str, language: str) -> list[str]:
    return list(sentence) if language in _UNSPACED else sentence.split()


def _unwords(words: list[str], language: str) -> str:
    return ("" if language in _UNSPACED else " ").join(words)


def _join(parts: list, language: str) -> tuple[str, list[tuple[int, int, Mark]]]:
    texts, marks, at = [], [], 0
    for text, inside in parts:
        inside = [(0, len(text), Mark.BROKEN)] if inside is None else inside
        marks += [(at + start, at + end, mark) for start, end, mark in inside]
        texts.append(text)
        at += len(text) + (language not in _UNSPACED)
    return glue(texts, language), marks
