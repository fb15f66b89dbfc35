import struct

import pytest

from tests.evaluation.made_up import HOSTILE, report_data
from tests.evaluation.made_up_report import whole_report_data
from xl_assets.evaluation import plots
from xl_assets.evaluation.language_fidelity import fidelity_by_language
from xl_assets.evaluation.report_comparison import compare
from xl_assets.evaluation.report_machines import headlines_only
from xl_assets.evaluation.report_pictures import charts as charts_of


@pytest.fixture(scope="module")
def charts():
    data = report_data()
    return {
        "win_rate": plots.win_rate_chart(data.win_rates),
        "fidelity": plots.fidelity_chart(fidelity_by_language(data.language_fidelity)),
        "scores": plots.score_chart(data.criterion_scores),
        "funnel": plots.funnel_chart(data.funnel, "de"),
    }


def test_a_chart_drawn_twice_is_the_same_svg(charts):
    for name, chart in charts.items():
        assert plots.to_svg(chart, name) == plots.to_svg(chart, name)


def test_charts_name_languages_models_and_reasons(charts):
    for name, parts in {
        "win_rate": ("German", "Average", "fine-tuned"),
        "fidelity": ("Irish", "base"),
        "scores": ("precision",),
        "funnel": ("seed documents", "near duplicate", "8 of 10"),
    }.items():
        drawn = plots.to_svg(charts[name], name)
        for part in parts:
            assert f">{part}<" in drawn


def test_every_chart_of_a_whole_release_names_its_values_and_is_the_same_twice():
    data = headlines_only(whole_report_data(prompts=12, lost=0.0))
    drawn = charts_of(data, compare(data))
    assert set(drawn) == {
        "fidelity", "win_rate", "length_controlled", "pass_rates", "gain", "change", "rating", "scores",
    }  # fmt: skip
    for name, parts in {
        "length_controlled": ("German", "win rate at equal length, %"),
        "pass_rates": ("lines (LPR)", "both (LCPR)"),
        "change": ("Change since r0", "Average"),
        "rating": ("reference",),
    }.items():
        svg = plots.to_svg(drawn[name], name)
        assert svg == plots.to_svg(drawn[name], name)
        for part in parts:
            assert f">{part}<" in svg


def test_hostile_text_is_escaped_in_a_chart():
    drawn = plots.to_svg(plots.score_chart(report_data(criterion=HOSTILE).criterion_scores), "x")
    assert "<script" not in drawn
    assert "<img" not in drawn


def test_a_png_is_an_image_of_readable_size(charts):
    image = plots.to_png(charts["win_rate"])
    assert image.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", image[16:24])
    assert width > 600
    assert height > 200


def test_a_markdown_image_holds_its_bytes_and_no_markup_of_its_description():
    text = plots.markdown_image(b"png", "funnel](javascript:x)<b>")
    assert text == "![funnel  javascript:x  b ](data:image/png;base64,cG5n)"


def test_a_language_without_rows_in_a_step_leaves_the_step_out():
    data = report_data()
    assert ">xl instruct<" not in plots.to_svg(plots.funnel_chart(data.funnel, "ga"), "ga")
