"""Charts of the evaluation and of the funnel, as SVG for the report and as PNG for the Dagster UI."""

import altair as alt
import polars as pl

from xl_assets.evaluation.funnel import rejections
from xl_assets.evaluation.naming import language_name, model_name
from xl_assets.evaluation.plot_parts import (
    BLUE,
    FONT,
    GREEN,
    GREY,
    INK,
    LINE,
    ORANGE,
    PINK,
    RED,
    ROW,
    SKY,
    WIDTH,
    YELLOW,
    language_axis,
    markdown_image,
    model_colour,
    model_shape,
    models,
    named,
    readable,
    titled,
    to_png,
    to_svg,
)
from xl_assets.evaluation.report_data import REFERENCE

__all__ = [
    "fidelity_chart",
    "funnel_chart",
    "interval_chart",
    "markdown_image",
    "pass_rate_chart",
    "rating_chart",
    "score_chart",
    "to_png",
    "to_svg",
    "win_rate_chart",
]

KEPT, OTHER = "kept", "other reasons"
REASON_COLOURS = (ORANGE, GREEN, PINK, SKY, RED, YELLOW)


def win_rate_chart(win_rates: pl.DataFrame, confidence: float = 0.95) -> alt.LayerChart:
    """Win rates of the models with their intervals, one line a language.

    Args:
        win_rates: rows of ``WinRate`` of one release and kind.
        confidence: that their intervals were made with.
    """
    return interval_chart(
        win_rates.with_columns(pl.col("win_rate").alias("value")),
        "Win rate",
        f"with {100 * confidence:g} % interval; dashed: as good as the reference",
        "win rate against the reference, %",
    )


def interval_chart(
    figures: pl.DataFrame,
    title: str,
    subtitle: str,
    axis: str,
    even: float = 50,
    domain: tuple[float, float] | None = (0, 100),
) -> alt.LayerChart:
    """Figures of the models with their intervals, one line a language.

    Args:
        figures: ``language``, ``model``, ``value``, ``low``, ``high``; rows without a value are left out.
        title, subtitle: above the chart.
        axis: what the values are, with their unit.
        even: where neither side is better; a dashed line.
        domain: ends of the axis; None for one that holds all intervals and `even`.
    """
    columns = ["language", "model", "value", "low", "high"]
    rows = readable(figures.filter(pl.col("value").is_not_null()).select(columns))
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True)
    base = alt.Chart(rows).encode(y=language_axis(rows), yOffset=alt.YOffset("model:N", sort=models(rows)))
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=axis), x2="high:Q", color=model_colour(rows))
    point = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("value:Q", title=axis, scale=scale), color=model_colour(rows), shape=model_shape(rows)
    )
    middle = alt.Chart(alt.Data(values=[{"even": even}])).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="even:Q")
    return titled(alt.layer(middle, interval, point).properties(width=WIDTH, height=ROW), title, subtitle)


def rating_chart(ratings: pl.DataFrame, confidence: float = 0.95) -> alt.LayerChart:
    """Bradley-Terry ratings with their intervals, one line a model, the best on top.

    Args:
        ratings: ``model``, ``value``, ``low``, ``high``.
        confidence: that their intervals were made with.
    """
    known = ratings.filter(pl.col("value").is_not_null()).select("model", "value", "low", "high")
    rows = known.sort("value", "model", descending=[True, False]).with_columns(named(known, "model", model_name))
    order = rows["model"].to_list()
    y = alt.Y("model:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8))
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(rows).encode(y=y, color=model_colour(rows))
    title = "rating, Elo's scale"
    interval = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    point = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", title=title, scale=scale), shape=model_shape(rows)
    )
    chart = alt.layer(interval, point).properties(width=WIDTH, height=ROW)
    return titled(chart, "Bradley-Terry ratings", f"with {100 * confidence:g} % interval")


def fidelity_chart(fidelity: pl.DataFrame) -> alt.LayerChart:
    """Share of answers in the requested language, before and after, one line a language.

    Args:
        fidelity: rows of `language_fidelity.fidelity_by_language` of one release and kind; the
            reference's are left out.
    """
    evaluated = fidelity.filter(pl.col("model") != REFERENCE)
    rows = readable(evaluated).with_columns((100 * pl.col("share")).alias("percent"))
    ends = rows.group_by("language", maintain_order=True).agg(
        pl.col("percent").min().alias("low"), pl.col("percent").max().alias("high")
    )
    title = "answers in the requested language, %"
    scale = alt.Scale(domain=[0, 100])
    span = (
        alt.Chart(ends)
        .mark_rule(strokeWidth=3, color=LINE)
        .encode(y=language_axis(rows), x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    )
    point = (
        alt.Chart(rows)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            y=language_axis(rows),
            x=alt.X("percent:Q", title=title, scale=scale),
            color=model_colour(rows),
            shape=model_shape(rows),
        )
    )
    return titled(
        alt.layer(span, point).properties(width=WIDTH, height=ROW), "Language fidelity", "before and after fine-tuning"
    )


