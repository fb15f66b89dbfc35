"""How far a model is while it trains: measured on held-out stories, without writing a text."""

from collections import defaultdict

import torch

from demo.models.batches import Batch, on_device
from demo.models.faults import Mark
from demo.models.network import Network
from demo.models.truth import CRITERIA


@torch.no_grad()
def exact_share(model: Network, tests: list[Batch]) -> dict[str, float]:
    """Share of samples, per task, whose every token is the most likely one, so that greedy decoding writes it.

    Of plain text it is the share of tokens. What the helper heads see is printed.
    """
    right: dict[str, list[float]] = defaultdict(list)
    seen = Seen()
    for batch in on_device(next(model.parameters()).device.type, iter(tests)):
        with torch.autocast(batch.ids.device.type, torch.bfloat16):
            states, inside = model(batch.ids)
            hits = (model.logits(states.flatten(0, 1)[batch.positions]).argmax(-1) == batch.targets).float()
            seen.add(model, inside, batch)
        wrong = torch.zeros(len(batch.ids), device=hits.device).index_add_(0, batch.rows, 1 - hits)
        count = torch.zeros_like(wrong).index_add_(0, batch.rows, torch.ones_like(hits))
        for task, misses, tokens in zip(batch.tasks, wrong.tolist(), count.tolist(), strict=False):
            right[task].append(1 - misses / tokens if task.startswith("page") else float(misses == 0))
    print(seen, flush=True)
    return {task: sum(values) / len(values) for task, values in right.items()}


class Seen:
    """What the helper heads see: which facts and scores they name, which marks they find."""

    def __init__(self) -> None:
        self.named: dict[str, list[bool]] = defaultdict(list)
        self.marks: dict[str, list[tuple[bool, bool]]] = defaultdict(list)

    def add(self, model: Network, inside: dict[str, torch.Tensor], batch: Batch) -> None:
        rows = {name: states.flatten(0, 1) for name, states in inside.items()}
        scores = model.helper["scores"](rows["scores"][batch.ends]).view(-1, len(CRITERIA), 5).argmax(-1)
        for i, name in enumerate(CRITERIA):
            self.named[name] += (scores[:, i] == batch.scores[:, i]).tolist()
        for name, wanted in (("said", batch.said), ("asked", batch.asked)):
            self.named[name] += (model.helper[name](rows["facts"][batch.facts]).argmax(-1) == wanted).tolist()
        guesses = model.helper["marks"](rows["marks"][batch.read]) > 0
        for i, mark in enumerate(Mark):
            if mark is not Mark.READ:
                both = zip(guesses[:, i].tolist(), (batch.marks[:, i] > 0).tolist(), strict=True)
                self.marks[str(mark.name).lower()] += [pair for pair in both if any(pair)]

    def __str__(self) -> str:
        parts = [f"{name} {sum(hits) / len(hits):.2f}" for name, hits in self.named.items() if hits]
        parts += [f"mark {name} {sum(map(all, pairs)) / len(pairs):.2f}" for name, pairs in self.marks.items() if pairs]
        return "helpers: " + "  ".join(parts)
