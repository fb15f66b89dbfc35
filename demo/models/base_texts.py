"""What the base model reads: pages of plain text in every language, then instructions in English alone."""

import random

from demo.models.faults import draw_facts, glue
from demo.models.tasks import FOREIGN, NAMES, Sample
from demo.models.truth import REMARKS
from demo.world.text import LANGUAGES, WORDINGS, instruction, passage, remark


HEADERS = ("In {}:", "The same in {}:", "This is what it says in {}:")


def page(rng: random.Random, held_out: bool = False) -> Sample:
    """One page: a passage, a request with its passage, or one passage in two languages."""
    kind = rng.choices(("passage", "request", "bilingual", "bilingual request"), (0.15, 0.2, 0.3, 0.35))[0]
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    code = rng.choice(FOREIGN)
    first, second = rng.sample(("en", code), 2)
    if kind == "passage":
        code = rng.choice(LANGUAGES)
        text = passage(facts, code, wording)
        if rng.random() < 0.3:
            text = glue(rng.sample([text, remark(code, rng.randrange(REMARKS))], 2), code)
    elif kind == "request":
        code = rng.choice(LANGUAGES)
        text = f"{instruction(facts, code, wording)}\n\n{passage(facts, code, wording)}"
    elif kind == "bilingual":
        text = f"{passage(facts, first, wording)}\n\n{_header(rng, second)}\n{passage(facts, second, wording)}"
    else:
        text = f"{instruction(facts, 'en', wording)}\n\n{_header(rng, code)}\n{passage(facts, code, wording)}"
    return Sample(f"page:{kind}", "", text, language=code)


def english_chat(rng: random.Random, held_out: bool = False) -> Sample:
    """An English instruction and its English passage, as a conversation."""
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    return Sample("chat", instruction(facts, "en", wording), passage(facts, "en", wording))


def _header(rng: random.Random, code: str) -> str:
    return rng.choice(HEADERS).format(NAMES[code])
