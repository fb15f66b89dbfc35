"""Two models' answers from files, as pairs to judge; verdicts as AlpacaEval's annotations."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from xl_assets.evaluation.formats import FormatError
from xl_assets.evaluation.formats.files import read_objects, require, texts_of
from xl_assets.evaluation.judges.config import Judge
from xl_assets.evaluation.judges.meta_evaluation import pair_preferences
from xl_assets.generation.binding import ModelBinding
from xl_assets.identity import content_address

#: What may name a prompt beside its instruction, where both files have it.
_NAMES = ("language", "id")


def read_answers(path: Path, name: str | None = None) -> pl.DataFrame:
    """Read one model's answers in AlpacaEval's format (`model_outputs.json`, or one object a line).

    Args:
        path: objects with `instruction` and `output`; `generator`, `dataset`, `language` (a code) and `id` if known.
        name: of the model, instead of `generator` or the file's own name.

    Returns:
        One row an object, equal ones once: ``instruction``, ``output``, ``dataset``, ``language``, ``id`` (null where
        there is none) and ``generator``.

    Raises:
        FormatError: no such file, another format, no instruction, or several generators.
    """
    objects = read_objects(path)
    require(objects, ("instruction", "output"), path)
    texts = [texts_of(objects, column) for column in ("instruction", "output", "dataset", "language", "generator")]
    ids = [value if isinstance(value := row.get("id"), str) else None for row in objects]
    numbers = [str(value) if isinstance(value := row.get("id"), int) else None for row in objects]
    rows = pl.DataFrame([*texts, pl.Series("id", ids, pl.String), pl.Series("_number", numbers, pl.String)])
    rows = rows.with_columns(pl.coalesce("id", "_number").alias("id")).drop("_number")
    if unnamed := rows["instruction"].null_count():
        raise FormatError(f"{path}: {unnamed} objects have no text as `instruction`; answers are told by it")
    generators = rows["generator"].drop_nulls().unique().sort().to_list()
    if name is None and len(generators) > 1:
        raise FormatError(f"{path}: answers of {', '.join(generators)}; give each model a file of its own")
    generator = name or (generators[0] if generators else path.stem)
    return rows.with_columns(pl.lit(generator).alias("generator")).unique(maintain_order=True)


def pair_answers(responses: pl.DataFrame, references: pl.DataFrame | None, language: str | None = None) -> pl.DataFrame:
    """Lay two models' answers to the same prompts side by side, keyed by the prompt and never by the row's place.

    A prompt is its instruction, with its `language` where both files name one, and its `id` where instructions
    repeat and both files have ids.

    Args:
        responses: of `read_answers`.
        references: of `read_answers`; None where there are none.
        language: code of the language that answers should be in, for rows that name none.

    Returns:
        One row for each prompt that is in either file, in the order of the responses and then of the references:
        ``response_id``, ``instruction``, ``response``, ``reference`` (null where the file has no answer to the
        prompt), ``language``, ``dataset``, ``model``, ``reference_model``.

    Raises:
        FormatError: a prompt has two different answers in one file.
    """
    right = responses.clear() if references is None else references
    keys = _keys(responses, right if references is not None else None)
    for side, rows in (("responses", responses), ("reference", right)):
        if twice := rows.filter(pl.struct(keys).is_duplicated()).height:
            raise FormatError(
                f"the file of --{side}: {twice} answers share {' and '.join(keys)} and differ; "
                "give every prompt one answer, or every object an `id` that both files share"
            )
    told = [name for name in ("language", "dataset") if name not in keys]
    left = responses.select(*keys, *told, pl.col("output").alias("response"))
    both = left.join(
        right.select(*keys, *told, pl.col("output").alias("reference")),
        on=keys,
        how="full",
        coalesce=True,
        nulls_equal=True,
        maintain_order="left_right",
    )
    identity = content_address("file_response", *keys, "response", "reference")
    return both.with_columns(
        *(pl.coalesce(name, f"{name}_right") for name in told),
        identity.alias("response_id"),
        pl.lit(_first(responses, "generator"), dtype=pl.String).alias("model"),
        pl.lit(_first(right, "generator"), dtype=pl.String).alias("reference_model"),
    ).select(
        "response_id",
        "instruction",
        "response",
        "reference",
        pl.coalesce("language", pl.lit(language, dtype=pl.String)).alias("language"),
        "dataset",
        "model",
        "reference_model",
    )


def annotations(pairs: pl.DataFrame, verdicts: pl.DataFrame, judge: Judge, binding: ModelBinding) -> pl.DataFrame:
    """Verdicts as AlpacaEval's `annotations.json`, one row a pair.

    Args:
        pairs: of `pair_answers`.
        verdicts: of `judge_pairs` on them.
        judge: who judged; `annotator` is its name and the model's.
        binding: its model, for the prices.

    Returns:
        AlpacaEval's fields (`output_1` is the reference's, `preference` from 1 to 2, null where it does not count),
        and ours: `outcome` and `reason` of the pair, `preferences` and `raw_completion` by order, `language`.
        `price_per_example` is of the last attempts' tokens.
    """
    by_order = [
        pl.struct(pl.col(column).filter(pl.col("order") == order).first().alias(order) for order in judge.orders).alias(
            name
        )
        for name, column in (("preferences", "preference"), ("raw_completion", "raw_completion"))
    ]
    unscored = pl.col("preference").is_null()
    missing = (pl.col("outcome") == "missing").any()
    outcome = (
        pl.when(missing)
        .then(pl.lit("missing"))
        .when(unscored.any())
        .then(pl.lit("invalid"))
        .otherwise(pl.col("outcome").first())
    )
    tokens = pl.col("prompt_tokens").sum() * binding.price_in + pl.col("completion_tokens").sum() * binding.price_out
    facts = verdicts.group_by("response_id").agg(
        *by_order,
        outcome.alias("outcome"),
        pl.col("reason").filter(unscored).sort().first(),
        (tokens / 1_000_000).alias("price_per_example"),
    )
    return (
        pairs.join(facts, on="response_id", maintain_order="left")
        .join(pair_preferences(verdicts), on="response_id", maintain_order="left")
        .select(
            "instruction",
            pl.col("reference").alias("output_1"),
            pl.col("reference_model").alias("generator_1"),
            "dataset",
            pl.col("response").alias("output_2"),
            pl.col("model").alias("generator_2"),
            pl.lit(f"{judge.name}: {binding.name}").alias("annotator"),
            "preference",
            "raw_completion",
            "price_per_example",
            "outcome",
            "reason",
            "preferences",
            "language",
        )
    )


def _keys(responses: pl.DataFrame, references: pl.DataFrame | None) -> list[str]:
    sides = [rows for rows in (responses, references) if rows is not None]
    keys = ["instruction"]
    for name in _NAMES:
        known = all(rows.height and not rows[name].null_count() for rows in sides)
        if known and (name != "id" or _repeats(sides, keys)):
            keys.append(name)
    return keys


def _repeats(sides: Sequence[pl.DataFrame], keys: list[str]) -> bool:
    return any(rows.select(pl.struct(keys).is_duplicated().any()).item() for rows in sides)


def _first(rows: pl.DataFrame, column: str) -> str | None:
    return rows[column][0] if rows.height else None
