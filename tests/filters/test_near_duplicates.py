"""Exact and near duplicates."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, needs_ntrex
from xl_assets.filters import links
from xl_assets.filters.components import connected
from xl_assets.filters.near_duplicates import (
    DuplicateSettings,
    SketchError,
    cluster,
    mark_clusters,
    mark_duplicates,
    near_pairs,
    sketch_documents,
)
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


def _family(rng: random.Random, copies: int) -> list[str]:
    """A text, near copies of it, and one that is equal but for case and punctuation."""
    words = _text(rng, 100)
    near = [_changed(words, 20 * copy + 5, 20 * copy + 15) for copy in range(copies)]
    return [" ".join(words), *near, ". ".join(words).upper()]


def _families() -> pl.DataFrame:
    rng = random.Random(8)
    texts = [text for _ in range(15) for text in _family(rng, 4)] + [" ".join(_text(rng)) for _ in range(30)]
    return _frame(texts, redactions=[number % 3 for number in range(len(texts))])


def _fetch(frame: pl.DataFrame):
    return lambda ids: frame.filter(pl.col("document_id").is_in(ids.implode()))


def _fetch_in_batches(frame: pl.DataFrame, size: int):
    def fetch(ids: pl.Series) -> Iterator[pl.DataFrame]:
        found = _fetch(frame)(ids).sample(fraction=1, shuffle=True, seed=5)
        return (found[start : start + size] for start in range(0, found.height, size))

    return fetch


def test_clusters_are_those_of_the_whole_frame_in_any_order_of_batches_of_any_size(tmp_path: Path, monkeypatch) -> None:
    frame = _families()
    whole = mark_duplicates(frame)
    assert whole["kept"].sum() == 45
    expected = cluster([sketch_documents(frame)], _fetch(frame))
    # A tenth of the texts at a time, so that clusters are split over groups.
    monkeypatch.setattr(links, "_AT_ONCE", 5_000)
    for size, seed in ((7, 1), (40, 2), (1000, 3)):
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        folder = tmp_path / str(size)
        folder.mkdir()
        for start in range(0, frame.height, size):
            sketch_documents(shuffled[start : start + size]).write_parquet(folder / f"{start:03}.parquet")
        found = cluster(folder, _fetch_in_batches(frame, size))
        assert found.equals(expected)
        assert mark_clusters(shuffled, found).sort("document_id").equals(whole)


def test_only_clustered_documents_are_listed_and_twins_are_told_from_near_ones() -> None:
    frame = _families()
    clusters = cluster([sketch_documents(frame)], _fetch(frame))
    marked = mark_duplicates(frame)
    assert clusters.height == marked.filter(pl.col("cluster_size") > 1).height == 90
    assert clusters["duplicate_of"].null_count() == 15
    twins = marked.filter(pl.col("reasons").list.contains("exact_duplicate"))["document_id"]
    assert set(clusters.filter("exact_twin")["document_id"]) == set(twins)


def test_texts_are_fetched_once_and_only_those_of_candidates() -> None:
    asked: list[pl.Series] = []
    frame = _families()

    def fetch(ids: pl.Series) -> pl.DataFrame:
        asked.append(ids)
        return _fetch(frame)(ids)

    cluster([sketch_documents(frame)], fetch)
    assert len(asked) == 1
    # Of two texts that are equal but for case and punctuation one is enough.
    assert len(asked[0]) == asked[0].n_unique() == 75
    cluster([sketch_documents(frame.tail(30))], fetch)
    assert len(asked) == 1


@pytest.mark.parametrize("batches", [False, True])
def test_a_text_that_fetch_leaves_out_is_an_error(batches: bool) -> None:
    frame = _families()
    less = frame.filter(pl.col("document_id") != "d001")
    with pytest.raises(SketchError, match="d001"):
        cluster([sketch_documents(frame)], _fetch_in_batches(less, 9) if batches else _fetch(less))


def test_a_folder_without_sketches_is_refused_and_no_sketches_have_no_clusters(tmp_path: Path) -> None:
    with pytest.raises(SketchError, match="sketch_documents"):
        cluster(tmp_path, _fetch(_families()))
    assert cluster([], _fetch(_families())).is_empty()


def test_texts_of_two_languages_are_compared_where_that_is_wanted() -> None:
    words = _text(random.Random(9))
    frame = _frame([" ".join(words), " ".join(words).upper(), _changed(words, 40)]).with_columns(
        language=pl.Series(["en", "de", "pt"])
    )
    assert mark_duplicates(frame)["kept"].all()
    marked = mark_duplicates(frame, settings=DuplicateSettings(across_languages=True))
    assert marked["cluster_size"].to_list() == [3, 3, 3]
    assert marked["kept"].sum() == 1


def test_chinese_is_compared_by_words_though_no_spaces_are_written() -> None:
    sentence = "科学家在森林里发现了一种新的鸟类，它的羽毛是蓝色的，每天早上唱歌。研究人员说，这种鸟非常罕见。"
    other = "政府宣布明年将修建一条新的铁路，连接东部和西部的城市，预计三年内完工。"
    texts = [sentence * 2 + other, sentence * 2 + other + "谢谢。", other]
    marked = mark_duplicates(_frame(texts).with_columns(language=pl.lit("zh")))
    assert marked["cluster_size"].to_list() == [2, 2, 1]


def _grams(text: str) -> set[tuple[str, ...]]:
    terms = ["".join(c for c in word.lower() if c.isalnum()) for word in text.split()]
    named = [term for term in terms if term]
    return {tuple(named[place : place + 5]) for place in range(len(named) - 4)}


@needs_ntrex
@pytest.mark.parametrize("language", ["en", "de", "fi", "tr"])
def test_real_texts_that_are_similar_are_found_and_others_are_not(language: str) -> None:
    rng = random.Random(10)
    lines = [
        line
        for text in pl.read_ndjson(NTREX / f"{language}.jsonl.zst")["text"]
        for line in text.split("\n")
        if len(line) > 20
    ]
    texts, expected = [], {}
    for number in range(400):
        words = " ".join(rng.sample(lines, rng.randrange(4, 20))).split()
        share = rng.uniform(0.65, 0.95)
        # Each changed word spoils five n-grams on both sides.
        changes = max(round(len(words) * (1 - share) / (1 + share) / 5), 1)
        other = list(words)
        for place in rng.sample(range(2, len(words) - 2, 5), min(changes, len(words) // 5 - 1)):
            other[place] = f"changed{number}"
        texts += [" ".join(words), " ".join(other)]
        left, right = _grams(texts[-2]), _grams(texts[-1])
        expected[2 * number, 2 * number + 1] = len(left & right) / len(left | right)
    settings = DuplicateSettings()
    found = {tuple(pair) for pair in near_pairs(pl.Series(texts), get_language(language), settings).tolist()}
    similar = {pair for pair, share in expected.items() if share >= settings.jaccard}
    assert found <= similar, "a pair below the threshold"
    high = {pair for pair in similar if expected[pair] >= 0.8}
    assert len(high) > 100
    assert len(found & high) >= 0.98 * len(high)
    assert len(found) >= 0.97 * len(similar)
