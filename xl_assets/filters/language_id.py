"""Whether a text is in its language: as a whole, line by line, and by its script.

Serves seed documents and generated responses alike. The model is handed in as `predict`; nothing here
knows fastText.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import polars as pl

from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.reasons import add_reasons
from xl_assets.languages import get_language, registered, registry_frame
from xl_assets.seeds.normalise import normalised

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

#: Texts -> for each its most probable labels (registry codes) and their probabilities, best first.
Predict = Callable[[Sequence[str]], tuple[Sequence[Sequence[str]], Sequence[Sequence[float]]]]

#: Columns that `identify` adds.
IDENTIFIED = {
    "lid_language": pl.String,
    "lid_score": pl.Float64,
    "language_score": pl.Float64,
    "line_share": pl.Float64,
    "script_share": pl.Float64,
    "lid_model": pl.String,
    "kept": pl.Boolean,
    "reasons": pl.List(pl.String),
}

#: Reasons of `heuristics` that hold in any language.
_NOT_A_TEXT = ("too_short", "symbols", "repetition")

_LETTERS = r"\p{L}"
_ROW, _TEXT, _LANGUAGE = "_lid_row", "_lid_text", "_lid_wanted"


@dataclass(frozen=True)
class IdentificationSettings:
    """Thresholds of identification beside those of each language (see the registry).

    Attributes:
        least_script_share: least share of the letters that are of the language's script.
        least_line_share: least share of the judged lines' letters that stand in lines of the language.
        line_letters: a line with fewer letters is too short to judge (two fifths of that where words are
            not separated by spaces).
        foreign_threshold: least probability at which a language outside the registry makes a text
            `wrong_language` rather than `unsure_language`; a registered one has its own.
    """

    least_script_share: float = 0.5
    least_line_share: float = 0.6
    line_letters: int = 40
    foreign_threshold: float = 0.5

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for hashing and for the record."""
        return asdict(self)


def identify(
    frame: Frame,
    text: str,
    predict: Predict,
    *,
    language: str = "language",
    model: str | None = None,
    settings: IdentificationSettings | None = None,
) -> Frame:
    """Add the columns of ``IDENTIFIED`` to every row.

    Reasons: ``unsure_language`` (no language is probable enough, or there are no letters), ``wrong_language``
    (another one is), ``wrong_script``, and ``mixed_language`` (the whole passes, too many lines do not).

    Args:
        frame: rows with a text and a language column; a null text counts as empty. Where `kept` and `reasons`
            are there already, the new reasons are added to the old ones.
        text: name of the text column.
        predict: e.g. ``LanguageIdentifier().predict_batch``.
        language: name of the column with the wanted language's code.
        model: name of the model for `lid_model`; by default what the owner of `predict` calls itself.
        settings: thresholds.

    Raises:
        UnknownLanguage: a code in the language column that the registry does not hold.
    """
    chosen, name = settings or IdentificationSettings(), model or _model_name(predict)

    def add(batch: pl.DataFrame) -> pl.DataFrame:
        return _identify(batch, text, predict, language, name, chosen)

    if isinstance(frame, pl.LazyFrame):
        schema: dict[str, Any] = dict(frame.collect_schema())
        schema = {name: kind for name, kind in schema.items() if name not in IDENTIFIED} | IDENTIFIED
        return frame.map_batches(add, schema=schema, streamable=True)
    return add(frame)


