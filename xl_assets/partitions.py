"""Partitions: languages and releases, both dynamic. A key is checked before it is registered."""

import re

import dagster as dg

from xl_assets.languages import get_language

LANGUAGES = dg.DynamicPartitionsDefinition(name="language")
RELEASES = dg.DynamicPartitionsDefinition(name="release")

ENGLISH = "en"
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BadRelease(ValueError):
    """A release name that cannot be a partition key."""


def register_languages(instance: dg.DagsterInstance, codes: list[str]) -> list[str]:
    """Register language codes that are not there yet; returns the new ones.

    Raises:
        UnknownLanguage: for a code that the registry does not hold; nothing is registered then.
    """
    for code in codes:
        get_language(code)
    return _register(instance, LANGUAGES, codes)


def register_release(instance: dg.DagsterInstance, name: str) -> list[str]:
    """Register a release; returns its name in a list if it was new.

    Raises:
        BadRelease: where the name has other characters than letters, digits, '.', '_' and '-'.
    """
    if not _RELEASE.fullmatch(name):
        raise BadRelease(
            f"{name!r} cannot name a release: use letters, digits, '.', '_' and '-', at most 64, e.g. 2026.11"
        )
    return _register(instance, RELEASES, [name])


def _register(instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition, keys: list[str]) -> list[str]:
    name = definition.name
    assert name is not None
    there = set(instance.get_dynamic_partitions(name))
    new = [key for key in dict.fromkeys(keys) if key not in there]
    if new:
        instance.add_dynamic_partitions(name, new)
    return new