def pass_rate_chart(pass_rates: pl.DataFrame) -> alt.FacetChart:
    """Line, word and language confusion pass rates side by side, one line a language.

    Args:
        pass_rates: ``language``, ``model``, ``lpr``, ``wpr``, ``lcpr`` in [0, 1] of one release and kind; the
            reference's are left out, as are rates over nothing.
    """
    measures = {"lpr": "lines (LPR)", "wpr": "words (WPR)", "lcpr": "both (LCPR)"}
    long = pass_rates.filter(pl.col("model") != REFERENCE).unpivot(
        list(measures), index=["language", "model"], variable_name="measure", value_name="rate"
    )
    rows = readable(long.filter(pl.col("rate").is_not_null())).with_columns(
        (100 * pl.col("rate")).alias("percent"), pl.col("measure").replace(measures)
    )
    chart = (
        alt.Chart(rows)
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            y=language_axis(rows),
            x=alt.X("percent:Q", title="% pass", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(values=[0, 50, 100])),
            color=model_colour(rows),
            shape=model_shape(rows),
        )
        .properties(width=82, height=ROW)
    )
    facets = chart.facet(alt.Column("measure:N", title=None, sort=list(measures.values())), spacing=18)
    return titled(facets, "Language confusion", "answers that pass, line by line and word by word")


def score_chart(criterion_scores: pl.DataFrame) -> alt.FacetChart:
    """How often a judge gave each score from 1 to 5, for each criterion and model.

    Args:
        criterion_scores: rows of ``CriterionScore`` of one release.
    """
    counted = (
        criterion_scores.filter(pl.col("score").is_not_null())
        .group_by("criterion", "model", "score")
        .agg(pl.len().alias("rows"))
        .with_columns((100 * pl.col("rows") / pl.col("rows").sum().over("criterion", "model")).alias("percent"))
        .sort("criterion", "model", "score")
    )
    rows = counted.with_columns(named(counted, "model", model_name))
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("score:O", title="score", scale=alt.Scale(domain=[1, 2, 3, 4, 5]), axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("model:N", sort=models(rows)),
            y=alt.Y("percent:Q", title="% of responses"),
            color=model_colour(rows),
        )
    )
    facets = chart.properties(width=150, height=90).facet(alt.Facet("criterion:N", title=None), columns=2)
    return titled(facets, "The judge's scores by criterion", "")


def funnel_chart(funnel: pl.DataFrame, language: str) -> alt.LayerChart:
    """What each step kept of one language's rows, and for which reasons it rejected the others.

    Args:
        funnel: a frame of ``funnel.FUNNEL``; colours are chosen over all its languages, so that charts compare.
        language: the language shown.
    """
    own = funnel.filter(pl.col("language") == language, pl.col("rows_in") > 0)
    domain = [KEPT, *_frequent_reasons(funnel), OTHER]
    shares = _outcome_shares(own, domain)
    steps = own.select(_spaced(pl.col("step"))).to_series().to_list()
    y = alt.Y("step:N", sort=steps, title=None, axis=alt.Axis(labelLimit=170, ticks=False, domain=False))
    shown = [outcome for outcome in domain if outcome in set(shares["outcome"])]
    bars = (
        alt.Chart(shares)
        .mark_bar(height={"band": 0.72})
        .encode(
            y=y,
            x=alt.X("percent:Q", title="% of the step's rows", scale=alt.Scale(domain=[0, 100]), stack="zero"),
            order=alt.Order("rank:O"),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=domain, range=[BLUE, *REASON_COLOURS[: len(domain) - 2], GREY]),
                legend=alt.Legend(
                    title=None, values=shown, orient="bottom", columns=2, columnPadding=28, labelLimit=200
                ),
            ),
        )
    )
    labels_of = [f"{kept:,} of {rows_in:,}" for kept, rows_in in own.select("kept", "rows_in").iter_rows()]
    counts = pl.DataFrame({"step": steps, "label": labels_of}).with_columns(pl.lit(100).alias("percent"))
    labels = (
        alt.Chart(counts).mark_text(align="left", dx=6, color=INK, font=FONT).encode(y=y, x="percent:Q", text="label:N")
    )
    return titled(
        alt.layer(bars, labels).properties(width=200), f"Funnel: {language_name(language)}", "kept rows of rows in"
    )


def _frequent_reasons(funnel: pl.DataFrame) -> list[str]:
    totals = rejections(funnel).group_by(_spaced(pl.col("reason"))).agg(pl.col("rows").sum())
    return totals.sort("rows", "reason", descending=[True, False])["reason"].head(len(REASON_COLOURS)).to_list()


def _outcome_shares(own: pl.DataFrame, domain: list[str]) -> pl.DataFrame:
    kept = own.select("step", pl.lit(KEPT).alias("outcome"), pl.col("kept").alias("rows"))
    reason = _spaced(pl.col("reason"))
    named_reason = pl.when(reason.is_in(domain[1:-1])).then(reason).otherwise(pl.lit(OTHER))
    lost = rejections(own).select("step", named_reason.alias("outcome"), "rows")
    rank = pl.col("outcome").replace_strict(domain, range(len(domain)), return_dtype=pl.Int64).alias("rank")
    return (
        pl.concat([kept, lost])
        .group_by("step", "outcome", maintain_order=True)
        .agg(pl.col("rows").sum())
        .join(own.select("step", "rows_in"), on="step", maintain_order="left")
        .with_columns((100 * pl.col("rows") / pl.col("rows_in")).alias("percent"), rank, _spaced(pl.col("step")))
    )


def _spaced(name: pl.Expr) -> pl.Expr:
    return name.str.replace_all("_", " ", literal=True)
