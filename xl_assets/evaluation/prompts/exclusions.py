"""Which prompts to leave out: by id, by rule, or by a shipped set of rules."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl

#: Set -> rule -> regular expression; the file says why.
SHIPPED_FILE = Path(__file__).with_name("exclusions.toml")


class PromptFileError(ValueError):
    """A prompt file that can't be read or used as it is; names the file, the line or row, and the remedy."""


def mark_excluded(frame: pl.DataFrame, exclude: Sequence[str], name: str) -> pl.DataFrame:
    """Add the column ``excluded``: what excludes a prompt first, null for those that stay.

    Args:
        frame: columns ``id`` and ``instruction``.
        exclude: entries of three forms: an id as it stands in the file; a regular expression between slashes that the
            instruction matches, e.g. ``/(?i)english grammar/``; a shipped set after an at sign, e.g.
            ``@alpaca_eval``, whose rules are named ``alpaca_eval/rhymes`` and so on.
        name: of the file, for messages.

    Raises:
        PromptFileError: an entry that is none of these.
    """
    excluded = pl.lit(None, dtype=pl.String)
    for label, matches in _rules(exclude, set(frame["id"]), name):
        excluded = pl.coalesce(excluded, pl.when(matches).then(pl.lit(label)))
    return frame.with_columns(excluded.alias("excluded"))


@lru_cache
def shipped_sets() -> Mapping[str, Mapping[str, str]]:
    """The shipped sets: name -> rule -> regular expression."""
    return tomllib.loads(SHIPPED_FILE.read_text(encoding="utf-8"))


def _rules(exclude: Sequence[str], ids: set[str], name: str) -> Iterator[tuple[str, pl.Expr]]:
    for entry in exclude:
        if entry in ids:
            yield entry, pl.col("id") == entry
        elif entry.startswith("@"):
            for rule, expression in _shipped(entry[1:]).items():
                yield f"{entry[1:]}/{rule}", _matches(expression)
        elif len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
            yield entry, _matches(entry[1:-1])
        else:
            raise PromptFileError(
                f"exclusion {entry!r} is no id of prompt file {name}: correct it, or write a rule as /expression/"
            )


def _shipped(name: str) -> Mapping[str, str]:
    sets = shipped_sets()
    if name not in sets:
        raise PromptFileError(f"no shipped exclusions are called {name!r}; there are {', '.join(sets)}")
    return sets[name]


def _matches(expression: str) -> pl.Expr:
    try:
        pl.Series([""]).str.contains(expression)
    except pl.exceptions.ComputeError as error:
        raise PromptFileError(f"exclusion /{expression}/ is no regular expression: {error}") from error
    return pl.col("instruction").str.contains(expression)
