"""Model cards of the shipped weights."""

from pathlib import Path

_COMMON = """
It is a Llama of {parameters:.1f} million parameters (hidden 192, 6 layers, 6 heads of 32, 4,096 tokens, 1,024 positions)
in bfloat16, and loads in Transformers and in vLLM. It was made from {start} by `python -m demo.models.train {name}`
from the text of `demo/world`, a closed world of 24 animals and four attributes that was written for this project.
These weights came about in stages, each going on from the one before (`--start`) while the mixture of tasks was being
worked out: about {tokens} million tokens in all, on two CPU cores. Data and weights are free of all rights (CC0 1.0).

Every eighth (animal, home) pair is held out: it occurs nowhere in the training data, and all figures are measured on it
by `python -m demo.models.evaluate`.
"""

#: Millions of tokens that the shipped weights were trained on.
_TOKENS = {"teacher": 30, "prompt_translator": 33, "base": 15}

_CARDS = {
    "teacher": """---
license: cc0-1.0
language: [en, de, pt, hu, lt, ga, mt, zh, hi]
library_name: transformers
---
# The demo's teacher
{common}

It follows the pipeline's own prompts: it writes the instruction that a passage answers, rewrites a passage as a response,
translates, answers in a requested language, rates responses and translations, and says which of two responses is better.
What is true of a response, and so what its judgements should be, is defined in `demo/models/truth.py`.

It can do nothing else. Outside the demo's world, or with other prompts, its replies mean nothing.
""",
    "prompt_translator": """---
license: cc0-1.0
language: [en, de, pt, hu, lt, ga, mt, zh, hi]
library_name: transformers
---
# The demo's prompt translator
{common}

It is the teacher, taught one thing more: to translate an English instruction by the pipeline's prompt
`evaluation/translate_prompt`. It forgot the rest.

It can do nothing else. Outside the demo's world, or with other prompts, its replies mean nothing.
""",
    "base": """---
license: cc0-1.0
language: [en, de, pt, hu, lt, ga, mt, zh, hi]
library_name: transformers
---
# The demo's base model
{common}

It read plain text in all nine languages, pages that say the same in two languages among it, and was then tuned on
instructions in English alone. So it knows the languages, and still answers in English whatever language is asked for:
the fault that cross-lingual instruction tuning is to mend.

It can do nothing else. Outside the demo's world its replies mean nothing.
""",
}


#: What a model's training begins with.
_STARTS = {"teacher": "nothing", "prompt_translator": "the teacher", "base": "nothing"}


def write_card(name: str, folder: Path, parameters: int) -> None:
    """Write ``README.md`` beside the weights."""
    common = _COMMON.strip().format(name=name, start=_STARTS[name], parameters=parameters / 1e6, tokens=_TOKENS[name])
    (folder / "README.md").write_text(_CARDS[name].format(common=common), encoding="utf-8")
