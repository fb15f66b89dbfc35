"""Web addresses as keys that lists can be asked for: the sites a page belongs to, and the pages above it."""

import re
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
import polars_hash  # noqa: F401  registers the stable `nchash` namespace
from numpy.typing import NDArray

#: A host has at most so many labels that matter, and a path so many steps, above those of which a list may name one.
_LABELS, _STEPS = 16, 12

#: An IP address; no domain ends with a number.
_NUMBERS = re.compile(r"\[.*|(?:.*\.)?\d+")
_NEVER = 1000


class AddressKeys(NamedTuple):
    """Keys of addresses, one row an address; 0 where there is none.

    Attributes:
        sites: uint64, the host and the domains above it, down to the registered one.
        pages: uint64, the page and the paths above it.
    """

    sites: NDArray[np.uint64]
    pages: NDArray[np.uint64]


def address_keys(urls: pl.Series) -> AddressKeys:
    """Take addresses apart; what is no address has no keys.

    A scheme, user, port, fragment, ``www.`` and the case of the host make no difference; an international name
    is the same in Unicode and in punycode. A domain stands for its subdomains, but never a public suffix for what
    is registered under it (public suffix list as bundled with tldextract, https://publicsuffix.org).
    """
    parts = split_addresses(urls)
    sites = _site_keys(parts["host"])
    pages = _page_keys(parts)
    return AddressKeys(sites, pages)


def split_addresses(urls: pl.Series) -> pl.DataFrame:
    """Columns host, path and query: the canonical host (empty where there is none), ``/a/b`` without a last slash
    (empty for the whole site), ``?x=1`` or empty.
    """
    address = pl.col("url").str.strip_chars().str.replace(r"^(?:(?i:[a-z][a-z0-9+.\-]*):)?[/\\]{2,}", "")
    authority = address.str.extract(r"^([^/?#\\]*)")
    rest = address.str.extract(r"^[^/?#\\]*([^#]*)").str.replace_all("\\", "/", literal=True)
    host = (
        # What holds a blank is no host but prose.
        pl.when(~authority.str.contains(r"\s"))
        .then(authority)
        .str.replace(r"^.*@", "")
        .str.to_lowercase()
        .str.replace(r":\d*$", "")
        .str.strip_chars_end(".")
        .str.replace(r"^(?:www\.|\*\.|\.)", "")
    )
    table = pl.DataFrame({"url": urls.cast(pl.String).fill_null("")}).select(
        host.fill_null("").alias("host"),
        rest.str.extract(r"^([^?]*)").str.strip_chars_end("/").fill_null("").alias("path"),
        rest.str.extract(r"(\?.+)$").fill_null("").alias("query"),
    )
    return table.with_columns(_canonical(table["host"]))


def key_of(text: pl.Expr) -> pl.Expr:
    """The key of a host, or of a host with a path; stable between versions."""
    return text.nchash.xxh3_64()  # type: ignore[attr-defined]


def _canonical(hosts: pl.Series) -> pl.Series:
    """International names in punycode, asked for once per different name."""
    foreign = hosts.filter(hosts.str.contains(r"[^\x00-\x7f]")).unique().sort()
    if foreign.is_empty():
        return hosts
    return hosts.replace(foreign, pl.Series([_punycode(host) for host in foreign], dtype=pl.String))


def _punycode(host: str) -> str:
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        return host


def _site_keys(hosts: pl.Series) -> NDArray[np.uint64]:
    distinct = hosts.unique().sort()
    least = pl.Series("least", [_least_labels(host) for host in distinct], dtype=pl.Int64)
    labels = pl.col("host").str.split(".")
    table = pl.DataFrame({"host": distinct, "least": least}).with_columns(labels.alias("labels"))
    known = pl.col("host") != ""
    keys = [pl.when(known).then(key_of(pl.col("host"))).alias("0")]
    for count in range(1, _LABELS):
        above = pl.col("labels").list.tail(count).list.join(".")
        wanted = known & (pl.col("least") <= count) & (pl.col("labels").list.len() > count)
        keys.append(pl.when(wanted).then(key_of(above)).alias(str(count)))
    matrix = table.select(keys).fill_null(0).to_numpy()
    return matrix[distinct.search_sorted(hosts).to_numpy()] if len(hosts) else matrix[:0]


def _least_labels(host: str) -> int:
    """Labels of the shortest domain that may stand for a host."""
    if not host or _NUMBERS.fullmatch(host):
        return _NEVER
    found = _suffixes()(host)
    if not found.domain:
        return _NEVER
    return found.suffix.count(".") + 2 if found.suffix else 2


@cache
def _suffixes():
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


def _page_keys(parts: pl.DataFrame) -> NDArray[np.uint64]:
    steps = pl.col("path").str.split("/")
    whole = pl.concat_str("host", "path")
    known = pl.col("host") != ""
    keys = [
        pl.when(known & (pl.col("path") != "")).then(key_of(whole)).alias("0"),
        pl.when(known & (pl.col("query") != "")).then(key_of(pl.concat_str("host", "path", "query"))).alias("1"),
    ]
    for count in range(2, _STEPS):
        above = pl.concat_str("host", pl.col("steps").list.head(count).list.join("/"))
        keys.append(pl.when(known & (pl.col("steps").list.len() > count)).then(key_of(above)).alias(str(count)))
    return parts.with_columns(steps.alias("steps")).select(keys).fill_null(0).to_numpy()
