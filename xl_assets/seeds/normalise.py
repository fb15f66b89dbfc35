"""One way to write a text: composed characters, no control characters, plain white space."""

import polars as pl

#: Control characters except tab and line feed, soft hyphens, byte order marks, and the marks that only steer the
#: direction of display. Zero-width joiners stay: they carry meaning in Hindi, Persian and many other languages.
_INVISIBLE = r"[[\p{Cc}--[\t\n]]\x{ad}\x{200b}\x{2060}\x{feff}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]"

_LINE_ENDS = r"\r\n?|\x{85}|\x{2028}|\x{2029}|\x{0b}|\x{0c}"


def normalised(text: str | pl.Expr) -> pl.Expr:
    """Return an expression for the normalised text; applying it again changes nothing.

    NFC (not NFKC, which would change what is said: ² to 2); every line end is ``\\n``; control and other
    invisible characters are removed; runs of blanks, also no-break ones, become one space; lines are
    trimmed; at most one empty line separates paragraphs.
    """
    written = pl.col(text) if isinstance(text, str) else text
    return (
        written.str.replace_all(_LINE_ENDS, "\n")
        .str.replace_all(_INVISIBLE, "")
        .str.normalize("NFC")
        .str.replace_all(r"[\s--\n]+", " ")
        .str.replace_all(r" ?\n ?", "\n")
        .str.replace_all(r"\n{3,}", "\n\n")
        .str.strip_chars()
    )
