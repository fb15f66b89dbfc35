"""Contracts of the tables of language fidelity: a row per response, and a row per group."""

import dataframely as dy
import polars as pl


class LanguageConfusionRow(dy.Schema):
    """A response judged line by line and word by word; see `fidelity.confusion.language_confusion`.

    `line_pass` is null where the response is not counted, `word_pass` also where words of the language are not
    looked at or a line is wrong already.
    """

    response_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    model = dy.String(nullable=False)
    counted = dy.Bool(nullable=False)
    skip_reason = dy.String(nullable=True)
    lines = dy.Int64(nullable=False, min=0)
    wrong_lines = dy.List(
        dy.Struct(
            {
                "line": dy.Int64(nullable=False),
                "text": dy.String(nullable=False),
                "label": dy.String(nullable=True),
                "score": dy.Float64(nullable=True),
            }
        ),
        nullable=False,
    )
    english_words = dy.List(dy.String(nullable=False), nullable=False)
    line_pass = dy.Bool(nullable=True)
    word_pass = dy.Bool(nullable=True)
    script_share = dy.Float64(nullable=True, min=0, max=1)

    @dy.rule()
    def skipped_with_a_reason(cls) -> pl.Expr:
        """A response counts, or there is a reason why not."""
        return cls.counted.col == cls.skip_reason.col.is_null()


class LanguagePassRateRow(dy.Schema):
    """Pass rates of a model's answers in one language; see `fidelity.confusion.pass_rates`. Null: over nothing."""

    release = dy.String(primary_key=True)
    model = dy.String(primary_key=True)
    kind = dy.String(primary_key=True)
    language = dy.String(primary_key=True)
    lpr = dy.Float64(nullable=True, min=0, max=1)
    wpr = dy.Float64(nullable=True, min=0, max=1)
    lcpr = dy.Float64(nullable=True, min=0, max=1)
    line_accuracy = dy.Float64(nullable=True, min=0, max=1)
    script_share = dy.Float64(nullable=True, min=0, max=1)
    n_rows = dy.Int64(nullable=False, min=0)
    n_kept = dy.Int64(nullable=False, min=0)
    n_skipped = dy.Int64(nullable=False, min=0)
    n_line_errors = dy.Int64(nullable=False, min=0)
    n_word_checked = dy.Int64(nullable=False, min=0)
    n_word_errors = dy.Int64(nullable=False, min=0)
    n_missing_response = dy.Int64(nullable=False, min=0)
    n_no_long_line = dy.Int64(nullable=False, min=0)
    n_unknown_language = dy.Int64(nullable=False, min=0)

    @dy.rule()
    def every_row_is_kept_or_skipped(cls) -> pl.Expr:
        """Nothing is lost."""
        return cls.n_rows.col == cls.n_kept.col + cls.n_skipped.col
