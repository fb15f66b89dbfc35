"""C4's rules with the decisions of datatrove's `C4QualityFilter` (arXiv:1910.10683, section 2.2).

C4 works by lines: one is retained where it ends in ``. ? ! " '`` but not in ``...``, has three words or more and none
over 1,000 characters, and names neither JavaScript nor a policy. The rules here look at the retained lines;
`filters.refinement.retain_c4_lines` removes the others. One filter, two steps: measure the text before its lines are
removed, as datatrove does, or after: the decision is the same.

Sentences are counted by where a sentence can end (Unicode's Sentence_Terminal, but for abbreviations, initials and
ordinals) instead of by a trained tokeniser; `docs/agreement.md` says how often that matters.
"""

from collections.abc import Mapping

import polars as pl

from xl_assets.filters.measures.family import Rule
from xl_assets.filters.measures.punctuation import terminal_punctuation
from xl_assets.filters.measures.shares import as_columns, share
from xl_assets.filters.texts import Texts
from xl_assets.native.c4 import CURLY, KEPT, LOREM_IPSUM, judge_lines

C4 = "C4 (arXiv:1910.10683, section 2.2), as datatrove 0.10 has it"

MEASURES: Mapping[str, str] = {
    "c4_sentences": "sentences in the lines that C4 retains",
    "c4_retained_lines": "share of the lines that C4 retains",
    "c4_lorem_ipsum": "lines with 'lorem ipsum' that C4 would retain otherwise",
    "c4_curly_brackets": "lines with { that C4 would retain otherwise",
}

RULES: tuple[Rule, ...] = (
    Rule("c4_sentences", "few_sentences", 5, True, C4),
    Rule("c4_lorem_ipsum", "placeholder_text", 0, False, C4),
    Rule("c4_curly_brackets", "code", 0, False, C4),
)


def measure(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """See `MEASURES`."""
    lines = judge_lines(texts.utf8, terminal_punctuation())
    values = {
        "c4_sentences": lines.per_text(lines.sentences),
        "c4_retained_lines": share(lines.per_text(lines.verdict == KEPT), lines.offsets[1:] - lines.offsets[:-1]),
        "c4_lorem_ipsum": lines.per_text(lines.verdict == LOREM_IPSUM),
        "c4_curly_brackets": lines.per_text(lines.verdict == CURLY),
    }
    return as_columns(values, texts, wanted)
