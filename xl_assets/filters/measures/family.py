"""What a family of measures is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from xl_assets.filters.texts import Texts


@dataclass(frozen=True)
class Rule:
    """A bound for a measure.

    Attributes:
        name: the rule's own, as thresholds and `metrics` say it; unique among all families.
        reason: what a failing row gets; several rules may share one.
        threshold: the bound where neither set, language nor settings give another.
        least: True where the value must not be below the threshold, False where not above.
        source: the paper or code that the rule, and the threshold unless said otherwise, is from.
        measure: the measured column; empty means the rule's name.
    """

    name: str
    reason: str
    threshold: float
    least: bool
    source: str
    measure: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", self.measure or self.name)

    def fails(self, threshold: float) -> pl.Expr:
        """Whether the measured column breaks the rule; a value that could not be measured does not."""
        value = pl.col(self.measure)
        return (value < threshold if self.least else value > threshold).fill_null(False)


class Family(Protocol):
    """The face of a family module; ``SETS`` may be absent."""

    MEASURES: Mapping[str, str]
    RULES: tuple[Rule, ...]

    def measure(self, texts: Texts, wanted: frozenset[str]) -> pl.DataFrame:
        """Return a Float64 column for each of the family's measures that is wanted."""


def set_of(rules: tuple[Rule, ...]) -> dict[str, float]:
    """Return rule -> threshold, as a rule set has it."""
    return {rule.name: rule.threshold for rule in rules}
