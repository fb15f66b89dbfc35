"""Repeats of documents by the size of their cluster."""

import polars as pl
import pytest

from xl_assets.filters.rebalancing import FINEWEB2_REPEATS, add_repeats, repeats_by_rejection


def _documents(sizes: list[int | None], **columns: object) -> pl.DataFrame:
    ids = [f"d{number:05}" for number in range(len(sizes))]
    return pl.DataFrame(
        {"document_id": ids, "cluster_size": sizes, **columns}, schema_overrides={"cluster_size": pl.Int64}
    )


def test_documents_are_repeated_by_their_clusters_size() -> None:
    sizes = [None, 1, 2, 3, 4, 5, 99, 100, 999, 1000, 10**6]
    assert add_repeats(_documents(sizes))["repeats"].to_list() == [1, 1, 2, 3, 3, 5, 5, 8, 8, 1, 1]


def test_a_rejected_document_is_not_repeated() -> None:
    assert add_repeats(_documents([5, 5], kept=[True, False]))["repeats"].to_list() == [5, 0]


def test_the_fraction_of_a_weight_is_a_share_of_documents_and_a_greater_one_only_adds() -> None:
    documents = _documents([3] * 4000)
    less, more = (add_repeats(documents, {1: 1, 3: weight})["repeats"] for weight in (1.25, 1.5))
    assert abs(less.mean() - 1.25) < 0.03
    assert abs(more.mean() - 1.5) < 0.03
    assert (more >= less).all()
    shuffled = add_repeats(documents.sample(fraction=1, shuffle=True, seed=1), {1: 1, 3: 1.25})
    assert shuffled.sort("document_id")["repeats"].equals(less)


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_is_no_number_of_times_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        add_repeats(_documents([1]), {1: weight})


def _rejected(shares: dict[int, float], documents: int = 1000) -> pl.DataFrame:
    sizes = [size for size in shares for _ in range(documents)]
    kept = [place >= round(share * documents) for share in shares.values() for place in range(documents)]
    return _documents(sizes, kept=kept)


def test_the_size_that_is_rejected_least_is_repeated_most_and_none_below_once() -> None:
    weights = repeats_by_rejection(_rejected({1: 0.6, 2: 0.3, 3: 0.1, 4: 0.6}), most=9, window=1)
    # All together 0.4: half way from it to 0.3 and 0.1 are 1/3 and all of 8 more repeats.
    assert weights == {1: 1, 2: 4, 3: 9, 4: 1}
    assert add_repeats(_documents([1, 2, 3, 4, 50]), weights)["repeats"].to_list() == [1, 4, 9, 1, 1]


def test_neighbouring_sizes_are_averaged() -> None:
    shares = {1: 0.8, 2: 0.8, 3: 0.2, 4: 0.8, 5: 0.8}
    assert repeats_by_rejection(_rejected(shares), most=10, window=3) == {1: 1, 2: 4, 5: 1}


def test_sizes_with_few_documents_count_as_one() -> None:
    shares = {size: 0.5 if size == 1 else 0.1 for size in range(1, 8)}
    few = pl.concat([_rejected({1: 0.5}), _rejected(dict.fromkeys(range(2, 8), 0.1), documents=50)])
    assert repeats_by_rejection(few, most=5) == {1: 1, 2: 5}
    assert set(repeats_by_rejection(_rejected(shares), most=5)) >= {1}


def test_where_no_size_differs_nothing_is_repeated() -> None:
    assert repeats_by_rejection(_rejected({1: 0.5, 2: 0.5})) == {1: 1}
    assert repeats_by_rejection(_rejected({1: 0.5}).clear()) == {1: 1}


def test_the_shipped_weights_are_steps_from_one_document_on() -> None:
    assert min(FINEWEB2_REPEATS) == 1
    assert all(weight >= 1 for weight in FINEWEB2_REPEATS.values())
