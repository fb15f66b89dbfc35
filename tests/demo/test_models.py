"""The shipped models: their files, the chat format, and what they can do on stories they never saw."""

import json
import random
from pathlib import Path

import pytest

from demo.models.faults import draw_facts, make_response
from demo.models.tasks import FOREIGN, NAMES, PAIRS, TASKS, draw_pair, draw_sample, translate_prompt
from demo.models.truth import better, find, language_of, scores, translation_quality
from demo.world.facts import is_held_out
from demo.world.text import facts_in, instruction, passage

MODELS = Path(__file__).parents[2] / "demo" / "models"
NAMES_OF_MODELS = ("teacher", "prompt_translator", "base")


@pytest.fixture(scope="module")
def load():
    """Model and tokenizer by name, loaded once."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.set_num_threads(1)  # a second thread only waits on models of this size
    loaded = {}

    def _load(name):
        if name not in loaded:
            tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / name)
            model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float32).eval()
            loaded[name] = model, tokenizer
        return loaded[name]

    return _load


@pytest.fixture(scope="module")
def reply(load):
    """Greedy replies to user messages."""
    import torch

    def _reply(name, prompts):
        model, tokenizer = load(name)
        chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
        batch = tokenizer.apply_chat_template(
            chats,
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
            tokenizer_kwargs={"padding_side": "left"},
        )
        with torch.no_grad():
            out = model.generate(**batch, max_new_tokens=90, do_sample=False)
        return tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    return _reply


@pytest.mark.parametrize("name", NAMES_OF_MODELS)
def test_weights_are_small_and_carry_no_path(name):
    folder = MODELS / name
    assert (folder / "model.safetensors").stat().st_size < 8_000_000
    for file in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md"):
        text = (folder / file).read_text(encoding="utf-8")
        assert "/home/" not in text
        assert str(MODELS.parents[1]) not in text


@pytest.mark.parametrize("name", NAMES_OF_MODELS)
def test_chat_template_renders_every_role_and_marks_the_assistants_words(load, name):
    _, tokenizer = load(name)
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "The owl."},
    ]
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    assert text == "<|system|>Be brief.<|end|><|user|>Who?<|end|><|assistant|>The owl.<|end|>"
    asked = tokenizer.apply_chat_template(chat[:2], tokenize=False, add_generation_prompt=True)
    assert text.startswith(asked)
    tokens = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    marked = [i for i, on in zip(tokens["input_ids"], tokens["assistant_masks"], strict=True) if on]
    assert tokenizer.decode(marked) == "The owl.<|end|>"


@pytest.mark.parametrize("name", NAMES_OF_MODELS)
def test_a_verdict_is_one_token(load, name):
    _, tokenizer = load(name)
    header = tokenizer("<|assistant|>").input_ids
    for verdict in "12345AB":
        assert len(tokenizer(f"<|assistant|>{verdict}").input_ids) == len(header) + 1


def test_tokenizer_gives_back_every_language(load):
    _, tokenizer = load("teacher")
    facts = draw_facts(random.Random(0))
    for code in NAMES:
        text = passage(facts, code, 0)
        assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_teacher_names_the_right_animal_in_a_question(reply):
    samples = _held_out("question", 4)
    replies = reply("teacher", [s.prompt for s in samples])
    assert [facts_in(r, "en")["animal"] for r in replies] == [facts_in(s.answer, "en")["animal"] for s in samples]


@pytest.mark.parametrize("task", ["translate", "answer"])
def test_teacher_writes_held_out_stories(reply, task):
    samples = _held_out(task, 8)
    replies = reply("teacher", [s.prompt for s in samples])
    assert sum(r == s.answer for r, s in zip(replies, samples, strict=True)) >= 6


def test_prompt_translator_words_held_out_instructions_as_the_world_does(reply):
    rng = random.Random(7)
    samples = [translate_prompt(rng, True) for _ in range(12)]
    replies = reply("prompt_translator", [s.prompt for s in samples])
    assert sum(r == s.answer for r, s in zip(replies, samples, strict=True)) >= 11


def test_teacher_sees_the_wrong_language_in_both_orders(reply):
    rng = random.Random(3)
    pairs = [draw_pair(rng, True, "language") for _ in range(5)]
    samples = [order.sample() for pair in pairs for order in (pair, pair.turned())]
    replies = reply("teacher", [s.prompt for s in samples])
    assert sum(r == s.answer for r, s in zip(replies, samples, strict=True)) >= 9


def test_teacher_scores_in_the_schema(reply):
    for text in reply("teacher", [s.prompt for s in _held_out("score", 3)]):
        assert list(json.loads(text)) == ["precision", "informativeness", "naturalness", "objectivity"]


def test_base_answers_in_english_whatever_is_asked(reply):
    facts = draw_facts(random.Random(5), held_out=True)
    prompts = [f"{instruction(facts, 'en', 0)} Answer in {NAMES[code]}." for code in FOREIGN]
    languages = [language_of(text) for text in reply("base", prompts)]
    assert languages.count("en") >= len(FOREIGN) - 1


def test_truth_rates_a_perfect_response_best():
    facts = draw_facts(random.Random(1))
    findings = find(passage(facts, "de", 1), facts, "de", "de")
    assert set(scores(findings).values()) == {5}
    assert translation_quality(findings) == 5


def test_truth_puts_the_language_before_the_facts():
    rng = random.Random(2)
    facts = draw_facts(rng)
    wrong_language = make_response(rng, facts, "ga", 0, ("language",))
    wrong_animal = make_response(rng, facts, "ga", 0, ("animal",))
    assert better(wrong_language.findings, wrong_animal.findings) == "B"
    assert better(wrong_animal.findings, wrong_animal.findings) is None


@pytest.mark.parametrize("kind", PAIRS)
def test_turning_a_pair_turns_the_verdict(kind):
    pair = draw_pair(random.Random(4), kind=kind)
    assert {pair.sample().answer, pair.turned().sample().answer} == {"A", "B"}


def test_marks_lie_on_the_judged_text():
    rng = random.Random(6)
    for _ in range(50):
        pair = draw_pair(rng)
        sample = pair.sample()
        read = [sample.prompt[start:end] for start, end, mark in sample.marks if int(mark) == 32]
        assert read == [pair.a.text, pair.b.text]


def test_training_never_draws_a_held_out_story():
    rng = random.Random(8)
    for _ in range(300):
        assert not is_held_out(draw_facts(rng))
        assert draw_sample(rng).answer


def _held_out(task, count):
    rng = random.Random(f"test/{task}")
    return [TASKS[task][0](rng, True) for _ in range(count)]
