"""A report's figures for machines, and for a terminal."""

from dataclasses import replace
from typing import Any

from xl_assets.evaluation.report_comparison import Comparison, compare
from xl_assets.evaluation.report_data import ReportData
from xl_assets.evaluation.report_figures import headline_rates, headline_scores, result_tables
from xl_assets.evaluation.summary import summary


def figures_for_machines(data: ReportData) -> dict[str, Any]:
    """All figures of a release, ready for `json.dumps`.

    Returns:
        What `summary.summary` has, and: ``withheld``, the win rates that are no headline, with `scored_only` and `why`;
        ``model_scores``, rows of ``ModelScore``; ``pass_rates``, by kind, language and model; ``reference_metrics``;
        ``judge_quality``; ``surrogate``, the surrogate's report; ``comparison`` with an earlier release.
    """
    shown = headlines_only(data)
    withheld = shown.win_rates.filter(shown.win_rates["why"].is_not_null())
    comparison = compare(data)
    return summary(shown) | {
        "withheld": withheld.select("model", "kind", "language", "coverage", "scored_only", "why").to_dicts(),
        "model_scores": shown.model_scores.drop("release").to_dicts(),
        "pass_rates": [
            {"kind": table.kind, "language": group["language"], "model": row["model"]}
            | {name: row["confusion"][name] for name in ("lpr", "wpr", "lcpr", "n_kept", "n_skipped")}
            for table in result_tables(shown)
            for group in table.groups
            for row in group["rows"]
            if row["confusion"]
        ],
        "reference_metrics": data.reference_metrics.drop("release").to_dicts(),
        "judge_quality": data.judge_figures.drop("release").to_dicts(),
        "surrogate": dict(data.surrogate_report),
        "comparison": comparison and _plain(comparison),
    }


def headlines_only(data: ReportData) -> ReportData:
    """The same data, of which win rates over too few of the prompts are withheld, and scores are no headlines."""
    withheld = replace(data, win_rates=headline_rates(data))
    return replace(withheld, model_scores=headline_scores(withheld))


def _plain(comparison: Comparison) -> dict[str, Any]:
    return {
        "release": comparison.release,
        "differences": comparison.differences.to_dicts(),
        "notes": list(comparison.notes),
    }
