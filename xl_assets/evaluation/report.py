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

from xl_assets.evaluation import report_trust
from xl_assets.evaluation.examples import examples, traced_rows
from xl_assets.evaluation.funnel import rejections
from xl_assets.evaluation.naming import AVERAGE, kind_name, language_name, model_name, spaced
from xl_assets.evaluation.report_comparison import compare
from xl_assets.evaluation.report_data import AFTER, BEFORE, HEADLINE_KIND, REFERENCE, ReportData
from xl_assets.evaluation.report_figures import (
    BESIDE,
    in_kind_order,
    in_language_order,
    in_model_order,
    result_tables,
)
from xl_assets.evaluation.report_headlines import headlines, verdict, warnings
from xl_assets.evaluation.report_machines import headlines_only
from xl_assets.evaluation.report_pictures import funnel_pictures, pictures
from xl_assets.evaluation.scores.win_rate import LEAST_COVERAGE
from xl_assets.evaluation.summary import summary, summary_caption, summary_lines

DASH = "–"


def render_report(data: ReportData) -> str:
    """Write the report as one self-contained HTML page.

    Args:
        data: figures, examples and metadata; frames may be empty.
    """
    data = headlines_only(data)
    figures = summary(data)
    comparison = compare(data)
    stylesheet = files(__package__).joinpath("templates/report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            figures=figures,
            stylesheet=Markup(stylesheet),
            stylesheet_hash=b64encode(sha256(stylesheet.encode()).digest()).decode(),
            tiles=headlines(figures, data.interval),
            verdict=verdict(figures),
            lines=summary_lines(figures),
            warnings=warnings(data),
            caption=summary_caption(figures),
            funnels=funnel_pictures(data, figures),
            plots=pictures(data, comparison),
            results=result_tables(data),
            translated=_translated(data),
            beside=BESIDE,
            gains=_by_kind(data.model_scores.filter(pl.col("score") == "difference")),
            comparison=comparison,
            changes=_by_kind(comparison.differences) if comparison else {},
            ratings=_ratings(data),
            scores=_scores(data),
            judges=report_trust.judge_tables(data),
            unscored=report_trust.reasons_of_judgements(data),
            surrogate=report_trust.surrogate(data),
            examples=examples(data),
            training_rows=traced_rows(data),
            least_coverage=LEAST_COVERAGE,
        )
    )


def _environment() -> Environment:
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
        "signed": _signed,
        "percent": _percent,
        "shown": _shown,
        "spaced": spaced,
    }
    return environment


def _by_kind(differences: pl.DataFrame) -> dict[str, list[dict]]:
    """Kind -> rows by language and model; the average last, unless it is of one language.

    The headline's kind comes first. Rows of a language share their ``place``.
    """
    tables: dict[str, list[dict]] = {}
    for kind in in_kind_order(differences["kind"].unique()):
        found = differences.filter(pl.col("kind") == kind)
        codes = set(found["language"])
        tables[kind] = []
        for place, code in enumerate(in_language_order(codes if len(codes - {AVERAGE}) > 1 else codes - {AVERAGE})):
            of_language = {row["model"]: row for row in found.filter(language=code).iter_rows(named=True)}
            tables[kind] += [of_language[model] | {"place": place} for model in in_model_order(of_language)]
    return tables


def _translated(data: ReportData) -> dict | None:
    """How many English prompts a model translated, by whom, and why others are none; None where nobody asked."""
    asked = data.translations.filter(pl.col("rows_in") > 0)
    if asked.is_empty():
        return None
    reasons = (
        rejections(asked).group_by("reason").agg(pl.col("rows").sum()).sort("rows", "reason", descending=[True, False])
    )
    return {
        "asked": asked["rows_in"].sum(),
        "kept": asked["kept"].sum(),
        "languages": asked["language"].n_unique(),
        "models": sorted({card.name for card in data.models if card.role == "prompt_translator"}),
        "reasons": reasons.rows(),
    }


def _ratings(data: ReportData) -> list[dict]:
    """Bradley-Terry ratings over all languages together, the best first."""
    scores = data.model_scores.filter(pl.col("language") == AVERAGE)
    ratings, against = (scores.filter(pl.col("score") == name) for name in ("rating", "rating_win_rate"))
    rates = against.select("model", "kind", "value", "low", "high").rename(
        {"value": "rate", "low": "rate_low", "high": "rate_high"}
    )
    return (
        ratings.join(rates, on=["model", "kind"], how="left", maintain_order="left")
        .sort(pl.col("kind") != HEADLINE_KIND, "kind", "value", "model", descending=[False, False, True, False])
        .to_dicts()
    )


def _scores(data: ReportData) -> list[dict]:
    """Mean score of each criterion and model, with how many could not be read."""
    return (
        data.criterion_scores.group_by("criterion", "model", maintain_order=True)
        .agg(
            pl.col("score").mean().alias("mean"),
            pl.col("score").count().alias("scored"),
            pl.col("score").null_count().alias("unscored"),
        )
        .sort("criterion", pl.col("model") == REFERENCE, pl.col("model") != BEFORE, pl.col("model") != AFTER, "model")
        .to_dicts()
    )


def _number(value: float | None, digits: int = 1) -> str:
    return DASH if value is None else f"{value:,.{digits}f}"


def _signed(value: float | None, digits: int = 1) -> str:
    # A true minus sign is as wide as the plus sign.
    return DASH if value is None else f"{value:+,.{digits}f}".replace("-", "−")


def _percent(share: float | None) -> str:
    return DASH if share is None else f"{100 * share:.1f} %"


def _shown(figure: dict) -> str:
    """A judge's figure in its own unit."""
    value = figure["value"]
    kinds = {"percent": _percent(value), "count": _number(value, 0), "cost": _number(value, 4)}
    return kinds.get(figure["shown"], _number(value, 3))
