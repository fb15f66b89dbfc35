"""What may not be used: licences not allowed, pages opted out or on block lists, texts full of listed words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.addresses import address_keys
from xl_assets.filters.block_lists import list_hash, listed, load_addresses, load_words
from xl_assets.filters.licences import allowed_licences
from xl_assets.filters.reasons import add_reasons
from xl_assets.native.columns import utf8
from xl_assets.native.matching import Stretches, alphabet, index_stretches, split_terms, stretch_keys
from xl_assets.native.overlaps import list_coverage

#: Longer phrases of a word list are looked for by their first words.
_LONGEST_PHRASE = 8


class ComplianceError(ValueError):
    """A filter is asked for that the table has no column for; names the remedy."""


@dataclass(frozen=True)
class ComplianceSettings:
    """What the licence, address and word filters compare with. Nothing is filtered unless it is asked for.

    Attributes:
        licences: those allowed, in any spelling (``CC BY-SA 4.0``, ``cc-by-sa-4.0``, the deed's address); none: any.
        allow_unknown_licence: whether a document without a licence is allowed where `licences` are given.
        opt_out: paths of lists of addresses and domains whose owners do not want to be used.
        blocked: paths of block lists of addresses and domains.
        blocked_words: paths of lists of what no address may hold, in any case.
        toxic_words: language code -> path of a list of words and phrases.
        toxic_share: share of a text's terms in listed words from which it is rejected.
        toxic_least: so many listed words must there be at least.
    """

    licences: tuple[str, ...] = ()
    allow_unknown_licence: bool = True
    opt_out: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocked_words: tuple[str, ...] = ()
    toxic_words: Mapping[str, str] = field(default_factory=dict, hash=False)
    toxic_share: float = 0.01
    toxic_least: int = 3

    def __post_init__(self) -> None:
        for name in ("licences", "opt_out", "blocked", "blocked_words"):
            value = getattr(self, name)
            paths = (value,) if isinstance(value, str | Path) else value
            object.__setattr__(self, name, tuple(str(path) for path in paths))
        object.__setattr__(self, "toxic_words", {code: str(path) for code, path in self.toxic_words.items()})
        if not 0 <= self.toxic_share <= 1 or self.toxic_least < 1:
            raise ComplianceError(
                f"toxic_share {self.toxic_share} must be between 0 and 1, toxic_least {self.toxic_least} at least 1"
            )

    def placed(self, place: Callable[[str], str]) -> "ComplianceSettings":
        """With each list's path as `place` gives it, e.g. below the folder of the file that names it."""
        return replace(
            self,
            opt_out=tuple(map(place, self.opt_out)),
            blocked=tuple(map(place, self.blocked)),
            blocked_words=tuple(map(place, self.blocked_words)),
            toxic_words={code: place(path) for code, path in self.toxic_words.items()},
        )

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, each list by its hash: a changed list is another setting, a moved one is not.

        Raises:
            BlockListError: a list that is not there.
        """
        plain: dict[str, object] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("opt_out", "blocked", "blocked_words"):
            plain[name] = sorted(list_hash(path) for path in getattr(self, name))
        plain["licences"] = sorted(self.licences)
        plain["toxic_words"] = {code: list_hash(path) for code, path in sorted(self.toxic_words.items())}
        return plain


def sources(settings: ComplianceSettings) -> list[Path]:
    """The files that the settings name, each once, in order."""
    paths = (*settings.opt_out, *settings.blocked, *settings.blocked_words, *settings.toxic_words.values())
    return sorted({Path(path) for path in paths})


def judge_compliance(frame: pl.DataFrame, settings: ComplianceSettings | None = None) -> pl.DataFrame:
    """Add the reasons ``licence_not_allowed``, ``opted_out``, ``blocked_url`` and ``toxic_words``.

    Lists are read when they are first asked for and again when they have changed, so that a list holds for what
    was read long before it was written.

    Args:
        frame: columns ``license``, ``url``, ``text`` and ``language``, as far as the settings ask for them.
        settings: the lists; without any nothing is rejected.

    Raises:
        BlockListError: a list that is not there.
        ComplianceError: a column that a filter needs is not there.
    """
    chosen = settings or ComplianceSettings()
    flags = {
        "licence_not_allowed": _licences(frame, chosen),
        **_addresses(frame, chosen),
        "toxic_words": _toxic(frame, chosen),
    }
    columns = [pl.Series(f"_{name}", values, dtype=pl.Boolean) for name, values in flags.items()]
    judged = add_reasons(frame.with_columns(columns), {name: pl.col(f"_{name}") for name in flags})
    return judged.drop(f"_{name}" for name in flags)


def toxic_shares(texts: pl.Series, path: str | Path) -> pl.DataFrame:
    """Columns words (listed words and phrases that a text has) and share (of its terms that are inside of one).

    Terms are those of `filters.words.TERM`: a hyphen or an apostrophe ends one, and in scripts without spaces each
    character is one, so that a listed word is found there as a run of characters, whatever surrounds it.
    """
    index = _phrases(load_words(path))
    terms, matches, covered = (np.zeros(len(texts), dtype=np.int64) for _ in range(3))
    if len(index.sizes):
        list_coverage(*utf8(texts), *alphabet(), index, terms, matches, covered)
    return pl.DataFrame({"words": matches, "share": covered / np.maximum(terms, 1)})


def _licences(frame: pl.DataFrame, settings: ComplianceSettings) -> NDArray[np.bool_]:
    if not settings.licences:
        return np.zeros(len(frame), dtype=np.bool_)
    given = _column(frame, "license", "licences")
    allowed = allowed_licences(given, settings.licences, unknown=settings.allow_unknown_licence)
    return ~allowed.to_numpy().astype(np.bool_)


def _addresses(frame: pl.DataFrame, settings: ComplianceSettings) -> dict[str, NDArray[np.bool_]]:
    nowhere = np.zeros(len(frame), dtype=np.bool_)
    if not (settings.opt_out or settings.blocked or settings.blocked_words):
        return {"opted_out": nowhere, "blocked_url": nowhere}
    urls = _column(frame, "url", "opt_out, blocked and blocked_words").cast(pl.String)
    keys = address_keys(urls)
    opted_out, blocked = (
        np.logical_or.reduce([nowhere, *(listed(keys, load_addresses(path)) for path in paths)])
        for paths in (settings.opt_out, settings.blocked)
    )
    for path in settings.blocked_words:
        if words := load_words(path):
            held = urls.str.to_lowercase().str.contains_any(list(words)).fill_null(False)
            blocked = blocked | held.to_numpy()
    return {"opted_out": opted_out, "blocked_url": blocked}


def _toxic(frame: pl.DataFrame, settings: ComplianceSettings) -> NDArray[np.bool_]:
    flags = np.zeros(len(frame), dtype=np.bool_)
    if not settings.toxic_words:
        return flags
    languages = _column(frame, "language", "toxic_words")
    texts = _column(frame, "text", "toxic_words")
    for code, path in sorted(settings.toxic_words.items()):
        rows = (languages == code).fill_null(False).arg_true().to_numpy()
        found = toxic_shares(texts.gather(rows), path)
        reached = (found["words"] >= settings.toxic_least) & (found["share"] >= settings.toxic_share)
        flags[rows] = reached.to_numpy()
    return flags


def _column(frame: pl.DataFrame, name: str, needed_by: str) -> pl.Series:
    if name not in frame.columns:
        raise ComplianceError(f"no column {name!r}, which {needed_by} need; map it when reading, or unset them")
    return frame[name]


@lru_cache
def _phrases(words: tuple[str, ...]) -> Stretches:
    """The index of a word list; an entry without letters or digits is left out."""
    terms = split_terms(utf8(pl.Series(words, dtype=pl.String)))
    sizes = np.minimum(np.diff(terms.offsets), _LONGEST_PHRASE)
    keys = [
        stretch_keys(terms.hash, int(size))[terms.offsets[:-1][sizes == size]] for size in np.unique(sizes[sizes > 0])
    ]
    known = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.uint64)
    return index_stretches(known, sizes[sizes > 0])
