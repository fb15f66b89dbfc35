"""The best share of each language: exactly it, whatever the order and the batches."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.filters.quality_model import QualityError, QualitySettings
from xl_assets.quality.selection import apply_cutoffs, select_top_share, share_cutoffs

SCORES = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, 1 - 1e-9, 1 - 2e-9]))
ROWS = st.lists(st.tuples(st.sampled_from(["de", "ga"]), SCORES), max_size=40)
SHARES = st.floats(0.01, 1)


def frame(rows) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"{number * 7919 % 101:03}", *row) for number, row in enumerate(rows)],
        schema={"document_id": pl.String, "language": pl.String, "quality": pl.Float64},
        orient="row",
    )


def kept(frame: pl.DataFrame) -> set[str]:
    return set(frame.filter("kept")["document_id"])


@given(ROWS, SHARES)
def test_exactly_the_best_share_of_each_language_is_kept_and_the_rest_says_why(rows, share):
    documents = frame(rows)
    found = select_top_share(documents, share)
    assert found["document_id"].to_list() == documents["document_id"].to_list()
    for language in ("de", "ga"):
        own = documents.filter((pl.col("language") == language) & pl.col("quality").is_not_null())
        best = own.sort("quality", "document_id", descending=[True, False]).head(math.ceil(share * own.height - 1e-9))
        scored = found.filter((pl.col("language") == language) & pl.col("quality").is_not_null())
        assert kept(scored) == set(best["document_id"])
    assert found.filter(~pl.col("kept"))["reasons"].to_list() == [["low_quality"]] * (found.height - len(kept(found)))
    assert found.filter(pl.col("quality").is_null())["kept"].all()


@given(ROWS, SHARES, st.randoms(use_true_random=False))
def test_order_and_batches_make_no_difference(rows, share, chance):
    documents = frame(rows)
    whole = kept(select_top_share(documents, share))
    order = list(range(documents.height))
    chance.shuffle(order)
    shuffled = documents[order]
    assert kept(select_top_share(shuffled, share)) == whole
    cutoffs = share_cutoffs(shuffled.lazy(), share)
    in_batches = [kept(apply_cutoffs(shuffled[start : start + 3], cutoffs)) for start in range(0, shuffled.height, 3)]
    assert set().union(*in_batches) == whole


def test_a_partition_in_files_gives_the_same_cutoff(tmp_path):
    documents = frame([("de", number / 50) for number in range(50)])
    documents[:20].write_parquet(tmp_path / "a.parquet")
    documents[20:].write_parquet(tmp_path / "b.parquet")
    scanned = share_cutoffs(pl.scan_parquet(tmp_path / "*.parquet"), 0.1)
    assert scanned.equals(share_cutoffs(documents.lazy(), 0.1))
    assert scanned.row(0)[:4] == ("de", 50, 5, 45 / 50)


def test_equal_scores_are_decided_by_the_smaller_id():
    documents = frame([("de", 0.5)] * 10)
    assert kept(select_top_share(documents, 0.3)) == set(documents["document_id"].sort().head(3))


def test_the_share_is_of_the_rows_that_are_still_kept():
    documents = frame([("de", number / 10) for number in range(10)]).with_columns(
        kept=pl.col("quality") < 0.5,
        reasons=pl.when(pl.col("quality") < 0.5).then(pl.lit([], dtype=pl.List(pl.String))).otherwise(pl.lit(["spam"])),
    )
    found = select_top_share(documents, 0.4)
    assert found.filter("kept")["quality"].to_list() == [0.3, 0.4]
    assert found.filter(pl.col("quality") >= 0.5)["reasons"].to_list() == [["spam"]] * 5


def test_the_threshold_is_recorded_where_the_rules_measurements_are():
    metric = pl.List(pl.Struct({"rule": pl.String, "value": pl.Float64, "threshold": pl.Float64}))
    documents = frame([("de", 0.2), ("de", 0.8), ("de", None)]).with_columns(metrics=pl.lit([], dtype=metric))
    found = select_top_share(documents, 0.5)
    assert found["metrics"].to_list() == [
        [{"rule": "quality", "value": 0.2, "threshold": 0.8}],
        [{"rule": "quality", "value": 0.8, "threshold": 0.8}],
        [],
    ]
    assert found.schema["metrics"] == metric


def test_a_language_can_have_a_share_of_its_own():
    documents = frame([(language, number / 10) for language in ("de", "ga") for number in range(10)])
    found = select_top_share(documents, QualitySettings(share=0.1, shares={"ga": 0.5}))
    assert dict(found.filter("kept").group_by("language").len().rows()) == {"de": 1, "ga": 5}


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(QualityError, match="above 0 and at most 1"):
        select_top_share(frame([("de", 0.5)]), share)


@pytest.mark.parametrize("score", [-0.1, 12.0, float("nan")])
def test_scores_that_are_no_probabilities_are_refused(score):
    with pytest.raises(QualityError, match=r"\[0, 1\]"):
        select_top_share(frame([("de", score)]), 0.5)
