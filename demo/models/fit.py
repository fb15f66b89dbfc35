"""The training loop: next-token loss on the replies, and helper heads that teach the steps to a verdict."""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from demo.models.batches import Batch, batches, encode, on_device, stream
from demo.models.cards import write_card
from demo.models.muon import Muon
from demo.models.network import Network, Shape, export, from_llama
from demo.models.progress import exact_share
from demo.models.tasks import Sample
from demo.models.tokenizer import load_tokenizer

WARM_UP = 60
# Wrong facts are few among the words: each counts for more.
_POSITIVE = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Plan:
    """How one model is trained.

    Attributes:
        tokens: length of the run, padding included.
        minutes: time after which it must be done; the learning rate falls with whichever of both is nearer its end.
        batch: tokens in a batch.
        rate: highest learning rate.
        decay: last part of the run in which the learning rate falls to zero.
        seed: decides every sample and the first weights.
        every: minutes between two evaluations.
        start: folder of weights to go on from.
    """

    tokens: int
    minutes: float
    batch: int = 6144
    rate: float = 1.5e-3
    decay: float = 0.7
    seed: int = 1
    every: float = 3.0
    start: Path | None = None


def fit(
    plan: Plan, shape: Shape, folder: Path, draw: Callable[[random.Random, int], Sample], held_out: list[Sample]
) -> None:
    """Train a model, from scratch or from `plan.start`, and write the best weights so far to the folder after every evaluation."""
    torch.manual_seed(plan.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = load_tokenizer(folder)
    model = Network(shape).to(device)
    if plan.start:
        model.load_state_dict(from_llama(load_file(plan.start / "model.safetensors"), shape), strict=False)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    run = torch.compile(model)
    optimizers = _optimizers(model, plan)
    tests, _ = batches(encode(held_out, tokenizer), plan.batch, keep_rest=False)
    total = sum(p.numel() for p in model.parameters())
    print(f"{total / 1e6:.2f} M parameters on {device}, {plan}", flush=True)

    started = evaluated = time.monotonic()
    seen, step, best, losses = 0, 0, -1.0, defaultdict(list)
    for batch in on_device(device, stream(draw, folder, plan.seed, plan.batch)):
        done = max(seen / plan.tokens, (time.monotonic() - started) / 60 / plan.minutes)
        if done >= 1:
            break
        rate = plan.rate * min(1.0, (step + 1) / WARM_UP) * min(1.0, (1 - done) / plan.decay)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        loss, helper = _step(model, run, batch, optimizers)
        seen, step = seen + batch.ids.numel(), step + 1
        with torch.no_grad():
            keep = min(0.995, step / (step + 50))
            for name, p in model.named_parameters():
                average[name].lerp_(p, 1 - keep)
        losses["loss"].append(loss)
        losses["helper"].append(helper)
        now = time.monotonic()
        if step % 50 == 0:
            speed = seen / (now - started)
            left = (now - started) / max(done, 1e-9) * (1 - done) / 60
            means = "  ".join(f"{name} {sum(v) / len(v):.4f}" for name, v in losses.items())
            print(
                f"step {step}  {seen / 1e6:.2f} M tokens  {speed:,.0f} tokens/s  {means}  {left:.1f} min left",
                flush=True,
            )
            losses.clear()
        if now - evaluated > plan.every * 60 and done < 0.97:
            best = _keep_best(model, average, tests, best, lambda state: export(state, shape, tokenizer, folder))
            evaluated = time.monotonic()
    _keep_best(model, average, tests, best, lambda state: export(state, shape, tokenizer, folder))
    write_card(folder.name, folder, total - sum(p.numel() for p in model.helper.parameters()))


def _optimizers(model: Network, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for everything else."""
    parts = {"qkv": 3, "gate_up": 2}
    inner = {name: p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
    rest = [p for name, p in model.named_parameters() if name not in inner]
    muon = Muon([(p, parts.get(name.split(".")[2], 1)) for name, p in inner.items()], lr=plan.rate)
    adam = torch.optim.AdamW(rest, lr=plan.rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [muon, adam]


def _step(model: Network, run: Callable, batch: Batch, optimizers: list[torch.optim.Optimizer]) -> tuple[float, float]:
    with torch.autocast(batch.ids.device.type, torch.bfloat16):
        states, inside = run(batch.ids)
        logits = model.logits(states.flatten(0, 1).index_select(0, batch.positions))
        each = F.cross_entropy(logits, batch.targets, reduction="none")
        # By a constant, not by the batch's own sum: a batch of verdicts must not weigh as much as one of sentences.
        loss = (each * batch.weights).sum() / (0.3 * batch.ids.numel())
        helper = _helper_loss(model, inside, batch) / batch.ids.numel()
    (loss + helper).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return loss.item(), helper.item()


def _helper_loss(model: Network, inside: dict[str, Tensor], batch: Batch) -> Tensor:
    """Return what the helper heads get wrong: the steps to a verdict, which the verdict alone would take long to teach."""
    if not len(batch.read):
        return torch.zeros((), device=batch.ids.device)
    rows = {name: states.flatten(0, 1) for name, states in inside.items()}
    guesses = model.helper["marks"](rows["marks"].index_select(0, batch.read)).float()
    weight = _POSITIVE.to(guesses)
    loss = 3 * F.binary_cross_entropy_with_logits(guesses, batch.marks, pos_weight=weight) * len(batch.read)
    facts = rows["facts"].index_select(0, batch.facts)
    for name, wanted in (("said", batch.said), ("asked", batch.asked)):
        loss = loss + F.cross_entropy(model.helper[name](facts).float(), wanted, reduction="sum")
    scores = model.helper["scores"](rows["scores"].index_select(0, batch.ends)).float().view(-1, 5)
    return loss + 2 * F.cross_entropy(scores, batch.scores.flatten(), reduction="sum")


def _keep_best(model: Network, average: dict[str, Tensor], tests: list[Batch], best: float, save: Callable) -> float:
    """Evaluate the averaged weights and save them where they are the best so far."""
    current = {name: p.detach().clone() for name, p in model.named_parameters()}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(average[name])
        accuracy = exact_share(model, tests)
        mean = sum(accuracy.values()) / len(accuracy)
        print(
            f"held out, exact: {mean:.3f}  " + "  ".join(f"{k} {v:.2f}" for k, v in sorted(accuracy.items())),
            flush=True,
        )
        if mean >= best:
            save({name: p.detach() for name, p in model.state_dict().items()})
        for name, p in model.named_parameters():
            p.copy_(current[name])
    return max(best, mean)
