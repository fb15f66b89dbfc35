"""Mojibake is found as ftfy finds it, and put right without touching anything else."""

import ftfy
import polars as pl
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.badness import badness as by_ftfy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters import mojibake
from xl_assets.filters.measures import mojibake as measures
from xl_assets.filters.mojibake import badness, mojibake_candidates, repair_mojibake
from xl_assets.filters.texts import Texts
from xl_assets.languages import get_language

GERMAN = "Die Bäuerin fährt müde über die größte Brücke, schön. "
ENCODINGS = ("cp1252", "latin-1", "cp1251", "cp1250", "mac_roman", "cp437")

suspicious = st.sampled_from([*"".join(MOJIBAKE_CATEGORIES.values()), *"azÂÃà €™в²½√×ЂВ \n\t\x1c\xa0°_1é中"])


def _garbled(text: str, encoding: str) -> str:
    return text.encode().decode(encoding, errors="replace")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text(suspicious, max_size=12) | st.text(max_size=8), max_size=8))
def test_badness_is_ftfys_on_any_text(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    assert badness(column).tolist() == [by_ftfy(text) for text in texts]


@needs_ntrex
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_badness_is_ftfys_on_garbled_real_text(encoding: str) -> None:
    clean = pl.concat(pl.read_ndjson(NTREX / f"{code}.jsonl.zst")["text"][:20] for code in NTREX_LANGUAGES)
    garbled = pl.Series([_garbled(text, encoding) for text in clean])
    assert badness(garbled).tolist() == [by_ftfy(text) for text in garbled]


@needs_ntrex
def test_hardly_any_clean_text_reaches_ftfy() -> None:
    clean = pl.concat(pl.read_ndjson(NTREX / f"{code}.jsonl.zst")["text"] for code in NTREX_LANGUAGES)
    assert mojibake_candidates(clean).sum() <= 2


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_repaired_text_is_what_it_was_before_it_was_garbled(encoding: str) -> None:
    frame = pl.DataFrame({"text": [_garbled(GERMAN * 3, encoding), GERMAN, None, "plain", ""]})
    repaired = repair_mojibake(frame)
    assert repaired["text"].to_list() == [GERMAN * 3, GERMAN, None, "plain", ""]
    assert repaired["repaired"][0] > 0
    assert repaired["repaired"][1:].to_list() == [0, 0, 0, 0]
    assert repair_mojibake(repaired.drop("repaired"))["repaired"].sum() == 0


def test_only_the_encoding_is_put_right() -> None:
    curly = "&amp; “quoted” ﬁne\u3000ｗｉｄｅ \x1b[0m "
    assert repair_mojibake(pl.DataFrame({"text": [curly]}))["text"].to_list() == [curly]


def test_a_text_that_ftfy_fails_on_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> str:
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "broken")

    monkeypatch.setattr(ftfy, "fix_encoding", fail)
    garbled = _garbled(GERMAN, "cp1252")
    assert repair_mojibake(pl.DataFrame({"text": [garbled]})).row(0) == (garbled, 0)


def test_a_column_of_nothing_but_nulls_and_an_empty_one_are_repaired() -> None:
    for texts in ([None, None], []):
        repaired = repair_mojibake(pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}))
        assert repaired.to_dict(as_series=False) == {"text": texts, "repaired": [0] * len(texts)}


def test_measures_tell_garbled_and_lossy_texts_from_clean_ones() -> None:
    texts = [GERMAN * 5, _garbled(GERMAN, "cp1252"), "a\ufffd b", ""]
    column = Texts(pl.Series(texts), get_language("de"))
    measured = measures.measure(column, frozenset(measures.MEASURES))
    failing = measured.select(rule.fails(rule.threshold).alias(rule.name) for rule in measures.RULES)
    assert failing["mojibake"].to_list() == [False, True, False, False]
    assert failing["replacement_characters"].to_list() == [False, False, True, False]
    assert measured.row(3) == (None, None)
    assert mojibake.badness(column.series).tolist()[0] == 0
