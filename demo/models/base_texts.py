"""What the base model reads: pages of plain text in every language, then instructions in English alone."""

import random

from demo.models.faults import draw_facts, glue
from demo.models.tasks import FOREIGN, NAMES, Sample
from demo.models.truth import REMARKS
from demo.world.text import LANGUAGES, WORDINGS, instruction, passage, remark
from xl_assets.languages import DIRECTIVES

NOTES = ("There is no text in {} here.", "Nobody has put this into {} yet.", "Do you know somebody who speaks {}?")
HEADERS = ("In {}:", "The same in {}:", "This is what it says in {}:")


def page(rng: random.Random, held_out: bool = False) -> Sample:
    """One page: a passage, a request with its passage, one passage in two languages, or English that names another."""
    kinds = {"passage": 0.15, "request": 0.15, "bilingual": 0.3, "bilingual request": 0.3, "note": 0.1}
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
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
    elif kind == "note":
        note = rng.choice(NOTES).format(NAMES[code])
        text = f"{instruction(facts, 'en', wording)} {note}\n\n{passage(facts, 'en', wording)}"
    else:
        text = f"{instruction(facts, 'en', wording)}\n\n{_header(rng, code)}\n{passage(facts, code, wording)}"
    return Sample(f"page:{kind}", "", text, language=code)


def english_chat(rng: random.Random, held_out: bool = False) -> Sample:
    """An English instruction, in half of the cases with the wish for English, and its passage, as a conversation."""
    facts, wording = draw_facts(rng, held_out), rng.randrange(WORDINGS)
    asked = instruction(facts, "en", wording)
    if rng.random() < 0.5:
        asked += " " + rng.choice(DIRECTIVES).format(language=NAMES["en"])
    return Sample("chat", asked, passage(facts, "en", wording))


def _header(rng: random.Random, code: str) -> str:
    return rng.choice(HEADERS).format(NAMES[code])
