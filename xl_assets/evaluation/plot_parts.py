"""What the charts of the evaluation share: colours, axes, names and the way to SVG and PNG.

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

from xl_assets.evaluation.naming import AVERAGE, language_name, model_name

BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, RED, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442", "#d55e00", "#8a8f98",
)  # fmt: skip
MODEL_COLOURS = {"base": RED, "fine_tuned": BLUE, "reference": GREEN}
MODEL_SHAPES = {"base": "circle", "fine_tuned": "diamond", "reference": "square"}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
INK, LINE = "#2b3036", "#d9dce1"
WIDTH = 270
#: Height of one line of a chart, whatever stands in it.
ROW = alt.Step(28, **{"for": "position"})


def to_svg(chart: alt.TopLevelMixin, prefix: str) -> str:
    """Draw a chart as SVG on a transparent ground, the same bytes for the same chart.

    Args:
        chart: any chart of the evaluation.
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


def titled(chart: Any, title: str, subtitle: str) -> Any:
    """A chart with its heading, in the style of all charts."""
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


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Names for codes, sorted by name with the average last."""
    last = (pl.col("language") == AVERAGE).alias("_last")
    return (
        frame.with_columns(last, named(frame, "language", language_name), named(frame, "model", model_name))
        .sort("_last", "language", "model")
        .drop("_last")
    )


def named(frame: pl.DataFrame, column: str, name: Callable[[str], str]) -> pl.Expr:
    """A column with names for its codes."""
    names = {value: name(value) for value in frame[column].unique()}
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def language_axis(rows: pl.DataFrame) -> alt.Y:
    """One line a language, in the order of the rows."""
    order = rows["language"].unique(maintain_order=True).to_list()
    return alt.Y("language:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8))


def models(rows: pl.DataFrame) -> list[str]:
    """Names of the models in the order of the legend: before, after, then others."""
    present = set(rows["model"])
    known = [model_name(model) for model in MODEL_COLOURS]
    return [name for name in known if name in present] + sorted(present - set(known))


def model_colour(rows: pl.DataFrame) -> alt.Color:
    """A model's colour."""
    legend = alt.Legend(title=None, orient="bottom", columnPadding=24)
    return alt.Color("model:N", scale=_model_scale(rows, MODEL_COLOURS, GREY), legend=legend)


def model_shape(rows: pl.DataFrame) -> alt.Shape:
    """A model's shape."""
    legend = alt.Legend(title=None, orient="bottom", columnPadding=24)
    return alt.Shape("model:N", scale=_model_scale(rows, MODEL_SHAPES, "triangle-up"), legend=legend)


def _specification(chart: alt.TopLevelMixin) -> dict:
    return chart.to_dict() | {"background": None, "padding": 12}


def _model_scale(rows: pl.DataFrame, marks: dict[str, str], default: str) -> alt.Scale:
    by_name = {model_name(model): mark for model, mark in marks.items()}
    found = models(rows)
    return alt.Scale(domain=found, range=[by_name.get(model, default) for model in found])
