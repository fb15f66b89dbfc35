"""The report of a release: one HTML page that needs nothing else.

Everything that a model, a corpus or a user wrote is text here: Jinja escapes it, the page has no script, and its
content security policy allows none, nor any request. The same data gives the same bytes.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xl_assets.evaluation import plots
from xl_assets.evaluation.examples import examples, traced_rows
from xl_assets.evaluation.language_fidelity import fidelity_by_language
from xl_assets.evaluation.naming import AVERAGE, kind_name, language_name, model_name
from xl_assets.evaluation.report_data import AFTER, BEFORE, HEADLINE_KIND, ReportData
from xl_assets.evaluation.summary import (
    WIN_RATE_FIGURES,
    documents,
    fidelity_change,
    summary,
    summary_caption,
    summary_lines,
    training_rows,
    win_rate_change,
)

#: Share of prompts with a verdict below which a win rate is marked: what is left may not be a fair sample.
LEAST_COVERAGE = 0.99


def render_report(data: ReportData) -> str:
    """Write the report as one self-contained HTML page.

    Args:
        data: figures, examples and metadata; frames may be empty.
    """
    figures = summary(data)
    stylesheet = files(__package__).joinpath("templates/report.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "language": language_name,
        "model": model_name,
        "kind": kind_name,
        "number": _number,
        "percent": _percent,
        "step": _step_name,
    }
    return environment.get_template("report.html.j2").render(
        data=data,
        figures=figures,
        stylesheet=Markup(stylesheet),
        stylesheet_hash=b64encode(sha256(stylesheet.encode()).digest()).decode(),
        tiles=_tiles(figures, data.interval),
        verdict=_verdict(figures),
        lines=summary_lines(figures),
        warnings=_warnings(figures),
        caption=summary_caption(figures),
        funnels=_funnels(data, figures),
        plots=_plots(data),
        results=_results(figures),
        scores=_scores(data),
        examples=examples(data),
        training_rows=traced_rows(data),
        least_coverage=LEAST_COVERAGE,
    )


def _tiles(figures: dict, interval_name: str) -> list[dict[str, str]]:
    """The four figures that a reader came for."""
    entries = figures["languages"].values()
    kept_of = [found for found in map(documents, entries) if found]
    rows = [found for found in map(training_rows, entries) if found is not None]
    average = figures["average"]
    tiles = []
    if kept_of:
        kept, read = (sum(column) for column in zip(*kept_of, strict=True))
        tiles.append({"value": f"{kept:,}", "unit": "", "label": "documents kept", "note": f"of {read:,} read"})
    if rows:
        note = f"in {len(rows)} languages" if len(rows) > 1 else "in one language"
        tiles.append({"value": f"{sum(rows):,}", "unit": "", "label": "training rows", "note": note})
    if average["language_fidelity"]:
        change = fidelity_change(average)
        tiles.append({"value": change, "unit": "%", "label": "in the requested language", "note": "before → after"})
    if average["win_rate"]:
        change, _, interval = win_rate_change(average).rstrip("]").partition(" [")
        note = "before → after" + (f", {interval_name} {interval.replace(', ', ' to ')}" if interval else "")
        tiles.append({"value": change, "unit": "%", "label": "win rate", "note": note})
    return tiles


def _verdict(figures: dict) -> str:
    """What the figures say, in a sentence; nothing where there is nothing to compare."""
    average = figures["average"]
    shares = [average["language_fidelity"].get(model) for model in (BEFORE, AFTER)]
    rates = [average["win_rate"].get(model, {}).get("win_rate") for model in (BEFORE, AFTER)]
    if None in shares or None in rates:
        return ""
    count = sum(entry["kind"] == average["kind"] for entry in figures["languages"].values())
    languages = "one language" if count == 1 else f"{count} languages"
    return (
        f"On {kind_name(average['kind'])} prompts in {languages}, the share of answers in the requested language went "
        f"from {100 * shares[0]:.1f} % to {100 * shares[1]:.1f} % with fine-tuning, and the win rate against the "
        f"reference from {rates[0]:.1f} % to {rates[1]:.1f} %."
    )


def _warnings(figures: dict) -> list[str]:
    """Models whose headline win rate rests on too few of the prompts."""
    rates = figures["average"]["win_rate"]
    covered = {model: share for model in rates if (share := _coverage(rates[model])) is not None}
    return [
        f"The judge compared only {100 * share:.1f} % of the answers of the {model_name(model)} model with the "
        "reference's; the others are missing or their verdicts unreadable. What is left may not be a fair sample."
        for model, share in covered.items()
        if share < LEAST_COVERAGE
    ]


def _funnels(data: ReportData, figures: dict) -> list[dict]:
    codes = sorted(data.funnel["language"].unique(), key=language_name)
    return [
        {
            "language": code,
            "plot": _drawn(plots.funnel_chart(data.funnel, code), f"funnel-{number}"),
            "steps": figures["languages"][code]["funnel"],
        }
        for number, code in enumerate(codes)
    ]


def _plots(data: ReportData) -> dict[str, Markup | None]:
    fidelity = fidelity_by_language(data.language_fidelity)
    rates, shares = _of_headline(data.win_rates), _of_headline(fidelity)
    drawn: dict[str, Markup | None] = dict.fromkeys(("win_rate", "fidelity", "scores"))
    if rates["win_rate"].count():
        drawn["win_rate"] = _drawn(plots.win_rate_chart(rates, data.confidence), "win-rate")
    if shares.height:
        drawn["fidelity"] = _drawn(plots.fidelity_chart(shares), "fidelity")
    if data.criterion_scores["score"].count():
        drawn["scores"] = _drawn(plots.score_chart(data.criterion_scores), "scores")
    return drawn


def _of_headline(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of the kind that the headline is of."""
    kinds = sorted(set(frame["kind"]), key=lambda kind: (kind != HEADLINE_KIND, kind))
    return frame.filter(pl.col("kind") == kinds[0]) if kinds else frame


