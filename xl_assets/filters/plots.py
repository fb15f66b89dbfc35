"""Pictures of what identification and filters measured, each measure's threshold as a line."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

#: Of Okabe and Ito's palette (Color Universal Design, 2008).
_BLUE, _RED = "#0072b2", "#d55e00"

_COLUMNS = 4
_SIZE = {"width": 190, "height": 70}


def measures_chart(bins: pl.DataFrame, thresholds: Mapping[str, float], told: Mapping[str, str], title: str) -> Any:
    """Histograms of measures, a panel each; an Altair chart.

    Args:
        bins: of `statistics.histogram`.
        thresholds: measure -> where its line stands; none without.
        told: measure -> what the panel says below its name.
        title: of the whole.
    """
    panels = [
        _panel(part, thresholds.get(measure), told.get(measure, ""))
        for (measure,), part in bins.partition_by("measure", as_dict=True, maintain_order=True).items()
    ]
    heading = alt.TitleParams(title, subtitle="documents by measured value (square-root scale); dashed: the threshold")
    return (
        alt.concat(*panels, columns=_COLUMNS, title=heading)
        .configure_view(stroke=None)
        .configure_title(anchor="start")
        .configure_axis(labelFontSize=9, titleFontSize=9)
    )


def _panel(bins: pl.DataFrame, threshold: float | None, told: str) -> Any:
    is_log = bins["is_log"][0]
    ends = [float(bins["low"].to_numpy().min()), float(bins["high"].to_numpy().max())]
    scale = alt.Scale(type="log" if is_log else "linear", domain=ends, nice=False)
    axis = alt.Axis(tickCount=4, grid=False, format="~s" if is_log else "~g")
    filled = bins.filter(pl.col("documents") > 0).select("low", "high", "documents").with_columns(zero=pl.lit(0))
    bars = (
        alt.Chart(filled)
        .mark_rect(color=_BLUE)
        .encode(
            x=alt.X("low:Q", title=None, scale=scale, axis=axis),
            x2="high:Q",
            y=alt.Y("zero:Q", title=None, scale=alt.Scale(type="sqrt"), axis=alt.Axis(tickCount=3, format="~s")),
            y2="documents:Q",
        )
    )
    layers = [bars]
    if threshold is not None:
        line = alt.Chart(alt.Data(values=[{"threshold": threshold}]))
        layers.append(line.mark_rule(color=_RED, strokeWidth=1.5, strokeDash=[4, 3]).encode(x="threshold:Q"))
    heading = alt.TitleParams(bins["measure"][0], subtitle=told, fontSize=11, subtitleFontSize=9)
    return alt.layer(*layers, title=heading).properties(**_SIZE)
