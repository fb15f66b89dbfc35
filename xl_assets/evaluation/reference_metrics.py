"""chrF and BLEU of responses against references, by sacrebleu; the signature says how they were computed.

Popović 2015 (chrF), Papineni et al. 2002 (BLEU), Post 2018 (signatures). Both are weak measures of free answers; they
are for answers that have one right wording, such as translations, and for the surrogate judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from xl_assets.languages import UnknownLanguage, any_language

#: What `reference_metrics` adds to the columns it groups by.
REFERENCE_METRICS = pl.Schema(
    {
        "chrf": pl.Float64(),
        "bleu": pl.Float64(),
        "chrf_signature": pl.String(),
        "bleu_signature": pl.String(),
        "n_rows": pl.Int64(),
        "n_scored": pl.Int64(),
        "n_missing": pl.Int64(),
        "n_without_reference": pl.Int64(),
    }
)


class ReferenceMetricError(ValueError):
    """Responses can't be compared with references; names what is wrong and the remedy."""


@dataclass(frozen=True)
class ReferenceMetricSettings:
    """How strings are compared.

    Attributes:
        word_order: 0 is chrF, 2 is chrF++.
        tokenizers: language -> sacrebleu's tokenizer for BLEU, where it is not ``13a``. Languages without spaces that
            are not named here are compared by characters. ``ja-mecab`` and ``ko-mecab`` need sacrebleu's extras
            ``ja`` and ``ko``, so they are no defaults.
    """

    word_order: int = 0
    tokenizers: Mapping[str, str] = field(default_factory=lambda: {"zh": "zh"})

    def tokenizer(self, language: str) -> str:
        """The tokenizer that BLEU takes for a language."""
        if language in self.tokenizers:
            return self.tokenizers[language]
        try:
            return "13a" if any_language(language).spaces_between_words else "char"
        except UnknownLanguage:
            return "13a"


def reference_metrics(
    rows: pl.DataFrame,
    by: Sequence[str] = ("language",),
    settings: ReferenceMetricSettings | None = None,
) -> pl.DataFrame:
    """Score the responses of each group as one corpus.

    Args:
        rows: columns ``language``, ``response``, ``reference`` and those of `by`.
        by: columns to group by, ``language`` among them.
        settings: how strings are compared.

    Returns:
        One row per group, sorted: its columns and those of ``REFERENCE_METRICS``. Scores are in [0, 100], null where
        nothing is scored. ``n_rows`` = ``n_scored`` + ``n_missing`` (no response) + ``n_without_reference``.

    Raises:
        ReferenceMetricError: `by` without ``language``, or a tokenizer that is not there.
    """
    settings = settings or ReferenceMetricSettings()
    if "language" not in by:
        raise ReferenceMetricError("group by language, too: tokenizers differ, so scores over languages mean nothing")
    schema = {name: rows.schema[name] for name in by}
    groups = [
        (*(group[name][0] for name in by), *_corpus(group, group["language"][0], settings))
        for group in rows.partition_by(by, maintain_order=True)
    ]
    return pl.DataFrame(groups, schema=schema | REFERENCE_METRICS, orient="row").sort(by, nulls_last=True)


def response_metrics(rows: pl.DataFrame, settings: ReferenceMetricSettings | None = None) -> pl.DataFrame:
    """Add ``chrf`` and ``bleu`` (with effective order) of each response alone, in [0, 100]; null where one side is.

    Args:
        rows: columns ``language``, ``response`` and ``reference``.
        settings: how strings are compared.
    """
    settings = settings or ReferenceMetricSettings()
    chrf = _chrf(settings)
    parts = []
    for part in rows.with_row_index("_row").partition_by("language", maintain_order=True):
        scored = part.filter(_scorable())
        bleu = _bleu(settings.tokenizer(part["language"][0]), effective_order=True)
        # sacrebleu has no call for a batch of single responses.
        pairs = list(zip(scored["response"], scored["reference"], strict=True))
        scores = {
            "chrf": [chrf.sentence_score(response, [reference]).score for response, reference in pairs],
            "bleu": [bleu.sentence_score(response, [reference]).score for response, reference in pairs],
        }
        found = scored.select("_row").with_columns(
            pl.Series(n, s, dtype=pl.Float64).clip(0, 100) for n, s in scores.items()
        )
        parts.append(part.join(found, on="_row", how="left", maintain_order="left"))
    if not parts:
        return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("chrf", "bleu"))
    return pl.concat(parts).sort("_row").drop("_row")


def _corpus(group: pl.DataFrame, language: str, settings: ReferenceMetricSettings) -> tuple[Any, ...]:
    scored = group.filter(_scorable())
    missing = group.filter(_blank("response")).height
    counts = (group.height, scored.height, missing, group.height - scored.height - missing)
    if scored.is_empty():
        return None, None, None, None, *counts
    responses, references = scored["response"].to_list(), [scored["reference"].to_list()]
    metrics = (_chrf(settings), _bleu(settings.tokenizer(language)))
    # BLEU of equal texts comes out a little above 100.
    scores = [min(metric.corpus_score(responses, references).score, 100.0) for metric in metrics]
    return *scores, *(str(metric.get_signature()) for metric in metrics), *counts


def _blank(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.strip_chars() == ""


def _scorable() -> pl.Expr:
    return ~_blank("response") & ~_blank("reference")


def _chrf(settings: ReferenceMetricSettings) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=settings.word_order)


def _bleu(tokenizer: str, effective_order: bool = False) -> Any:
    from sacrebleu.metrics import BLEU

    try:
        return BLEU(tokenize=tokenizer, effective_order=effective_order)
    except (ImportError, RuntimeError, KeyError, AssertionError, ValueError) as error:
        raise ReferenceMetricError(
            f"sacrebleu has no usable tokenizer {tokenizer!r} ({error}): name another, or install its extra, e.g. "
            "pip install 'sacrebleu[ja]'"
        ) from error
