"""The registered domain of a URL, by the public suffix list that comes with tldextract; nothing is fetched."""

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from tldextract import TLDExtract

#: What stands between ``//`` (and a user name) and the port or path.
_HOST = r"^[a-zA-Z][a-zA-Z0-9+.\-]*://(?:[^/?#@\\]*@)?(\[[^\]/]*\]|[^/?#:\\\s@.][^/?#:\\\s@]*)"


def domains(urls: pl.Series) -> pl.Series:
    """Return the domain that was registered (``bbc.co.uk``), the host where there is none, or null.

    Each distinct host is looked up once.

    >>> domains(pl.Series(["https://news.bbc.co.uk/a?b", "http://127.0.0.1:80/", "no url", None])).to_list()
    ['bbc.co.uk', '127.0.0.1', None, None]
    """
    hosts = urls.cast(pl.String).str.extract(_HOST).str.to_lowercase().str.strip_chars_end(".").rename("host")
    distinct = hosts.drop_nulls().unique(maintain_order=True)
    extract = _extractor()
    registered = pl.Series(
        "domain",
        [extract.extract_str(host).top_domain_under_public_suffix or host for host in distinct],
        dtype=pl.String,
    )
    known = pl.DataFrame([distinct, registered])
    return hosts.to_frame().join(known, on="host", how="left", maintain_order="left")["domain"].rename(urls.name)


@cache
def _extractor() -> "TLDExtract":
    from tldextract import TLDExtract

    return TLDExtract(cache_dir=None, suffix_list_urls=())
