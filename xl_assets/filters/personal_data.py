"""E-mail and IP addresses, telephone, account and national identity numbers become typed placeholders."""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.identifiers import (
    IBAN_PATTERN,
    NAMED_PATTERN,
    SHAPED_PATTERN,
    without_ibans,
    without_named,
    without_shaped,
)
from xl_assets.filters.words import UNSPACED

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BETWEEN = r"[ \x{a0}\x{202f}.\-/()]{0,2}"
_CALL = r"(?i:\b(?:tel|telephone|telefon|telefone|téléphone|tél|phone|mobile|mobil|fax|teil|guthán|puh|puhelin)\b[.:]*)"
#: Chinese or Thai may touch a number or an address: the edge of a word is theirs too, and they are no part of a name.
_EDGE = r"(?:\b|(?-u:\b))"
_LETTER = rf"[\p{{L}}--[{UNSPACED}]]"
_LOCAL = rf"[{_LETTER}\p{{N}}._%+\-]*[{_LETTER}\p{{N}}_%+\-]"
_TOP = r"(?:[A-Za-z]{2,24}(?-u:\b)|\p{L}{2,24}\b)"

#: Placeholder -> what it stands for. Precision over recall on bare numbers: news are full of years, sums and scores,
#: so a telephone number needs a country code, an area code in North American form, or a word before it that says
#: what it is. What the last two find must pass a check as well (see `identifiers`).
PATTERNS: dict[str, str] = {
    "[EMAIL]": rf"{_LOCAL}@(?:[\p{{L}}\p{{N}}](?:[\p{{L}}\p{{N}}\-]*[\p{{L}}\p{{N}}])?\.)+{_TOP}",
    "[IP]": (
        rf"{_EDGE}(?:{_OCTET}\.){{3}}{_OCTET}{_EDGE}"
        r"|\b(?i:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6})\b"
    ),
    "[PHONE]": (
        rf"\+[1-9]\d{{0,2}}(?:{_BETWEEN}\d){{7,12}}{_EDGE}"
        rf"|\(\d{{3}}\)[ \x{{a0}}]?\d{{3}}[-. \x{{a0}}]\d{{4}}{_EDGE}"
        rf"|{_EDGE}\d{{3}}-\d{{3}}-\d{{4}}{_EDGE}|{_EDGE}\d{{3}}\.\d{{3}}\.\d{{4}}{_EDGE}"
    ),
    "[IBAN]": IBAN_PATTERN,
    "[NATIONAL_ID]": rf"{SHAPED_PATTERN}|{NAMED_PATTERN}",
}
_CALLED = rf"({_CALL}[ \x{{a0}}]*)(?:\+|\b0)?\d(?:{_BETWEEN}\d){{5,13}}{_EDGE}"

#: No text without one of these has anything to replace. A word boundary makes the engine leave its fast path in texts
#: that are not ASCII, so these have none: in all but a few per cent of real texts nothing else is looked for.
_SIGNS = (
    rf"\d(?:{_BETWEEN}\d){{5}}"
    r"|(?:\d{1,3}\.){3}\d"
    r"|::[0-9a-fA-F]|(?::[0-9a-fA-F]{1,4}){7}"
    r"|[A-Z]{3}P[A-Z]\d{4}[A-Z]"
    rf"|[A-Z]{{2}}\d{{2}}(?:{_BETWEEN}[A-Z0-9]){{11}}"
)

_ROUNDS = 50


def redact(frame: pl.DataFrame, text: str = "text") -> pl.DataFrame:
    """Replace personal data in a text column and count it in `redactions` (added to a count that is there).

    Names are not looked for. Redacting twice changes nothing.
    """
    before = frame["redactions"] if "redactions" in frame.columns else pl.repeat(0, len(frame), eager=True)
    texts = frame[text].cast(pl.String)
    rows = _suspects(texts)
    suspects = texts.gather(rows)
    clean = _by_line(suspects)
    added = np.zeros(len(frame), dtype=np.int64)
    added[rows] = (_count(clean) - _count(suspects)).to_numpy()
    counted = (before.cast(pl.Int64) + pl.Series(added)).alias("redactions")
    return frame.with_columns(_put(texts, rows, clean).alias(text), counted)


def placeholders(text: str | pl.Expr) -> pl.Expr:
    """Whether a text holds a placeholder."""
    written = pl.col(text) if isinstance(text, str) else text
    return written.str.contains_any(list(PATTERNS))


