"""Pictures of a classifier for the UI."""

from typing import Any

import altair as alt

from xl_assets.quality.metrics import QualityMetrics

#: Of Okabe and Ito's palette (Color Universal Design, 2008).
_BLUE, _RED, _GREY = "#0072b2", "#d55e00", "#8a8f98"

_SIZE = {"width": 260, "height": 220}


def quality_charts(metrics: QualityMetrics, language: str) -> Any:
    """ROC curve, calibration and scores by class of held-out examples, side by side; an Altair chart."""
    heading = f"Quality model of {language}: ROC AUC {metrics.roc_auc:.3f}, held-out examples"
    panels = alt.hconcat(_roc(metrics), _calibration(metrics), _scores(metrics), title=heading)
    return panels.configure_view(stroke=None).configure_title(anchor="start")


def _roc(metrics: QualityMetrics) -> Any:
    curve = (
        alt.Chart(metrics.roc, title="ROC curve")
        .mark_line(color=_BLUE, interpolate="step-after")
        .encode(
            x=alt.X("false_positive_rate:Q", title="low examples taken for high"),
            y=alt.Y("true_positive_rate:Q", title="high examples found"),
        )
    )
    return (_diagonal() + curve).properties(**_SIZE)


def _calibration(metrics: QualityMetrics) -> Any:
    points = (
        alt.Chart(metrics.calibration, title="Calibration")
        .mark_line(color=_BLUE, point=alt.OverlayMarkDef(color=_BLUE))
        .encode(
            x=alt.X("mean_score:Q", title="mean score", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("share_high:Q", title="share of high examples", scale=alt.Scale(domain=[0, 1])),
        )
    )
    return (_diagonal() + points).properties(**_SIZE)


def _scores(metrics: QualityMetrics) -> Any:
    bars = alt.Chart(metrics.histogram, title="Scores by class").mark_bar(opacity=0.75)
    colour = alt.Scale(domain=["high", "low"], range=[_BLUE, _RED])
    return bars.encode(
        x=alt.X("low:Q", title="score", bin=alt.BinParams(binned=True, step=0.1)),
        x2="high:Q",
        y=alt.Y("documents:Q", title="examples", stack=None),
        color=alt.Color("class:N", scale=colour, title=None),
    ).properties(**_SIZE)


def _diagonal() -> Any:
    line = alt.Chart(alt.Data(values=[{"at": 0, "to": 0}, {"at": 1, "to": 1}]))
    return line.mark_line(color=_GREY, strokeDash=[4, 3]).encode(x="at:Q", y="to:Q")
