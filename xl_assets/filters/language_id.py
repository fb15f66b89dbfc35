"""Whether a text is in its language: as a whole, line by line, and by its script.

Serves seed documents and generated responses alike. The model is handed in as `predict`; nothing here
knows fastText. Wanted languages may be any that `languages.any_language` knows.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.language_lines import LineLetters, count_letters
from xl_assets.filters.language_scores import Predict, Scores, score_texts, verdicts
from xl_assets.filters.reasons import add_reasons
from xl_assets.languages import Language, any_language, lid_codes, registered, registry
from xl_assets.native.columns import utf8
from xl_assets.seeds.normalise import normalised

__all__ = ["IDENTIFIED", "IdentificationSettings", "Predict", "identify", "identify_documents", "score_languages"]

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

#: Columns that `identify` adds.
IDENTIFIED: dict[str, type[pl.DataType] | pl.DataType] = {
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

#: Of scripts without spaces, a line with so large a share of `line_letters` can be judged.
_DENSE = 0.4


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
        predict: e.g. ``LanguageIdentifier().predict``, which then answers for texts and lines in one pass.
        language: name of the column with the wanted language's code.
        model: name of the model for `lid_model`; by default what the owner of `predict` calls itself.
        settings: thresholds.

    Raises:
        UnknownLanguage: a code in the language column that is neither registered nor one of lid.176's.
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
    known = list(dict.fromkeys(lid_codes().values()))
    # The rules that apply here hold in any language; only how words are counted differs.
    judged_as = (
        pl.when(pl.col("lid_language").is_in(known))
        .then("lid_language")
        .when(pl.col("language").is_in(known))
        .then("language")
        .otherwise(pl.lit(registered()[0]))
    )
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
    texts, wanted = frame[text].cast(pl.String).fill_null(""), _wanted(frame[language])
    letters = count_letters(utf8(texts), wanted.script_at, wanted.script_classes)
    scores, _ = score_texts(texts, letters.text_letters > 0, np.zeros_like(letters.letters, dtype=np.bool_), predict)
    return frame.hstack(_document_columns(scores, wanted).select("lid_language", "lid_score", "language_score"))


class _Wanted(NamedTuple):
    """The languages that are asked for, and per text the position of its own; scripts the same."""

    entries: list[Language]
    at: NDArray[np.int64]
    script_classes: list[str]
    script_at: NDArray[np.int64]

    @property
    def codes(self) -> list[str]:
        return [entry.code for entry in self.entries]

    def of(self, attribute: str) -> NDArray[np.float64]:
        """A number of each text's language."""
        return np.array([float(getattr(entry, attribute)) for entry in self.entries])[self.at]


def _wanted(languages: pl.Series) -> _Wanted:
    codes = languages.unique(maintain_order=True)
    entries = [any_language(code) for code in codes]
    at = languages.replace_strict(codes, pl.Series(range(len(codes)), dtype=pl.Int64), return_dtype=pl.Int64)
    scripts = list(dict.fromkeys(entry.script_class for entry in entries))
    script_of = np.array([scripts.index(entry.script_class) for entry in entries], dtype=np.int64)
    places = at.to_numpy().astype(np.int64)
    return _Wanted(entries, places, scripts, script_of[places])


def _identify(
    frame: pl.DataFrame, text: str, predict: Predict, language: str, model: str, settings: IdentificationSettings
) -> pl.DataFrame:
    texts, wanted = frame[text].cast(pl.String).fill_null(""), _wanted(frame[language])
    letters = count_letters(utf8(texts), wanted.script_at, wanted.script_classes)
    least = settings.line_letters * np.where(wanted.of("spaces_between_words"), 1.0, _DENSE)
    judged_lines = letters.letters >= np.maximum(least[letters.text], 1)
    documents, lines = score_texts(texts, letters.text_letters > 0, judged_lines, predict)
    share = np.divide(letters.script_letters, letters.text_letters, where=letters.text_letters > 0, out=_nans(texts))
    judged = _document_columns(documents, wanted, settings.foreign_threshold).with_columns(
        pl.Series("line_share", _line_share(lines, judged_lines, letters, wanted), nan_to_null=True),
        pl.Series("script_share", share, nan_to_null=True),
        pl.lit(model).alias("lid_model"),
    )
    flags = {
        "wrong_language": pl.col("_document") == "wrong_language",
        "unsure_language": pl.col("_document") == "unsure_language",
        "wrong_script": pl.col("script_share") < settings.least_script_share,
        "mixed_language": pl.col("_document").is_null() & (pl.col("line_share") < settings.least_line_share),
    }
    decided = add_reasons(frame.with_columns(judged), flags)
    return decided.select(*(name for name in frame.columns if name not in IDENTIFIED), *IDENTIFIED)


def _document_columns(scores: Scores, wanted: _Wanted, foreign: float = 0.0) -> pl.DataFrame:
    """Columns lid_language, lid_score, language_score; `_document`: null where the text is in its language, else
    whether another language is probable enough, or none."""
    found = verdicts(scores, wanted.codes, wanted.at)
    there, known = found.best >= 0, registry()
    least = [known[code].document_threshold if code in known else foreign for code in scores.codes]
    enough = np.array([*least, np.inf])[found.best]
    in_language = there & found.is_wanted & (found.wanted_score >= wanted.of("document_threshold"))
    other = there & ~found.is_wanted & (found.score >= enough)
    names = pl.Series([*scores.codes, None], dtype=pl.String)
    problems = pl.Series([None, "wrong_language", "unsure_language"], dtype=pl.String)
    return pl.DataFrame(
        {
            "lid_language": names.gather(np.where(there, found.best, len(scores.codes)).astype(np.uint32)),
            "lid_score": pl.Series(np.where(there, found.score, np.nan), nan_to_null=True),
            "language_score": pl.Series(np.where(there, found.wanted_score, np.nan), nan_to_null=True),
            "_document": problems.gather(np.where(in_language, 0, np.where(other, 1, 2)).astype(np.uint32)),
        }
    )


def _line_share(
    scores: Scores, judged: NDArray[np.bool_], letters: LineLetters, wanted: _Wanted
) -> NDArray[np.float64]:
    """Share of each text's judged letters in lines of the wanted language; NaN where no line can be judged."""
    text, weight = letters.text[judged], letters.letters[judged]
    found = verdicts(scores, wanted.codes, wanted.at[text])
    weight = np.where(found.best >= 0, weight, 0)
    in_language = found.is_wanted | (found.wanted_score >= wanted.of("line_threshold")[text])
    texts = len(wanted.at)
    of_all = np.bincount(text, weight, texts)
    return np.divide(
        np.bincount(text, weight * in_language, texts), of_all, where=of_all > 0, out=np.full(texts, np.nan)
    )


def _nans(texts: pl.Series) -> NDArray[np.float64]:
    return np.full(len(texts), np.nan)
