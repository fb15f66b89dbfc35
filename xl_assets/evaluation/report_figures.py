"""A report's result tables: for each kind of prompt, language and model all figures side by side."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from xl_assets.evaluation.headline import headline_win_rates
from xl_assets.evaluation.language_fidelity import fidelity_by_language, pass_rates_of_models
from xl_assets.evaluation.naming import AVERAGE, language_name, model_name
from xl_assets.evaluation.report_data import AFTER, BEFORE, HEADLINE_KIND, REFERENCE, ReportData

#: Figures of ``ModelScore`` that stand beside the win rate, one a cell.
BESIDE = {
    "length_controlled_win_rate": "length-controlled win rate",
    "discrete_win_rate": "discrete win rate",
    "win_rate_in_language": "win rate of answers in the language",
    "win_rate_line_pass": "win rate of answers with every line in the language",
    "win_rate_wrong_language_lost": "win rate if answers in another language have lost",
}

#: What a reader must know of each of AlpacaEval's models of length: label -> words.
LENGTH_MODELS = {
    "length_controlled_v1": "with the instructions' difficulty and rows of gamed models, as AlpacaEval 2 publishes it",
    "length_controlled_noreg": "with the instructions' difficulty, without the rows of gamed models",
    "length_controlled_minimal": "without the instructions' difficulty, so not comparable with published figures",
}

_MODEL_ORDER = (BEFORE, AFTER)


@dataclass(frozen=True)
class ResultTable:
    """The results on one kind of prompt.

    Attributes:
        kind: cross_lingual, ...
        groups: one a language by name, the average last: ``language`` and ``rows``, one a model; see `result_tables`.
        columns: which figures any row has: names of ``BESIDE``, ``confusion``, ``words``, ``overlap``.
        length_models: what the length-controlled figures are of, in words.
        signatures: of chrF and BLEU, as sacrebleu gives them.
        notes: why figures are withheld or absent, a sentence each.
    """

    kind: str
    groups: list[dict[str, Any]]
    columns: frozenset[str]
    length_models: list[str]
    signatures: list[str]
    notes: list[str]


def result_tables(data: ReportData) -> list[ResultTable]:
    """All results, the headline's kind first.

    A row has ``model``; ``fidelity``, whether its language was identified; ``rate``, its row of ``WinRate``, withheld
    below full coverage; ``scores``, name -> row of ``ModelScore``; ``share``, answers in their language by document;
    ``confusion``, its row of ``LanguagePassRateRow``; ``overlap``, its row of ``ReferenceMetric``. Each is None where
    there is none.
    """
    rates = headline_rates(data)
    shares = fidelity_by_language(data.language_fidelity)
    passed = with_average(pass_rates_of_models(data.language_confusion)) if data.language_confusion.height else None
    found = {
        "rate": _by_key(rates),
        "share": _by_key(shares),
        "confusion": _by_key(passed) if passed is not None else {},
        "overlap": _by_key(data.reference_metrics),
    }
    scores: dict[tuple[str, str, str], dict[str, dict]] = {}
    for row in data.model_scores.filter(pl.col("score").is_in(BESIDE)).iter_rows(named=True):
        scores.setdefault(_key(row), {})[row["score"]] = row
    keys = set(scores).union(*found.values())
    return [
        _table(kind, {key for key in keys if key[0] == kind}, found, scores)
        for kind in in_kind_order(key[0] for key in keys)
    ]


def headline_rates(data: ReportData) -> pl.DataFrame:
    """Win rates of which those over too few of the prompts are withheld, whatever the table holds."""
    return headline_win_rates(data.win_rates, data.judgements) if data.judgements.height else data.win_rates


def with_average(passed: pl.DataFrame) -> pl.DataFrame:
    """Pass rates with a row ``average`` for each release, model and kind: mean of each rate over its languages."""
    rates = ("lpr", "wpr", "lcpr", "line_accuracy", "script_share")
    group = ["release", "model", "kind"]
    average = passed.group_by(group, maintain_order=True).agg(
        pl.lit(AVERAGE).alias("language"),
        pl.col(*rates).mean(),
        pl.selectors.starts_with("n_").sum(),
    )
    return pl.concat([passed, average.select(passed.columns)])


def headline_pass_rates(data: ReportData) -> pl.DataFrame:
    """Pass rates of the headline's kind, with the average over languages; for a chart."""
    return of_headline(with_average(pass_rates_of_models(data.language_confusion)))


