"""Document refinement: lines that are furniture of a web page go, the text stays as it is otherwise.

Told by form, as RefinedWeb's line-wise corrections (arXiv:2306.01116, appendix G) and C4's line rules
(arXiv:1910.10683, section 2.2) have it; no word lists of single languages but C4's notices about JavaScript, cookies
and policies. Lines that many documents share, whatever their form, are `filters.line_duplicates`' to find and remove.
"""

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.measures.punctuation import terminal_punctuation
from xl_assets.native import boilerplate
from xl_assets.native.boilerplate import page_furniture
from xl_assets.native.c4 import KEPT, judge_lines, kept_text
from xl_assets.native.columns import utf8
from xl_assets.native.lines import as_series, split_lines, without_lines

#: Kinds of lines that can go, with what they are.
KINDS = {
    "ruler": boilerplate.RULER,
    "counter": boilerplate.COUNTER,
    "navigation": boilerplate.NAVIGATION,
    "capitals": boilerplate.CAPITALS,
    "notice": boilerplate.NOTICE,
}


class UnknownLineKind(ValueError):
    """A kind of line that does not exist; names those that do."""


def refine_lines(
    frame: pl.DataFrame,
    text: str = "text",
    *,
    kinds: Collection[str] = tuple(KINDS),
) -> pl.DataFrame:
    """Remove lines by their kind; the same again changes nothing.

    Args:
        frame: rows with a text column, lines parted by line feeds; nulls stay.
        text: its name.
        kinds: which lines go, names among `KINDS`; see `native.boilerplate.page_furniture`.

    Returns:
        The frame with the texts refined and Int64 ``removed_lines`` (added to a count that is there). A line goes
        with its line feed; where removed lines stood between blank ones, one of these stays. A text of nothing but
        such lines stays as it is: the rules then say what is wrong with it, not that it is empty.

    Raises:
        UnknownLineKind: names the kinds there are.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise UnknownLineKind(f"no kind of line is called {', '.join(unknown)}; the kinds are {', '.join(KINDS)}")
    buffers = utf8(frame[text])
    lines = split_lines(buffers)
    removed = np.isin(page_furniture(buffers, lines, terminal_punctuation()), [KINDS[kind] for kind in kinds])
    left = lines.per_text(lines.filled & ~removed)
    removed &= np.repeat(left > 0, np.diff(lines.offsets))
    return _replaced(frame, text, without_lines(buffers, lines, removed), lines.per_text(removed))


def retain_c4_lines(frame: pl.DataFrame, text: str = "text") -> pl.DataFrame:
    """Leave only the lines that C4 retains, as datatrove's `C4QualityFilter` writes a document that it keeps.

    Args:
        frame: rows with a text column; nulls stay.
        text: its name.

    Returns:
        The frame with the retained lines, trimmed, without citations ("[12]", "[edit]"), one below the other, and
        Int64 ``removed_lines`` (added to a count that is there), blank ones among them.
    """
    buffers = utf8(frame[text])
    lines = judge_lines(buffers, terminal_punctuation())
    return _replaced(frame, text, as_series(kept_text(buffers, lines)), lines.per_text(lines.verdict != KEPT))


def _replaced(frame: pl.DataFrame, text: str, texts: pl.Series, removed: NDArray[np.int64]) -> pl.DataFrame:
    known = frame[text].is_not_null()
    before = frame["removed_lines"] if "removed_lines" in frame.columns else 0
    return frame.with_columns(
        pl.when(known).then(texts).alias(text),
        (pl.when(known).then(pl.Series(removed)).otherwise(0) + before).alias("removed_lines"),
    )
