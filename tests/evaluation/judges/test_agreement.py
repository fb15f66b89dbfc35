import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.evaluation.judges.agreement import AgreementError, accuracy, cohen_kappa

#: Every score is given at least once, so that position and value of a label are one apart alike.
ALL_SCORES = [(score, score) for score in range(1, 6)]
PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=30).map(lambda given: ALL_SCORES + given)


@settings(deadline=None, max_examples=40)
@given(PAIRS, st.sampled_from(["none", "linear", "quadratic"]))
def test_kappa_is_scikit_learns(pairs, weights):
    metrics = pytest.importorskip("sklearn.metrics")
    judged, known = zip(*pairs, strict=True)
    peer = metrics.cohen_kappa_score(judged, known, weights=None if weights == "none" else weights)
    assert cohen_kappa(judged, known, weights) == pytest.approx(peer, abs=1e-12)


@settings(deadline=None)
@given(PAIRS, st.sampled_from(["none", "linear", "quadratic"]), st.randoms())
def test_kappa_is_symmetric_and_knows_no_order_of_rows(pairs, weights, random):
    judged, known = map(list, zip(*pairs, strict=True))
    kappa = cohen_kappa(judged, known, weights)
    assert cohen_kappa(known, judged, weights) == pytest.approx(kappa)
    random.shuffle(pairs)
    assert cohen_kappa(*zip(*pairs, strict=True), weights) == pytest.approx(kappa)
    assert -1 <= kappa <= 1


def test_the_example_of_cohens_paper():
    """Cohen 1960, table 1: proportions of agreement of two judges over three categories; kappa .492."""
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    judged = np.repeat(np.arange(3).repeat(3), table.ravel())
    known = np.repeat(np.tile(np.arange(3), 3), table.ravel())
    assert cohen_kappa(judged, known) == pytest.approx(0.492, abs=5e-4)


def test_all_right_is_one_and_all_wrong_is_below_zero():
    assert cohen_kappa([1, 2, 3], [1, 2, 3], "linear") == 1.0
    assert cohen_kappa([1, 5], [5, 1], "linear") == -1.0
    assert accuracy([1, 2], [1, 3]) == 0.5


def test_a_near_miss_costs_less_than_a_far_one_where_distance_is_weighed():
    known = [1, 2, 3, 4, 5]
    near, far = [1, 2, 3, 4, 4], [1, 2, 3, 4, 1]
    assert cohen_kappa(near, known, "linear") > cohen_kappa(far, known, "linear")


@pytest.mark.parametrize(("judged", "known"), [([], []), ([3, 3], [3, 3])])
def test_where_chance_alone_would_agree_there_is_no_kappa(judged, known):
    assert cohen_kappa(judged, known) is None


def test_nothing_has_no_accuracy():
    assert accuracy([], []) is None


def test_labels_that_do_not_belong_together_are_refused():
    with pytest.raises(AgreementError, match="one of each rater"):
        cohen_kappa([1, 2], [1])
