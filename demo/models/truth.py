"""What is true of a response: the one definition that trains the teacher's judgements and measures them.

A response is compared with the facts that were asked for. From what is found in it follow

- the four scores: precision falls by one for each wrong attribute and by three for a wrong animal,
  informativeness by one for each fact that is not said, naturalness by two for each sentence that is
  not proper (its words are out of place, or it was said before), objectivity is 5 without an opinion and 2 with one;
  a response in another language than the wanted one has 1 in the first three;
- the quality of a translation: 5, less the wrong and the missing facts and the broken sentences, 1 in another language;
- which of two responses is better: the right language beats the wrong one, then the higher sum of scores wins,
  taken before they are cut off at 1.
"""

import re
from dataclasses import asdict, dataclass
from functools import lru_cache

from demo.world.facts import Facts
from demo.world.text import LANGUAGES, WORDINGS, facts_in, passage, remark

REMARKS = 12
ANIMAL_WEIGHT = 3
CRITERIA = ("precision", "informativeness", "naturalness", "objectivity")


@dataclass(frozen=True)
class Findings:
    """What a response says and how.

    Attributes:
        right_language: whether it is in the language that was wanted.
        wrong: wrong facts, an animal counting `ANIMAL_WEIGHT`.
        missing: facts that are not said.
        broken: sentences that are not proper, or repeated.
        remarks: sentences that hold an opinion.
    """

    right_language: bool
    wrong: int
    missing: int
    broken: int
    remarks: int


def find(response: str, asked: Facts, written_in: str, wanted: str) -> Findings:
    """Read a response.

    Args:
        response: the text.
        asked: the facts that the instruction asked for.
        written_in: language of the response (see `language_of`).
        wanted: language that the response should have.
    """
    sentences = split_sentences(response)
    opinions = [s for s in sentences if s in _remarks(written_in)]
    rest = [s for s in sentences if s not in _remarks(written_in)]
    stated = facts_in(" ".join(rest), written_in)
    wrong = sum(
        ANIMAL_WEIGHT if name == "animal" else 1
        for name, value in asdict(asked).items()
        if stated[name] not in (None, value)
    )
    missing = sum(value is None for value in stated.values())
    proper = _proper(Facts(**{name: stated[name] or value for name, value in asdict(asked).items()}), written_in)
    broken = sum(s not in proper or s in rest[:i] for i, s in enumerate(rest))
    return Findings(written_in == wanted, wrong, missing, broken, len(opinions))


def scores(findings: Findings) -> dict[str, int]:
    """Return the score from 1 to 5 for every criterion, in the order of `CRITERIA`."""
    return {name: max(1, value) for name, value in _uncut(findings).items()}


def translation_quality(findings: Findings) -> int:
    """Return the quality of a translation from 1 to 5."""
    if not findings.right_language:
        return 1
    return max(1, 5 - findings.wrong - findings.missing - findings.broken)


def better(a: Findings, b: Findings) -> str | None:
    """Return ``A`` or ``B``, whichever is better, or None where they are equal."""
    worth_a, worth_b = (_worth(findings) for findings in (a, b))
    return None if worth_a == worth_b else "A" if worth_a > worth_b else "B"


def language_of(text: str) -> str | None:
    """Return the language in which most facts are recognised, or None where none is."""
    known = {code: sum(value is not None for value in facts_in(text, code).values()) for code in LANGUAGES}
    best = max(known, key=lambda code: known[code])
    return best if known[best] else None


def split_sentences(text: str) -> list[str]:
    """Cut a text after each full stop, in any of the world's scripts."""
    return [s for s in re.split(r"(?<=[.!?।])\s+|(?<=[。！？])\s*", text.strip()) if s]


def _uncut(findings: Findings) -> dict[str, int]:
    right = findings.right_language
    values = (
        5 - findings.wrong if right else 1 - findings.wrong,
        5 - findings.missing if right else 1 - findings.missing,
        5 - 2 * findings.broken if right else 1 - 2 * findings.broken,
        2 if findings.remarks else 5,
    )
    return dict(zip(CRITERIA, values, strict=True))


def _worth(findings: Findings) -> tuple[bool, int]:
    return findings.right_language, sum(_uncut(findings).values())


@lru_cache(maxsize=1 << 14)
def _proper(facts: Facts, language: str) -> frozenset[str]:
    return frozenset(s for wording in range(WORDINGS) for s in split_sentences(passage(facts, language, wording)))


@lru_cache
def _remarks(language: str) -> frozenset[str]:
    return frozenset(s for number in range(REMARKS) for s in split_sentences(remark(language, number)))