def _drawn(chart, prefix: str) -> Markup:
    # The renderer escapes what it writes; a test holds it to that.
    return Markup(plots.to_svg(chart, prefix))


def _results(figures: dict) -> dict[str, list[dict]]:
    """For each kind of prompt the rows of its table: one for each language and model, the average last."""
    entries = sorted(figures["languages"].items(), key=lambda item: language_name(item[0]))
    tables = {}
    for kind in figures["average"]["kinds"]:
        found = [(code, entry["kinds"][kind]) for code, entry in entries if kind in entry["kinds"]]
        if len(found) > 1:
            found.append((AVERAGE, figures["average"]["kinds"][kind]))
        tables[kind] = [row for code, results in found for row in _result_rows(code, results)]
    return tables


def _result_rows(code: str, results: dict) -> list[dict]:
    models = sorted(set(results["language_fidelity"]) | set(results["win_rate"]))
    return [
        {
            "language": code,
            "model": model,
            "share": results["language_fidelity"].get(model),
            "coverage": _coverage(results["win_rate"].get(model)),
            **dict.fromkeys(WIN_RATE_FIGURES),
            **results["win_rate"].get(model, {}),
        }
        for model in models
    ]


def _coverage(rate: dict | None) -> float | None:
    asked = rate["prompts"] + rate["invalid"] + rate["missing"] if rate else 0
    return rate["prompts"] / asked if rate and asked else None


def _scores(data: ReportData) -> list[dict]:
    """Mean score of each criterion and model, with how many could not be read."""
    return (
        data.criterion_scores.group_by("criterion", "model", maintain_order=True)
        .agg(
            pl.col("score").mean().alias("mean"),
            pl.col("score").count().alias("scored"),
            pl.col("score").null_count().alias("unscored"),
        )
        .sort("criterion", "model")
        .to_dicts()
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _step_name(step: str) -> str:
    return step.replace("_", " ")
