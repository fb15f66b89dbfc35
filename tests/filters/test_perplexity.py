"""Perplexity by a real KenLM model: a bigram model counted here from a few sentences."""

import pickle
from collections import Counter
from itertools import pairwise
from math import log10
from pathlib import Path

import polars as pl
import pytest

from xl_assets.filters.measures import perplexity as family
from xl_assets.filters.perplexity import PerplexityError, PerplexityModel, perplexity_models, score_perplexity
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language

pytest.importorskip("kenlm")

SENTENCES = ["the cat sat on the mat .", "the dog sat on the mat .", "a cat saw the dog 0 times .", 'it said " no " .']


def write_arpa(file: Path, sentences=SENTENCES) -> Path:
    """Write a bigram model with absolute discounting of 0.5, backing off to add-one unigrams."""
    lines = [["<s>", *sentence.split(), "</s>"] for sentence in sentences]
    words = Counter(word for line in lines for word in line[1:])
    pairs = Counter(pair for line in lines for pair in pairwise(line))
    total = sum(words.values()) + len(words) + 1
    follows = Counter(first for first, _ in pairs)
    before = Counter(first for line in lines for first in line[:-1])

    def backoff(word: str) -> float:
        return log10(0.5 * follows[word] / before[word]) if before[word] else 0.0

    unigrams = [f"{log10(1 / total)}\t<unk>", f"-99\t<s>\t{backoff('<s>')}"]
    unigrams += [f"{log10((count + 1) / total)}\t{word}\t{backoff(word)}" for word, count in words.items()]
    bigrams = [f"{log10((count - 0.5) / before[one])}\t{one} {two}" for (one, two), count in pairs.items()]
    counts = f"ngram 1={len(unigrams)}\nngram 2={len(bigrams)}\n"
    parts = ["\\data\\", counts, "\\1-grams:", *unigrams, "", "\\2-grams:", *bigrams, "", "\\end\\", ""]
    file.write_text("\n".join(parts), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> PerplexityModel:
    return PerplexityModel(write_arpa(tmp_path_factory.mktemp("lm") / "en.arpa"))


def score(model, *texts: str | None) -> list[float | None]:
    return model.score(pl.Series(texts, dtype=pl.String)).to_list()


def test_perplexity_is_that_of_the_models_probabilities(model):
    # it said " no " . </s>, each word after the one before it; seen once of once, or once of four after <s>, ...
    chances = [0.5 / 4, 0.5 / 1, 0.5 / 1, 0.5 / 2, 0.5 / 1, 0.5 / 2, 3.5 / 4]
    log_score = sum(log10(chance) for chance in chances)
    assert score(model, 'it said " no " .') == pytest.approx([10 ** (-log_score / 7)], rel=1e-5)


def test_what_the_model_knows_is_less_surprising_than_shuffled_or_unknown_words(model):
    known, shuffled, unknown = score(model, SENTENCES[0], ". mat the on sat cat the", "zig zag zug zog zeg zyg")
    assert known < shuffled < unknown


def test_lines_are_sentences_and_are_weighed_by_their_words(model):
    first, second = score(model, SENTENCES[0], SENTENCES[2])
    (both,) = score(model, f"{SENTENCES[0]}\n\n {SENTENCES[2]}\n")
    assert both == pytest.approx((first**8 * second**9) ** (1 / 17), rel=1e-5)


def test_case_accents_digits_and_typographic_punctuation_make_no_difference(model):
    plain, written = score(model, 'it said " no 0 " .', "ÏT  sàid “ no 7 ” 。")
    assert plain == written


def test_a_text_can_not_speak_to_the_model_in_its_own_marks(model):
    marked, plain = score(model, "<s> the </s> <unk>", "s the s unk")
    assert marked == plain


def test_a_text_with_nothing_to_read_has_no_perplexity_and_rows_stay_where_they_are(model):
    scores = score(model, "", SENTENCES[0], None, " \n\x00", SENTENCES[1])
    assert [value is None for value in scores] == [True, False, True, True, False]
    assert scores[1] == score(model, SENTENCES[0])[0]
    assert model.score(pl.Series([], dtype=pl.String)).dtype == pl.Float64


def test_a_frame_gets_perplexity_where_its_language_has_a_model(model):
    rows = pl.DataFrame({"language": ["en", "de", "en"], "text": [SENTENCES[0], SENTENCES[0], SENTENCES[2]]})
    found = score_perplexity(rows, {"en": model})["perplexity"]
    assert found.is_null().to_list() == [False, True, False]
    assert score_perplexity(rows[::-1], {"en": model})["perplexity"].to_list() == found.to_list()[::-1]
    assert score_perplexity(rows, {})["perplexity"].to_list() == [None] * 3


def test_the_rule_measures_only_where_a_model_was_given(model):
    texts = Texts(pl.Series([SENTENCES[0], "zig zag zug zog"]), get_language("en"))
    wanted = frozenset(family.MEASURES)
    assert family.measure(texts, wanted)["perplexity"].to_list() == [None, None]
    with perplexity_models({"en": model}):
        measured = family.measure(texts, wanted)
        other = family.measure(Texts(texts.series, get_language("de")), wanted)
    assert measured.schema == {"perplexity": pl.Float64}
    assert measured.select(family.RULES[0].fails(20.0).alias("failed"))["failed"].to_list() == [False, True]
    assert other["perplexity"].to_list() == [None, None]
    assert family.measure(texts, wanted)["perplexity"].null_count() == 2
    assert family.measure(texts, frozenset()).is_empty()


def test_a_model_travels_to_another_process_by_its_path(model):
    score(model, SENTENCES[0])
    copied = pickle.loads(pickle.dumps(model))
    assert score(copied, SENTENCES[0]) == score(model, SENTENCES[0])
    assert copied.fingerprint == model.fingerprint


def test_a_missing_or_broken_model_is_named_with_the_remedy(tmp_path):
    with pytest.raises(PerplexityError, match="no language model"):
        score(PerplexityModel(tmp_path / "gone.arpa"), "a text")
    (tmp_path / "broken.arpa").write_text("not a model", encoding="utf-8")
    with pytest.raises(PerplexityError, match="is no KenLM model"):
        score(PerplexityModel(tmp_path / "broken.arpa"), "a text")
    with pytest.raises(PerplexityError, match="is no SentencePiece model"):
        score(PerplexityModel(write_arpa(tmp_path / "en.arpa"), tmp_path / "gone.model"), "a text")


def test_sentencepiece_tokens_are_what_the_model_is_asked_about(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(SENTENCES * 20), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(tmp_path / "en"), vocab_size=30, minloglevel=2, hard_vocab_limit=False
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "en.model"))
    tokenised = [" ".join(row) for row in pieces.encode(SENTENCES, out_type=str)]
    arpa = write_arpa(tmp_path / "en.arpa", tokenised)
    whole = PerplexityModel(arpa, tmp_path / "en.model")
    assert score(whole, SENTENCES[0]) == score(PerplexityModel(arpa), tokenised[0])
