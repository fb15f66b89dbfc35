import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.language_identifier import LanguageIdentifier
from tests.evaluation.fidelity.by_definition import counts, lines_of
from tests.evaluation.made_up import prompts, responses
from tests.real_text import NTREX, needs_ntrex
from xl_assets.evaluation.contract_fidelity import LanguageConfusionRow, LanguagePassRateRow
from xl_assets.evaluation.fidelity.confusion import CONFUSION, RATES, averages, language_confusion, pass_rates
from xl_assets.evaluation.fidelity.lines import ConfusionSettings
from xl_assets.tables import check_table, empty_table

ENGLISH = pl.Series(["forest", "learning", "machine"])
WORDS = ["de7", "de3", "ru9", "ru4", "en8", "machine", "Machine", "forest,", "и", "wald", "a", "—", "-", "،", "x.y"]
SPACES = [" ", "  ", "\n", "\n", "\t", "\r\n", "\x1f", "\x85", "\u2028", "\u3000", "\nQ: "]


def first_token_says(texts):
    """The made-up identifier of `by_definition.label_of`; no label of a language where the first token names none."""
    label = pl.col("text").str.extract(r"^\s*([a-z]{2})\d").fill_null("xx")
    score = pl.concat_str(pl.lit("0."), pl.col("text").str.extract(r"^\s*[a-z]{2}(\d)").fill_null("9")).cast(pl.Float64)
    return (
        texts.alias("text")
        .to_frame()
        .select(pl.concat_list(label).alias("labels"), pl.concat_list(score).alias("scores"))
    )


def asked(*rows):
    return pl.DataFrame(rows, schema={"language": pl.String, "response": pl.String}, orient="row")


def judged(*rows, predict=first_token_says, words=ENGLISH, **given):
    return language_confusion(asked(*rows), predict, words, ConfusionSettings(**given))


def rates_of(checked):
    return {row["language"]: row for row in pass_rates(checked).rows(named=True)}


def test_a_response_passes_only_if_all_its_lines_are_in_the_language():
    checked = judged(("de", "de9 a b c d\nde8 a b c d"), ("de", "de9 a b c d\nen8 a b c d\nde5 a b c d\nfr9 a b c d"))
    assert checked["line_pass"].to_list() == [True, False]
    assert checked["wrong_lines"].to_list()[1] == [
        {"line": 2, "text": "en8 a b c d", "label": "en", "score": 0.8},
        {"line": 4, "text": "fr9 a b c d", "label": "fr", "score": 0.9},
    ]
    assert rates_of(checked)["de"]["line_accuracy"] == 0.75


@pytest.mark.parametrize(("digit", "passes"), [(2, False), (3, False), (4, True)])
def test_a_label_that_is_not_more_probable_than_the_threshold_is_wrong(digit, passes):
    assert judged(("de", f"de{digit} a b c d"))["line_pass"].item() is passes


def test_a_line_without_any_label_is_wrong():
    def nothing(texts):
        return [[]] * len(texts), [[]] * len(texts)

    wrong = judged(("de", "a b c d e"), predict=nothing)["wrong_lines"].item().to_list()
    assert wrong == [{"line": 1, "text": "a b c d e", "label": None, "score": None}]


def test_lines_of_fewer_than_five_tokens_are_not_judged():
    checked = judged(("de", "en9 a b c\nde9 a b c d\nen9 - - - -"))
    assert checked.select("lines", "line_pass").row(0) == (1, True)


@pytest.mark.parametrize(
    ("language", "response", "reason"),
    [
        ("de", None, "missing_response"),
        ("de", " \n", "missing_response"),
        ("de", "zu kurz", "no_long_line"),
        ("de", "de9 - — . ! ?", "no_long_line"),
        ("de", "\nQ: de9 a b c d", "no_long_line"),
        ("xx", "de9 a b c d", "unknown_language"),
        (None, "de9 a b c d", "unknown_language"),
    ],
)
def test_a_response_that_cannot_be_judged_is_skipped_with_the_reason(language, response, reason):
    checked = judged((language, response), ("de", "de9 a b c d"))
    assert checked.row(0, named=True) | {"script_share": None} == {
        "language": language,
        "response": response,
        "counted": False,
        "skip_reason": reason,
        "lines": 0,
        "wrong_lines": [],
        "english_words": [],
        "line_pass": None,
        "word_pass": None,
        "script_share": None,
    }
    rates = rates_of(checked)
    assert rates[language][f"n_{reason}"] == rates[language]["n_skipped"] == 1


