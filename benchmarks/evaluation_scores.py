"""Scores of a million judgements: win rate and length-controlled win rate, each with a clustered bootstrap.

A process of its own on two cores reads annotations with their texts from Parquet, keeps lengths, and scores them:
every prompt is another one, which is the most work for a bootstrap over prompts. CPU seconds, because a busy machine
makes a clock's seconds longer, not these: on two idle cores the clock shows no more. The baselines are the targets,
60 s and 2 GiB.

Example: python -m benchmarks.evaluation_scores --judgements 1000000
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from benchmarks.measuring import Figure, last_json, measured, show

TARGET_SECONDS, TARGET_GIB = 60.0, 2.0
_LONGEST = 2_000
_STEPS = ("read", "win_rate", "length_controlled")


def main(
    judgements: Annotated[int, typer.Option(help="How many judgements.")] = 1_000_000,
    resamples: Annotated[int, typer.Option(help="How many resamples each interval has.")] = 1_000,
    prompts: Annotated[int | None, typer.Option(help="How many different prompts; every one another if none.")] = None,
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Print seconds and memory of scoring."""
    if folder:
        print(json.dumps(_score(folder, resamples)))
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _write(place, 1_000, 1_000)
        command = [sys.executable, "-m", "benchmarks.evaluation_scores", "--resamples", str(resamples)]
        command += ["--folder", str(place)]
        # Compiled code is on disk from here on.
        measured(command)
        _write(place, judgements, prompts or judgements)
        usage = measured(command, cores=(0, 1), POLARS_MAX_THREADS="2", OPENBLAS_NUM_THREADS="2")
    found: dict[str, Any] = dict(last_json(usage.out))
    show(
        f"{judgements:,} judgements of {prompts or judgements:,} prompts, {resamples:,} resamples",
        [
            _figure("scores_together", sum(found[name] for name in _STEPS), "CPU s", TARGET_SECONDS),
            *(_figure(f"scores_{name}", found[name], "CPU s") for name in _STEPS),
            _figure("scores_peak_memory", usage.peak / 2**30, "GiB", TARGET_GIB),
        ],
    )


def _figure(name: str, value: float, unit: str, baseline: float | None = None) -> Figure:
    ratio = None if baseline is None else round(baseline / value, 2)
    return Figure(name, round(value, 3), unit, None if baseline is None else round(baseline, 3), ratio)


def _write(folder: Path, judgements: int, prompts: int) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(1, _LONGEST, size=(judgements, 2))
    prompt = np.arange(judgements) % prompts
    difficulty = random.normal(size=prompts)
    logits = -np.tanh((lengths[:, 0] - lengths[:, 1]) / 800) + 0.5 * difficulty[prompt] - 0.7
    preference = 1 + 1 / (1 + np.exp(-logits - random.normal(size=judgements)))
    frame = pl.DataFrame({"prompt": prompt, "a": lengths[:, 0], "b": lengths[:, 1], "preference": preference})
    text = pl.lit("text " * (_LONGEST // 5))
    frame.lazy().select(
        pl.format("instruction {}", "prompt").alias("instruction"),
        text.str.head("a").alias("output_1"),
        text.str.head("b").alias("output_2"),
        pl.lit("reference").alias("generator_1"),
        pl.lit("model").alias("generator_2"),
        "preference",
        pl.lit(None, dtype=pl.String).alias("invalid"),
    ).sink_parquet(folder / "annotations.parquet", row_group_size=50_000)
    names = pl.select(pl.format("instruction {}", pl.Series(np.arange(prompts))).alias("instruction"))
    names.with_columns(difficulty=difficulty).write_parquet(folder / "difficulty.parquet")


def _score(folder: Path, resamples: int) -> dict[str, float]:
    from xl_assets.evaluation.bootstrap import Resampling
    from xl_assets.evaluation.scores.length_controlled import score_length_controlled
    from xl_assets.evaluation.scores.win_rate import answer_length, score_win_rate

    resampling, times = Resampling(resamples=resamples), {}
    start = time.process_time()
    source = pl.scan_parquet(folder / "annotations.parquet")
    lengths = [answer_length((), side).alias(f"length_{side}") for side in (1, 2)]
    annotations = source.with_columns(lengths).drop("output_1", "output_2").collect(engine="streaming")
    difficulty = pl.read_parquet(folder / "difficulty.parquet")
    times["read"] = time.process_time() - start
    times["win_rate"] = _seconds(lambda: score_win_rate(annotations, resampling=resampling))
    times["length_controlled"] = _seconds(
        lambda: score_length_controlled(annotations, difficulty, resampling=resampling)
    )
    return times


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    typer.run(main)
