"""Exact and near duplicates."""

import random

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.filters.components import connected
from xl_assets.filters.near_duplicates import DuplicateSettings, mark_duplicates, near_pairs
from xl_assets.languages import get_language


def _text(rng: random.Random, words: int = 80) -> list[str]:
    return [f"w{rng.randrange(5000)}" for _ in range(words)]


def _frame(texts: list[str], **columns: object) -> pl.DataFrame:
    ids = [f"d{number:03}" for number in range(len(texts))]
    return pl.DataFrame({"document_id": ids, "language": "en", "text": texts, **columns})


def _changed(words: list[str], *places: int) -> str:
    return " ".join("changed" if place in places else word for place, word in enumerate(words))


def test_one_of_each_cluster_stays_and_the_others_name_it() -> None:
    words = _text(random.Random(1))
    other = " ".join(_text(random.Random(2)))
    same = " ".join(words).upper().replace(" ", ",  ")
    frame = _frame([" ".join(words), other, same, _changed(words, 40) + " longer"])
    marked = mark_duplicates(frame)
    # The longest is the upper-case one (two more characters a word), the first its twin.
    assert marked["duplicate_of"].to_list() == ["d002", None, None, "d002"]
    assert marked["reasons"].to_list() == [["exact_duplicate"], [], [], ["near_duplicate"]]
    assert marked["cluster_size"].to_list() == [3, 1, 3, 3]
    assert marked["cluster_id"].n_unique() == 2


def test_the_best_is_by_quality_then_fewest_redactions_then_longest_then_first() -> None:
    words = _text(random.Random(3))
    texts = [" ".join(words), " ".join(words), _changed(words, 0) + " end", " ".join(words)]
    assert mark_duplicates(_frame(texts))["kept"].to_list() == [False, False, True, False]
    redacted = _frame(texts, redactions=[1, 0, 1, 0])
    assert mark_duplicates(redacted)["kept"].to_list() == [False, True, False, False]
    scored = redacted.with_columns(score=pl.Series([0.5, 0.1, None, 0.5]))
    assert mark_duplicates(scored, quality="score")["kept"].to_list() == [False, False, False, True]


def test_a_rejected_text_is_never_the_one_that_stays() -> None:
    text = " ".join(_text(random.Random(4)))
    frame = _frame([text, text], kept=[False, True], reasons=[["too_short"], []])
    marked = mark_duplicates(frame)
    assert marked["kept"].to_list() == [False, True]
    assert marked["reasons"].to_list() == [["too_short"], []]
    assert marked["cluster_id"][0] is None


def test_texts_of_two_languages_are_not_compared() -> None:
    text = " ".join(_text(random.Random(5)))
    frame = _frame([text, text]).with_columns(language=pl.Series(["en", "de"]))
    assert mark_duplicates(frame)["kept"].all()


def test_texts_without_letters_are_not_each_others_duplicates() -> None:
    assert mark_duplicates(_frame(["???", "!!!", ""]))["kept"].all()


def test_no_rows_in_no_rows_out() -> None:
    assert mark_duplicates(_frame(["a"]).filter(pl.lit(False))).is_empty()


def test_planted_pairs_are_found_at_the_threshold_and_chance_pairs_are_not() -> None:
    rng = random.Random(6)
    texts, planted = [], set()
    for number in range(300):
        words = _text(rng, 200)
        # Three changed words spoil 15 of 196 n-grams each side: similarity 0.86.
        texts += [" ".join(words), _changed(words, *rng.sample(range(10, 190, 10), 3))]
        planted.add((2 * number, 2 * number + 1))
    found = {tuple(pair) for pair in near_pairs(pl.Series(texts), get_language("en"), DuplicateSettings()).tolist()}
    assert found == planted


def test_the_result_does_not_depend_on_the_order_of_rows() -> None:
    rng = random.Random(7)
    words = [_text(rng) for _ in range(20)]
    texts = [" ".join(text) for text in words] + [_changed(text, 5) for text in words[:10]] + [" ".join(words[0])]
    frame = _frame(texts)
    marked = mark_duplicates(frame)
    shuffled = mark_duplicates(frame.sample(fraction=1, shuffle=True, seed=3)).sort("document_id")
    assert shuffled.equals(marked)
    assert marked["kept"].sum() == 20


@settings(deadline=None)
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_components_are_those_of_a_plain_search(graph: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, pairs = graph
    label = list(range(nodes))
    for _ in range(nodes):
        for a, b in pairs:
            label[a] = label[b] = min(label[a], label[b])
    assert connected(nodes, np.array(pairs, dtype=np.int64).reshape(-1, 2)).tolist() == label


def test_a_long_chain_is_one_component() -> None:
    pairs = np.array([(i, i + 1) for i in range(5000)])[np.random.default_rng(0).permutation(5000)]
    assert not connected(5001, pairs).any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab 猫\n."), max_size=30), max_size=12))
def test_whatever_the_texts_every_cluster_keeps_exactly_one(texts: list[str]) -> None:
    marked = mark_duplicates(_frame(texts))
    assert marked["text"].to_list() == texts
    kept = marked.group_by("cluster_id").agg(pl.col("kept").sum(), pl.len(), pl.col("cluster_size").first())
    assert (kept["kept"] == 1).all()
    assert kept["len"].equals(kept["cluster_size"], check_dtypes=False)
