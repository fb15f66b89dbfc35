"""Lines that many documents share."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.filters import line_duplicates
from xl_assets.filters.line_duplicates import (
    LineSettings,
    boilerplate_lines,
    boilerplate_share,
    count_lines,
    remove_lines,
)

FOOTER = "Copyright 2024: all rights are reserved here."
TWICE = LineSettings(words=3, documents=2)


def _frame(*texts: str, language: str = "en") -> pl.DataFrame:
    return pl.DataFrame({"language": language, "text": list(texts)}, schema={"language": pl.String, "text": pl.String})


def _found(*texts: str, chosen: LineSettings = TWICE, language: str = "en") -> np.ndarray:
    return boilerplate_lines([count_lines(_frame(*texts, language=language), chosen)], chosen)


def test_a_line_of_enough_documents_goes_whatever_its_case_punctuation_and_digits() -> None:
    variants = [FOOTER, "COPYRIGHT 2019, all rights are reserved here", f"  {FOOTER}"]
    frame = _frame(*(f"The text number {number} is its own\n{line}" for number, line in enumerate(variants)))
    removed = remove_lines(frame, boilerplate_lines([count_lines(frame, TWICE)], TWICE), TWICE)
    # Digits count as alike, so the first lines are one line too.
    assert removed["text"].to_list() == ["", "", ""]
    own = frame.with_columns(text=pl.Series([f"{word} is only here\n{FOOTER}" for word in ("a", "b", "c")]))
    left = remove_lines(own, boilerplate_lines([count_lines(own, TWICE)], TWICE), TWICE)
    assert left["text"].to_list() == ["a is only here", "b is only here", "c is only here"]
    assert left["removed_lines"].to_list() == [1, 1, 1]


def test_a_line_of_few_documents_or_of_few_words_stays() -> None:
    assert not len(_found(FOOTER, FOOTER))
    assert not len(_found("read more", "read more", "read more"))
    assert len(_found(FOOTER, FOOTER, FOOTER)) == 1


def test_a_document_counts_once_however_often_it_repeats_a_line() -> None:
    assert not len(_found(f"{FOOTER}\n" * 5, FOOTER))


def test_words_are_counted_by_the_segmenter_where_no_spaces_are_written() -> None:
    line = "本网站的所有内容均受版权保护。"
    assert len(_found(line, line, line, language="zh")) == 1
    assert not len(_found("首页", "首页", "首页", language="zh"))


def test_rejected_documents_are_not_counted() -> None:
    frame = _frame(FOOTER, FOOTER, FOOTER).with_columns(kept=pl.Series([True, True, False]))
    assert not len(boilerplate_lines([count_lines(frame, TWICE)], TWICE))


def test_the_result_is_the_same_in_one_batch_in_many_and_from_a_folder(tmp_path: Path, monkeypatch) -> None:
    texts = [f"{FOOTER}\nsome words of document {chr(97 + number)}\nthree words again" for number in range(20)]
    whole = _found(*texts)
    parts = [count_lines(_frame(*texts[start : start + 3]), TWICE) for start in range(0, 20, 3)]
    for number, part in enumerate(parts):
        part.write_parquet(tmp_path / f"{number}.parquet")
    monkeypatch.setattr(line_duplicates, "_AT_ONCE", 5)
    assert whole.tolist() == boilerplate_lines(parts, TWICE).tolist() == boilerplate_lines(tmp_path, TWICE).tolist()
    assert len(whole) == 2
    assert sorted(whole) == whole.tolist()


def test_a_folder_without_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="count_lines"):
        boilerplate_lines(tmp_path)


def test_removed_lines_are_added_to_those_counted_before_and_the_share_is_of_characters() -> None:
    frame = _frame(f"{FOOTER}\n{'x' * len(FOOTER)}", "nothing").with_columns(removed_lines=pl.Series([2, 0]))
    known = _found(FOOTER, FOOTER, FOOTER)
    assert remove_lines(frame, known, TWICE)["removed_lines"].to_list() == [3, 0]
    assert boilerplate_share(frame, known, TWICE)["boilerplate_share"].to_list() == [0.5, 0.0]


def test_no_documents_and_no_boilerplate_change_nothing() -> None:
    empty = _frame()
    assert remove_lines(empty, _found())["text"].to_list() == []
    assert boilerplate_share(empty, _found()).columns == ["language", "text", "boilerplate_share"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab1 .猫é🙂\n"), max_size=30), max_size=6), st.sampled_from(["en", "zh"]))
def test_only_whole_lines_go_and_the_others_keep_their_order(texts: list[str], language: str) -> None:
    chosen = LineSettings(words=1, documents=1)
    frame = _frame(*texts, language=language)
    left = remove_lines(frame, boilerplate_lines([count_lines(frame, chosen)], chosen), chosen)
    for before, after, removed in zip(texts, left["text"], left["removed_lines"], strict=True):
        rest = iter(before.split("\n"))
        assert not after or all(line in rest for line in after.split("\n"))
        assert after == before or removed
