"""Sampling documents by a hash of their id."""

import polars as pl

from xl_assets.identity import content_address
from xl_assets.seeds.sources import SeedError

#: Hex digits of the hash that are compared: 52 bits, which a float holds exactly.
_DIGITS = 13


def check_share(share: float) -> float:
    """Return the share.

    Raises:
        SeedError: it is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise SeedError(f"sample = {share}: give a share above 0 and at most 1, e.g. 0.1 for a tenth of the documents")
    return share


def sampled(share: float, document_id: str = "document_id") -> pl.Expr:
    """Whether a document is in the sample of a share.

    The same documents always, wherever they stand; a greater share only adds to them. The id is hashed again, so
    that a sample's ids are spread as all ids are.

    Args:
        share: about this part of all documents.
        document_id: name of the id column.
    """
    drawn = content_address("sample", document_id).str.head(_DIGITS).str.to_integer(base=16, dtype=pl.Int64)
    return drawn < round(share * 16**_DIGITS)
