"""Prompts as files: a template is text with named fields, filled by columns.

A field's value is data. It is concatenated, never rendered: braces or template code
inside a passage or a model's answer stay the characters they are.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import polars as pl


class PromptError(ValueError):
    """A template file is missing, or its fields and the given columns differ."""


@dataclass(frozen=True)
class Prompt:
    """One user message with named fields.

    Attributes:
        name: path of the template below this folder without its ending, e.g. ``xl_instruct/question``.
        template: the text, its fields in single braces (``{passage}``); ``{{`` and ``}}`` are braces.
    """

    name: str
    template: str

    @property
    def hash(self) -> str:
        """First 16 hex digits of the template's SHA-256; part of an asset's code version."""
        return sha256(self.template.encode()).hexdigest()[:16]

    @property
    def fields(self) -> tuple[str, ...]:
        """The field names in order of first appearance."""
        return tuple(dict.fromkeys(name for _, name, _, _ in self._pieces() if name is not None))

    def expression(self, **values: str | pl.Expr) -> pl.Expr:
        """Return a string expression that fills every field.

        Args:
            values: for each field a Polars expression (a column) or a constant string.

        Raises:
            PromptError: where the fields and the given names differ.
        """
        self._check(values)
        parts: list[pl.Expr] = []
        for literal, name, _, _ in self._pieces():
            if literal:
                parts.append(pl.lit(literal))
            if name is not None:
                value = values[name]
                parts.append(value if isinstance(value, pl.Expr) else pl.lit(value))
        return pl.concat_str(parts)

    def render(self, **values: str) -> str:
        """Fill every field of one message; the scalar twin of `expression`."""
        self._check(values)
        pieces = (
            (literal or "") + (values[name] if name is not None else "") for literal, name, _, _ in self._pieces()
        )
        return "".join(pieces)

    def _pieces(self):
        return string.Formatter().parse(self.template)

    def _check(self, values: Mapping[str, object]) -> None:
        if set(values) != set(self.fields):
            raise PromptError(
                f"prompt {self.name} has the fields {sorted(self.fields)}, but was given {sorted(values)}. "
                "Change the template file or the call so that both name the same fields."
            )


@lru_cache
def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """Read the template ``<name>.txt``.

    Args:
        name: e.g. ``xl_instruct/question``.
        folder: a user's own prompt folder that is looked in first; shipped prompts are the fallback.

    Raises:
        PromptError: where neither place has the file.
    """
    shipped = files(__name__)
    places = ([folder] if folder else []) + [shipped]
    for place in places:
        file = place / f"{name}.txt"
        if file.is_file():
            return Prompt(name, file.read_text(encoding="utf-8").strip())
    raise PromptError(f"no prompt {name}.txt in {', '.join(str(place) for place in places)}")