def test_nothing_judged_gives_no_rate_instead_of_a_perfect_one():
    rate = rates_of(judged(("de", None)))["de"]
    assert (rate["lpr"], rate["wpr"], rate["lcpr"], rate["n_kept"]) == (None, None, None, 0)


def test_a_model_that_goes_on_with_questions_of_its_own_is_cut_there():
    response = "de9 a b c d\nQ: en9 a b c d"
    assert judged(("de", response))["line_pass"].item()
    assert not judged(("de", response), cut_at="")["line_pass"].item()


def test_english_words_count_only_in_responses_without_a_wrong_line():
    rows = [("ru", "ru9 a machine b forest, machine"), ("ru", "ru9 a b c d"), ("ru", "en9 machine b c d")]
    checked = judged(*rows)
    assert checked["english_words"].to_list() == [["machine", "forest"], [], []]
    assert checked["word_pass"].to_list() == [False, True, None]
    rate = rates_of(checked)["ru"]
    assert (rate["n_kept"], rate["n_line_errors"], rate["n_word_checked"], rate["n_word_errors"]) == (3, 1, 2, 1)
    assert (rate["lpr"], rate["wpr"]) == (2 / 3, 0.5)
    assert rate["lcpr"] == pytest.approx(2 / (3 / 2 + 2))


def test_a_word_in_capitals_or_as_part_of_another_is_no_english_word():
    assert judged(("ru", "ru9 Machine MACHINE machineом xmachine"))["word_pass"].item()


def test_words_of_latin_script_languages_are_not_looked_at_and_lcpr_is_lpr():
    checked = judged(("de", "de9 machine learning b c"), ("de", "en9 a b c d"))
    assert checked["word_pass"].to_list() == [None, None]
    rate = rates_of(checked)["de"]
    assert (rate["wpr"], rate["lpr"], rate["lcpr"]) == (None, 0.5, 0.5)


def test_where_no_response_passes_line_by_line_lcpr_is_0():
    rate = rates_of(judged(("ru", "en9 a b c d")))["ru"]
    assert (rate["lpr"], rate["wpr"], rate["lcpr"]) == (0.0, None, 0.0)


def test_where_every_response_has_an_english_word_lcpr_is_0():
    rate = rates_of(judged(("ru", "ru9 machine b c d")))["ru"]
    assert (rate["lpr"], rate["wpr"], rate["lcpr"]) == (1.0, 0.0, 0.0)


def test_averages_are_over_the_languages_that_have_a_rate():
    checked = judged(("de", "de9 a b c d"), ("ru", "ru9 machine b c d"), ("ga", None))
    assert averages(pass_rates(checked)) == {
        "lpr": 1.0,
        "wpr": 0.0,
        "lcpr": 0.5,
        "line_accuracy": 1.0,
        "script_share": 0.5,
    }


def test_a_label_of_another_model_names_its_language():
    checked = judged(("deu_Latn", "de9 a b c d"))
    assert checked.select("language", "line_pass").row(0) == ("deu_Latn", True)


texts = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=24).map(
    lambda pairs: "".join(word + space for word, space in pairs)
)
rows = st.lists(st.tuples(st.sampled_from(["de", "ru"]), texts | st.none()), max_size=8)


def leads_with_a_label(response):
    """The definition's identifier reads label and score off the first token; give every line one."""
    return response and "\n".join(
        f"de7 {line}" if index % 2 else f"ru9 {line}" for index, line in enumerate(response.split("\n"))
    )


@given(rows)
@settings(max_examples=80, deadline=None)
def test_counts_are_those_of_the_definition(given_rows):
    given_rows = [(language, leads_with_a_label(response)) for language, response in given_rows]
    rates = rates_of(judged(*given_rows))
    for language, looks_at_words in (("de", False), ("ru", True)):
        mine = [response for code, response in given_rows if code == language]
        if mine:
            found = rates[language]
            expected = counts(mine, language, set(ENGLISH), looks_at_words)
            assert (found["n_kept"], found["n_line_errors"], found["n_word_errors"]) == expected


