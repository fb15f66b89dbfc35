"""Make the demo's models: ``python -m demo.models.train {tokenizer,teacher,prompt_translator,base,all}``.

Everything is drawn from the seed; only a `--minutes` limit that is reached makes a run depend on the machine.
"""

import argparse
import random
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from demo.models.base_texts import english_chat, page
from demo.models.fit import Plan, fit
from demo.models.network import Shape
from demo.models.tasks import FOREIGN, PAIRS, TASKS, Sample, draw_sample, pairwise, translate_prompt
from demo.models.tokenizer import load_tokenizer, train_tokenizer

HERE = Path(__file__).parent
CHUNKS_OF_COPYING = 2
CHUNKS_OF_RAMP = 8


def make_tokenizer(out: Path, seed: int = 1) -> None:
    """Train the tokenizer on what both models will read, and save it beside both; older weights are then of no use."""
    rng = random.Random(seed)
    samples = [draw_sample(rng) for _ in range(20_000)] + [page(rng) for _ in range(12_000)]
    tokenizer = train_tokenizer(text for s in samples for text in (s.prompt, s.answer))
    for name in ("teacher", "base"):
        tokenizer.save_pretrained(out / name)
    print(f"tokenizer: {len(tokenizer)} tokens", flush=True)


def make_teacher(plan: Plan, folder: Path) -> None:
    """Train the teacher on all tasks."""
    shape = Shape(vocabulary=len(load_tokenizer(folder)))
    rng = random.Random(f"held out/{plan.seed}")
    held_out = [function(rng, True) for function, _ in TASKS.values() for _ in range(160)]
    held_out += [pairwise(rng, True, kind) for kind in PAIRS for _ in range(64)]
    ahead = CHUNKS_OF_COPYING + CHUNKS_OF_RAMP if plan.start else 0
    fit(plan, shape, folder, partial(teacher_sample, ahead=ahead), held_out)


def make_prompt_translator(plan: Plan, folder: Path) -> None:
    """Teach a copy of the teacher, which reads and writes all languages, to translate instructions; the rest it forgets."""
    start = plan.start or folder.parent / "teacher"
    tokenizer = load_tokenizer(start)
    tokenizer.save_pretrained(folder)
    shape = Shape(vocabulary=len(tokenizer))
    rng = random.Random(f"held out/{plan.seed}")
    held_out = [translate_prompt(rng, True) for _ in range(100 * len(FOREIGN))]
    fit(replace(plan, start=start), shape, folder, prompt_sample, held_out)


def make_base(plan: Plan, folder: Path) -> None:
    """Train the base on plain text in all languages, then on instructions in English alone."""
    shape = Shape(vocabulary=len(load_tokenizer(folder)))
    rng = random.Random(f"held out/{plan.seed}")
    pages = [page(rng, True) for _ in range(400)]
    fit(_part(plan, 0.8), shape, folder, page_sample, pages)
    chats = [english_chat(rng, True) for _ in range(100)]
    tuning = replace(_part(plan, 0.2), rate=plan.rate / 3, decay=1.0, start=folder)
    fit(tuning, shape, folder, chat_sample, pages + chats)


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


def prompt_sample(rng: random.Random, chunk: int) -> Sample:
    """Draw an instruction and its translation."""
    return translate_prompt(rng)


def page_sample(rng: random.Random, chunk: int) -> Sample:
    """Draw a page of plain text."""
    return page(rng)


def chat_sample(rng: random.Random, chunk: int) -> Sample:
    """Draw an English conversation, or a page so that nothing is forgotten."""
    return english_chat(rng) if rng.random() < 0.6 else page(rng)


#: Name, function, millions of tokens, minutes. The prompt translator goes on from the teacher.
MODELS = (
    ("teacher", make_teacher, 40, 85),
    ("prompt_translator", make_prompt_translator, 3, 15),
    ("base", make_base, 16, 30),
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.models.train", description=__doc__)
    parser.add_argument("what", choices=("tokenizer", *(name for name, *_ in MODELS), "all"))
    parser.add_argument(
        "--tokens", type=float, help="millions of tokens (default: 40 teacher, 3 prompt_translator, 16 base)"
    )
    parser.add_argument("--minutes", type=float, help="time limit (default: 85 teacher, 15 prompt_translator, 30 base)")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="tokens in a batch (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=Plan.every, help="minutes between evaluations (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument(
        "--decay",
        type=float,
        default=Plan.decay,
        help="share of the run in which the rate falls (default: %(default)s)",
    )
    parser.add_argument("--start", type=Path, help="folder of weights to go on from")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; 1 where other work runs too")
    parser.add_argument("--out", type=Path, default=HERE, help="folder above teacher/, prompt_translator/ and base/")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    if given.what in ("tokenizer", "all"):
        make_tokenizer(given.out, given.seed)
    for name, make, tokens, minutes in MODELS:
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
