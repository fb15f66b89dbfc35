"""Counts on real, code-switched text beside the benchmark's rules with the stock fastText library."""

from itertools import pairwise

import polars as pl
import pytest

from resources.language_identifier import LanguageIdentifier
from tests.evaluation.fidelity.by_definition import counts
from tests.real_text import NTREX, needs_ntrex
from xl_assets.evaluation.fidelity.confusion import language_confusion, pass_rates
from xl_assets.evaluation.fidelity.words import english_words

SPACED = ("de", "fi", "fr", "ga", "hi", "hu", "lt", "mt", "pt", "tr")


def switched(code):
    """News in a language, every other text with a line or some words of English, of another language, or cut short."""
    own, english, turkish = (
        pl.read_ndjson(NTREX / f"{name}.jsonl.zst")["text"].to_list() for name in (code, "en", "tr")
    )
    lines = [text.replace(". ", ".\n") for text in own]
    changed = [
        f"{text}\n{other[: 40 + 7 * place]}" if place % 3 == 0 else text[: 15 * place] if place % 3 == 1 else text
        for place, (text, other) in enumerate(zip(lines, english if code == "tr" else turkish, strict=True))
    ]
    mixed = [f"{first} {second.split()[3].strip('.,')}" for first, second in zip(lines, english, strict=True)]
    joined = [f"{one[:60]}\n1 2 3 4 5\n{two[-60:]}" for one, two in pairwise(lines)]
    return [*changed, *mixed, *joined, "", None, "1 2 3 4 5 6"]


@needs_ntrex
@pytest.mark.parametrize("code", SPACED)
def test_counts_are_exactly_the_benchmarks_with_the_stock_library(code):
    identifier = LanguageIdentifier(engine="stock")
    model = identifier._load()

    def label_of(tokens, text):
        (label,), (score,) = (found[0] for found in model.predict([text], k=1))
        return label.removeprefix("__label__"), score

    texts = switched(code)
    rows = pl.DataFrame({"language": [code] * len(texts), "response": texts})
    found = pass_rates(language_confusion(rows, LanguageIdentifier().predict)).row(0, named=True)
    expected = counts(texts, code, set(english_words()), code == "hi", label_of)
    assert (found["n_kept"], found["n_line_errors"], found["n_word_errors"]) == expected
    assert 0 < found["n_line_errors"] < found["n_kept"]
