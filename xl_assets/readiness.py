"""What a language needs before it can be computed, and what it lacks: its entry, its corpus, prompts, wording."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from xl_assets.languages import DIRECTIVES, Language, UnknownLanguage, get_language, registry
from xl_assets.profile import Profile, ProfileError

ENGLISH = "en"

#: Beside the seeds' group: tables of a language's own candidates, which a language that was only imported lacks.
OWN_CANDIDATES = frozenset({"translation_candidates", "selected_translations", "instruction_candidates"})


class MissingCorpus(ValueError):
    """Languages that the profile names no readable corpus for; names the expected paths and the remedy."""


class UnknownLabel(ValueError):
    """A language that the identification model has no label for; names labels that look like it."""


@dataclass(frozen=True)
class Need:
    """One thing that a language has or lacks.

    Attributes:
        what: corpus, entry, label, prompts, directive, thresholds or quality.
        state: ``there``; ``missing``, without which nothing runs; ``general``, where something else stands in.
        told: what is there or missing, and how it is given.
    """

    what: str
    state: Literal["there", "missing", "general"]
    told: str


def refuse_languages(
    keys: Sequence[str], profile: Profile | None, made: Callable[[], Collection[str | None]] = tuple
) -> None:
    """Refuse partition keys that are no language or that have neither a corpus nor documents read from one.

    Args:
        keys: partition keys.
        profile: where corpora are; None where none is needed.
        made: gives the languages that need none, as their rows are there; asked only where a corpus is not.

    Raises:
        UnknownLanguage: a key that the registry does not hold.
        MissingCorpus: a language that would have nothing to be read.
    """
    for key in keys:
        try:
            get_language(key)
        except UnknownLanguage as error:
            raise UnknownLanguage(
                f"{error} If it is a slip, take the partition away: xl languages remove {key!r}"
            ) from None
    if profile is not None and (lacking := [key for key in keys if lacks_corpus(key, profile)]):
        refuse_missing_corpora(sorted(set(lacking) - set(made()), key=lacking.index), profile)


def refuse_missing_corpora(languages: Sequence[str], profile: Profile) -> None:
    """Refuse languages without a corpus.

    Raises:
        MissingCorpus: names every one with the path that was looked at.
    """
    lacking = {code: told for code in languages if (told := lacks_corpus(code, profile))}
    if lacking:
        raise MissingCorpus(
            f"no corpus for {', '.join(lacking)}: nothing was run.\n"
            + "\n".join(f"  {line}" for line in lacking.values())
            + "\nPut a file there (.jsonl.zst, .jsonl.gz, .jsonl or .parquet with a column `text`), or name another in "
            f'the profile (of a shipped one, in a copy of it): [seeds.{next(iter(lacking))}] with path = "...". '
            "Rows of a published set need no corpus: xl import DIR."
        )


def needs_of(entry: Language, profile: Profile, prompts: Collection[str], labels: Collection[str]) -> list[Need]:
    """What a language has and lacks under a profile.

    Args:
        entry: of the registry.
        profile: names corpora, examples and prompts.
        prompts: languages in which the file of evaluation prompts has prompts of its own.
        labels: of the identification model, without prefix.
    """
    return [
        _corpus(entry, profile),
        _label(entry, labels),
        _prompts(entry, profile, prompts),
        _directive(entry),
        _thresholds(entry),
        _quality(entry, profile),
    ]


def check_label(entry: Language, labels: Collection[str], model: str) -> None:
    """Refuse a language whose labels the identification model does not have, or that are another language's.

    Args:
        entry: the language.
        labels: of the model, without prefix.
        model: its name, for the message.

    Raises:
        UnknownLabel: names the labels that look most like the language's code, labels or name.
    """
    for other in registry().values():
        if other.code != entry.code and (shared := set(entry.lid_labels) & set(other.lid_labels)):
            raise UnknownLabel(
                f"label {', '.join(sorted(shared))} means {other.name} ({other.code}) already, so texts of the two "
                f"could not be told apart; give {entry.name} another --lid-label"
            )
    if set(entry.lid_labels) & set(labels):
        return
    every = sorted(labels)
    wanted = [*entry.lid_labels, entry.code, entry.code.partition("_")[0]]
    near = list(dict.fromkeys(name for word in wanted for name in get_close_matches(word, every, n=4, cutoff=0.4)))
    raise UnknownLabel(
        f"{model} has no label {' or '.join(map(repr, entry.lid_labels))}, so it could never say that a text is "
        f"{entry.name}. Labels that look like it: {', '.join(near[:8]) or 'none'}. Give the right one with "
        '--lid-label, or name a model that knows the language in the profile (lid_model = "glotlid")'
    )


def lacks_corpus(code: str, profile: Profile) -> str | None:
    """Why a language has no corpus, or None where it has one or where its store can't be asked."""
    try:
        path = profile.seed_source(code).path
    except ProfileError as error:
        return str(error)
    # A store is asked once a process: every step of a run comes here.
    there = _asked_once(path) if "://" in path else has_corpus(path)
    return f"{code}: {path} does not exist" if there is False else None


