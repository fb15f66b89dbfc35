"""Untrusted text for a terminal: characters that would steer it are shown instead of sent."""

import re

#: Control characters but tab and line feed, C1 controls, line separators, and marks that turn the reading direction.
#: Joiners (U+200C, U+200D) stay: Hindi and others are written with them.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def visible(text: str) -> str:
    """The text with steering characters as escapes: ESC becomes ``\\x1b``, a direction mark ``\\u202e``.

    >>> visible("a" + chr(27) + "[2J")
    'a\\\\x1b[2J'
    """
    return _STEERING.sub(lambda found: _escape(ord(found[0]), "\\x{:02x}"), text)


def escape_json(text: str) -> str:
    """JSON text with the same characters as JSON escapes: the same values when it is read."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shorten(text: str, most: int) -> str:
    """One line of at most about `most` characters that says how long the whole is."""
    line = " ⏎ ".join(text.splitlines())
    return line if len(line) <= most else f"{line[:most].rstrip()}… ({len(text):,} characters)"


def _escape(code: int, short: str) -> str:
    return short.format(code) if code < 256 else f"\\u{code:04x}"
