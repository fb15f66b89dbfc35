"""Made-up annotations, difficulties and battles."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import strategies as st

from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.formats.battles import Battles, as_battles

QUICK = Resampling(resamples=60)

preferences = st.one_of(st.sampled_from([1.0, 1.5, 2.0]), st.floats(1, 2, allow_nan=False))


def annotations(
    preferences: Sequence[float | None],
    lengths: Sequence[tuple[int, int]] | None = None,
    instructions: Sequence[str] | None = None,
    model: str = "m",
    reference: str = "r",
) -> pl.DataFrame:
    """Rows as `read_annotations` gives them."""
    count = len(preferences)
    lengths = lengths or [(5, 5)] * count
    return pl.DataFrame(
        {
            "instruction": instructions or [f"q{number}" for number in range(count)],
            "output_1": ["ü" * first for first, _ in lengths],
            "generator_1": [reference] * count,
            "output_2": ["𝄞" * second for _, second in lengths],
            "generator_2": [model] * count,
            "preference": preferences,
            "invalid": [None if value is not None else "null" for value in preferences],
        },
        schema_overrides={"preference": pl.Float64, "invalid": pl.String, "instruction": pl.String},
    )


def swapped(rows: pl.DataFrame) -> pl.DataFrame:
    """The reference as the candidate."""
    return rows.rename(
        {
            "output_1": "output_2",
            "output_2": "output_1",
            "generator_1": "generator_2",
            "generator_2": "generator_1",
        }
    ).with_columns((3 - pl.col("preference")).alias("preference"))


def judged(count: int = 60, seed: int = 0, missing: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Annotations whose preferences depend on length and difficulty, and the difficulties."""
    random = np.random.default_rng(seed)
    difficulty = random.normal(size=count)
    lengths = random.integers(1, 400, size=(count, 2))
    delta = lengths[:, 0] - lengths[:, 1]
    logits = -np.tanh(delta / delta.std(ddof=1)) + 0.6 * difficulty - 0.5
    chance = 1 / (1 + np.exp(-logits))
    values: list[float | None] = (1 + random.beta(2 * chance, 2 * (1 - chance))).tolist()
    values[:missing] = [None] * missing
    names = [f"q{number}" for number in range(count)]
    rows = annotations(values, [(int(a), int(b)) for a, b in lengths], names)
    return rows, pl.DataFrame({"instruction": names, "difficulty": difficulty})


def gamed(count: int = 80, seed: int = 1) -> pl.DataFrame:
    """Rows of models that gamed the length."""
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "difficulty": random.normal(size=count),
            "std_delta_length": random.normal(size=count),
            "preference": random.beta(0.6, 0.6, size=count),
            "weight": np.full(count, 0.1),
        }
    )


def battles(rows: Sequence[tuple], style: bool = False, names: Sequence[str] = ()) -> Battles:
    """Battles of (prompt, a, b, winner) or (prompt, a, b, winner, weight, features...)."""
    columns = ["prompt_id", "model_a", "model_b", "winner", "weight", *names][: len(rows[0]) if rows else 4]
    return as_battles(pl.DataFrame(list(rows), schema=columns, orient="row", infer_schema_length=None), style)
