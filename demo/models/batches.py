"""Samples to token batches: encoded ahead by a second process, sorted into a few fixed lengths."""

import multiprocessing
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from demo.models.faults import Mark
from demo.models.tasks import Sample
from demo.models.tokenizer import ASSISTANT, END, USER, load_tokenizer

LENGTHS = (96, 128, 160, 192, 224, 288, 384)
CHUNK = 4096
DECISION_WEIGHT = 6.0


@dataclass(frozen=True)
class Encoded:
    """Token ids, the weight of each token as something to predict, and the marks (`READ` where judged)."""

    task: str
    ids: np.ndarray
    weights: np.ndarray
    marks: np.ndarray
    said: np.ndarray
    asked: np.ndarray
    ends: tuple[tuple[int, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class Batch:
    """Rows of one length; `targets` indexes the flattened ``rows x length`` positions that predict something."""

    ids: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor
    read: Tensor
    marks: Tensor
    facts: Tensor
    said: Tensor
    asked: Tensor
    ends: Tensor
    scores: Tensor
    tasks: list[str]
    rows: Tensor


def encode(samples: list[Sample], tokenizer) -> list[Encoded]:
    """Tokenize conversations; a sample without a prompt is plain text, and every token of it counts."""
    inner = tokenizer.backend_tokenizer
    end, user, assistant = (tokenizer.convert_tokens_to_ids(token) for token in (END, USER, ASSISTANT))
    prompts = inner.encode_batch([s.prompt for s in samples], add_special_tokens=False)
    answers = inner.encode_batch([s.answer for s in samples], add_special_tokens=False)
    out = []
    for sample, prompt, answer in zip(samples, prompts, answers, strict=True):
        if not sample.prompt:
            ids = np.array([end, *answer.ids, end], dtype=np.int64)
            out.append(Encoded(sample.task, ids, np.r_[0, np.ones(len(ids) - 1)], *np.zeros((3, len(ids)), np.int64)))
            continue
        ids = np.array([user, *prompt.ids, end, assistant, *answer.ids, end], dtype=np.int64)
        weights = np.zeros(len(ids))
        start = len(prompt.ids) + 3
        weights[start:] = 1.0
        if len(answer.ids) == 1:
            weights[start] = DECISION_WEIGHT
        elif sample.answer.startswith("{"):
            weights[start:-1][[token.strip("Ġ").isdigit() for token in answer.tokens]] = DECISION_WEIGHT / 2
        out.append(
            Encoded(sample.task, ids, weights, *_token_marks(sample, prompt, len(ids)), _token_ends(sample, prompt))
        )
    return out


def _token_marks(sample: Sample, prompt, length: int) -> np.ndarray:
    """Return three rows: the marks of each token, and where a fact is said 1 + its number and 1 + the asked one's."""
    rows = np.zeros((3, length), np.int64)
    if sample.marks:
        starts, ends = np.array(prompt.offsets).T
        for start, end, *values in (*sample.marks, *sample.facts):
            first, last = np.searchsorted(ends, start, "right"), np.searchsorted(starts, end, "left")
            if len(values) == 1:
                rows[0, 1 + first : 1 + last] |= int(values[0])
            else:
                rows[1:, 1 + first : 1 + last] = np.array(values)[:, None] + 1
    return rows


def _token_ends(sample: Sample, prompt) -> tuple[tuple[int, tuple[int, ...]], ...]:
    starts = [start for start, _ in prompt.offsets]
    return tuple((bisect_right(starts, end), scores) for end, scores in sample.ends)


def collate(rows: list[Encoded], length: int, count: int) -> Batch:
    """Pad rows to ``count x length``; missing rows are empty, so that shapes stay few."""
    ids, marks, said, asked = np.zeros((4, count, length), np.int64)
    weights = np.zeros((count, length))
    for i, row in enumerate(rows):
        n = len(row.ids)
        ids[i, :n], weights[i, :n], marks[i, :n] = row.ids, row.weights, row.marks
        said[i, :n], asked[i, :n] = row.said, row.asked
    facts = np.flatnonzero(said)
    weights = np.roll(weights, -1, 1)
    weights[:, -1] = 0
    positions = np.flatnonzero(weights)
    read = np.flatnonzero(marks & int(Mark.READ))
    kinds = np.array([1, 2, 4, 8, 16])
    return Batch(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        targets=torch.from_numpy(np.roll(ids, -1, 1).ravel()[positions]),
        weights=torch.from_numpy(weights.ravel()[positions]).float(),
        read=torch.from_numpy(read),
        marks=torch.from_numpy((marks.ravel()[read][:, None] & kinds) > 0).float(),
        facts=torch.from_numpy(facts),
        said=torch.from_numpy(said.ravel()[facts] - 1),
        asked=torch.from_numpy(asked.ravel()[facts] - 1),
        ends=torch.tensor([i * length + end for i, row in enumerate(rows) for end, _ in row.ends], dtype=torch.long),
        scores=torch.tensor([s for row in rows for _, s in row.ends], dtype=torch.long).view(-1, 4) - 1,
        tasks=[row.task for row in rows],
        rows=torch.from_numpy(positions // length),
    )


def batches(rows: list[Encoded], tokens: int, keep_rest: bool = True) -> tuple[list[Batch], list[Encoded]]:
    """Sort rows by length into full batches; return these and the rows that are left."""
    rest, out = [], []
    by_length: dict[int, list[Encoded]] = {length: [] for length in LENGTHS}
    for row in rows:
        fitting = next((length for length in LENGTHS if len(row.ids) <= length), None)
        if fitting:
            by_length[fitting].append(row)
    for length, group in by_length.items():
        count = tokens // length
        for i in range(0, len(group), count):
            if len(group) - i < count and keep_rest:
                rest += group[i:]
            else:
                out.append(collate(group[i : i + count], length, count))
    return out, rest


def stream(draw: Callable[[random.Random, int], Sample], folder: Path, seed: int, tokens: int) -> Iterator[Batch]:
    """Yield batches for ever, from samples that a second process draws and encodes.

    Args:
        draw: returns a sample, given a generator and the number of the chunk; must be picklable.
        folder: the tokenizer's folder.
        seed: with the chunk's number it decides every sample.
        tokens: tokens in a batch, padding included.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=2)
    process = context.Process(target=_produce, args=(queue, draw, folder, seed), daemon=True)
    process.start()
    try:
        rest: list[Encoded] = []
        rng = random.Random(seed)
        while True:
            full, rest = batches(rest + queue.get(), tokens)
            rng.shuffle(full)
            yield from full
    finally:
        process.kill()


def _produce(queue, draw: Callable[[random.Random, int], Sample], folder: Path, seed: int) -> None:
    tokenizer = load_tokenizer(folder)
    number = 0
    while True:
        rng = random.Random(f"{seed}/{number}")
        queue.put(encode([draw(rng, number) for _ in range(CHUNK)], tokenizer))
        number += 1


def on_device(device: str, source: Iterator[Batch]) -> Iterator[Batch]:
    """Move batches to where the model is."""
    for batch in source:
        moved = {k: v.to(device) for k, v in vars(batch).items() if isinstance(v, Tensor)}
        yield replace(batch, **moved)
