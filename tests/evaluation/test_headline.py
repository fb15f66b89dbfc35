import polars as pl
import pytest

from tests.evaluation.made_up import judgement, judgements
from xl_assets.evaluation.headline import headline_win_rates
from xl_assets.evaluation.win_rate import WinRateSettings, win_rates

QUICK = WinRateSettings(resamples=50)


def judged(count: int, invalid: int = 0, language: str = "de") -> list[dict]:
    """Prompts of which some have no verdict."""
    return [
        judgement(number, language=language, preference=1.8)
        | ({"outcome": "invalid", "preference": None, "reason": "bad_verdict"} if number < invalid else {})
        for number in range(count)
    ]


def headlines(rows: list[dict]) -> dict[str, dict]:
    table = judgements(rows)
    found = headline_win_rates(win_rates(table, QUICK), table)
    return {row["language"]: row for row in found.to_dicts()}


@pytest.mark.parametrize(("invalid", "shown"), [(0, True), (1, True), (2, False)])
def test_a_win_rate_stands_with_99_percent_of_the_prompts_and_not_below(invalid, shown):
    found = headlines(judged(100, invalid))["de"]
    assert (found["win_rate"] is not None) == shown == (found["why"] is None)
    assert found["scored_only"] == pytest.approx(80)
    assert found["coverage"] == pytest.approx(1 - invalid / 100)


def test_the_reason_names_the_counts_and_what_was_wrong():
    why = headlines(judged(10, 4))["de"]["why"]
    assert "6 of 10 pairs" in why
    assert "bad_verdict 4" in why


def test_the_average_needs_a_headline_figure_of_every_language():
    found = headlines(judged(1000) + judged(50, 1, "ga"))
    assert found["average"]["coverage"] > 0.99
    assert found["average"]["win_rate"] is None
    assert found["average"]["why"] == "no headline figure of ga"
    assert found["de"]["win_rate"] == pytest.approx(80)


def test_nothing_is_withheld_where_nothing_was_judged():
    empty = judgements([judgement()]).clear()
    assert headline_win_rates(win_rates(empty), empty).is_empty()


def test_the_order_of_rows_changes_nothing():
    rows = judged(30, 3) + judged(30, 0, "ga")
    table = judgements(rows)
    turned = table.reverse()
    rates = win_rates(table, QUICK)
    assert headline_win_rates(rates, table).equals(headline_win_rates(rates, turned))
    assert isinstance(rates, pl.DataFrame)
