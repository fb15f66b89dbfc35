"""An evaluated release of made-up answers in a lake, and its assets as Dagster runs them, with judges that are
functions."""

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import polars as pl

from resources.configured import Workspace
from resources.lake import RELEASE, Lake, Partition, Record
from tests.end_to_end.world import write_profile
from tests.evaluation.made_up import prompts, responses
from tests.generation.answers import Answers
from xl_assets.partitions import register_languages, register_release

RELEASE_NAME = "r1"
GERMAN = "Der Rotfuchs lebt im Wald und auf dem Feld, und er frisst Mäuse, Käfer und im Herbst viele Beeren."
ENGLISH = "The red fox lives in the forest and in the fields, and it eats mice and beetles all the year."


class FakeModels:
    """Every role is answered by one function; what it was asked is remembered."""

    def __init__(self, reply: Callable) -> None:
        self.answers = Answers(reply)

    def answerer(self, step, role: str) -> "_Asked":
        step.note_model(role, "f" * 32)
        return _Asked(self.answers)


class _Asked:
    fingerprint = "f" * 32

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __call__(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._answers(wanted)

    def metadata(self, prefix: str = "") -> dict:
        return {}


def likes(word: str) -> Callable:
    """A judge that prefers the answer with a word in it, 9 to 1; none or both are even."""

    def reply(message: str):
        first, second = message.split("Response A:\n")[1].split("\n\nResponse B:\n")
        chance = {True: 0.9, False: 0.1}[word in first] if (word in first) != (word in second) else 0.5
        return ("A" if chance >= 0.5 else "B"), [("A", math.log(chance)), ("B", math.log(1 - chance))]

    return reply


def world(folder: Path, count: int = 12, evaluation: str = "") -> SimpleNamespace:
    """A profile and a lake with answers of both models and of the reference.

    The fine-tuned model answers in German, two of three times with the word that judges here like; the base in English,
    every second time with it.

    Args:
        folder: where they go.
        count: prompts of each model, all German.
        evaluation: further lines of the profile's ``[evaluation]``.
    """
    profile = write_profile(folder)
    # The demo's own files are about other prompts, and no prompt is translated unless a test asks for it.
    text = re.sub(r"(?m)^(known|difficulty|translate) = .*\n", "", profile.read_text(encoding="utf-8"))
    text = text.replace("max_tokens = 96", f"max_tokens = 96\n{evaluation}")
    profile.write_text(text, encoding="utf-8")
    lake = folder / "lake"
    asked = prompts(count, ["de"])
    answers = {
        "model_responses": pl.concat(
            [
                responses(asked, "base", lambda p: ENGLISH + (" good" if _number(p) % 2 else "")),
                responses(asked, "fine_tuned", lambda p: f"{GERMAN} {'good ' * (_number(p) % 3)}Nummer {_number(p)}."),
            ]
        ),
        "reference_responses": responses(asked, "reference", lambda p: f"{GERMAN} {'gut ' * (_number(p) % 4)}".strip()),
    }
    for table, rows in answers.items():
        put(lake, table, rows)
    return SimpleNamespace(profile=profile, lake=lake, prompts=asked)


def put(lake: Path, table: str, rows: pl.DataFrame) -> None:
    """Store a release's table as if its step had made it."""
    record = Record(table, RELEASE_NAME, "", 0, "c1", "run-1", ())
    Lake(lake).overwrite(rows, record, Partition(RELEASE, RELEASE_NAME))


def stored(lake: Path, table: str, key: str = RELEASE_NAME, column: str = RELEASE) -> pl.DataFrame:
    return Lake(lake).scan(table, Partition(column, key)).collect()


def run(
    made: SimpleNamespace, assets: Sequence, reply: Callable | None = None, languages: Sequence[str] = ()
) -> dg.ExecuteInProcessResult:
    """Materialise assets of the release, or of languages; without a reply no model may be asked."""
    instance = dg.DagsterInstance.ephemeral()
    if languages:
        register_languages(instance, list(languages))
        first, last = languages[0], languages[-1]
    else:
        register_release(instance, RELEASE_NAME)
        first = last = RELEASE_NAME
    models = FakeModels(reply or _nobody)
    return dg.materialize(
        list(assets),
        instance=instance,
        resources={"workspace": Workspace(profile=str(made.profile), lake=str(made.lake)), "models": models},
        tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        raise_on_error=False,
    )


def metadata_of(result, asset: str) -> dict:
    events = [e for e in result.get_asset_materialization_events() if e.asset_key.to_user_string() == asset]
    return dict(events[-1].step_materialization_data.materialization.metadata)


def error_of(result) -> str:
    """All that the first failed step says, from what Dagster calls it down to its cause."""
    error, told = result.get_step_failure_events()[0].step_failure_data.error, []
    while error:
        told.append(error.message)
        error = error.cause
    return "\n".join(told)


def write_json(path: Path, rows: Sequence[dict]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def _number(prompt: dict) -> int:
    return int(prompt["prompt_id"][1:].split("-")[0])


def _nobody(message: str):
    raise AssertionError("no model may be asked here")