def identify_documents(
    documents: pl.DataFrame,
    predict: Predict,
    settings: IdentificationSettings | None = None,
    *,
    model: str | None = None,
) -> pl.DataFrame:
    """Identify seed documents: table ``SeedDocument`` to table ``IdentifiedDocument``.

    Where a language is asked of a stub, of symbols or of one line said many times, the answer is a guess; so
    a document that is rejected here also gets those of the reasons ``too_short``, ``symbols`` and
    ``repetition`` that apply (see `heuristics`), by the rules of the language that was found.

    Args:
        documents: as they were read.
        predict, settings, model: as for `identify`.
    """
    found = identify(documents, "text", predict, model=model, settings=settings)
    numbered = found.with_row_index("_document")
    rejected = numbered.filter(~pl.col("kept"))
    judged_as = pl.when(pl.col("lid_language").is_in(list(registered()))).then("lid_language").otherwise("language")
    judged = apply_heuristics(
        rejected.select("_document", judged_as.alias("language"), normalised("text").alias("text"))
    )
    flags = judged.select(
        "_document", *(pl.col("reasons").list.contains(reason).alias(reason) for reason in _NOT_A_TEXT)
    )
    marked = found.with_row_index("_document").join(flags, on="_document", how="left", maintain_order="left")
    return add_reasons(marked, {reason: pl.col(reason) for reason in _NOT_A_TEXT}).select(found.columns)


def _model_name(predict: Predict) -> str:
    owner = getattr(predict, "__self__", None)
    return str(getattr(owner, "name", None) or getattr(predict, "__name__", "unknown"))


def score_languages(frame: pl.DataFrame, text: str, predict: Predict, *, language: str = "language") -> pl.DataFrame:
    """Add `lid_language`, `lid_score` and `language_score` to every row, without judging; null without letters."""
    rows = _rows(frame, text, language)
    scored = rows.join(_scored(rows, _labels(rows[_TEXT], predict)), on=_ROW, how="left", maintain_order="left")
    return frame.with_columns(scored.select("lid_language", "lid_score", "language_score"))


def _rows(frame: pl.DataFrame, text: str, language: str) -> pl.DataFrame:
    """Numbered texts with their wanted languages' registry entries."""
    for code in frame[language].unique():
        get_language(code)
    return frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(_ROW),
        pl.col(text).fill_null("").alias(_TEXT),
        pl.col(language).alias(_LANGUAGE),
    ).join(registry_frame(), left_on=_LANGUAGE, right_on="code", how="left", maintain_order="left")


def _identify(
    frame: pl.DataFrame, text: str, predict: Predict, language: str, model: str, settings: IdentificationSettings
) -> pl.DataFrame:
    rows = _rows(frame, text, language)
    lines = _lines(rows, settings)
    # A text of one line, or a line that many texts share, is asked once.
    labels = _labels(pl.concat([rows[_TEXT], lines[_TEXT]]), predict)
    judged = (
        rows.with_columns(_script_share(rows))
        .join(_scored(rows, labels), on=_ROW, how="left", maintain_order="left")
        .join(_line_shares(lines, labels), on=_ROW, how="left", maintain_order="left")
        .with_columns(_document_problem(settings).alias("_document"))
    )
    flags = {
        "wrong_language": pl.col("_document") == "wrong_language",
        "unsure_language": pl.col("_document") == "unsure_language",
        "wrong_script": pl.col("script_share") < settings.least_script_share,
        "mixed_language": pl.col("_document").is_null() & (pl.col("line_share") < settings.least_line_share),
    }
    found = judged.select(
        *("lid_language", "lid_score", "language_score", "line_share", "script_share"),
        pl.lit(model).alias("lid_model"),
        *(flag.alias(f"_{reason}") for reason, flag in flags.items()),
    )
    decided = add_reasons(frame.with_columns(found), {reason: pl.col(f"_{reason}") for reason in flags})
    return decided.select(*(name for name in frame.columns if name not in IDENTIFIED), *IDENTIFIED)


def _script_share(rows: pl.DataFrame) -> pl.Expr:
    """Share of the letters that are of the wanted language's script; null without letters."""
    classes = rows.select("script_class").unique().to_series().drop_nulls().to_list()
    of_script = pl.lit(None, dtype=pl.UInt32)
    for script_class in classes:
        # A vowel sign is no letter (L) but part of its script; only letters are compared with letters.
        letters = pl.col(_TEXT).str.count_matches(f"[{script_class}&&{_LETTERS}]")
        of_script = pl.when(pl.col("script_class") == script_class).then(letters).otherwise(of_script)
    all_letters = pl.col(_TEXT).str.count_matches(_LETTERS)
    return pl.when(all_letters > 0).then(of_script / all_letters).alias("script_share")


