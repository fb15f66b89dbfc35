"""Two files of answers judged and scored: verdicts, annotations, a leaderboard's row, and what they come to."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.evaluation.formats.alpaca_eval import leaderboard_row, write_annotations, write_leaderboard
from xl_assets.evaluation.formats.files import read_csv, write_objects
from xl_assets.evaluation.judges.config import Judge
from xl_assets.evaluation.judges.contract import PairVerdict
from xl_assets.evaluation.judges.coverage import coverage
from xl_assets.evaluation.judges.files import annotations
from xl_assets.evaluation.judges.meta_evaluation import order_consistency
from xl_assets.evaluation.judges.pairwise import judge_pairs
from xl_assets.evaluation.judges.rubric import score_rubric
from xl_assets.evaluation.scores.win_rate import score_win_rate
from xl_assets.generation.binding import ModelBinding
from xl_assets.generation.calls import Answer
from xl_assets.tables import check_table

#: Figures that nobody may take for the model's where too little was judged.
HEADLINES = ("win_rate", "standard_error", "discrete_win_rate", "interval")


@dataclass(frozen=True)
class Evaluation:
    """What judging two files came to.

    Attributes:
        summary: figures for readers and machines.
        tables: name -> rows: ``judgements`` (``PairVerdict``, texts, names of models and judge) and
            ``annotations``, or ``scores`` (``RubricScore``).
        leaderboard: the model's row in AlpacaEval's columns and ours; None for a rubric.
    """

    summary: dict[str, Any]
    tables: Mapping[str, pl.DataFrame]
    leaderboard: dict[str, Any] | None = None


def evaluate_pairs(pairs: pl.DataFrame, judge: Judge, binding: ModelBinding, answer: Answer) -> Evaluation:
    """Judge pairs and score the verdicts.

    Args:
        pairs: of `pair_answers`.
        judge: who judges; a pairwise judge compares, a rubric scores the responses alone.
        binding: the judge's model.
        answer: see `complete_rows`.
    """
    if judge.kind == "rubric":
        return _rubric(pairs, judge, binding, answer)
    verdicts = judge_pairs(pairs.drop("dataset"), judge, binding.fingerprint(), answer)
    check_table(verdicts.with_columns(pl.col("outcome").cast(_OUTCOME)), PairVerdict)
    texts = pairs.select("response_id", "instruction", "response", "reference")
    who = [pl.lit(judge.name).alias("judge"), pl.lit(binding.name).alias("judge_model")]
    table = verdicts.join(texts, on="response_id", maintain_order="left").with_columns(who)
    written = annotations(pairs, verdicts, judge, binding)
    figures = pairwise_figures(written, verdicts)
    model = str(pairs["model"][0])
    row = leaderboard_row(model, figures) | {
        "annotator": f"{judge.name}: {binding.name}",
        "judge_hash": judge.hash,
        "coverage": figures["coverage"],
        "n_missing": figures["n_missing"],
        "n_invalid": figures["n_invalid"],
        "why_not": figures["why_not"],
    }
    return Evaluation(_who(judge, binding) | figures, {"judgements": table, "annotations": written}, row)


def pairwise_figures(written: pl.DataFrame, verdicts: pl.DataFrame) -> dict[str, Any]:
    """Win rate, counts, coverage and order consistency.

    Below the least coverage the headline figures are null, ``why_not`` says why, and ``scored_only`` has what the
    scored pairs alone would give.

    Args:
        written: of `annotations`.
        verdicts: of `judge_pairs`.
    """
    score = asdict(score_win_rate(written.with_columns(pl.col("reason").alias("invalid"))))
    (covered,) = coverage(verdicts).to_dicts()
    headline, why = covered.pop("headline"), covered["why_not"]
    counts = {name: score[name] for name in ("n_wins", "n_draws", "n_wins_base", "n_total", "avg_length")}
    pairs = {"n_pairs": covered["n_total"], **{n: covered[n] for n in ("n_missing", "n_invalid", "coverage")}}
    consistency = {name: value for name, value, _, _ in order_consistency(verdicts)}
    figures = {name: score[name] for name in HEADLINES}
    shown = figures if headline else dict.fromkeys(HEADLINES)
    partial = {} if headline else {"scored_only": figures}
    identical = int((written["outcome"] == "identical").sum())
    names = {"model": _only(score["model"]), "reference": _only(score["reference"])}
    told = {"reasons": {each["reason"]: each["n"] for each in covered["reasons"]}, "why_not": why}
    return {**names, **shown, **counts, "n_identical": identical, **pairs, **told, **partial, **consistency}


def write_evaluation(evaluation: Evaluation, folder: Path) -> dict[str, str]:
    """Write tables, leaderboard and summary; each file whole or not at all.

    A leaderboard that is there already keeps its other rows.

    Returns:
        what -> file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, rows in evaluation.tables.items():
        writer, ending = _WRITERS[name]
        written[name] = _whole(folder / f"{name}.{ending}", partial(writer, rows))
    if evaluation.leaderboard is not None:
        board = folder / "leaderboard.csv"
        mine, same = evaluation.leaderboard, ("model", "annotator")
        there = _leaderboard(board) if board.is_file() else []
        others = [row for row in there if any(row.get(name) != mine[name] for name in same)]
        written["leaderboard"] = _whole(board, lambda path: write_leaderboard([*others, mine], path))
    text = json.dumps(evaluation.summary, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    written["summary"] = _whole(folder / "summary.json", lambda path: path.write_text(text, encoding="utf-8"))
    return written


#: Columns of a leaderboard that hold no numbers.
_TEXTS = ("model", "mode", "annotator", "judge_hash", "why_not")
_OUTCOME = PairVerdict.create_empty().schema["outcome"]

_WRITERS: dict[str, tuple[Callable[[pl.DataFrame, Path], object], str]] = {
    "judgements": (lambda rows, path: rows.write_parquet(path), "parquet"),
    "annotations": (write_annotations, "json"),
    "scores": (write_objects, "json"),
}


def _rubric(pairs: pl.DataFrame, judge: Judge, binding: ModelBinding, answer: Answer) -> Evaluation:
    scores = score_rubric(pairs.drop("dataset"), judge, binding.fingerprint(), answer)
    outcome = pl.when(pl.col("score").is_null()).then(
        pl.when((pl.col("reason") == "no_response") | pl.col("failure").is_not_null())
        .then(pl.lit("missing"))
        .otherwise(pl.lit("invalid"))
    )
    told = scores.with_columns(outcome.alias("outcome"), pl.col("score").cast(pl.Float64).alias("preference"))
    (covered,) = coverage(told).to_dicts()
    headline = covered.pop("headline")
    means = scores.group_by("criterion", maintain_order=True).agg(pl.col("score").mean()).rows()
    mean = scores["score"].mean()
    rates = {"mean_score": mean, "criteria": dict(means)}
    reasons = {each["reason"]: each["n"] for each in covered.pop("reasons")}
    figures = {
        "model": pairs["model"][0],
        **(rates if headline else {"mean_score": None, "criteria": dict.fromkeys(judge.criteria)}),
        "with_reference": int(scores.unique("response_id")["with_reference"].sum()),
        **covered,
        "reasons": reasons,
        **({} if headline else {"scored_only": rates}),
    }
    identity = pairs.select("response_id", "instruction", "language", "model")
    rows = identity.join(scores, on="response_id", maintain_order="left_right")
    return Evaluation(_who(judge, binding) | figures, {"scores": rows})


def _who(judge: Judge, binding: ModelBinding) -> dict[str, Any]:
    orders = {"orders": list(judge.orders)} if judge.kind == "pairwise" else {}
    names = {"judge": judge.name, "judge_hash": judge.hash, "judge_model": binding.name}
    return {**names, "judge_model_fingerprint": binding.fingerprint(), **orders}


def _leaderboard(path: Path) -> list[dict[str, Any]]:
    """The rows of a leaderboard with every column that they have, texts as texts and counts as counts."""
    frame = read_csv(path)
    frame = frame.rename({frame.columns[0]: "model"})
    numbers = pl.selectors.exclude(*_TEXTS).cast(pl.Float64, strict=False)
    counts = (pl.selectors.starts_with("n_") | pl.selectors.by_name("avg_length", require_all=False)).cast(pl.Int64)
    return frame.with_columns(numbers).with_columns(counts).to_dicts()


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else ", ".join(names) or None


def _whole(path: Path, write: Callable[[Path], object]) -> str:
    aside = path.with_name(f".{path.name}.part")
    write(aside)
    os.replace(aside, path)
    return path.name
