"""The language registry: one entry per language, and nothing else to write for a new one."""

from dataclasses import dataclass, field
from hashlib import sha256

import polars as pl


class UnknownLanguage(ValueError):
    """A code that the registry does not hold."""


@dataclass(frozen=True)
class Language:
    """What the pipeline must know of a language.

    Attributes:
        code: ISO 639-1 code (or 639-3 where there is none); the partition key.
        name: English name, as prompts and directives say it.
        native_name: the name that its speakers use.
        script: ISO 15924 code.
        script_class: Unicode script as a regular expression class, e.g. ``\\p{Latin}``.
        lid_label: fastText label (lid.176 style).
        document_threshold: least fastText probability for a document of this language.
        line_threshold: the same for one line; short lines score lower.
        spaces_between_words: False where a word count must not split on white space.
        stop_words: a few frequent function words, lower case, for the stop-word share.
        directives: wordings in English that ask for an answer in this language.
    """

    code: str
    name: str
    native_name: str
    script: str
    script_class: str
    lid_label: str
    document_threshold: float = 0.65
    line_threshold: float = 0.3
    spaces_between_words: bool = True
    stop_words: tuple[str, ...] = ()
    directives: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.directives:
            object.__setattr__(self, "directives", tuple(w.format(language=self.name) for w in DIRECTIVES))


#: Wordings of the "answer in X" request. The paper's own list is not public (SEEDS, 3.1), so this is configuration.
DIRECTIVES = (
    "Answer in {language}.",
    "Please respond in {language}.",
    "Write your answer in {language}.",
    "Reply in {language}, please.",
    "Give your response in {language}.",
)


def _registry(*entries: Language) -> dict[str, Language]:
    return {entry.code: entry for entry in entries}


_LATIN = {"script": "Latn", "script_class": r"\p{Latin}"}
