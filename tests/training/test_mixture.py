import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from xl_assets.training.mixture import (
    PRESETS,
    MixtureError,
    MixtureSettings,
    allot,
    build_mixture,
    mixture_counts,
)


def make_rows(counts: dict[str, int], rejected: int = 0) -> pl.DataFrame:
    """Rows with the columns of `XLInstruct` that a mixture reads; pair i is translated into every language."""
    rows = [
        {
            "row_id": f"{language}-{i}",
            "language": language,
            "pair_id": f"pair-{i}",
            "instruction": f"Question {i}? Answer in {language}.",
            "response": f"Response {i} in {language}.",
            "kept": i >= rejected,
        }
        for language, count in counts.items()
        for i in range(count + rejected)
    ]
    return pl.DataFrame(rows)


def taken(mixture: pl.DataFrame) -> dict[str, int]:
    return dict(mixture.group_by("language").len().iter_rows())


def test_a_row_becomes_a_conversation_of_user_and_assistant() -> None:
    mixture = build_mixture(make_rows({"de": 1}), "r1", MixtureSettings())
    assert mixture["messages"].to_list() == [
        [
            {"role": "user", "content": "Question 0? Answer in de."},
            {"role": "assistant", "content": "Response 0 in de."},
        ]
    ]


def test_rejected_rows_are_never_trained_on() -> None:
    mixture = build_mixture(make_rows({"de": 5}, rejected=3), "r1", MixtureSettings())
    assert set(mixture["row_id"]) == {f"de-{i}" for i in range(3, 8)}


counts = st.dictionaries(st.sampled_from(["de", "en", "ga", "mt", "zh"]), st.integers(1, 30), min_size=1)
options = st.builds(
    MixtureSettings,
    seed=st.integers(0, 3),
    cap=st.none() | st.integers(1, 20),
    budget=st.none() | st.integers(1, 80),
    parallel=st.booleans(),
)


@given(counts, options)
@hypothesis_settings(max_examples=40, deadline=None)
def test_every_row_is_taken_once_or_left_out_whatever_the_settings(
    counts: dict[str, int], options: MixtureSettings
) -> None:
    rows = make_rows(counts)
    mixture = build_mixture(rows, "r1", options)
    assert mixture["position"].to_list() == list(range(mixture.height))
    assert mixture["row_id"].is_unique().all()
    table = mixture_counts(rows, mixture)
    assert (table["offered"] == table["taken"] + table["left_out"]).all()
    assert table["offered"].sum() == rows.height
    assert table["taken"].sum() == mixture.height
    assert (table["left_out"] >= 0).all()


@given(counts, options, st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=25, deadline=None)
def test_the_order_of_the_input_changes_nothing(counts: dict[str, int], options: MixtureSettings, random) -> None:
    rows = make_rows(counts)
    order = list(range(rows.height))
    random.shuffle(order)
    assert build_mixture(rows[order], "r1", options).equals(build_mixture(rows, "r1", options))


@given(counts, st.integers(1, 100), st.dictionaries(st.sampled_from(["de", "ga"]), st.floats(0.1, 9), max_size=2))
@hypothesis_settings(deadline=None)
def test_a_budget_is_met_exactly_or_everything_is_taken(
    counts: dict[str, int], budget: int, weights: dict[str, float]
) -> None:
    parts = allot(counts, MixtureSettings(cap=None, budget=budget, weights=weights))
    assert sum(parts.values()) == min(budget, sum(counts.values()))
    assert all(0 <= parts[code] <= counts[code] for code in counts)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 0.99), st.none() | st.integers(1, 400))
@hypothesis_settings(deadline=None)
def test_an_english_share_holds_as_far_as_whole_rows_allow(
    english: int, german: int, share: float, budget: int | None
) -> None:
    parts = allot({"en": english, "de": german}, MixtureSettings(cap=None, english_share=share, budget=budget))
    whole = sum(parts.values())
    assert abs(parts["en"] - share * whole) <= 1
    assert parts["en"] <= english
    assert parts["de"] <= german


def test_languages_are_spread_evenly_over_the_order() -> None:
    mixture = build_mixture(make_rows({"de": 80, "ga": 20}), "r1", MixtureSettings())
    for start in range(0, 100, 25):
        assert taken(mixture[start : start + 25]) == {"de": 20, "ga": 5}


def test_another_seed_or_release_takes_other_rows_in_another_order() -> None:
    rows = make_rows({"de": 50})
    first = build_mixture(rows, "r1", MixtureSettings(cap=20))
    assert set(first["row_id"]) != set(build_mixture(rows, "r1", MixtureSettings(cap=20, seed=1))["row_id"])
    assert set(first["row_id"]) != set(build_mixture(rows, "r2", MixtureSettings(cap=20))["row_id"])


def test_a_smaller_mixture_is_a_subset_of_a_larger_one() -> None:
    rows = make_rows({"de": 50, "ga": 50})
    small = build_mixture(rows, "r1", MixtureSettings(budget=20))
    large = build_mixture(rows, "r1", MixtureSettings(budget=60))
    assert set(small["row_id"]) < set(large["row_id"])


def test_weights_without_a_budget_give_the_largest_mixture_with_these_shares() -> None:
    assert allot({"de": 30, "ga": 30}, MixtureSettings(weights={"de": 2, "ga": 1})) == {"de": 30, "ga": 15}


def test_caps_of_single_languages_win_over_the_general_one() -> None:
    assert allot({"de": 30, "ga": 30}, MixtureSettings(cap=10, caps={"ga": 20})) == {"de": 10, "ga": 20}


def test_a_parallel_mixture_has_the_same_pairs_in_every_language() -> None:
    mixture = build_mixture(make_rows({"de": 30, "ga": 20}), "r1", MixtureSettings(parallel=True, cap=7))
    pairs = mixture.with_columns(pl.col("row_id").str.split("-").list.get(1).alias("pair"))
    by_language = {key[0]: set(group["pair"]) for key, group in pairs.group_by("language")}
    assert by_language["de"] == by_language["ga"]
    assert len(by_language["de"]) == 7


def test_a_language_without_rows_is_named_in_the_error() -> None:
    with pytest.raises(MixtureError, match=r"\['mt'\].*there are: \['de'\]"):
        build_mixture(make_rows({"de": 3}), "r1", MixtureSettings(languages=("de", "mt")))


def test_no_rows_at_all_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(MixtureError, match="funnel of xl_instruct"):
        build_mixture(make_rows({"de": 2}).with_columns(pl.lit(False).alias("kept")), "r1", MixtureSettings())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_makes_a_mixture_of_the_demo_languages(name: str) -> None:
    rows = make_rows(dict.fromkeys(["en", "de", "pt", "hu", "lt", "ga", "mt", "zh", "hi"], 12))
    assert build_mixture(rows, "r1", PRESETS[name]).height > 0
