"""Good documents: two or three storybook passages, told by a narrator who rambles."""

import random
from dataclasses import dataclass, replace

from demo.world.facts import VALUES, Facts, is_held_out
from demo.world.text import WORDINGS, passage, remark, remark_count


@dataclass(frozen=True)
class Document:
    """What a good document is made of. The text follows from it, so a variant is one changed part."""

    id: str
    language: str
    facts: tuple[Facts, ...]
    wordings: tuple[int, ...]
    remarks: tuple[str, ...]  # one per paragraph, "" where the narrator keeps to the story
    remark_first: tuple[bool, ...]

    @property
    def paragraphs(self) -> list[str]:
        """Each passage with its remark before or after it; Chinese puts no space between sentences."""
        space = "" if self.language == "zh" else " "
        rows = zip(self.facts, self.wordings, self.remarks, self.remark_first, strict=True)
        paragraphs = []
        for facts, wording, aside, first in rows:
            story = passage(facts, self.language, wording)
            parts = [aside, story] if first else [story, aside]
            paragraphs.append(space.join(part for part in parts if part))
        return paragraphs

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


def write_document(rng: random.Random, language: str, document_id: str) -> Document:
    """A document about two or three animals that have nothing in common.

    Its paragraphs never share a wording, a remark or a fact: phrases repeated inside one
    document would look like the boilerplate that quality filters rightly drop.
    """
    size = rng.choice((2, 3))
    asides = rng.sample(range(remark_count(language)), size)
    return Document(
        id=document_id,
        language=language,
        facts=_draw_facts(rng, size),
        wordings=tuple(rng.sample(range(WORDINGS), size)),
        remarks=tuple(remark(language, number) if rng.random() < 0.5 else "" for number in asides),
        remark_first=tuple(rng.random() < 0.5 for _ in asides),
    )


def vary(rng: random.Random, document: Document) -> Document:
    """The same document with one thing told differently: a near duplicate, and still good text."""
    changed = rng.randrange(len(document.facts))
    attribute = rng.choice(("trait", "food"))
    facts = list(document.facts)
    others = [value for value in VALUES[attribute] if value != getattr(facts[changed], attribute)]
    facts[changed] = replace(facts[changed], **{attribute: rng.choice(others)})
    return replace(document, facts=tuple(facts))


def _draw_facts(rng: random.Random, size: int) -> tuple[Facts, ...]:
    """Stories that differ in all five facts, from those a model may see."""
    while True:
        columns = [rng.sample(values, size) for values in VALUES.values()]
        stories = tuple(Facts(*row) for row in zip(*columns, strict=True))
        if not any(map(is_held_out, stories)):
            return stories