@given(texts)
@settings(max_examples=80, deadline=None)
def test_evidence_names_lines_by_their_number_and_text_in_the_response(response):
    checked = judged(("fr", response))
    expected = [(number, text) for number, text, _ in lines_of(response)]
    assert [(line["line"], line["text"]) for line in checked["wrong_lines"].item()] == expected
    assert all(response.split("\n")[number - 1] == text for number, text in expected)


@given(rows, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing_and_no_row_is_lost(given_rows, random):
    checked = judged(*given_rows)
    shuffled = list(given_rows)
    random.shuffle(shuffled)
    rates = pass_rates(checked)
    assert rates.equals(pass_rates(judged(*shuffled)))
    assert checked.height == rates["n_rows"].sum() == len(given_rows)
    skipped = rates.select(pl.sum_horizontal(r"^n_(missing_response|no_long_line|unknown_language)$"))
    assert skipped.to_series().to_list() == rates["n_skipped"].to_list()
    assert (rates["n_kept"] + rates["n_skipped"]).to_list() == rates["n_rows"].to_list()


@given(rows)
@settings(max_examples=40, deadline=None)
def test_evidence_and_rates_agree(given_rows):
    checked = judged(*given_rows)
    counted = checked.filter("counted")
    assert (counted["wrong_lines"].list.len() == 0).to_list() == counted["line_pass"].to_list()
    assert (counted["wrong_lines"].list.len() <= counted["lines"]).all()
    looked_at = checked.filter(pl.col("word_pass").is_not_null())
    assert (looked_at["english_words"].list.len() == 0).to_list() == looked_at["word_pass"].to_list()
    for language, rate in rates_of(checked).items():
        mine = counted.filter(pl.col("language") == language)
        assert rate["lpr"] == (None if mine.is_empty() else mine["line_pass"].sum() / mine.height)


REAL = LanguageIdentifier().predict
ANY_TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=60)
ANY_CODE = st.sampled_from(["de", "zh", "ja", "th", "ar", "ko", "zho_Hans", "xx", "", None])


@given(st.lists(st.tuples(ANY_CODE, ANY_TEXT), max_size=5))
@settings(max_examples=40, deadline=None)
def test_whatever_a_response_holds_its_verdict_hangs_on_nothing_but_itself(given_rows):
    every = language_confusion(asked(*given_rows), REAL)
    alone = [language_confusion(asked(row), REAL) for row in given_rows]
    assert every.equals(pl.concat([every.clear(), *alone]))


def test_the_added_columns_meet_the_tables_contracts():
    answered = responses(prompts(), "base", lambda p: None if p["prompt_id"] == "p1-de" else "de9 a b c d\nen9 a b c d")
    checked = language_confusion(answered, first_token_says, ENGLISH)
    assert check_table(checked, LanguageConfusionRow).height == answered.height
    rates = pass_rates(checked, ("release", "model", "kind", "language"))
    assert check_table(rates, LanguagePassRateRow).height == 2
    assert set(CONFUSION) <= set(LanguageConfusionRow.column_names())
    assert set(RATES) <= set(LanguagePassRateRow.column_names())


def test_no_responses_give_empty_tables():
    checked = judged()
    assert checked.schema == asked().schema | CONFUSION
    assert pass_rates(checked).is_empty()
    assert empty_table(LanguageConfusionRow).is_empty()


@needs_ntrex
def test_real_text_passes_in_its_own_language_and_fails_in_another():
    predict = LanguageIdentifier().predict
    codes = ("de", "fi", "fr", "hi", "tr", "zh")
    news = pl.concat(
        [pl.read_ndjson(NTREX / f"{code}.jsonl.zst").head(20).select("language", "text") for code in codes]
    )
    own = language_confusion(news.rename({"text": "response"}), predict)
    assert pass_rates(own)["n_kept"].to_list() == [20] * len(codes)
    assert pass_rates(own)["lpr"].min() > 0.5
    swapped = news.with_columns(pl.col("language").replace(list(codes), [*codes[1:], codes[0]])).rename(
        {"text": "response"}
    )
    assert pass_rates(language_confusion(swapped, predict))["lpr"].max() == 0.0
