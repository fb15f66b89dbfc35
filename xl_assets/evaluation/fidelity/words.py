"""English words for the word pass rate, and words in scripts that put no spaces between them."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from xl_assets.filters.segmentation import word_breaks
from xl_assets.languages import Language
from xl_assets.native.columns import utf8

#: SCOWL's American English (see english_words.LICENCE.txt): what a Unix word list is in most places.
SHIPPED_WORDS = Path(__file__).with_name("english_words.txt")

#: Shorter words count for nothing: too many of them are words, names or abbreviations elsewhere.
LEAST_CHARACTERS = 4


class FidelityError(ValueError):
    """Language fidelity can't be measured from what was given; names what is wrong and the remedy."""


@lru_cache(maxsize=8)
def english_words(file: Path = SHIPPED_WORDS) -> pl.Series:
    """Read a list of English words, one a line, as the benchmark reads its own.

    Only words of at least four characters that are written in small letters count: no names, no abbreviations.

    Args:
        file: UTF-8; the shipped list by default.

    Returns:
        The distinct words, sorted.

    Raises:
        FidelityError: no such file, not UTF-8, or not one usable word in it.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FidelityError(f"word list {file} can't be opened ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise FidelityError(f"word list {file.name} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    words = pl.Series("word", text.split("\n"), dtype=pl.String).str.strip_chars()
    small = words.str.contains(r"\p{Lowercase}") & ~words.str.contains(r"[\p{Uppercase}\p{Lt}]")
    usable = words.filter(small & (words.str.len_chars() >= LEAST_CHARACTERS)).unique().sort()
    if usable.is_empty():
        raise FidelityError(
            f"word list {file.name} holds no English word: write one word of {LEAST_CHARACTERS} or more small letters "
            "per line"
        )
    return usable


def spaced(texts: pl.Series, language: Language) -> pl.Series:
    """Set words apart by spaces where a language doesn't; texts of other languages come back as they are.

    The words are those of ICU's dictionaries (see `filters.segmentation`), as in every other measure here. Other
    segmenters, such as the benchmark's for Chinese and Japanese, cut some words elsewhere.

    Args:
        texts: in one language, without nulls.
        language: theirs.
    """
    if language.spaces_between_words or not len(texts):
        return texts
    columns = utf8(texts)
    first, last = columns.offsets[0], columns.offsets[-1]
    breaks = word_breaks(texts, columns, language)
    data = np.insert(columns.data[first:last], breaks - first, np.uint8(ord(" ")))
    offsets = columns.offsets - first + np.searchsorted(breaks, columns.offsets)
    buffers = (pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(np.ascontiguousarray(data)))
    array = pa.LargeStringArray.from_buffers(len(texts), *buffers)
    return pl.Series(texts.name, pl.from_arrow(array), dtype=pl.String)
