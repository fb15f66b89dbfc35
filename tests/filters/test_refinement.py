"""Document refinement: furniture goes, everything else stays byte for byte."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.refinement import KINDS, UnknownLineKind, refine_lines

FURNITURE = {
    "ruler": ["***", "– – –", "| | |", "😀"],
    "counter": ["12", "1 2 3 › »", "12:30", "१२"],
    "navigation": ["Home | News | Contact us", "首页 | 新闻 | 联系我们", "Start › Nachrichten › Wetter"],
    "capitals": ["SHARE THIS PAGE", "NEUESTE MELDUNGEN", "ΝΕΑ"],
    "notice": [
        "Please enable JavaScript to go on.",
        "This site uses Cookies to improve your experience.",
        "Read our PRIVACY POLICY before you write to us.",
    ],
}
TEXT = [
    "The harbour was quiet | when the first boats came back | in the evening.",
    "HE SAID NOTHING.",
    "霍莉·威洛比（Holly Willoughby）退出·价值1100·万英镑交易后",
    "Chapter 12",
    "They baked cookies.",
    "  indented, with blanks behind  ",
    "JavaScript " + "is a language in which many pages of the web are written " * 5,
]


def _refined(*texts: str | None, **arguments: object) -> dict[str, list[object]]:
    frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    return refine_lines(frame, **arguments).to_dict(as_series=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in FURNITURE.items() for line in lines])
def test_each_kind_of_furniture_goes_and_only_if_it_is_asked_for(kind: str, line: str) -> None:
    text = f"{TEXT[0]}\n{line}\n{TEXT[3]}"
    assert _refined(text) == {"text": [f"{TEXT[0]}\n{TEXT[3]}"], "removed_lines": [1]}
    assert _refined(text, kinds=[kind])["removed_lines"] == [1]
    assert _refined(text, kinds=[other for other in KINDS if other != kind])["text"] == [text]


@pytest.mark.parametrize("line", TEXT)
def test_text_stays(line: str) -> None:
    assert _refined(line, f"\n{line}\n") == {"text": [line, f"\n{line}\n"], "removed_lines": [0, 0]}


def test_blank_lines_around_removed_ones_become_one_and_none_at_the_ends() -> None:
    text = "Home | News | Contact\n\nOne.\n\nSHARE THIS\n\n***\n\nTwo.\n \n12\n\n"
    assert _refined(text)["text"] == ["One.\n\nTwo."]
    assert _refined("One.\n\n\n\nTwo.\n\n")["text"] == ["One.\n\n\n\nTwo.\n\n"]


def test_a_text_of_furniture_alone_stays_and_so_does_a_null() -> None:
    texts = ["***\n\n12", None, "", " \n"]
    assert _refined(*texts) == {"text": texts, "removed_lines": [0, 0, 0, 0]}


def test_a_count_that_is_there_is_added_to() -> None:
    frame = pl.DataFrame({"text": ["***\nText."], "removed_lines": [3]})
    assert refine_lines(frame)["removed_lines"].to_list() == [4]


lines = st.sampled_from([*TEXT, *(line for group in FURNITURE.values() for line in group), "", " ", "\r"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(lines | st.text(max_size=5), max_size=10), max_size=4))
def test_what_stays_is_in_order_and_the_same_again_changes_nothing(pieces: list[list[str]]) -> None:
    texts = ["\n".join(parts) for parts in pieces]
    refined = _refined(*texts)
    again = _refined(*map(str, refined["text"]))
    assert again["text"] == refined["text"]
    assert set(again["removed_lines"]) <= {0}
    for text, left, removed in zip(texts, refined["text"], refined["removed_lines"], strict=True):
        before = [line for line in text.split("\n") if line.strip()]
        after = [line for line in str(left).split("\n") if line.strip()]
        assert len(before) - len(after) == removed
        rest = iter(before)
        assert all(line in rest for line in after)
        if not removed:
            assert left == text


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(UnknownLineKind, match="ruler, counter"):
        _refined("a", kinds=["banner"])


@needs_ntrex
@pytest.mark.parametrize("code", NTREX_LANGUAGES)
def test_clean_news_stay_as_they_are(code: str) -> None:
    documents = pl.read_ndjson(NTREX / f"{code}.jsonl.zst")
    refined = refine_lines(documents)
    assert refined["text"].equals(documents["text"])
    assert refined["removed_lines"].sum() == 0