def of_headline(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of the kind that the headline is of."""
    kinds = in_kind_order(frame["kind"].unique())
    return frame.filter(pl.col("kind") == kinds[0]) if kinds else frame


def score_rows(data: ReportData, score: str) -> pl.DataFrame:
    """Rows of ``ModelScore`` of one score and the headline's kind that may be shown as headlines."""
    return of_headline(data.model_scores.filter(pl.col("score") == score, pl.col("headline")))


def headline_scores(data: ReportData) -> pl.DataFrame:
    """Rows of ``ModelScore``, of which an average is no headline where a language of the win rate's is none.

    A coverage over all languages together can be high enough while one language lacks half of its verdicts.
    """
    rates = data.win_rates.filter(pl.col("language") == AVERAGE, pl.col("why").is_not_null())
    reasons = rates.select("model", "kind", pl.lit(AVERAGE).alias("language"), pl.col("why").alias("_why"))
    joined = data.model_scores
    for side in ("model", "against"):
        told = reasons.rename({"model": side, "_why": f"_why_{side}"})
        joined = joined.join(told, on=[side, "kind", "language"], how="left", maintain_order="left")
    why = pl.coalesce("_why_model", "_why_against")
    return joined.with_columns(
        (pl.col("headline") & why.is_null()).alias("headline"), pl.coalesce("why", why).alias("why")
    ).drop("_why_model", "_why_against")


def in_kind_order(found: Iterable[str]) -> list[str]:
    """The headline's kind first, the others by name."""
    return sorted(set(found), key=lambda kind: (kind != HEADLINE_KIND, kind))


def in_model_order(found: Iterable[str]) -> list[str]:
    """Before, after, others by name, the reference last."""
    present = set(found)
    others = sorted(present - {*_MODEL_ORDER, REFERENCE})
    return [model for model in (*_MODEL_ORDER, *others, REFERENCE) if model in present]


def in_language_order(found: Iterable[str]) -> list[str]:
    """By the language's name, the average last."""
    return sorted(found, key=lambda code: (code == AVERAGE, language_name(code)))


def _table(kind: str, keys: set, found: dict[str, dict], scores: dict) -> ResultTable:
    codes = {code for _, code, _ in keys}
    several = len(codes - {AVERAGE}) > 1
    groups: list[dict[str, Any]] = []
    for code in in_language_order(codes if several else codes - {AVERAGE}):
        models = in_model_order(model for _, language, model in keys if language == code)
        groups.append({"language": code, "rows": [_row((kind, code, model), found, scores) for model in models]})
    rows = [row for group in groups for row in group["rows"]]
    labels = {
        LENGTH_MODELS.get(label, label)
        for row in rows
        if (label := (row["scores"].get("length_controlled_win_rate") or {}).get("label"))
    }
    overlaps = [row["overlap"] for row in rows if row["overlap"]]
    signatures = {o[name] for o in overlaps for name in ("chrf_signature", "bleu_signature") if o[name]}
    return ResultTable(kind, groups, _columns(rows), sorted(labels), sorted(signatures), _notes(groups))


def _row(key: tuple[str, str, str], found: dict[str, dict], scores: dict) -> dict[str, Any]:
    row = {name: rows.get(key) for name, rows in found.items()}
    share = row["share"]
    return row | {
        "model": key[2],
        "share": share["share"] if share else None,
        "fidelity": bool(share or row["confusion"]),
        "scores": scores.get(key, {}),
    }


def _columns(rows: list[dict]) -> frozenset[str]:
    has: dict[str, Callable[[dict], Any]] = {
        "confusion": lambda row: row["confusion"],
        "words": lambda row: row["confusion"] and row["confusion"]["wpr"] is not None,
        "overlap": lambda row: row["overlap"] and row["overlap"]["n_scored"],
        "rate": lambda row: row["rate"],
        "share": lambda row: row["share"] is not None,
    }
    present = {name for name, test in has.items() if any(test(row) for row in rows)}
    return frozenset(present | {name for row in rows for name in row["scores"]})


def _notes(groups: list[dict]) -> list[str]:
    """Why figures are withheld or absent; what is true of several languages is told once."""
    notes: dict[tuple[str, str, str], list[str]] = {}
    for group in groups:
        for row in group["rows"]:
            for why, names in _reasons(row).items():
                about = (model_name(row["model"]), ", ".join(names), why)
                notes.setdefault(about, []).append(language_name(group["language"]))
    return [f"{', '.join(where)}, {model} model, {names}: {why}." for (model, names, why), where in notes.items()]


def _reasons(row: dict) -> dict[str, list[str]]:
    """Why -> the figures it is told of. A lack of coverage is told of the win rate alone."""
    found: dict[str, list[str]] = {}
    withheld = row["rate"] and row["rate"]["why"]
    if withheld:
        found[withheld] = ["win rate"]
    for name, words in BESIDE.items():
        score = row["scores"].get(name)
        if score and score["why"] and not (withheld and score["value"] is not None):
            found.setdefault(score["why"], []).append(words)
    return found


def _by_key(frame: pl.DataFrame) -> dict[tuple[str, str, str], dict]:
    return {_key(row): row for row in frame.iter_rows(named=True)}


def _key(row: dict) -> tuple[str, str, str]:
    return row["kind"], row["language"], row["model"]
