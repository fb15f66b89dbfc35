"""Write the storybook world in nine languages, and read it back.

Each language is one file of `languages/`: sentences with gaps, and the forms that fill
them. Forms that agree with the animal (pronouns, verbs, "its") stand under its gender;
forms no rule should guess (an bhó, den Bären, कुत्ते) are written out by hand. Nothing
below knows any grammar, so a new language is a new file and its code in `LANGUAGES`.
"""

import functools
import re
import tomllib
from pathlib import Path

from demo.world.facts import ATTRIBUTES, VALUES, Facts

LANGUAGES = ("en", "de", "pt", "hu", "lt", "ga", "mt", "zh", "hi")
WORDINGS = 3


def passage(facts: Facts, language: str, wording: int) -> str:
    """The story in three or four sentences that state all five facts.

    The same wording in two languages is the same text: one is the translation of the other.

    >>> passage(Facts("owl", "shy", "in_the_forest", "nuts", "runs_at_dawn"), "en", 1)
    'The owl lives in the forest, far from the big city. It is a shy animal, and it eats \
nuts with its family. It runs at dawn, and nobody knows why.'
    """
    return _fill(_load(language)["passages"][wording], facts, language)


def instruction(facts: Facts, language: str, wording: int) -> str:
    """A request for that story, which names all five facts.

    >>> instruction(Facts("owl", "shy", "in_the_forest", "nuts", "runs_at_dawn"), "en", 0)
    'Tell me about the shy owl that lives in the forest, eats nuts and runs at dawn.'
    """
    return _fill(_load(language)["instructions"][wording], facts, language)


def remark(language: str, number: int) -> str:
    """An aside of a rambling narrator, which states no fact; any number will do."""
    remarks = _load(language)["remarks"]
    return remarks[number % len(remarks)]


def remark_count(language: str) -> int:
    """How many different remarks a language has."""
    return len(_load(language)["remarks"])


def facts_in(text: str, language: str) -> dict[str, str | None]:
    """Which value of each attribute a text states; None where it states none, or several.

    Long forms are looked for first and taken out of the text when found, so that an owl
    (猫头鹰) is not also taken for a cat (猫).
    """
    rest = _plain(text, language)
    found: dict[str, set[str]] = {attribute: set() for attribute in ATTRIBUTES}
    for form, attribute, value in _forms(language):
        if form in rest:
            found[attribute].add(value)
            rest = rest.replace(form, "\n")
    return {name: min(values) if len(values) == 1 else None for name, values in found.items()}


@functools.cache
def _load(language: str) -> dict:
    """A language's file, as it is."""
    if language not in LANGUAGES:
        raise ValueError(f"no such language: {language!r}; there are {', '.join(LANGUAGES)}")
    path = Path(__file__).parent / "languages" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _fill(template: str, facts: Facts, language: str) -> str:
    """Fill the gaps; `{Def}` is `{def}` with a capital, for the start of a sentence."""
    table = _load(language)
    animal = table["animal"][facts.animal]
    agreeing = table["genders"][animal["gender"]]
    gaps = {**agreeing, **animal, "bare": _bare(animal["def"], language)}
    for attribute in ATTRIBUTES[1:]:
        entry = table[attribute][getattr(facts, attribute)]
        form = entry if isinstance(entry, str) else entry[animal["gender"]]
        gaps[attribute] = form.format(**agreeing)
    gaps |= {name.capitalize(): form[0].upper() + form[1:] for name, form in gaps.items()}
    return template.format(**gaps)


def _bare(form: str, language: str) -> str:
    """The noun without its article: der Hund -> Hund, iż-żiemel -> żiemel."""
    return re.sub("^" + _load(language).get("article", ""), "", form)


@functools.cache
def _forms(language: str) -> list[tuple[str, str, str]]:
    """Every (form, attribute, value) a text may hold, the longest form first."""
    table = _load(language)
    forms = {
        (_plain(form, language), attribute, value)
        for attribute, values in VALUES.items()
        for value in values
        for form in _surface(table[attribute][value], language)
    }
    return sorted(forms, key=lambda row: (-len(row[0]), row))


def _surface(entry: str | dict[str, str], language: str) -> list[str]:
    """The forms of one value: an animal's without their articles, any other's in every gender."""
    if isinstance(entry, str):
        return [entry.format(**agreeing) for agreeing in _load(language)["genders"].values()]
    if "gender" in entry:
        return [_bare(form, language) for key, form in entry.items() if key != "gender"]
    return list(entry.values())


def _plain(text: str, language: str) -> str:
    """Small letters, and in spaced scripts each word with a space on both its sides.

    Two spaces between words let neighbours be found and taken out independently.
    """
    words = re.sub(r"[^\w\u0900-\u0963\u0966-\u097f]+", " ", text.casefold()).split()
    if not _load(language).get("spaced", True):
        return " ".join(words)
    return "".join(f" {word} " for word in words)


LANGUAGE_NAMES = {language: _load(language)["name"] for language in LANGUAGES}
