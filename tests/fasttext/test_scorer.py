"""The scorer gives the `fasttext` library's answers: on real, hostile and made-up text, for every kind of model."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.language_identifier import LanguageIdentifier
from tests.fasttext.models import SENTENCES, THREADS, assert_same, trained
from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.fasttext import FastTextScorer
from xl_assets.native.columns import utf8

LID = LanguageIdentifier().path

#: What fastText takes for something special, and what trips tokenisers.
PIECES = [
    *(
        "</s>",
        "__label__de",
        "__label__",
        "__label__en_x",
        "<",
        ">",
        "</s",
        "the",
        "der",
        "und",
        "Hund",
        "猫",
        "狗住在",
    ),
    *(
        " ",
        "  ",
        "\n",
        "\r",
        "\t",
        "\v",
        "\f",
        "\x00",
        "\x1c",
        "\x85",
        "\u00a0",
        "\u2028",
        "\u200b",
        "\u202e",
        "\ufeff",
    ),
    *("🙂", "👩‍👩‍👧", "𐍈", "é", "e\u0301", "ß", "İ", "a" * 47, "b" * 48, "c" * 49, "ü" * 24, "x" * 5000, "字" * 700),
]
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=25).map("".join)


@pytest.fixture(scope="module")
def stock() -> Any:
    import fasttext

    return fasttext.FastText._FastText(model_path=str(LID))


@pytest.fixture(scope="module")
def scorer() -> FastTextScorer:
    return FastTextScorer.load(LID)


@needs_ntrex
@pytest.mark.parametrize("k", [1, 5])
def test_real_text_gets_the_librarys_labels_and_scores(scorer: FastTextScorer, stock: Any, k: int) -> None:
    texts = pl.concat(pl.read_ndjson(NTREX / f"{code}.jsonl.zst")["text"] for code in NTREX_LANGUAGES)
    texts = pl.concat([texts, texts.str.split("\n").explode()])
    found = scorer.score(texts, k)
    labels, scores = stock.predict([text.replace("\n", " ") for text in texts], k=k)
    same = np.array([ours == list(theirs) for ours, theirs in zip(found["labels"].to_list(), labels, strict=True)])
    assert len(texts) > 20_000
    assert same.mean() >= 0.999
    for place in np.flatnonzero(~same):
        assert_same(scorer, stock, [texts[int(place)]], k)
    best = np.array([row[0] for row in scores])
    assert np.abs(found["scores"].list.first().to_numpy() - best).max() < 1e-4


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(HOSTILE, max_size=6), k=st.sampled_from([1, 3, 5, 176, 500]))
def test_hostile_text_gets_the_librarys_labels_and_scores(
    texts: list[str], k: int, scorer: FastTextScorer, stock: Any
) -> None:
    assert_same(scorer, stock, texts, k)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ova", "ns"])
@pytest.mark.parametrize(
    ("training", "quantised"),
    [
        ({}, None),
        ({"minn": 2, "maxn": 5}, None),
        ({"wordNgrams": 2}, None),
        ({"wordNgrams": 4, "minn": 1, "maxn": 3, "minCount": 5}, None),
        ({"wordNgrams": 2, "dim": 7}, {"qnorm": True}),
        ({"wordNgrams": 2, "minn": 3, "maxn": 6}, {"cutoff": 400, "dsub": 3}),
    ],
    ids=["words", "subwords", "pairs", "sequences", "quantised", "pruned"],
)
def test_a_model_of_ones_own_gets_the_librarys_answers(
    tmp_path: Path, loss: str, training: dict[str, Any], quantised: dict[str, Any] | None
) -> None:
    path, own = trained(tmp_path, quantised, loss=loss, **training)
    scorer = FastTextScorer.load(path)
    texts = (
        [text for _, text in SENTENCES] + PIECES + ["the dog </s> the house", "a __label__food b", "w1 w2\nw7 w8", ""]
    )
    for k in (1, 2, 4):
        assert_same(scorer, own, texts, k)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(HOSTILE, max_size=5))
    def also_on_hostile_text(more: list[str]) -> None:
        assert_same(scorer, own, more, 2)

    also_on_hostile_text()


def test_a_model_with_a_quantised_output_is_read(tmp_path: Path) -> None:
    import fasttext

    examples = tmp_path / "examples.txt"
    examples.write_text("".join(f"__label__{number % 300} w{number} v{number % 7}\n" for number in range(900)))
    model = fasttext.train_supervised(str(examples), dim=10, epoch=1, thread=THREADS, verbose=0)
    model.quantize(input=str(examples), qout=True, thread=THREADS)
    model.save_model(str(tmp_path / "model.ftz"))
    stock = fasttext.FastText._FastText(model_path=str(tmp_path / "model.ftz"))
    assert_same(FastTextScorer.load(tmp_path / "model.ftz"), stock, ["w1 w2 v3", "w17", "nothing"], 3)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(HOSTILE, max_size=6), data=st.data())
def test_lines_scored_with_their_text_get_what_they_get_alone(
    texts: list[str], data: st.DataObject, scorer: FastTextScorer
) -> None:
    lines = [line for text in texts for line in text.split("\n")]
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines))), dtype=bool)
    documents, found = scorer.top_with_lines(utf8(pl.Series(texts, dtype=pl.String)), wanted, 3)
    alone = scorer.top(
        utf8(pl.Series([line for line, judged in zip(lines, wanted, strict=True) if judged], dtype=pl.String)), 3
    )
    whole = scorer.top(utf8(pl.Series(texts, dtype=pl.String)), 3)
    for ours, expected in ((found, alone), (documents, whole)):
        assert np.array_equal(ours.labels, expected.labels)
        assert np.array_equal(ours.scores, expected.scores)


def test_lines_of_a_model_with_word_sequences_do_not_reach_into_each_other(tmp_path: Path) -> None:
    path, own = trained(tmp_path, None, wordNgrams=3, minn=2, maxn=4)
    scorer = FastTextScorer.load(path)
    text = "the dog sleeps\n\nin the garden </s> not this\nthe house stands"
    wanted = np.ones(4, dtype=bool)
    documents, lines = scorer.top_with_lines(utf8(pl.Series([text, "w1 w2"])), np.append(wanted, True), 4)
    expected = own.predict([*text.split("\n"), "w1 w2", text.replace("\n", " ")], k=4)
    np.testing.assert_allclose(lines.scores, np.array(expected[1])[:5], atol=1e-5)
    np.testing.assert_allclose(documents.scores[0], expected[1][5], atol=1e-5)


def test_a_full_cache_changes_no_bit(scorer: FastTextScorer) -> None:
    small = FastTextScorer.load(LID, cache_bytes=1)
    texts = pl.Series([" ".join(f"word{number * step}" for number in range(800)) for step in range(1, 40)])
    first, again = small.score(texts, 5), small.score(texts, 5)
    assert first.equals(again)
    assert first.equals(scorer.score(texts, 5))
    assert len(small._memory.tags) == 1024


def test_an_answer_depends_neither_on_the_order_nor_on_the_batch(scorer: FastTextScorer) -> None:
    texts = pl.Series([f"{text} {number}" for number in range(60) for _, text in SENTENCES])
    whole = scorer.score(texts, 3)
    apart = pl.concat(scorer.score(texts[place : place + 7], 3) for place in range(0, len(texts), 7))
    assert whole.equals(apart)
    assert whole.equals(scorer.score(texts.reverse(), 3).reverse())


def test_threads_may_share_a_scorer_and_processes_get_their_own(scorer: FastTextScorer) -> None:
    texts = pl.Series([text for _, text in SENTENCES] * 50)
    expected = scorer.score(texts, 2)
    with ThreadPoolExecutor(4) as pool:
        assert all(found.equals(expected) for found in pool.map(lambda _: scorer.score(texts, 2), range(8)))
    copy = pickle.loads(pickle.dumps(scorer))
    assert "_memory" not in vars(copy)
    assert copy.score(texts, 2).equals(expected)


def test_a_null_is_an_empty_text_and_no_texts_give_no_rows(scorer: FastTextScorer) -> None:
    found = scorer.score(pl.Series([None, ""], dtype=pl.String))
    assert found["labels"][0].equals(found["labels"][1])
    assert scorer.score(pl.Series([], dtype=pl.String)).schema == found.schema
