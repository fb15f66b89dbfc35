"""The charts of a report, as SVG with a description in words, and as PNG for the Dagster UI."""

from dataclasses import dataclass

import altair as alt
import polars as pl
from markupsafe import Markup

from xl_assets.evaluation import plots
from xl_assets.evaluation.language_fidelity import fidelity_by_language
from xl_assets.evaluation.naming import AVERAGE, language_name, model_name
from xl_assets.evaluation.report_comparison import Comparison
from xl_assets.evaluation.report_data import ReportData
from xl_assets.evaluation.report_figures import headline_pass_rates, headline_rates, of_headline, score_rows


@dataclass(frozen=True)
class Picture:
    """A chart, and what it shows in words."""

    svg: Markup
    words: str


def pictures(data: ReportData, comparison: Comparison | None) -> dict[str, Picture]:
    """Name -> chart, of those that there is something to show in; all of the headline's kind."""
    return {
        name: Picture(drawn(chart, name.replace("_", "-")), words) for name, (chart, words) in _charts(data, comparison)
    }


def funnel_pictures(data: ReportData, figures: dict) -> list[dict]:
    """For each language, by name, its funnel as a picture and as steps."""
    codes = sorted(data.funnel["language"].unique(), key=language_name)
    return [
        {
            "language": code,
            "plot": drawn(plots.funnel_chart(data.funnel, code), f"funnel-{number}"),
            "steps": figures["languages"][code]["funnel"],
        }
        for number, code in enumerate(codes)
    ]


def drawn(chart: alt.TopLevelMixin, prefix: str) -> Markup:
    """A chart as SVG."""
    # The renderer escapes what it writes; a test holds it to that.
    return Markup(plots.to_svg(chart, prefix))


def charts(data: ReportData, comparison: Comparison | None = None) -> dict[str, alt.TopLevelMixin]:
    """The same charts, not drawn yet."""
    return {name: chart for name, (chart, _) in _charts(data, comparison)}


def _charts(data: ReportData, comparison: Comparison | None) -> list[tuple[str, tuple[alt.TopLevelMixin, str]]]:
    shares = of_headline(fidelity_by_language(data.language_fidelity))
    fidelity = _lines(shares).with_columns(value=100 * pl.col("share"))
    rates = _lines(of_headline(headline_rates(data))).with_columns(value="win_rate")
    controlled, gains = (_lines(score_rows(data, name)) for name in ("length_controlled_win_rate", "difference"))
    ratings = score_rows(data, "rating").filter(language=AVERAGE)
    percent = f"{100 * data.confidence:g} %"
    found: list[tuple[str, tuple[alt.TopLevelMixin, str]]] = []
    if fidelity["value"].count():
        found.append(("fidelity", (plots.fidelity_chart(fidelity), _words("Answers in their language, %", fidelity))))
    if rates["value"].count():
        chart = plots.win_rate_chart(rates, data.confidence)
        found.append(("win_rate", (chart, _words(f"Win rates, % [{data.interval}]", rates))))
    if controlled["value"].count():
        subtitle = f"with {percent} interval; dashed: as good as the reference"
        chart = plots.interval_chart(controlled, "Length-controlled win rate", subtitle, "win rate at equal length, %")
        found.append(("length_controlled", (chart, _words("Length-controlled win rates, %", controlled))))
    if data.language_confusion["counted"].any():
        passed = _lines(headline_pass_rates(data)).with_columns(value=100 * pl.col("lcpr"))
        found.append(("pass_rates", (plots.pass_rate_chart(passed), _words("LCPR, %", passed))))
    if gains["value"].count():
        found.append(("gain", (_difference_chart(gains, "Fine-tuned less base", percent), _words("Points", gains))))
    if comparison is not None and (changes := _lines(of_headline(comparison.differences)))["value"].count():
        chart = _difference_chart(changes, f"Change since {comparison.release}", percent)
        found.append(("change", (chart, _words("Points of win rate", changes))))
    if ratings["value"].count() > 1:
        found.append(("rating", (plots.rating_chart(ratings, data.confidence), _words("Ratings", ratings))))
    if data.criterion_scores["score"].count():
        words = "How often each score from 1 to 5 was given; the table has the means."
        found.append(("scores", (plots.score_chart(data.criterion_scores), words)))
    return found


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that get a line in a chart: the average of one language would repeat it."""
    several = rows.filter(pl.col("language") != AVERAGE)["language"].n_unique() > 1
    return rows if several else rows.filter(pl.col("language") != AVERAGE)


def _difference_chart(rows: pl.DataFrame, title: str, percent: str) -> alt.LayerChart:
    subtitle = f"same prompts, with {percent} interval; dashed: no difference"
    return plots.interval_chart(rows, title, subtitle, "percentage points of win rate", even=0, domain=None)


def _words(what: str, rows: pl.DataFrame) -> str:
    """A chart's values as a sentence, for those who do not see it."""
    told = [
        f"{language_name(row['language'])}, {model_name(row['model'])}: {row['value']:.1f}"
        + (f" [{row['low']:.1f} to {row['high']:.1f}]" if row.get("low") is not None else "")
        for row in rows.filter(pl.col("value").is_not_null()).sort("language", "model").iter_rows(named=True)
    ]
    return f"{what}: {'; '.join(told)}."
