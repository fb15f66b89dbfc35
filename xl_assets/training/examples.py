"""Conversations as token ids with the labels that the loss looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

#: The label that a loss passes over.
IGNORED = -100


class RowsError(ValueError):
    """Rows that cannot be trained on."""


@dataclass(frozen=True)
class Examples:
    """Tokenised rows, in training order. Rows in = `row_ids` + `too_long`.

    Attributes:
        row_ids: rows that are trained on.
        input_ids, labels: one list of ids each; labels are `IGNORED` where nothing is learned.
        too_long: rows that are longer than `max_length`: left out, never cut, since a cut response
            teaches a model to stop in the middle.
    """

    row_ids: list[str]
    input_ids: list[list[int]]
    labels: list[list[int]]
    too_long: list[str]


def tokenize_rows(rows: pl.DataFrame, tokenizer: Any, max_length: int, completion_only: bool) -> Examples:
    """Write rows with the model's chat template and turn them into ids and labels.

    Args:
        rows: columns `row_id` and `messages`, in training order.
        tokenizer: with a chat template.
        max_length: tokens.
        completion_only: label the assistant's turns only (with what ends them), else every token.

    Raises:
        RowsError: no rows, no row short enough, or a conversation without an assistant's turn.
    """
    if rows.is_empty():
        raise RowsError("there are no rows to train on: materialise sft_mixture and look at its funnel")
    examples = Examples([], [], [], [])
    for row_id, messages in rows.select("row_id", "messages").iter_rows():
        if not any(message["role"] == "assistant" for message in messages):
            raise RowsError(f"row {row_id} has no assistant's turn, so there is nothing to learn from it")
        ids, labels = _labelled(messages, tokenizer, completion_only)
        if len(ids) > max_length:
            examples.too_long.append(row_id)
            continue
        examples.row_ids.append(row_id)
        examples.input_ids.append(ids)
        examples.labels.append(labels)
    if not examples.row_ids:
        raise RowsError(f"all {rows.height} rows are longer than max_length = {max_length} tokens: raise max_length")
    return examples


def _labelled(messages: Sequence[dict[str, str]], tokenizer: Any, completion_only: bool) -> tuple[list[int], list[int]]:
    """Ids of a conversation and its labels.

    A turn of the assistant is what the template adds to the conversation up to it, opened for an answer.
    As TRL does, it starts where the two differ, because templates may write an open and a closed turn differently.
    """
    ids = _ids(messages, tokenizer)
    if not completion_only:
        return ids, list(ids)
    labels = [IGNORED] * len(ids)
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = _common_prefix(_ids(messages[:turn], tokenizer, open_turn=True), ids) if turn else 0
        end = len(ids) if turn == len(messages) - 1 else _common_prefix(_ids(messages[: turn + 1], tokenizer), ids)
        labels[start:end] = ids[start:end]
    return ids, labels


def _ids(messages: Sequence[dict[str, str]], tokenizer: Any, open_turn: bool = False) -> list[int]:
    return tokenizer.apply_chat_template(
        list(messages), tokenize=True, add_generation_prompt=open_turn, return_dict=True
    )["input_ids"]


def _common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    shorter = min(len(one), len(other))
    return next((i for i in range(shorter) if one[i] != other[i]), shorter)
