"""One spelling for the many of a licence."""

import re
from collections.abc import Iterable

import polars as pl

_DEED = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z+-]+)(?:/([\d.]+))?")
_ZERO = re.compile(r"\bcc[\W_]*(?:0|zero)\b|public[\W_]*domain[\W_]*dedication|publicdomain/zero")
_ASIDE = re.compile(r"(?<=\S)\s*\([^)]*\)")
_LONG = (
    (re.compile(r"creative[\W_]*commons"), " cc "),
    (re.compile(r"attribution"), " by "),
    (re.compile(r"non[\W_]*commercial"), " nc "),
    (re.compile(r"share[\W_]*alike"), " sa "),
    (re.compile(r"no[\W_]*deriv(?:ative)?s?(?:[\W_]*works)?"), " nd "),
    (
        re.compile(
            r"\b(?:version|v(?=[\W_]*\d)|licen[cs]ed?|international|universal|unported|generic|the)(?![^\W\d_])"
        ),
        " ",
    ),
)
_VERSION = re.compile(r"(?<=\d)\.0(?=[^\d.]|$)")
_SEPARATORS = re.compile(r"[^\w.+]+|_+")
_ALTERNATIVE = re.compile(r"\s+or\s+", re.IGNORECASE)
_TOGETHER = re.compile(r"\s+and\s+", re.IGNORECASE)


def allowed_licences(licences: pl.Series, allowed: Iterable[str], *, unknown: bool) -> pl.Series:
    """Whether each licence is one of those allowed, in whatever spelling; asked for once per different string.

    Of alternatives (``MIT OR Apache-2.0``) one must be allowed, of licences that hold together (``AND``) each.
    A version must be the same: ``cc-by`` is not ``cc-by-4.0``.

    Args:
        licences: as documents have them; null or blank is unknown.
        allowed: those allowed, in any spelling.
        unknown: whether an unknown one is.
    """
    names = frozenset(normalise_licence(licence) for licence in allowed)
    written = licences.cast(pl.String).fill_null("").str.strip_chars()
    distinct = written.unique()
    verdicts = [_is_allowed(licence, names) if licence else unknown for licence in distinct]
    verdict = pl.Series(verdicts, dtype=pl.Boolean)
    return written.replace_strict(distinct, verdict, return_dtype=pl.Boolean).alias("allowed")


def normalise_licence(licence: str) -> str:
    """Return a licence in the manner of SPDX identifiers (https://spdx.org/licenses), in small letters.

    >>> normalise_licence("CC BY-SA 4.0"), normalise_licence("http://creativecommons.org/licenses/by-sa/4.0/deed.de")
    ('cc-by-sa-4', 'cc-by-sa-4')
    >>> normalise_licence("Creative Commons Attribution-NonCommercial 3.0 Unported License")
    'cc-by-nc-3'
    >>> normalise_licence("Apache License, Version 2.0"), normalise_licence("apache-2.0"), normalise_licence("CC0")
    ('apache-2', 'apache-2', 'cc0-1')
    """
    plain = licence.strip().casefold()
    if _ZERO.search(plain):
        return "cc0-1"
    if deed := _DEED.search(plain):
        name, version = deed.groups()
        plain = f"{'public domain' if name == 'mark' else 'cc'} {name} {version or ''}"
    plain = _ASIDE.sub(" ", plain)
    for pattern, short in _LONG:
        plain = pattern.sub(short, plain)
    return _SEPARATORS.sub("-", _VERSION.sub("", plain)).strip("-.")


def _is_allowed(licence: str, names: frozenset[str]) -> bool:
    if normalise_licence(licence) in names:
        return True
    alternatives = _ALTERNATIVE.split(licence.strip("() "))
    return any(
        all(normalise_licence(part.strip("() ")) in names for part in _TOGETHER.split(alternative))
        for alternative in alternatives
    )