def count_by_kind(frame: pl.DataFrame, text: str = "text") -> pl.DataFrame:
    """Placeholders in a column of redacted texts: columns kind (as ``email``) and count, one row a kind.

    Those that an author wrote count as well.
    """
    counts = [frame[text].str.count_matches(kind, literal=True).sum() for kind in PATTERNS]
    kinds = [kind.strip("[]").lower() for kind in PATTERNS]
    return pl.DataFrame({"kind": kinds, "count": counts}, schema={"kind": pl.String, "count": pl.Int64})


def _by_line(texts: pl.Series) -> pl.Series:
    """Clean the suspicious lines of texts; no pattern goes beyond a line."""
    table = pl.DataFrame({"row": np.arange(len(texts)), "line": texts.str.split("\n")}).explode("line")
    rows = _suspects(table["line"])
    lines = _put(table["line"], rows, _settled(table["line"].gather(rows)))
    whole = table.with_columns(lines).group_by("row", maintain_order=True).agg(pl.col("line").str.join("\n"))
    return whole["line"]


def _suspects(texts: pl.Series) -> NDArray[np.integer]:
    signs = texts.str.contains("@", literal=True) | texts.str.contains(_SIGNS)
    return signs.fill_null(False).arg_true().to_numpy()


def _settled(texts: pl.Series) -> pl.Series:
    """Texts in which nothing more is found: a replacement can uncover what an earlier match had swallowed.

    Two or three rounds settle everything but text made to need more; such text is left after some.
    """
    current, moving = texts, np.arange(len(texts))
    for _ in range(_ROUNDS):
        if not len(moving):
            break
        before = current.gather(moving)
        after = _replaced(before)
        changed = (before != after).to_numpy()
        current = _put(current, moving[changed], after.filter(pl.Series(changed)))
        moving = moving[changed]
    return current


def _replaced(texts: pl.Series) -> pl.Series:
    clean = texts
    for kind in ("[EMAIL]", "[IP]"):
        clean = clean.str.replace_all(PATTERNS[kind], kind)
    clean = _checked(clean, IBAN_PATTERN, without_ibans)
    clean = clean.str.replace_all(PATTERNS["[PHONE]"], "[PHONE]").str.replace_all(_CALLED, "${1}[PHONE]")
    clean = _checked(clean, NAMED_PATTERN, without_named)
    return _checked(clean, SHAPED_PATTERN, without_shaped)


def _checked(texts: pl.Series, pattern: str, replaced: Callable[[list[str]], list[str]]) -> pl.Series:
    """Replace what a pattern finds by what `replaced` makes of it, asked once for each different find."""
    found = texts.str.extract_all(pattern)
    rows = (found.list.len() > 0).arg_true().to_numpy()
    if not len(rows):
        return texts
    finds = found.gather(rows)
    distinct = finds.explode().unique().sort()
    new = pl.DataFrame({"find": distinct, "new": replaced(distinct.to_list())})
    # A text is what stands between the finds, in turn with them; after its last piece there is none.
    pieces = pl.DataFrame({"row": rows, "text": texts.gather(rows), "find": finds}).select(
        "row",
        pl.col("text").str.split(pattern, literal=False).alias("piece"),
        pl.concat_list("find", pl.lit(None, pl.String)),
    )
    table = pieces.explode("piece", "find")
    joined = table.join(new, on="find", how="left", maintain_order="left").select(
        "row", pl.concat_str("piece", pl.col("new").fill_null("")).alias("text")
    )
    whole = joined.group_by("row", maintain_order=True).agg(pl.col("text").str.join(""))
    return _put(texts, rows, whole["text"])


def _put(texts: pl.Series, rows: NDArray[np.integer], new: pl.Series) -> pl.Series:
    """The texts with those of some rows replaced."""
    if not len(rows):
        return texts
    order = np.arange(len(texts))
    order[rows] = len(texts) + np.arange(len(rows))
    return pl.concat([texts, new.rename(texts.name)]).gather(order)


def _count(texts: pl.Series) -> pl.Series:
    counts = [pl.col("text").str.count_matches(kind, literal=True).cast(pl.Int64) for kind in PATTERNS]
    return texts.alias("text").to_frame().select(pl.sum_horizontal(counts).alias("count"))["count"]
