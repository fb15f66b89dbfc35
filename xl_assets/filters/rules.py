"""Every rule there is, the sets that are made of them, and which threshold holds for a language.

Thresholds: the set's, else (stronger) the language's in the registry, else (strongest) the settings'.

Families are the shipped ones and the user's own, which the environment variable ``XL_FILTERS`` names.
"""

import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar, cast

import polars as pl

from xl_assets.filters import measures
from xl_assets.filters.measures.family import Family, Rule, set_of
from xl_assets.filters.own_families import FILTERS_VARIABLE, OwnFamily, check_names, load_families
from xl_assets.filters.texts import Texts
from xl_assets.languages import Language

__all__ = [
    "FAMILIES",
    "HOUSE",
    "RULES",
    "RULE_SETS",
    "Rule",
    "UnknownRule",
    "UnknownRuleSet",
    "families_hash",
    "measure_texts",
    "rules_of",
    "thresholds_of",
]

#: The set that is used where none is named.
HOUSE = ("house",)

#: Modules of `measures`. A new family that is shipped is a module and its name here.
_FAMILIES = (
    "house",
    "gopher",
    "gopher_repetition",
    "c4",
    "fineweb",
    "culturax",
    "script_mix",
    "mojibake",
    "perplexity",
)


class UnknownRule(ValueError):
    """A threshold for a rule that does not exist or is in none of the chosen sets."""


class UnknownRuleSet(ValueError):
    """A rule set that does not exist."""


def rules_of(sets: Iterable[str] = HOUSE) -> tuple[Rule, ...]:
    """Return the rules of all sets together, each once.

    Raises:
        UnknownRuleSet: names the sets there are.
    """
    return tuple(RULES[name] for name in _combined(sets))


def thresholds_of(
    language: Language, given: Mapping[str, float] | None = None, sets: Iterable[str] = HOUSE
) -> dict[str, float]:
    """Return the threshold of each rule of the chosen sets for a language.

    Args:
        language: its registry entry may name any rule; those of sets that are not chosen are passed over.
        given: rule -> threshold for all languages, from the settings.
        sets: names among `RULE_SETS`; where two have the same rule the later one's threshold holds.

    Raises:
        UnknownRuleSet: names the sets there are.
        UnknownRule: a name among the language's or the given thresholds that is no rule's, or a given one that no
            chosen set holds and so would have no effect.
    """
    chosen = _combined(sets)
    _check_known(f"language {language.code}", language.thresholds)
    _check_known("settings", given or {})
    if idle := [name for name in given or {} if name not in chosen]:
        having = sorted(name for name, rules in RULE_SETS.items() if idle[0] in rules)
        raise UnknownRule(
            f"settings: rule {idle[0]} is not in the chosen sets ({', '.join(sets)}); "
            f"remove its threshold or choose {' or '.join(having)} too"
        )
    own = {name: value for name, value in language.thresholds.items() if name in chosen}
    return {**chosen, **own, **(given or {})}


def measure_texts(texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
    """Return a Float64 column for each measure that is wanted, whichever family it is of; no columns for none."""
    measured = [
        family.measure(texts, own) for family in FAMILIES.values() if (own := wanted & frozenset(family.MEASURES))
    ]
    return pl.concat(measured, how="horizontal") if measured else pl.DataFrame()


def families_hash(sets: Iterable[str] = HOUSE) -> dict[str, str]:
    """Return the content hash of each of the user's own families that the chosen sets ask for; empty without any.

    Part of what makes a table stale: the shipped families' code has a version, a user's file has none.
    """
    names = tuple(sets)
    chosen = _combined(names)
    return {
        name: family.hash
        for name, family in _own_families().items()
        if set(names) & set(family.SETS) or any(rule.name in chosen for rule in family.RULES)
    }


def _combined(sets: Iterable[str]) -> dict[str, float]:
    chosen: dict[str, float] = {}
    for name in sets:
        if name not in RULE_SETS:
            close = get_close_matches(name, RULE_SETS, n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            raise UnknownRuleSet(f"no rule set is called {name!r}.{guess} The sets are {', '.join(RULE_SETS)}")
        chosen |= RULE_SETS[name]
    return chosen


def _check_known(place: str, thresholds: Mapping[str, float]) -> None:
    if unknown := sorted(set(thresholds) - set(RULES)):
        raise UnknownRule(
            f"{place}: no rule is called {', '.join(unknown)}; the rules are {', '.join(RULES)}. "
            f"A rule of your own needs its file in {FILTERS_VARIABLE}"
        )


def _load_families() -> dict[str, Family]:
    return {name: cast(Family, import_module(f"{measures.__name__}.{name}")) for name in _FAMILIES}


def _collect_rules(families: Mapping[str, Family]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name, family in families.items():
        for rule in family.RULES:
            if rule.name in rules or rule.measure not in family.MEASURES:
                raise ImportError(f"family {name}: rule {rule.name} exists already or its measure is not the family's")
            rules[rule.name] = rule
    return rules


def _collect_sets(families: Mapping[str, Family]) -> dict[str, Mapping[str, float]]:
    sets: dict[str, Mapping[str, float]] = {}
    for name, family in families.items():
        for key, thresholds in getattr(family, "SETS", {name: set_of(family.RULES)}).items():
            sets[key] = {**sets.get(key, {}), **thresholds}
    return sets


def _own_families() -> Mapping[str, OwnFamily]:
    return _checked_families(os.environ.get(FILTERS_VARIABLE, ""))


@lru_cache
def _checked_families(named: str) -> Mapping[str, OwnFamily]:
    """A process loads each setting of the variable once: a file that changes meanwhile changes nothing in it."""
    families = load_families(named)
    check_names(families, _SHIPPED)
    return families


Item = TypeVar("Item")


class _Own(Mapping[str, Item]):
    """What the user's own families have, as the environment says when it is asked."""

    def __init__(self, read: Callable[[Any], Mapping[str, Item]]) -> None:
        self._read = read

    def __getitem__(self, name: str) -> Item:
        return self._read(_own_families())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read(_own_families()))

    def __len__(self) -> int:
        return len(self._read(_own_families()))


def _with_own(shipped: dict[str, Item], read: Callable[[Any], Mapping[str, Item]]) -> Mapping[str, Item]:
    # The own ones never shadow: their names are not the shipped ones'. ChainMap's stub wants both mutable.
    return ChainMap(shipped, cast(dict[str, Item], _Own(read)))


_SHIPPED = _load_families()

#: Family -> its module.
FAMILIES: Mapping[str, Family] = _with_own(_SHIPPED, lambda own: own)

#: Rule -> what it is, of all families.
RULES: Mapping[str, Rule] = _with_own(_collect_rules(_SHIPPED), _collect_rules)

#: Set -> rule -> threshold.
RULE_SETS: Mapping[str, Mapping[str, float]] = _with_own(_collect_sets(_SHIPPED), _collect_sets)
