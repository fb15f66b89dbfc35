"""Instructions to evaluate on: only about stories that no document and no training ever told."""

import random
from dataclasses import asdict

from demo.world.facts import VALUES, Facts, all_facts, is_held_out
from demo.world.text import LANGUAGES, WORDINGS, instruction

BASE = 40  # English instructions, which an evaluation pairs with each target language
SAME_LANGUAGE = 20  # instructions asked and answered in one language, for each of the others


def eval_prompts(rng: random.Random) -> list[dict]:
    """The rows of `eval_prompts.jsonl`; every group goes round all animals before it repeats one."""
    held_out = [facts for facts in all_facts() if is_held_out(facts)]
    rows = [_prompt("base", "en", number, facts, rng) for number, facts in enumerate(_draw(rng, held_out, BASE))]
    for language in LANGUAGES[1:]:
        for number, facts in enumerate(_draw(rng, held_out, SAME_LANGUAGE)):
            rows.append(_prompt("same_language", language, number, facts, rng))
    return rows


def _prompt(kind: str, language: str, number: int, facts: Facts, rng: random.Random) -> dict:
    return {
        "prompt_id": f"{kind}/{language}/{number:02}",
        "language": language,
        "kind": kind,
        "instruction": instruction(facts, language, rng.randrange(WORDINGS)),
        "facts": asdict(facts),
    }


def _draw(rng: random.Random, held_out: list[Facts], count: int) -> list[Facts]:
    """Different stories, of as many different animals as there can be."""
    stories: dict[str, list[Facts]] = {animal: [] for animal in VALUES["animal"]}
    for facts in rng.sample(held_out, len(held_out)):
        stories[facts.animal].append(facts)
    animals = rng.sample(VALUES["animal"], len(stories))
    return [stories[animals[number % len(animals)]].pop() for number in range(count)]
