"""Account numbers and national identity numbers: where they may stand, and whether their check digits agree.

A number is replaced for one of two reasons. Its **shape** is proof enough (a Finnish identity code, a French
NIR, a Chinese identity card: dates, places and check characters at fixed positions), or a **word before it** says
what it is and its check digit agrees (an 11-digit run passes a modulus of 11 once in ten or eleven times, so
the check alone would eat order numbers and sums). Checks are python-stdnum's, or the formula named beside ours.

Malta's identity card has no check digit and no shape that prose has not; it is not looked for. Three numbers
without a public check digit are taken for their shape: the American SSN, the British national insurance number and
the Indian PAN of persons.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module

_GAP = r"[^\d\n]{0,40}?"
_BLANK = "[ \u00a0\u202f]?"
_DASH = "[ \u00a0\u202f-]?"
_BETWEEN = re.compile("[ \u00a0\u202f-]")
_CENTURY = re.compile(r"\d{6}[-+]\d{3}\w")
_NOT_ASCII = re.compile(r"[^\D0-9]")


@dataclass(frozen=True)
class Identifier:
    """One country's number of a person.

    Attributes:
        name: country and number.
        shape: regular expression of the number, in the syntax that Rust and Python share.
        check: module of python-stdnum, or a function of this file, that says whether the number is valid.
        words: what must stand before it on the line, as a regular expression; empty where the shape is enough.
    """

    name: str
    shape: str
    check: str | Callable[[str], bool]
    words: str = ""

    def valid(self, number: str) -> bool:
        """Whether the check digits of a number in this shape agree."""
        plain = _plain(number)
        return self.check(plain) if callable(self.check) else _is_valid(self.check, plain)


def hungarian_person(number: str) -> bool:
    """Személyi azonosító: sex and century, birth date, serial, check digit (Hungarian act XX of 1996).

    The check digit is the sum of position times digit modulo 11; positions count down for those born after 1996.
    """
    digits = [int(digit) for digit in number]
    year = (1900 if digits[0] in {1, 2, 5, 6} else 2000) + int(number[1:3])
    try:
        born = date(year, int(number[3:5]), int(number[5:7]))
    except ValueError:
        return False
    weights = range(1, 11) if born.year < 1997 else range(10, 0, -1)
    return sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11 == digits[10]


def hungarian_health(number: str) -> bool:
    """TAJ-szám: three times the digits at odd and seven times those at even positions, modulo 10."""
    digits = [int(digit) for digit in number]
    return (3 * sum(digits[0:8:2]) + 7 * sum(digits[1:8:2])) % 10 == digits[8]


def hungarian_tax(number: str) -> bool:
    """Adóazonosító jel: an 8, nine digits, the last the sum of position times digit modulo 11."""
    digits = [int(digit) for digit in number]
    return sum(place * digit for place, digit in enumerate(digits[:9], 1)) % 11 == digits[9]


def british_insurance(number: str) -> bool:
    """National insurance number: prefixes that are never given out (HMRC manual NIM39110)."""
    return number[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def american_security(number: str) -> bool:
    """A social security number that may have been given out, or a taxpayer's number in the same shape."""
    return _is_valid("us.ssn", number) or _is_valid("us.itin", number)


