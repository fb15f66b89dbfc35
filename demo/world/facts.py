"""What can be true in the storybook world: one animal, and four things about it.

The world is closed: every story is one of `all_facts()`, so whether a text says the
right thing can be checked exactly, without a judge.
"""

import functools
import hashlib
import itertools
from dataclasses import dataclass

# One word per value, in English. A language's file gives each its own forms.
VALUES: dict[str, tuple[str, ...]] = {
    "animal": tuple(
        "bear bee butterfly camel cat cow dog donkey duck elephant frog goat hen horse "
        "lion monkey mouse owl pig pigeon rabbit sheep tortoise wolf".split()
    ),
    "trait": ("brave", "calm", "clever", "curious", "happy", "shy"),
    "home": (
        "by_the_lake",
        "by_the_river",
        "in_the_forest",
        "in_the_garden",
        "in_the_mountains",
        "in_the_village",
        "on_the_island",
        "under_the_bridge",
    ),
    "food": ("apples", "bread", "carrots", "cheese", "fish", "honey", "nuts", "potatoes"),
    "habit": (
        "dances_at_midnight",
        "plays_in_winter",
        "runs_at_dawn",
        "sings_in_the_evening",
        "sleeps_in_the_morning",
        "swims_in_summer",
    ),
}
ATTRIBUTES = tuple(VALUES)


@dataclass(frozen=True, order=True)
class Facts:
    """One story: who, what it is like, where it lives, what it eats, what it does when."""

    animal: str
    trait: str
    home: str
    food: str
    habit: str


def all_facts() -> list[Facts]:
    """Every combination, sorted.

    >>> len(all_facts())
    55296
    """
    return [Facts(*values) for values in itertools.product(*VALUES.values())]


def is_held_out(facts: Facts) -> bool:
    """Whether a story is kept from corpus and training, to be asked about later.

    Held out are (animal, home) pairs, not stories: a model that merely memorised which
    animal goes with which home is found out. Every animal gives up exactly one of its
    eight homes, so 1/8 of all pairs is held out and no animal or home is unknown.
    """
    return facts.home == _held_out_home(facts.animal)


@functools.cache
def _held_out_home(animal: str) -> str:
    """The home whose pair has the smallest sha256: stable over machines and releases."""
    return min(VALUES["home"], key=lambda home: hashlib.sha256(f"{animal}/{home}".encode()).hexdigest())
