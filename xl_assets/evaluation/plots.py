"""Charts of the evaluation and of the funnel, as SVG for the report and as PNG for the Dagster UI.

Colours are of Okabe and Ito's palette (Color Universal Design, 2008), which readers with any kind of colour
vision can tell apart; models differ in shape as well.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from xl_assets.evaluation.funnel import rejections
from xl_assets.evaluation.naming import AVERAGE, language_name, model_name
from xl_assets.evaluation.report_data import REFERENCE

BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, RED, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442", "#d55e00", "#8a8f98",
)  # fmt: skip
MODEL_COLOURS = {"base": RED, "fine_tuned": BLUE, "reference": GREEN}
MODEL_SHAPES = {"base": "circle", "fine_tuned": "diamond", "reference": "square"}

KEPT, OTHER = "kept", "other reasons"
REASON_COLOURS = (ORANGE, GREEN, PINK, SKY, RED, YELLOW)

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
INK, LINE = "#2b3036", "#d9dce1"
WIDTH = 270
#: Height of one line of a chart, whatever stands in it.
ROW = alt.Step(28, **{"for": "position"})


def win_rate_chart(win_rates: pl.DataFrame, confidence: float = 0.95) -> alt.LayerChart:
    """Win rates of the models with their intervals, one line a language.

    Args:
        win_rates: rows of ``WinRate`` of one release and kind.
        confidence: that their intervals were made with.
    """
    rows = _readable(win_rates.filter(pl.col("win_rate").is_not_null()))
    base = alt.Chart(rows).encode(y=_language_axis(rows), yOffset=alt.YOffset("model:N", sort=_models(rows)))
    title = "win rate against the reference, %"
    x = alt.X("win_rate:Q", title=title, scale=alt.Scale(domain=[0, 100]))
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title), x2="high:Q", color=_model_colour(rows)
    )
    point = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, color=_model_colour(rows), shape=_model_shape(rows)
    )
    even = alt.Chart(alt.Data(values=[{"even": 50}])).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="even:Q")
    return _titled(
        alt.layer(even, interval, point).properties(width=WIDTH, height=ROW),
        "Win rate",
        f"with {100 * confidence:g} % interval; dashed: as good as the reference",
    )


def fidelity_chart(fidelity: pl.DataFrame) -> alt.LayerChart:
    """Share of answers in the requested language, before and after, one line a language.

    Args:
        fidelity: rows of `language_fidelity.fidelity_by_language` of one release and kind; the
            reference's are left out.
    """
    evaluated = fidelity.filter(pl.col("model") != REFERENCE)
    rows = _readable(evaluated).with_columns((100 * pl.col("share")).alias("percent"))
    ends = rows.group_by("language", maintain_order=True).agg(
        pl.col("percent").min().alias("low"), pl.col("percent").max().alias("high")
    )
    title = "answers in the requested language, %"
    scale = alt.Scale(domain=[0, 100])
    span = (
        alt.Chart(ends)
        .mark_rule(strokeWidth=3, color=LINE)
        .encode(y=_language_axis(rows), x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    )
    point = (
        alt.Chart(rows)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            y=_language_axis(rows),
            x=alt.X("percent:Q", title=title, scale=scale),
            color=_model_colour(rows),
            shape=_model_shape(rows),
        )
    )
    return _titled(
        alt.layer(span, point).properties(width=WIDTH, height=ROW), "Language fidelity", "before and after fine-tuning"
    )


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
    rows = counted.with_columns(_named(counted, "model", model_name))
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("score:O", title="score", scale=alt.Scale(domain=[1, 2, 3, 4, 5]), axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("model:N", sort=_models(rows)),
            y=alt.Y("percent:Q", title="% of responses"),
            color=_model_colour(rows),
        )
    )
    facets = chart.properties(width=150, height=90).facet(alt.Facet("criterion:N", title=None), columns=2)
    return _titled(facets, "The judge's scores by criterion", "")


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
    return _titled(
        alt.layer(bars, labels).properties(width=200), f"Funnel: {language_name(language)}", "kept rows of rows in"
    )


def to_svg(chart: alt.TopLevelMixin, prefix: str) -> str:
    """Draw a chart as SVG on a transparent ground, the same bytes for the same chart.

    Args:
        chart: any chart of this module.
        prefix: of element ids, which must differ between charts of one page.
    """
    svg = vl_convert.vegalite_to_svg(_specification(chart), allowed_base_urls=[])
    # The renderer numbers its clip paths through the life of the process.
    for number, found in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = re.sub(rf'(id="|url\(#){re.escape(found)}(?=["\)])', rf"\g<1>{prefix}-{number}", svg)
    return svg


def to_png(chart: alt.TopLevelMixin, scale: float = 2.0) -> bytes:
    """Draw a chart as PNG on white."""
    specification = _specification(chart) | {"background": "white"}
    return vl_convert.vegalite_to_png(specification, scale=scale, allowed_base_urls=[])


def markdown_image(png: bytes, description: str) -> str:
    """An image as Markdown that holds its bytes, for metadata in the Dagster UI."""
    plain = re.sub(r"[^\w ,.:%-]", " ", description)
    return f"![{plain}](data:image/png;base64,{b64encode(png).decode()})"


def _specification(chart: alt.TopLevelMixin) -> dict:
    return chart.to_dict() | {"background": None, "padding": 12}


def _titled(chart: Any, title: str, subtitle: str) -> Any:
    heading = alt.TitleParams(
        title, subtitle=subtitle or alt.Undefined, anchor="start", frame="bounds", offset=12, limit=460
    )
    return (
        chart.properties(title=heading, description=f"{title} {subtitle}".strip())
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=LINE, domainColor=LINE, tickColor=LINE, labelColor=INK, titleColor=INK,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        )
        .configure_header(labelColor=INK, labelFontSize=12, labelFontWeight="bold")
        .configure_legend(labelColor=INK, labelFontSize=12, symbolSize=90)
        .configure_title(
            color=INK, fontSize=14, fontWeight="bold", subtitleColor=INK, subtitleFontSize=12, subtitlePadding=4
        )
        .configure_text(fontSize=12)
    )  # fmt: skip


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Names for codes, sorted by name with the average last."""
    last = (pl.col("language") == AVERAGE).alias("_last")
    return (
        frame.with_columns(last, _named(frame, "language", language_name), _named(frame, "model", model_name))
        .sort("_last", "language", "model")
        .drop("_last")
    )


