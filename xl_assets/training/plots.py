"""Pictures of a training for the UI."""

from collections.abc import Mapping, Sequence
from typing import Any


def loss_curve(losses: Sequence[Mapping[str, float]], title: str = "Training loss") -> Any:
    """Chart of the loss by update step.

    Args:
        losses: {step, epoch, loss}, as `SftModel` holds them.
        title: above the chart.

    Returns:
        An Altair chart; `to_svg` and `to_png` turn it into bytes without a browser.
    """
    import altair as alt

    points = [{"step": int(p["step"]), "epoch": round(p["epoch"], 3), "loss": float(p["loss"])} for p in losses]
    line = alt.Chart(alt.Data(values=points), title=title, width=560, height=260)
    return line.mark_line(point=len(points) <= 60).encode(
        x=alt.X("step:Q", title="update step"),
        y=alt.Y("loss:Q", title="loss (nats per token)", scale=alt.Scale(zero=True)),
        tooltip=["step:Q", "epoch:Q", "loss:Q"],
    )


def to_svg(chart: Any) -> bytes:
    """The chart as an SVG file."""
    import vl_convert

    return vl_convert.vegalite_to_svg(chart.to_json()).encode()


def to_png(chart: Any, scale: float = 1.5) -> bytes:
    """The chart as a PNG file; `scale` multiplies its pixels."""
    import vl_convert

    return vl_convert.vegalite_to_png(chart.to_json(), scale=scale)
