"""Figures of scores whose worth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.evaluation.plots import to_png
from xl_assets.quality.metrics import measure_quality
from xl_assets.quality.plots import quality_charts

PAIRS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=60).filter(
    lambda pairs: len({truth for truth, _ in pairs}) == 2
)


def measured(pairs):
    truth, scores = zip(*pairs, strict=True)
    return measure_quality(np.array(truth), np.array(scores, dtype=np.float64))


def test_perfect_scores_have_perfect_figures():
    figures = measured([(True, 1.0), (True, 1.0), (False, 0.0)]).figures()
    assert figures.pop("brier") == figures.pop("calibration_error") == 0
    assert set(figures.values()) == {1.0}


def test_figures_are_those_worked_out_by_hand():
    found = measured([(True, 0.9), (True, 0.4), (False, 0.6), (False, 0.1)])
    figures = found.figures()
    # Three of the four (high, low) pairs are in order; high examples stand at ranks 1 and 3.
    assert figures["roc_auc"] == 0.75
    assert figures["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert figures["accuracy"] == figures["precision"] == figures["recall"] == figures["f1"] == 0.5
    assert figures["brier"] == pytest.approx((0.1**2 + 0.6**2 + 0.6**2 + 0.1**2) / 4)
    assert figures["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.1) / 4)


@given(PAIRS)
def test_every_example_is_in_one_bin_of_the_calibration_table_and_of_the_histogram(pairs):
    found = measured(pairs)
    assert found.calibration["documents"].sum() == found.histogram["documents"].sum() == len(pairs)
    inside = (found.calibration["mean_score"] >= found.calibration["low"] - 1e-12) & (
        found.calibration["mean_score"] <= found.calibration["high"] + 1e-12
    )
    assert inside.all()


def test_the_charts_draw():
    found = measured([(True, 0.9), (True, 0.4), (False, 0.6), (False, 0.1)])
    assert to_png(quality_charts(found, "de")).startswith(b"\x89PNG")
