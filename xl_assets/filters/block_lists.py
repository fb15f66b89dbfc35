"""Lists that a user hands over by path: web addresses and words. A line is data, never a pattern.

One entry a line; ``#`` begins a comment. Of addresses these forms are read, also mixed and also gzipped: domains
and addresses (as the UT1 lists and URLhaus's text feed have them), hosts files (``0.0.0.0 example.com``) and
URLhaus's table (``"id","date","url",...``).
"""

import gzip
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.addresses import AddressKeys, key_of, split_addresses
from xl_assets.identity import ID_LENGTH

#: Bytes of a list that are in memory as text at one time.
_BLOCK = 4 << 20

#: Whole lists in memory at one time.
_LISTS = 64

_PLAIN_HOST = r"^[a-z0-9\-]+(?:\.[a-z0-9\-]+)+$"
_ADDRESS = pl.coalesce(
    pl.col("line").str.extract(r"^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+(\S+)"),
    pl.col("line").str.extract(r'^"[^"]*","[^"]*","([^"]+)"'),
    pl.col("line"),
)


class BlockListError(ValueError):
    """A list can't be read; names the file and the remedy."""


class AddressList(NamedTuple):
    """Keys of a list's entries, ascending (see `addresses`): 8 bytes an entry.

    Attributes:
        sites: of the entries that name a host alone.
        pages: of those with a path: they stand for it and all below, those with a query for it alone.
    """

    sites: NDArray[np.uint64]
    pages: NDArray[np.uint64]


def load_addresses(path: str | Path) -> AddressList:
    """Read a list of domains and addresses; read again only where the file has changed.

    Raises:
        BlockListError: no such file.
    """
    return _addresses(*_version(path))


def load_words(path: str | Path) -> tuple[str, ...]:
    """Read a list of words or parts of words, in small letters, each once.

    Raises:
        BlockListError: no such file.
    """
    return _words(*_version(path))


def list_hash(path: str | Path) -> str:
    """Address of a list's bytes.

    Raises:
        BlockListError: no such file.
    """
    return _hash(*_version(path))


def listed(keys: AddressKeys, entries: AddressList) -> NDArray[np.bool_]:
    """Whether each address is in a list: its page or one above, its host or a domain above."""
    return _any_in(keys.sites, entries.sites) | _any_in(keys.pages, entries.pages)


def _any_in(keys: NDArray[np.uint64], entries: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(entries):
        return np.zeros(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(entries, keys), len(entries) - 1)
    return ((entries[place] == keys) & (keys != 0)).any(axis=1)


def _version(path: str | Path) -> tuple[str, int, int]:
    """What tells a file's states apart."""
    try:
        state = Path(path).stat()
    except OSError as error:
        raise BlockListError(
            f"no list {path} ({error.strerror}); put the file there, or take it out of the settings"
        ) from error
    return str(path), state.st_mtime_ns, state.st_size


@lru_cache(_LISTS)
def _addresses(path: str, _time: int, _size: int) -> AddressList:
    sites, pages = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.uint64)]
    for lines in _blocks(path):
        # Millions of lines are domains and nothing else; they need not be taken apart.
        plain = lines.str.contains(_PLAIN_HOST)
        hosts = lines.filter(plain).str.strip_prefix("www.").to_frame("host")
        parts = split_addresses(lines.filter(~plain).to_frame("line").select(_ADDRESS).to_series())
        below = (pl.col("path") != "") | (pl.col("query") != "")
        above = parts.filter(~below & (pl.col("host") != "")).select("host")
        whole = parts.filter(below & (pl.col("host") != "")).select(pl.concat_str("host", "path", "query"))
        sites.append(pl.concat([hosts, above]).select(key_of(pl.col("host"))).to_series().to_numpy())
        pages.append(whole.select(key_of(pl.col("host"))).to_series().to_numpy())
    return AddressList(np.unique(np.concatenate(sites)), np.unique(np.concatenate(pages)))


@lru_cache(_LISTS)
def _words(path: str, _time: int, _size: int) -> tuple[str, ...]:
    words = [lines.str.to_lowercase().unique() for lines in _blocks(path)]
    return tuple(pl.concat(words).unique().sort())


@lru_cache(_LISTS)
def _hash(path: str, _time: int, _size: int) -> str:
    digest = sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:ID_LENGTH]


def _blocks(path: str) -> Iterator[pl.Series]:
    """The entries of a list, some million bytes at a time; bytes that are no UTF-8 become replacement characters."""
    opened = gzip.open if path.endswith(".gz") else open
    try:
        with opened(path, "rb") as stream:
            rest = b""
            while block := stream.read(_BLOCK):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                yield _entries(whole + newline)
            yield _entries(rest)
    except (OSError, EOFError) as error:
        raise BlockListError(f"list {path} can't be read ({error}); save it as plain text or gzip") from error


def _entries(block: bytes) -> pl.Series:
    text = pl.Series("line", [block.decode("utf-8", errors="replace")])
    lines = text.str.split("\n").explode().str.strip_chars(" \t\r\ufeff")
    marked = lines.str.contains("#", literal=True)
    bare = lines.filter(marked).str.replace(r"(?:^|\s+)#.*$", "")
    kept = pl.concat([lines.filter(~marked), bare])
    return kept.filter(kept != "")
