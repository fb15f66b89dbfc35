"""Account and identity numbers: the shape, the word before them, the check digit."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.filters.identifiers import (
    NAMED,
    SHAPED,
    british_insurance,
    hungarian_health,
    hungarian_person,
    hungarian_tax,
    without_ibans,
)
from xl_assets.filters.personal_data import redact

#: Made-up numbers whose check digits agree, in a sentence of their language.
VALID = {
    "fi henkilötunnus": "Tunnus on 131052-308T, sanoi hän.",
    "fr NIR": "Son numéro est le 2 95 10 99 126 111 93.",
    "cn identity card": "身份证号码为360426199101010071。",
    "pt cartão de cidadão": "O cartão 00000000 0 ZZ4 foi perdido.",
    "ie PPS": "Chuir sé 6433435F ar an bhfoirm.",
    "in PAN of a person": "PAN: AAPPV8261K",
    "us SSN, ITIN": "It was 536-90-4399 then.",
    "gb national insurance": "The number AB 12 34 56 C was hers.",
    "hu személyi azonosító": "A száma 1-850112-1233 volt.",
    "de Steuer-ID": "Die Steuer-ID lautet 36 574 261 809.",
    "pt NIF": "O contribuinte 501964843 pagou.",
    "hu TAJ-szám": "TAJ: 123 456 788",
    "hu adóazonosító jel": "Az adóazonosító jele 8071592153.",
    "lt asmens kodas": "Asmens kodas 33309240064.",
    "in Aadhaar": "आधार संख्या 2341 2341 2346 है।",
    "fr numéro fiscal": "Numéro fiscal : 07 01 987 765 493",
    "tr T.C. kimlik": "T.C. Kimlik No: 17291716060",
    "gb NHS": "His NHS number is 943 476 5870.",
    "gb UTR": "UTR 1955839661",
}


def _redacted(text: str) -> str:
    return redact(pl.DataFrame({"text": [text]}))["text"][0]


@pytest.mark.parametrize("name", [identifier.name for identifier in (*SHAPED, *NAMED)])
def test_a_number_with_a_right_check_digit_is_replaced(name: str) -> None:
    assert _redacted(VALID[name]).count("[NATIONAL_ID]") == 1
    assert not any(digit in _redacted(VALID[name]) for digit in "0123456789")


@pytest.mark.parametrize(
    "text",
    [
        "Tunnus on 131052-308U.",
        "Son numéro est le 2 95 10 99 126 111 99.",
        "身份证号码为360426199101010072。",
        "O cartão 00000000 0 ZZ3 foi perdido.",
        "Chuir sé 6433435E ar an bhfoirm.",
        "It was 666-00-0000 then.",
        "The number GB 12 34 56 C was hers.",
        "A száma 1-850112-1234 volt.",
        "Die Steuer-ID lautet 36 574 261 890.",
        "TAJ: 123 456 789",
        "Asmens kodas 33309240164.",
        "T.C. Kimlik No: 17291716050",
        "His NHS number is 943 476 5871.",
        "आधार संख्या 2341 2341 2347 है।",
    ],
)
def test_a_wrong_check_digit_leaves_the_text_alone(text: str) -> None:
    assert _redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "36 574 261 809 euros",
        "order 36574261809",
        "17291716060 Stück",
        "33309240064",
        "2341 2341 2346",
        "9434765870",
        "123 456 788 people",
        "Olympics of 2004 2008 2012 2016",
        "DE89 3704 0044 0532 0130 01",
        "B747 and A380, HB2 4567",
        "1955839661",
    ],
)
def test_a_number_that_only_happens_to_pass_a_check_stays(text: str) -> None:
    assert _redacted(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("IBAN DE89 3704 0044 0532 0130 00 IST NEU", "IBAN [IBAN] IST NEU"),
        ("GB29NWBK60161331926819, BE68 5390 0754 7034.", "[IBAN], [IBAN]."),
        ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "[IBAN]"),
        ("DE89 3704 0044 0532 0130 00 BE68 5390 0754 7034", "[IBAN] [IBAN]"),
        ("DE89370400440532013000X", "DE89370400440532013000X"),
    ],
)
def test_an_account_number_ends_where_its_country_says(before: str, after: str) -> None:
    assert _redacted(before) == after


def test_several_numbers_of_one_line_are_all_found() -> None:
    line = "NIF 501964843, NHS 943 476 5870; 131052-308T and 131052-308T"
    assert _redacted(line) == "NIF [NATIONAL_ID], NHS [NATIONAL_ID]; [NATIONAL_ID] and [NATIONAL_ID]"


def test_digits_of_another_script_are_the_same_number() -> None:
    assert _redacted("आधार: २३४१ २३४१ २३४६") == "आधार: [NATIONAL_ID]"


def test_a_number_in_one_text_says_nothing_about_another() -> None:
    texts = ["NIF 501964843", "501964843 and 5019648431"]
    assert redact(pl.DataFrame({"text": texts}))["text"].to_list() == ["NIF [NATIONAL_ID]", texts[1]]


def test_our_own_checks_are_the_published_formulas() -> None:
    # 1*1 + 2*8 + 3*5 + 4*0 + 5*1 + 6*1 + 7*2 + 8*1 + 9*2 + 10*3 = 113, and 113 mod 11 = 3.
    assert [digit for digit in "0123456789" if hungarian_person(f"1850112123{digit}")] == ["3"]
    assert not hungarian_person("18513121233")
    # 3 * (1 + 3 + 5 + 7) + 7 * (2 + 4 + 6 + 8) = 188.
    assert [digit for digit in "0123456789" if hungarian_health(f"12345678{digit}")] == ["8"]
    # 1*8 + 2*0 + 3*7 + 4*1 + 5*5 + 6*9 + 7*2 + 8*1 + 9*5 = 179, and 179 mod 11 = 3.
    assert [digit for digit in "0123456789" if hungarian_tax(f"807159215{digit}")] == ["3"]
    assert british_insurance("AB123456C")
    assert not british_insurance("BG123456C")


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_number_in_any_shape_is_too_odd_to_check(data: st.DataObject) -> None:
    identifier = data.draw(st.sampled_from([*SHAPED, *NAMED]))
    number = data.draw(st.from_regex(identifier.shape, fullmatch=True, alphabet=st.characters(codec="ascii")))
    assert identifier.valid(number) in (True, False)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="DE89 370405321BNWKT-\n", max_size=60))
def test_account_numbers_are_taken_out_and_nothing_else(candidate: str) -> None:
    (after,) = without_ibans([candidate])
    head, found, tail = after.partition("[IBAN]")
    assert after == candidate or (found and not head and candidate.endswith(tail))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from([*VALID.values(), "DE89 3704 0044 0532 0130 00", "a@b.org", "192.0.2.1", "Tel. 030 1234567"]),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([" ", "\n", ", ", "", "-", "1", " 2018 "]),
)
def test_redacting_twice_changes_nothing_and_no_placeholder_is_lost(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    once = redact(pl.DataFrame({"text": [text]}))
    assert redact(once).equals(once)
    written = pl.DataFrame({"text": [f"[EMAIL] [IP] {text} [PHONE][IBAN] [NATIONAL_ID]"]})
    kept = redact(written)["text"][0]
    assert all(kept.count(kind) >= 1 for kind in ("[EMAIL]", "[IP]", "[PHONE]", "[IBAN]", "[NATIONAL_ID]"))


@settings(deadline=None, max_examples=60)
@given(st.permutations(list(VALID.values())), st.integers(1, 19))
def test_a_text_is_redacted_the_same_in_any_batch(texts: list[str], size: int) -> None:
    alone = [_redacted(text) for text in texts]
    batches = [redact(pl.DataFrame({"text": texts[at : at + size]})) for at in range(0, len(texts), size)]
    assert pl.concat(batches)["text"].to_list() == alone
