"""Line, word and language confusion pass rates of the Language Confusion Benchmark (LPR, WPR, LCPR).

Marchisio et al. 2024, "Understanding and Mitigating Language Confusion in LLMs" (arXiv:2406.20052), and the rules
of its published implementation (github.com/for-ai/language-confusion).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from xl_assets.evaluation.fidelity.lines import TOKEN, ConfusionSettings, judged_lines
from xl_assets.evaluation.fidelity.words import english_words
from xl_assets.filters.language_id import Predict
from xl_assets.filters.language_lines import count_letters
from xl_assets.languages import UnknownLanguage, any_language, lid_codes
from xl_assets.native.columns import utf8

#: Why a response has no say.
MISSING, NO_LONG_LINE, UNKNOWN = "missing_response", "no_long_line", "unknown_language"

#: Columns that `language_confusion` adds.
CONFUSION = pl.Schema(
    {
        "counted": pl.Boolean(),
        "skip_reason": pl.String(),
        "lines": pl.Int64(),
        "wrong_lines": pl.List(
            pl.Struct({"line": pl.Int64(), "text": pl.String(), "label": pl.String(), "score": pl.Float64()})
        ),
        "english_words": pl.List(pl.String()),
        "line_pass": pl.Boolean(),
        "word_pass": pl.Boolean(),
        "script_share": pl.Float64(),
    }
)

#: Columns of `pass_rates` after those it groups by.
RATES = pl.Schema(
    {
        "lpr": pl.Float64(),
        "wpr": pl.Float64(),
        "lcpr": pl.Float64(),
        "line_accuracy": pl.Float64(),
        "script_share": pl.Float64(),
        "n_rows": pl.Int64(),
        "n_kept": pl.Int64(),
        "n_skipped": pl.Int64(),
        "n_line_errors": pl.Int64(),
        "n_word_checked": pl.Int64(),
        "n_word_errors": pl.Int64(),
        **{f"n_{reason}": pl.Int64() for reason in (MISSING, NO_LONG_LINE, UNKNOWN)},
    }
)


def language_confusion(
    responses: pl.DataFrame,
    predict: Predict,
    words: pl.Series | None = None,
    settings: ConfusionSettings | None = None,
) -> pl.DataFrame:
    """Judge every response, line by line and word by word.

    Args:
        responses: columns ``language`` (the code asked for, or a label that the registry knows to mean it) and
            ``response``; others are kept, those of ``CONFUSION`` replaced.
        predict: e.g. ``LanguageIdentifier().predict``; labels as the language registry's codes.
        words: English words; `english_words` by default.
        settings: what counts as confusion.

    Returns:
        The rows in their order with the columns of ``CONFUSION``. ``counted``: whether the response has a say;
        if not, ``skip_reason`` says why: ``missing_response`` (null or blank), ``no_long_line`` or ``unknown_language``
        (neither registered nor one of lid.176's). ``lines``: how many were judged. ``wrong_lines``: each with its
        number in the response, from 1, its text, best label and probability. ``line_pass``: no line is
        wrong; null where not counted. ``word_pass``: no ``english_words``; null unless ``line_pass`` and words of
        the language are looked at. ``script_share``: share of all letters that are of the language's script;
        null without letters.
    """
    settings = settings or ConfusionSettings()
    asked = responses.select(_code(responses["language"]), pl.col("response").cast(pl.String)).with_row_index("row")
    lines = judged_lines(asked.filter(pl.col("code").is_not_null()), predict, settings)
    found = lines.group_by("row").agg(
        pl.len().cast(pl.Int64).alias("lines"),
        pl.struct("line", "text", "label", "score").filter(~pl.col("passes")).alias("wrong_lines"),
    )
    judged = asked.with_columns(_script_share(asked)).join(found, on="row", how="left", maintain_order="left")
    judged = judged.join(
        _english(judged, lines, english_words() if words is None else words, settings),
        on="row",
        how="left",
        maintain_order="left",
    )
    checked = _verdicts(judged, settings).select(pl.col(name).cast(dtype) for name, dtype in CONFUSION.items())
    return responses.drop(CONFUSION.names(), strict=False).hstack(checked)


def pass_rates(checked: pl.DataFrame, by: Sequence[str] = ("language",)) -> pl.DataFrame:
    """Count verdicts and give the pass rates of each group.

    LPR = responses without a wrong line / counted responses. WPR = responses without an English word / responses
    without a wrong line, for languages whose words are looked at. LCPR = 2 LPR WPR / (LPR + WPR); where the
    language has no WPR it is the LPR alone, and where no response passes it is 0. A rate over nothing is null (the
    published implementation says 1).

    Args:
        checked: as `language_confusion` returns it.
        by: columns to group by.

    Returns:
        One row per group, sorted: the group's columns and those of ``RATES``. Rates and shares are in [0, 1].
        ``n_rows`` = ``n_kept`` + ``n_skipped``; the skipped ones are counted by reason, too.
        ``line_accuracy`` and ``script_share`` are means over the counted responses.
    """
    counted, passes = pl.col("counted"), pl.col("line_pass").fill_null(False)
    wrong = pl.col("wrong_lines").list.len()
    counts = checked.group_by(*by).agg(
        # Sorted, because the last bit of a sum of floats depends on the order of the rows.
        (1 - wrong / pl.col("lines")).filter(counted).sort().mean().alias("line_accuracy"),
        pl.col("script_share").filter(counted).sort().mean(),
        pl.len().alias("n_rows"),
        counted.sum().alias("n_kept"),
        (~counted).sum().alias("n_skipped"),
        (counted & ~passes).sum().alias("n_line_errors"),
        pl.col("word_pass").is_not_null().sum().alias("n_word_checked"),
        (~pl.col("word_pass")).sum().alias("n_word_errors"),
        *((pl.col("skip_reason") == name).sum().alias(f"n_{name}") for name in (MISSING, NO_LONG_LINE, UNKNOWN)),
    )
    rated = counts.with_columns(
        _rate("n_line_errors", "n_kept", "lpr"), _rate("n_word_errors", "n_word_checked", "wpr")
    )
    types = [pl.col(name).cast(dtype) for name, dtype in RATES.items()]
    return rated.with_columns(_lcpr()).select(*by, *types).sort(*by, nulls_last=True)


def averages(rates: pl.DataFrame) -> dict[str, float | None]:
    """Mean of each rate over the groups that have it, as the benchmark averages over languages."""
    return rates.select(pl.col("lpr", "wpr", "lcpr", "line_accuracy", "script_share").mean()).row(0, named=True)


def _code(languages: pl.Series) -> pl.Series:
    """The registry's code of each language, null where it has none."""
    labels = lid_codes()
    known = {}
    for name in languages.drop_nulls().unique():
        for code in (name, labels.get(name)):
            if code is not None and name not in known and _is_known(code):
                known[name] = code
    return languages.cast(pl.String).replace_strict(known, default=None, return_dtype=pl.String).alias("code")


def _is_known(code: str) -> bool:
    try:
        any_language(code)
    except UnknownLanguage:
        return False
    return True


def _script_share(asked: pl.DataFrame) -> pl.Series:
    codes = asked["code"].drop_nulls().unique().sort().to_list()
    classes = [any_language(code).script_class for code in codes]
    at = asked["code"].replace_strict(codes, list(range(len(codes))), default=0, return_dtype=pl.Int64)
    # Of an unknown language nothing is read, so its script does not matter.
    texts = asked.select(pl.when(pl.col("code").is_not_null()).then("response").fill_null(""))["response"]
    letters = count_letters(utf8(texts), at.to_numpy().astype(np.int64), classes)
    shares = letters.script_letters / np.where(letters.text_letters > 0, letters.text_letters, np.nan)
    return pl.Series("script_share", shares, dtype=pl.Float64, nan_to_null=True)


def _english(judged: pl.DataFrame, lines: pl.DataFrame, words: pl.Series, settings: ConfusionSettings) -> pl.DataFrame:
    """Per response whose words are looked at: the distinct English ones, in their order."""
    asked = judged.filter(
        pl.col("code").is_in(settings.word_languages) & (pl.col("lines") > 0) & (pl.col("wrong_lines").list.len() == 0)
    ).select("row")
    tokens = (
        lines.join(asked, on="row", how="semi", maintain_order="left")
        .select("row", pl.col("tokens").str.extract_all(TOKEN).alias("word"))
        .explode("word", empty_as_null=False)
    )
    english = tokens.join(words.alias("word").to_frame(), on="word", how="semi", maintain_order="left")
    found = english.group_by("row").agg(pl.col("word").unique(maintain_order=True).alias("english_words"))
    return asked.join(found, on="row", how="left").with_columns(
        pl.col("english_words").fill_null(pl.lit([], dtype=pl.List(pl.String))), pl.lit(True).alias("words_checked")
    )


def _verdicts(judged: pl.DataFrame, settings: ConfusionSettings) -> pl.DataFrame:
    counted = pl.col("lines").fill_null(0) > 0
    blank = pl.col("response").fill_null("").str.strip_chars() == ""
    reason = (
        pl.when(pl.col("code").is_null())
        .then(pl.lit(UNKNOWN))
        .when(blank)
        .then(pl.lit(MISSING))
        .when(~counted)
        .then(pl.lit(NO_LONG_LINE))
    )
    return judged.with_columns(
        counted.alias("counted"),
        reason.alias("skip_reason"),
        pl.col("lines").fill_null(0),
        pl.col("wrong_lines").fill_null(pl.lit([], dtype=CONFUSION["wrong_lines"])),
        pl.when(counted).then(pl.col("wrong_lines").list.len() == 0).alias("line_pass"),
        pl.when(pl.col("words_checked")).then(pl.col("english_words").list.len() == 0).alias("word_pass"),
        pl.col("english_words").fill_null(pl.lit([], dtype=pl.List(pl.String))),
    )


def _rate(errors: str, of: str, name: str) -> pl.Expr:
    passed = (pl.col(of).cast(pl.Int64) - pl.col(errors).cast(pl.Int64)) / pl.col(of)
    return pl.when(pl.col(of) > 0).then(passed).alias(name)


def _lcpr() -> pl.Expr:
    lpr, wpr = pl.col("lpr"), pl.col("wpr")
    both = pl.when(lpr + wpr > 0).then(2 * lpr * wpr / (lpr + wpr)).otherwise(0.0)
    # Without a response that passes line by line there is no WPR, and LPR is 0; so is its mean with anything.
    return pl.when(wpr.is_null()).then(lpr).otherwise(both).alias("lcpr")