#: Numbers known by their shape.
SHAPED = (
    Identifier("fi henkilötunnus", r"[0-3]\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", "fi.hetu"),
    Identifier(
        "fr NIR",
        rf"[12]{_BLANK}\d{{2}}{_BLANK}(?:0[1-9]|1[0-2]|20|3\d|4[0-2]){_BLANK}(?:\d{{2}}|2[AB])"
        rf"{_BLANK}\d{{3}}{_BLANK}\d{{3}}{_BLANK}\d{{2}}",
        "fr.nir",
    ),
    Identifier("cn identity card", r"[1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[\dXx]", "cn.ric"),
    Identifier("pt cartão de cidadão", rf"\d{{8}}{_DASH}\d{_BLANK}(?:[A-Z][A-Z0-9]|[0-9][A-Z])\d", "pt.cc"),
    Identifier("ie PPS", r"\d{7}[A-W][ABHTWX]?", "ie.pps"),
    Identifier("in PAN of a person", r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", "in_.pan"),
    Identifier("us SSN, ITIN", r"\d{3}-\d{2}-\d{4}", american_security),
    Identifier(
        "gb national insurance",
        rf"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]{_BLANK}\d{{2}}{_BLANK}\d{{2}}{_BLANK}\d{{2}}{_BLANK}[A-D]",
        british_insurance,
    ),
    Identifier("hu személyi azonosító", r"[1-8][- ]\d{6}[- ]\d{4}", hungarian_person),
)

#: Numbers known by a word before them and their check digit. A word has a boundary before it, not after it, unless
#: it says so: languages inflect.
NAMED = (
    Identifier(
        "de Steuer-ID",
        rf"\d{{2}}{_BLANK}\d{{3}}{_BLANK}\d{{3}}{_BLANK}\d{{3}}",
        "de.idnr",
        r"steuer[- ]?id|steuerliche identifikation|steuer-?identifikation|identifikationsnummer|idnr|tax id|tin\b",
    ),
    Identifier(
        "pt NIF",
        rf"\d{{3}}{_BLANK}\d{{3}}{_BLANK}\d{{3}}",
        "pt.nif",
        r"nif\b|contribuinte|número fiscal|identificação fiscal",
    ),
    Identifier(
        "hu TAJ-szám", rf"\d{{3}}{_DASH}\d{{3}}{_DASH}\d{{3}}", hungarian_health, r"taj\b|társadalombiztosítási"
    ),
    Identifier("hu adóazonosító jel", r"8\d{9}", hungarian_tax, r"adóazonosító"),
    Identifier("lt asmens kodas", r"[1-6]\d{10}", "lt.asmens", r"asmens kod|a\. ?k\."),
    Identifier("in Aadhaar", rf"[2-9]\d{{3}}{_DASH}\d{{4}}{_DASH}\d{{4}}", "in_.aadhaar", r"aadhaa?r|uidai|uid\b|आधार"),
    Identifier(
        "fr numéro fiscal",
        rf"[0-3]\d{_BLANK}\d{{2}}{_BLANK}\d{{3}}{_BLANK}\d{{3}}{_BLANK}\d{{3}}",
        "fr.nif",
        r"numéro fiscal|identifiant fiscal|n° fiscal|spi\b",
    ),
    Identifier("tr T.C. kimlik", r"[1-9]\d{10}", "tr.tckimlik", r"t\.? ?c\.? ?kimli|kimli[kğ]|tckn|tc no"),
    Identifier("gb NHS", rf"\d{{3}}{_DASH}\d{{3}}{_DASH}\d{{4}}", "gb.nhs", r"nhs\b"),
    Identifier("gb UTR", rf"\d{{5}}{_BLANK}\d{{5}}", "gb.utr", r"utr\b|taxpayer reference"),
    Identifier("us SSN, ITIN", rf"\d{{3}}{_DASH}\d{{2}}{_DASH}\d{{4}}", american_security, r"ssn\b|social security"),
)

#: What may be an account number; the check says where it ends.
IBAN_PATTERN = rf"(?-u:\b)[A-Z]{{2}}\d{{2}}(?:{_DASH}[A-Z0-9]){{11,30}}"
SHAPED_PATTERN = rf"(?-u:\b)(?:{'|'.join(identifier.shape for identifier in SHAPED)})(?-u:\b)"
#: From the word to the end of a run of digits and letters, which is longer than any number above.
NAMED_PATTERN = (
    rf"(?i:\b(?:{'|'.join(identifier.words for identifier in NAMED)}))"
    "[^\\d\\n]{0,40}\\d[\\d \u00a0\u202f-]{7,23}[\\p{L}\\d]?"
)


def without_ibans(candidates: Iterable[str]) -> list[str]:
    """The stretches that `IBAN_PATTERN` found, with ``[IBAN]`` where the check digits and the length agree."""
    return [_without_iban(candidate) for candidate in candidates]


def without_shaped(candidates: Iterable[str]) -> list[str]:
    """The stretches that `SHAPED_PATTERN` found, with ``[NATIONAL_ID]`` where a check agrees."""
    return [_replaced(candidate, SHAPED) for candidate in candidates]


def without_named(candidates: Iterable[str]) -> list[str]:
    """The stretches that `NAMED_PATTERN` found, with ``[NATIONAL_ID]`` where word and check agree."""
    return [_replaced(candidate, NAMED) for candidate in candidates]


def _without_iban(candidate: str) -> str:
    # Capitals and digits that follow an account number are part of what was found: the longest valid one counts.
    for end in range(len(candidate), 14, -1):
        inside = end < len(candidate) and candidate[end].isalnum()
        if not inside and _is_valid("iban", _plain(candidate[:end]), check_country=False):
            return f"[IBAN]{candidate[end:]}"
    return candidate


def _replaced(candidate: str, identifiers: tuple[Identifier, ...]) -> str:
    ascii_digits = _NOT_ASCII.sub(lambda found: str(unicodedata.digit(found[0])), candidate)
    for identifier in identifiers:
        for found in _compiled(identifier).finditer(ascii_digits):
            if identifier.valid(found["number"]):
                start, end = found.span("number")
                return f"{candidate[:start]}[NATIONAL_ID]{candidate[end:]}"
    return candidate


@cache
def _compiled(identifier: Identifier) -> re.Pattern[str]:
    # A number may touch a letter of a script without spaces, so only these end it.
    number = rf"(?<![0-9A-Za-z_])(?P<number>{identifier.shape})(?![0-9A-Za-z_])"
    return re.compile(rf"(?i:\b(?:{identifier.words})){_GAP}{number}" if identifier.words else number)


def _plain(number: str) -> str:
    """The letters and digits of a number; the century sign of a Finnish code is one of them."""
    return number if _CENTURY.fullmatch(number) else _BETWEEN.sub("", number)


def _is_valid(module: str, number: str, **options: bool) -> bool:
    try:
        return import_module(f"stdnum.{module}").is_valid(number, **options)
    except (ValueError, KeyError, IndexError):
        # The library's own look-ups fail so for some places of birth that were never given out.
        return False
