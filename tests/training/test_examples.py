from pathlib import Path

import polars as pl
import pytest
from transformers import AutoTokenizer

from tests.training.conftest import conversation
from xl_assets.training.examples import IGNORED, RowsError, tokenize_rows


@pytest.fixture(scope="module")
def tokenizer(base: Path):
    return AutoTokenizer.from_pretrained(base)


def learned(labels: list[int], tokenizer) -> str:
    return tokenizer.decode([label for label in labels if label != IGNORED])


def test_only_the_assistants_words_and_their_end_are_learned(rows: pl.DataFrame, tokenizer) -> None:
    examples = tokenize_rows(rows, tokenizer, 128, completion_only=True)
    for i, labels in enumerate(examples.labels):
        assert learned(labels, tokenizer) == conversation(i)[1] + "</s>"


def test_what_a_model_is_trained_on_starts_as_what_it_is_asked_with(rows: pl.DataFrame, tokenizer) -> None:
    examples = tokenize_rows(rows, tokenizer, 128, completion_only=True)
    prompt = tokenizer.apply_chat_template(
        rows["messages"][0].to_list()[:1], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert examples.input_ids[0][: len(prompt)] == prompt
    assert examples.labels[0][: len(prompt)] == [IGNORED] * len(prompt)


def test_every_token_is_learned_where_completion_only_is_off(rows: pl.DataFrame, tokenizer) -> None:
    examples = tokenize_rows(rows, tokenizer, 128, completion_only=False)
    assert examples.labels == examples.input_ids


def test_each_turn_of_the_assistant_is_learned(tokenizer) -> None:
    turns = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hallo"), ("user", "And?"), ("assistant", "Ja")]
    messages = [{"role": role, "content": content} for role, content in turns]
    rows = pl.DataFrame({"row_id": ["a"], "messages": [messages]})
    examples = tokenize_rows(rows, tokenizer, 128, completion_only=True)
    assert learned(examples.labels[0], tokenizer) == "Hallo</s>Ja</s>"


def test_rows_longer_than_max_length_are_left_out_and_named(rows: pl.DataFrame, tokenizer) -> None:
    lengths = [len(ids) for ids in tokenize_rows(rows, tokenizer, 512, True).input_ids]
    limit = sorted(lengths)[len(lengths) // 2]
    examples = tokenize_rows(rows, tokenizer, limit, True)
    assert sorted([*examples.row_ids, *examples.too_long]) == rows["row_id"].to_list()
    assert len(examples.too_long) == sum(length > limit for length in lengths) > 0
    assert max(len(ids) for ids in examples.input_ids) <= limit


def test_rows_that_are_all_too_long_are_an_error_that_names_max_length(rows: pl.DataFrame, tokenizer) -> None:
    with pytest.raises(RowsError, match=r"all 24 rows .* raise max_length"):
        tokenize_rows(rows, tokenizer, 8, True)


def test_no_rows_are_an_error_that_names_the_table(rows: pl.DataFrame, tokenizer) -> None:
    with pytest.raises(RowsError, match="sft_mixture"):
        tokenize_rows(rows.clear(), tokenizer, 128, True)


def test_template_marks_inside_text_stay_data(tokenizer) -> None:
    messages = [
        {"role": "user", "content": "{{ 7 * 7 }} {% for x in y %}"},
        {"role": "assistant", "content": "{{ 1 }}"},
    ]
    examples = tokenize_rows(pl.DataFrame({"row_id": ["a"], "messages": [messages]}), tokenizer, 128, True)
    assert "{{ 7 * 7 }} {% for x in y %}" in tokenizer.decode(examples.input_ids[0])
    assert learned(examples.labels[0], tokenizer) == "{{ 1 }}</s>"
