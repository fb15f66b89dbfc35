"""A user's own families of measures: loaded from where ``XL_FILTERS`` says, checked, and told apart by content.

The variable names Python files (``.py``) or importable modules, parted as paths are in ``PATH``; every process of a
run reads it, so all judge alike. Each is a family module as `filters.measures` describes it. It is the user's own
code and runs with the user's rights.
"""

import importlib
import importlib.util
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from xl_assets.filters.measures.family import Family, Rule, set_of
from xl_assets.filters.texts import Texts
from xl_assets.identity import ID_LENGTH

#: Names the user's own families.
FILTERS_VARIABLE = "XL_FILTERS"


#: What a family module must have -> whether it is that, and the remedy.
_NEEDED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "MEASURES": (lambda value: isinstance(value, Mapping), 'write {"name of the measure": "what it is"}'),
    "measure": (callable, "write a function measure(texts, wanted)"),
    "RULES": (
        lambda value: isinstance(value, tuple | list),
        "write a tuple of Rule(...), with a comma after one alone",
    ),
}


class OwnFilterError(ValueError):
    """A user's own filter can't be loaded or does not do what a family must; names the file and the remedy."""


@dataclass(frozen=True)
class OwnFamily:
    """A user's family with the face of a shipped one.

    Attributes:
        name: the file's or module's.
        place: where it is, as the user wrote it.
        hash: of its source.
        MEASURES, RULES, SETS: the module's; one set of the family's name where the module has no ``SETS``.
    """

    name: str
    place: str
    hash: str
    MEASURES: Mapping[str, str]
    RULES: tuple[Rule, ...]
    SETS: Mapping[str, Mapping[str, float]]
    _measure: Callable[[Texts, frozenset[str]], pl.DataFrame] = field(repr=False)

    def measure(self, texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
        """Return the wanted measures, as the module gives them; NaN becomes null.

        Raises:
            OwnFilterError: the module's function fails, or returns something else than these columns.
        """
        try:
            measured = self._measure(texts, wanted)
        except Exception as error:
            raise OwnFilterError(f"{self.place}: measure fails: {_told(error, self.place)}") from error
        if fault := _fault(measured, texts, wanted):
            raise OwnFilterError(f"{self.place}: measure {fault}")
        return measured.select(pl.col(name).fill_nan(None) for name in sorted(wanted))


def load_families(named: str) -> dict[str, OwnFamily]:
    """Load families, name -> family.

    Args:
        named: the value of ``XL_FILTERS``.

    Raises:
        OwnFilterError: one is missing, fails, lacks something, or has the name of another.
    """
    families: dict[str, OwnFamily] = {}
    for place in filter(None, (part.strip() for part in named.split(os.pathsep))):
        family = _family(place)
        if family.name in families:
            raise OwnFilterError(f"{place}: {FILTERS_VARIABLE} names two families {family.name!r}; rename one")
        families[family.name] = family
    return families


def check_names(families: Mapping[str, OwnFamily], shipped: Mapping[str, Family]) -> None:
    """Refuse a name that is there twice: the shipped rules and sets mean the same for everybody.

    Raises:
        OwnFilterError: names the family, measure, rule or set; or a set has something that is no rule.
    """
    taken: dict[tuple[str, str], str] = {}
    for family_name, family in shipped.items():
        taken |= dict.fromkeys(_names(family_name, family), f"the shipped family {family_name}")
    for own in families.values():
        for kind, name in _names(own.name, own):
            if (kind, name) in taken:
                raise OwnFilterError(
                    f"{own.place}: {taken[kind, name]} has a {kind} {name!r} already; choose another name"
                )
            taken[kind, name] = own.place
    for own in families.values():
        for key, thresholds in own.SETS.items():
            for name in thresholds:
                if ("rule", name) not in taken:
                    raise OwnFilterError(f"{own.place}: set {key!r} holds {name!r}, which is no rule of any family")


def _family(place: str) -> OwnFamily:
    module, source = _from_file(place) if place.endswith(".py") else _from_module(place)
    for needed, (fits, told) in _NEEDED.items():
        if not hasattr(module, needed):
            raise OwnFilterError(f"{place}: has no {needed}; a family module needs {', '.join(_NEEDED)}")
        if not fits(getattr(module, needed)):
            raise OwnFilterError(f"{place}: {needed} is none; {told}")
    name, rules = module.__name__.rpartition(".")[2], tuple(module.RULES)
    for rule in rules:
        _check_rule(rule, module.MEASURES, place)
    sets = getattr(module, "SETS", None) or {name: set_of(rules)}
    _check_sets(sets, place)
    address = sha256(source).hexdigest()[:ID_LENGTH]
    return OwnFamily(name, place, address, module.MEASURES, rules, sets, module.measure)


def _from_file(place: str) -> tuple[Any, bytes]:
    """The bytes that are hashed are those that run, so the file is not left to the import system."""
    path = Path(place).expanduser()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise OwnFilterError(f"{place}: no such file; create it or take it out of {FILTERS_VARIABLE}") from error
    module = ModuleType(f"xl_own_filters.{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, place, "exec"), module.__dict__)
    except Exception as error:
        raise OwnFilterError(f"{place}: can't be loaded: {_told(error, place)}") from error
    return module, source


def _from_module(place: str) -> tuple[Any, bytes]:
    try:
        spec = importlib.util.find_spec(place)
        if spec is None or not spec.origin:
            raise ModuleNotFoundError(f"no module named {place!r}; install it, or name a file that ends in .py")
        whole = spec.submodule_search_locations is not None
        files = sorted(Path(spec.origin).parent.rglob("*.py")) if whole else [Path(spec.origin)]
        return importlib.import_module(place), b"\x1f".join(file.read_bytes() for file in files)
    except Exception as error:
        raise OwnFilterError(f"{place}: can't be loaded: {_told(error, place)}") from error


def _check_rule(rule: object, measures: Mapping[str, str], place: str) -> None:
    if not isinstance(rule, Rule):
        raise OwnFilterError(f"{place}: RULES holds {rule!r}; write Rule(name, reason, threshold, least, source)")
    if rule.measure not in measures:
        raise OwnFilterError(
            f"{place}: rule {rule.name} is over {rule.measure!r}, which is none of MEASURES: {', '.join(measures)}"
        )
    if not _is_number(rule.threshold):
        raise OwnFilterError(f"{place}: rule {rule.name} has the threshold {rule.threshold!r}; give it a number")


def _check_sets(sets: object, place: str) -> None:
    if not isinstance(sets, Mapping) or not all(isinstance(thresholds, Mapping) for thresholds in sets.values()):
        raise OwnFilterError(f'{place}: SETS is none; write {{"name of the set": {{"name of a rule": 0.5}}}}')
    for key, thresholds in sets.items():
        if wrong := [rule for rule, threshold in thresholds.items() if not _is_number(threshold)]:
            raise OwnFilterError(f"{place}: set {key!r} gives {wrong[0]} no number; write rule -> threshold")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _names(name: str, family: Family | OwnFamily) -> list[tuple[str, str]]:
    """All that has a name in a family, with what it is."""
    return [
        ("family", name),
        *(("measure", measure) for measure in family.MEASURES),
        *(("rule", rule.name) for rule in family.RULES),
        *(("set", key) for key in getattr(family, "SETS", {name: {}})),
    ]


def _fault(measured: object, texts: Texts, wanted: frozenset[str]) -> str | None:
    """What is wrong with what a module measured; None where nothing is."""
    if not isinstance(measured, pl.DataFrame):
        return f"returns a {type(measured).__name__}; return a pl.DataFrame"
    if missing := sorted(wanted - set(measured.columns)):
        return f"returns no column {missing[0]!r}; return one for each measure in `wanted`"
    if measured.height != len(texts):
        return f"returns {measured.height} rows for {len(texts)} texts; return one for each text, in their order"
    for name in sorted(wanted):
        if measured.schema[name] != pl.Float64:
            return f"returns {name!r} as {measured.schema[name]}; cast it: .cast(pl.Float64)"
    return None


def _told(error: Exception, place: str) -> str:
    """The error, with the last line of the user's file that it came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == place]
    return f"{type(error).__name__}: {error}" + (f" (line {lines[-1]})" if lines else "")
