import polars as pl
import pytest

from resources.language_identifier import LanguageIdentifier
from tests.evaluation.made_up import prompts, responses
from xl_assets.evaluation.language_fidelity import (
    FidelitySettings,
    confusion_of_responses,
    fidelity_by_language,
    language_fidelity,
    pass_rates_of_models,
)
from xl_assets.languages import UnknownLanguage

GERMAN = "Der Rotfuchs lebt im Wald und frisst vor allem Mäuse, Beeren und Insekten."
ENGLISH = "The red fox lives in the forest and mostly eats mice, berries and insects."


def always(label: str, score: float = 0.9):
    def predict(texts):
        return [[label, "xx"]] * len(texts), [[score, 0.05]] * len(texts)

    return predict


@pytest.fixture
def german():
    return prompts(languages=("de",))


def test_the_shipped_identifier_tells_german_from_english(german):
    predict = LanguageIdentifier().predict
    for text, expected in ((GERMAN, True), (ENGLISH, False)):
        found = language_fidelity(responses(german, "base", lambda p, text=text: text), predict)
        assert found["in_language"].to_list() == [expected] * 3


def test_an_unsure_best_label_counts_unless_a_threshold_is_set(german):
    answered = responses(german, "base", lambda p: GERMAN)
    assert language_fidelity(answered, always("de", 0.2))["in_language"].all()
    assert not language_fidelity(answered, always("de", 0.2), FidelitySettings(least_score=0.3))["in_language"].any()


def test_the_right_label_in_the_wrong_script_is_not_in_the_language(german):
    answered = responses(german, "base", lambda p: "Лиса живёт в лесу")
    assert not language_fidelity(answered, always("de"))["in_language"].any()


@pytest.mark.parametrize("text", [None, "", "123 !?"])
def test_what_has_no_words_is_not_in_the_language_and_counts_as_missing(german, text):
    found = language_fidelity(responses(german, "base", lambda p: text), always("de"))
    assert not found["in_language"].any()
    shares = fidelity_by_language(found)
    assert shares["share"].to_list() == [0.0, 0.0]
    assert shares["missing"].to_list() == [3, 3]


def test_every_response_has_a_row_in_order(german):
    answered = responses(german, "base", lambda p: GERMAN)
    assert language_fidelity(answered, always("de"))["response_id"].to_list() == answered["response_id"].to_list()


def test_an_unknown_language_is_an_error(german):
    answered = responses(german, "base", lambda p: GERMAN).with_columns(pl.lit("qq").alias("language"))
    with pytest.raises(UnknownLanguage):
        language_fidelity(answered, always("de"))


def test_shares_are_by_language_and_the_average_is_the_mean_of_languages():
    asked = pl.concat([prompts(1, ("de",)), prompts(4, ("ga",))])
    found = language_fidelity(responses(asked, "base", lambda p: GERMAN), always("de"))
    shares = fidelity_by_language(found).select("language", "share", "responses", "in_language").rows()
    assert shares == [("de", 1.0, 1, 1), ("ga", 0.0, 4, 0), ("average", 0.5, 5, 1)]


def test_no_responses_give_empty_tables(german):
    empty = language_fidelity(responses(german, "base", lambda p: GERMAN).clear(), always("de"))
    assert empty.is_empty()
    assert fidelity_by_language(empty).is_empty()


def test_lines_and_words_are_judged_for_each_model_and_language():
    asked = pl.concat([prompts(2, ("de",)), prompts(1, ("ga",))])
    answered = pl.concat(
        [
            responses(asked, "base", lambda p: None if p["prompt_id"] == "p1-de" else ENGLISH),
            responses(asked, "fine_tuned", lambda p: f"{GERMAN}\nKurz."),
        ]
    )
    judged = confusion_of_responses(answered, LanguageIdentifier().predict)
    assert judged["response_id"].to_list() == answered["response_id"].to_list()
    rates = pass_rates_of_models(judged).select("model", "language", "lpr", "n_kept", "n_skipped").rows()
    assert rates == [
        ("base", "de", 0.0, 1, 1),
        ("base", "ga", 0.0, 1, 0),
        ("fine_tuned", "de", 1.0, 2, 0),
        ("fine_tuned", "ga", 0.0, 1, 0),
    ]


def test_no_responses_give_no_pass_rates(german):
    empty = confusion_of_responses(responses(german, "base", lambda p: GERMAN).clear(), LanguageIdentifier().predict)
    assert pass_rates_of_models(empty).is_empty()
