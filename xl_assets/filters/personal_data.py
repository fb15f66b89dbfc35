"""E-mail addresses, IP addresses and telephone numbers become typed placeholders."""

import polars as pl

#: Placeholder -> what it stands for, in the order of replacement. Precision over recall on bare numbers: news are
#: full of years, sums and scores, so a telephone number needs a country code, an area code in North American form,
#: or a word before it that says what it is.
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BETWEEN = r"[ \x{a0}\x{202f}.\-/()]{0,2}"
_CALL = r"(?i:\b(?:tel|telephone|telefon|telefone|téléphone|tél|phone|mobile|mobil|fax|teil|guthán|puh|puhelin)\b[.:]*)"

PATTERNS: dict[str, str] = {
    "[EMAIL]": r"[\p{L}\p{N}._%+\-]*[\p{L}\p{N}_%+\-]@(?:[\p{L}\p{N}](?:[\p{L}\p{N}\-]*[\p{L}\p{N}])?\.)+\p{L}{2,24}\b",
    "[IP]": (
        rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b"
        r"|\b(?i:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6})\b"
    ),
    "[PHONE]": (
        rf"\+[1-9]\d{{0,2}}(?:{_BETWEEN}\d){{7,12}}\b"
        r"|\(\d{3}\)[ \x{a0}]?\d{3}[-. \x{a0}]\d{4}\b"
        r"|\b\d{3}-\d{3}-\d{4}\b|\b\d{3}\.\d{3}\.\d{4}\b"
    ),
}
_CALLED = rf"({_CALL}[ \x{{a0}}]*)(?:\+|\b0)?\d(?:{_BETWEEN}\d){{5,13}}\b"


def redact(frame: pl.DataFrame, text: str = "text") -> pl.DataFrame:
    """Replace personal data in a text column and count it in `redactions` (added to a count that is there).

    Names are not looked for. Redacting twice changes nothing.
    """
    before = pl.col("redactions") if "redactions" in frame.columns else pl.lit(0)
    clean = pl.col(text)
    for placeholder, pattern in PATTERNS.items():
        clean = clean.str.replace_all(pattern, placeholder)
    clean = clean.str.replace_all(_CALLED, "${1}[PHONE]")
    # Counting placeholders is a tenth of the work of counting matches.
    written = _count(pl.col(text))
    replaced = frame.with_columns(clean.alias(text), (before - written).alias("redactions"))
    return replaced.with_columns((pl.col("redactions") + _count(pl.col(text))).cast(pl.Int64))


def placeholders(text: str | pl.Expr) -> pl.Expr:
    """Whether a text holds a placeholder."""
    written = pl.col(text) if isinstance(text, str) else text
    return written.str.contains_any(list(PATTERNS))


def _count(text: pl.Expr) -> pl.Expr:
    counts = [text.str.count_matches(placeholder, literal=True).cast(pl.Int64) for placeholder in PATTERNS]
    return pl.sum_horizontal(counts)
