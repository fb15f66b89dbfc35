"""Make the demo's models: ``python -m demo.models.train {tokenizer,teacher,base,all}``.

Everything is drawn from the seed; only a `--minutes` limit that is reached makes a run depend on the machine.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from demo.models.base_texts import english_chat, page
from demo.models.batches import Batch, batches, encode, stream
from demo.models.cards import write_card
from demo.models.muon import Muon
from demo.models.network import Network, Shape, export, from_llama
from demo.models.tasks import PAIRS, TASKS, Sample, draw_sample, pairwise
from demo.models.tokenizer import load_tokenizer, train_tokenizer
from demo.models.truth import CRITERIA

HERE = Path(__file__).parent
CHUNKS_OF_COPYING = 2
CHUNKS_OF_RAMP = 8
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
    batch: int = 8192
    rate: float = 3e-3
    decay: float = 0.4
    seed: int = 1
    every: float = 3.0
    start: Path | None = None


def make_tokenizer(seed: int = 1) -> None:
    """Train the tokenizer on what both models will read, and save it beside both."""
    rng = random.Random(seed)
    samples = [draw_sample(rng) for _ in range(20_000)] + [page(rng) for _ in range(12_000)]
    tokenizer = train_tokenizer(text for s in samples for text in (s.prompt, s.answer))
    for name in ("teacher", "base"):
        tokenizer.save_pretrained(HERE / name)
    print(f"tokenizer: {len(tokenizer)} tokens", flush=True)


def make_teacher(plan: Plan, folder: Path) -> None:
    """Train the teacher on all tasks."""
    shape = Shape(vocabulary=len(load_tokenizer(folder)))
    rng = random.Random(f"held out/{plan.seed}")
    held_out = [function(rng, True) for function, _ in TASKS.values() for _ in range(160)]
    held_out += [pairwise(rng, True, kind) for kind in PAIRS for _ in range(64)]
    ahead = CHUNKS_OF_COPYING + CHUNKS_OF_RAMP if plan.start else 0
    train(plan, shape, folder, partial(teacher_sample, ahead=ahead), held_out)


def make_base(plan: Plan, folder: Path) -> None:
    """Train the base on plain text in all languages, then on instructions in English alone."""
    shape = Shape(vocabulary=len(load_tokenizer(folder)))
    rng = random.Random(f"held out/{plan.seed}")
    pages = [page(rng, True) for _ in range(400)]
    train(_part(plan, 0.8), shape, folder, page_sample, pages)
    chats = [english_chat(rng, True) for _ in range(100)]
    tuning = replace(_part(plan, 0.2), rate=plan.rate / 3, decay=1.0, start=folder)
    train(tuning, shape, folder, chat_sample, pages + chats)


def _part(plan: Plan, share: float) -> Plan:
    return replace(plan, tokens=int(plan.tokens * share), minutes=plan.minutes * share)


def teacher_sample(rng: random.Random, chunk: int, ahead: int = 0) -> Sample:
    """Draw a sample: copying within English first, then writing in all languages, then ever more judging."""
    chunk += ahead
    if chunk < CHUNKS_OF_COPYING:
        return draw_sample(rng, shares={"question": 0.4, "refine": 0.2, "answer": 0.2, "translate": 0.2})
    ramp = min(2.0, 0.3 + 1.7 * (chunk - CHUNKS_OF_COPYING) / CHUNKS_OF_RAMP)
    judging = ("quality", "score", "criteria", "pairwise")
    return draw_sample(rng, shares={n: s * (ramp if n in judging else 1.0) for n, (_, s) in TASKS.items()})


def page_sample(rng: random.Random, chunk: int) -> Sample:
    """Draw a page of plain text."""
    return page(rng)


def chat_sample(rng: random.Random, chunk: int) -> Sample:
    """Draw an English conversation, or a page so that nothing is forgotten."""
    return english_chat(rng) if rng.random() < 0.6 else page(rng)


def train(
    plan: Plan, shape: Shape, folder: Path, draw: Callable[[random.Random, int], Sample], held_out: list[Sample]
) -> None:
    """Train a model from scratch, and write the best weights so far to the folder after every evaluation."""
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
    for batch in _on(device, stream(draw, folder, plan.seed, plan.batch)):
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


def exact_share(model: Network, tests: list[Batch]) -> dict[str, float]:
    """Share of samples, per task, whose every token is the most likely one, so that greedy decoding writes it."""
    right: dict[str, list[float]] = defaultdict(list)
    named: dict[str, list[bool]] = defaultdict(list)
    seen_marks: dict[tuple[str, bool, bool], int] = defaultdict(int)
    for batch in _on(next(model.parameters()).device.type, iter(tests)):
        with torch.autocast(batch.ids.device.type, torch.bfloat16):
            states, inside = model(batch.ids)
            hits = (model.logits(states.flatten(0, 1)[batch.positions]).argmax(-1) == batch.targets).float()
            rows = {name: x.flatten(0, 1) for name, x in inside.items()}
            guesses = model.helper["marks"](rows["marks"][batch.read]) > 0
            facts = rows["facts"][batch.facts]
            scores = model.helper["scores"](rows["scores"][batch.ends]).view(-1, 4, 5).argmax(-1)
        for i, name in enumerate(CRITERIA):
            named[name] += (scores[:, i] == batch.scores[:, i]).tolist()
        for name, wanted in (("said", batch.said), ("asked", batch.asked)):
            named[name] += (model.helper[name](facts.float()).argmax(-1) == wanted).tolist()
        for i, kind in enumerate(("fact", "broken", "remark", "language", "missing")):
            for guess, mark in ((True, True), (True, False), (False, True)):
                seen_marks[kind, guess, mark] += int(((guesses[:, i] == guess) & (batch.marks[:, i] == mark)).sum())
        misses = torch.zeros(len(batch.ids), device=hits.device).index_add_(0, batch.rows, 1 - hits)
        plain = torch.zeros_like(misses).index_add_(0, batch.rows, torch.ones_like(hits))
        for task, wrong, count in zip(batch.tasks, misses.tolist(), plain.tolist(), strict=False):
            right[task].append(1 - wrong / count if task.startswith("page") else float(wrong == 0))
    print("inside: " + "  ".join(f"{k} {sum(v) / max(1, len(v)):.2f}" for k, v in named.items()), flush=True)
    for kind in sorted({kind for kind, _, _ in seen_marks}):
        hits, false, missed = (seen_marks[kind, *key] for key in ((True, True), (True, False), (False, True)))
        print(
            f"marks {kind}: precision {hits / max(1, hits + false):.2f} recall {hits / max(1, hits + missed):.2f}",
            flush=True,
        )
    return {task: sum(values) / len(values) for task, values in right.items()}


def _on(device: str, source: Iterator[Batch]) -> Iterator[Batch]:
    for batch in source:
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(batch).items()}
        yield Batch(**moved)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.models.train", description=__doc__)
    parser.add_argument("what", choices=("tokenizer", "teacher", "base", "all"))
    parser.add_argument("--tokens", type=float, help="millions of tokens (default: 50 teacher, 17 base)")
    parser.add_argument("--minutes", type=float, help="time limit (default: 80 teacher, 30 base)")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="highest learning rate")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="tokens in a batch")
    parser.add_argument("--every", type=float, default=Plan.every, help="minutes between evaluations")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--decay", type=float, default=Plan.decay, help="share of the run in which the rate falls")
    parser.add_argument("--start", type=Path, help="folder of weights to go on from")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, default=HERE, help="folder above teacher/ and base/")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    if given.what in ("tokenizer", "all"):
        make_tokenizer(given.seed)
    for name, make, tokens, minutes in (("teacher", make_teacher, 50, 80), ("base", make_base, 17, 30)):
        if given.what in (name, "all"):
            plan = Plan(
                int((given.tokens or tokens) * 1e6),
                given.minutes or minutes,
                batch=given.batch,
                rate=given.rate,
                seed=given.seed,
                every=given.every,
                start=given.start,
                decay=given.decay,
            )
            make(plan, given.out / name)


if __name__ == "__main__":
    main(sys.argv[1:])