def _labels(texts: pl.Series, predict: Predict) -> pl.DataFrame:
    """The model's labels and probabilities for every distinct text with a letter in it."""
    distinct = texts.filter(texts.str.contains(_LETTERS)).unique(maintain_order=True)
    labels, scores = predict(distinct.to_list())
    return pl.DataFrame(
        {_TEXT: distinct, "label": [list(row) for row in labels], "score": [list(row) for row in scores]},
        schema={_TEXT: pl.String, "label": pl.List(pl.String), "score": pl.List(pl.Float64)},
    )


def _scored(rows: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Best label, its probability, and that of the wanted language (0 where it is not among the labels)."""
    # Labels that mean the same language (zho_Hans, zho_Hant) add up.
    every = (
        rows.select(_ROW, _LANGUAGE, _TEXT)
        .join(labels, on=_TEXT, maintain_order="left")
        .drop(_TEXT)
        .explode("label", "score")
        .group_by(_ROW, _LANGUAGE, "label", maintain_order=True)
        .agg(pl.col("score").sum().clip(0, 1))
        .sort(_ROW, "score", descending=[False, True], maintain_order=True)
    )
    wanted = pl.col("score").filter(pl.col("label") == pl.col(_LANGUAGE))
    return every.group_by(_ROW, maintain_order=True).agg(
        pl.col("label").first().alias("lid_language"),
        pl.col("score").first().alias("lid_score"),
        wanted.first().fill_null(0.0).alias("language_score"),
    )


def _lines(rows: pl.DataFrame, settings: IdentificationSettings) -> pl.DataFrame:
    """The lines that are long enough to judge, numbered, with their texts' numbers as `_document`."""
    least = pl.when("spaces_between_words").then(settings.line_letters).otherwise(0.4 * settings.line_letters)
    return (
        rows.select(
            pl.col(_ROW).alias("_document"),
            _LANGUAGE,
            "line_threshold",
            "spaces_between_words",
            pl.col(_TEXT).str.split("\n"),
        )
        .explode(_TEXT)
        .with_columns(pl.col(_TEXT).str.count_matches(_LETTERS).alias("letters"))
        .filter(pl.col("letters") >= least)
        .with_row_index(_ROW)
    )


def _line_shares(lines: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Share of each text's judged letters in lines of the wanted language; no row where no line can be judged."""
    found = lines.join(_scored(lines, labels), on=_ROW)
    in_language = (pl.col("lid_language") == pl.col(_LANGUAGE)) | (pl.col("language_score") >= pl.col("line_threshold"))
    share = pl.col("letters").filter(in_language).sum() / pl.col("letters").sum()
    return found.group_by(pl.col("_document").alias(_ROW)).agg(share.alias("line_share"))


def _document_problem(settings: IdentificationSettings) -> pl.Expr:
    """Null where the text is in its language; else whether another language is, or none is sure."""
    thresholds = registry_frame()
    enough = pl.col("lid_language").replace_strict(
        thresholds["code"], thresholds["document_threshold"], default=settings.foreign_threshold
    )
    in_language = (pl.col("lid_language") == pl.col(_LANGUAGE)) & (
        pl.col("language_score") >= pl.col("document_threshold")
    )
    other = (pl.col("lid_language") != pl.col(_LANGUAGE)) & (pl.col("lid_score") >= enough)
    return (
        pl.when(in_language.fill_null(False))
        .then(pl.lit(None, dtype=pl.String))
        .when(other.fill_null(False))
        .then(pl.lit("wrong_language"))
        .otherwise(pl.lit("unsure_language"))
    )
