"""`xl evaluate language-fidelity`: whether responses are in the languages that were asked for."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

err = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `xl evaluate`."""
    app.command("language-fidelity")(language_fidelity)


def language_fidelity(
    responses: Annotated[
        Path,
        typer.Option("--responses", help="JSON lines (or one JSON list) with `id`, `language` and `response`."),
    ],
    lid_model: Annotated[
        str | None, typer.Option("--lid-model", help="fastText model by name or path; default lid.176.")
    ] = None,
    english_words: Annotated[
        Path | None,
        typer.Option(
            "--english-words",
            help="English words, one a line, for the word pass rate; words of four or more small letters count. "
            "Default: the shipped list (SCOWL).",
        ),
    ] = None,
) -> None:
    """Line, word and language confusion pass rates of responses, as JSON with every wrong line.

    Rates are shares from 0 to 1. A response counts if a line of it has five tokens; the others are skipped and
    counted. Rows in a language that is not known are counted apart.
    """
    from resources.language_identifier import LanguageIdentifier
    from xl_assets.evaluation.fidelity.confusion import language_confusion
    from xl_assets.evaluation.fidelity.lines import ConfusionSettings
    from xl_assets.evaluation.fidelity.reading import as_plain, read_responses
    from xl_assets.evaluation.fidelity.words import SHIPPED_WORDS
    from xl_assets.evaluation.fidelity.words import english_words as read_words

    settings = ConfusionSettings()
    file = english_words or SHIPPED_WORDS
    words = read_words(file)
    identifier = LanguageIdentifier(lid_model)
    found = as_plain(language_confusion(read_responses(responses), identifier.predict, words, settings))
    for code, rows in found["unknown_languages"].items():
        err.print(
            f"{rows:,} responses ask for the language {code!r}, which is not known: counted apart. Add it to the file "
            "that XL_LANGUAGES names",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    basis = {"lid_model": identifier.name, "english_words": file.name, "n_english_words": len(words)}
    print(json.dumps({**found, "settings": {**settings.as_dict(), **basis}}, indent=1, ensure_ascii=False))