@cache
def _asked_once(location: str) -> bool | None:
    return has_corpus(location)


def has_corpus(location: str) -> bool | None:
    """Whether a path, folder, glob or URL holds any file; None where its store can't be asked."""
    from fsspec.core import url_to_fs

    try:
        filesystem, path = url_to_fs(location)
        if filesystem.isdir(path):
            return any(files for _, _, files in filesystem.walk(path))
        return bool(filesystem.glob(path)) if set("*?[") & set(path) else bool(filesystem.isfile(path))
    except Exception:  # each store's client has its own errors; reading the corpus tells which
        return None


def _corpus(entry: Language, profile: Profile) -> Need:
    if told := lacks_corpus(entry.code, profile):
        return Need("corpus", "missing", f"{told}; put one there, or name it in [seeds.{entry.code}] of the profile")
    return Need("corpus", "there", profile.seed_source(entry.code).path)


def _label(entry: Language, labels: Collection[str]) -> Need:
    if known := [label for label in entry.lid_labels if label in set(labels)]:
        return Need("label", "there", ", ".join(known))
    return Need("label", "missing", f"the identification model has no label {', '.join(entry.lid_labels)}")


def _prompts(entry: Language, profile: Profile, prompts: Collection[str]) -> Need:
    if entry.code in prompts or entry.code == ENGLISH:
        return Need("prompts", "there", f"prompts in {entry.name} in the file of evaluation prompts")
    if profile.evaluation.translate:
        return Need("prompts", "general", "a model translates the English prompts into the language")
    told = f"no prompts in {entry.name} itself: judged on English prompts with a directive; add rows with "
    return Need("prompts", "general", f'{told}"language": "{entry.code}" to the prompt file, or set translate')


def _directive(entry: Language) -> Need:
    shared = tuple(wording.format(language=entry.name) for wording in DIRECTIVES)
    if entry.directives == shared:
        return Need("directive", "general", f'the shared English wordings: "{entry.directives[0]}" ...')
    return Need("directive", "there", f'"{entry.directives[0]}"')


def _thresholds(entry: Language) -> Need:
    if entry.thresholds or entry.stop_words:
        return Need(
            "thresholds", "there", f"{len(entry.thresholds)} rules of its own, {len(entry.stop_words)} stop words"
        )
    told = f"every rule's general threshold; measure: xl corpus measure reference.jsonl --language {entry.code}"
    return Need("thresholds", "general", told)


def _quality(entry: Language, profile: Profile) -> Need:
    if source := profile.quality_source(entry.code):
        return Need("quality", "there", str(source.positives))
    return Need("quality", "general", f"no quality classifier; examples would go to [quality.sources.{entry.code}]")


def as_rows(needs: Sequence[Need]) -> list[dict[str, Any]]:
    """Needs as JSON-able rows."""
    return [vars(need).copy() for need in needs]