def _named(frame: pl.DataFrame, column: str, name: Callable[[str], str]) -> pl.Expr:
    names = {value: name(value) for value in frame[column].unique()}
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def _language_axis(rows: pl.DataFrame) -> alt.Y:
    order = rows["language"].unique(maintain_order=True).to_list()
    return alt.Y("language:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8))


def _models(rows: pl.DataFrame) -> list[str]:
    """Names of the models in the order of the legend: before, after, then others."""
    present = set(rows["model"])
    known = [model_name(model) for model in MODEL_COLOURS]
    return [name for name in known if name in present] + sorted(present - set(known))


def _model_scale(rows: pl.DataFrame, marks: dict[str, str], default: str) -> alt.Scale:
    by_name = {model_name(model): mark for model, mark in marks.items()}
    models = _models(rows)
    return alt.Scale(domain=models, range=[by_name.get(model, default) for model in models])


def _model_colour(rows: pl.DataFrame) -> alt.Color:
    legend = alt.Legend(title=None, orient="bottom", columnPadding=24)
    return alt.Color("model:N", scale=_model_scale(rows, MODEL_COLOURS, GREY), legend=legend)


def _model_shape(rows: pl.DataFrame) -> alt.Shape:
    legend = alt.Legend(title=None, orient="bottom", columnPadding=24)
    return alt.Shape("model:N", scale=_model_scale(rows, MODEL_SHAPES, "triangle-up"), legend=legend)


def _frequent_reasons(funnel: pl.DataFrame) -> list[str]:
    totals = rejections(funnel).group_by(_spaced(pl.col("reason"))).agg(pl.col("rows").sum())
    return totals.sort("rows", "reason", descending=[True, False])["reason"].head(len(REASON_COLOURS)).to_list()


def _outcome_shares(own: pl.DataFrame, domain: list[str]) -> pl.DataFrame:
    kept = own.select("step", pl.lit(KEPT).alias("outcome"), pl.col("kept").alias("rows"))
    reason = _spaced(pl.col("reason"))
    named = pl.when(reason.is_in(domain[1:-1])).then(reason).otherwise(pl.lit(OTHER))
    lost = rejections(own).select("step", named.alias("outcome"), "rows")
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
