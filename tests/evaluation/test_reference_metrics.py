import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from xl_assets.evaluation.reference_metrics import (
    REFERENCE_METRICS,
    ReferenceMetricError,
    ReferenceMetricSettings,
    reference_metrics,
    response_metrics,
)

SCHEMA = {"language": pl.String, "response": pl.String, "reference": pl.String}
GERMAN = ("de", "Der Fuchs lebt im Wald und frisst Mäuse.", "Der Rotfuchs lebt im Wald und frisst Beeren.")
CHINESE = ("zh", "红狐狸住在森林里。", "红狐狸住在树林里。")


def rows(*given_rows):
    return pl.DataFrame(given_rows, schema=SCHEMA, orient="row")


def test_scores_are_sacrebleus_own():
    found = reference_metrics(rows(GERMAN, GERMAN, CHINESE)).rows(named=True)
    german, chinese = found
    assert german["chrf"] == CHRF().corpus_score([GERMAN[1]] * 2, [[GERMAN[2]] * 2]).score
    assert german["bleu"] == BLEU().corpus_score([GERMAN[1]] * 2, [[GERMAN[2]] * 2]).score
    assert chinese["bleu"] == BLEU(tokenize="zh").corpus_score([CHINESE[1]], [[CHINESE[2]]]).score
    assert chinese["bleu"] > 0


def test_signatures_say_how_each_language_was_compared():
    found = reference_metrics(rows(GERMAN, CHINESE, ("ja", "犬が好き", "猫が好き")))
    tokenizers = found["bleu_signature"].str.extract(r"tok:([^|]+)").to_list()
    assert dict(zip(found["language"], tokenizers, strict=True)) == {"de": "13a", "ja": "char", "zh": "zh"}
    assert found["chrf_signature"].str.contains(r"nc:6\|nw:0").all()
    plus = reference_metrics(rows(GERMAN), settings=ReferenceMetricSettings(word_order=2))
    assert "nw:2" in plus["chrf_signature"].item()


def test_what_has_no_response_or_no_reference_is_counted_and_not_scored():
    found = reference_metrics(rows(GERMAN, ("de", None, "a"), ("de", " ", None), ("de", "a", None), ("de", "a", "")))
    counts = found.select("n_rows", "n_scored", "n_missing", "n_without_reference").row(0)
    assert counts == (5, 1, 2, 2)
    assert found["chrf"].item() == reference_metrics(rows(GERMAN))["chrf"].item()


def test_nothing_to_score_gives_no_score():
    found = reference_metrics(rows(("de", None, "a"))).row(0, named=True)
    assert (found["chrf"], found["bleu"], found["bleu_signature"]) == (None, None, None)
    empty = reference_metrics(rows())
    assert empty.schema == pl.Schema({"language": pl.String}) | REFERENCE_METRICS


def test_equal_texts_score_100_and_each_response_is_scored_alone():
    same = ("de", GERMAN[2], GERMAN[2])
    found = response_metrics(rows(GERMAN, CHINESE, same, ("de", None, "a")))
    assert found["chrf"].to_list()[2] == found["bleu"].to_list()[2] == 100
    assert found["chrf"].to_list()[0] == CHRF().sentence_score(GERMAN[1], [GERMAN[2]]).score
    assert found["chrf"].to_list()[3] is None
    assert response_metrics(rows()).columns == [*SCHEMA, "chrf", "bleu"]


def test_an_unknown_language_is_compared_as_if_it_wrote_spaces():
    assert "tok:13a" in reference_metrics(rows(("qq", "a b", "a c")))["bleu_signature"].item()


def test_a_tokenizer_that_is_not_there_is_named():
    chosen = ReferenceMetricSettings(tokenizers={"de": "none such"})
    with pytest.raises(ReferenceMetricError, match="'none such'"):
        reference_metrics(rows(GERMAN), settings=chosen)


def test_scores_over_several_languages_are_refused():
    with pytest.raises(ReferenceMetricError, match="group by language"):
        reference_metrics(rows(GERMAN), by=())


words = st.lists(st.sampled_from("der fuchs lebt im wald".split()), max_size=6).map(" ".join)


@given(
    st.lists(st.tuples(st.sampled_from(["de", "zh"]), words | st.none(), words | st.none()), max_size=8), st.randoms()
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing_and_counts_add_up(given_rows, random):
    found = reference_metrics(rows(*given_rows))
    shuffled = list(given_rows)
    random.shuffle(shuffled)
    assert found.equals(reference_metrics(rows(*shuffled)))
    assert found["n_rows"].sum() == len(given_rows)
    assert (found["n_scored"] + found["n_missing"] + found["n_without_reference"]).equals(found["n_rows"])
