"""A tiny model that is made in seconds: random Llama, small BPE vocabulary, chat template."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import polars as pl
import pytest

from xl_assets.tables import SftRow, check_table
from xl_assets.training.settings import SftSettings

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "<|{{ m['role'] }}|>{{ m['content'] }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ANIMALS = ("fox", "owl", "hen", "cow", "bee", "elk", "ant", "cat")


def conversation(i: int) -> tuple[str, str]:
    """An instruction and its response; lengths differ, so that batches need padding."""
    animal = ANIMALS[i % len(ANIMALS)]
    return f"Where does the {animal} number {i} live? Answer in German.", f"Im Wald. {animal} " * (1 + i % 3)


def make_rows(count: int) -> pl.DataFrame:
    """`SftRow` of so many conversations."""
    rows = []
    for i in range(count):
        ask, say = conversation(i)
        messages = [{"role": "user", "content": ask}, {"role": "assistant", "content": say}]
        rows.append({"row_id": f"r{i:04}", "release": "r1", "language": "de", "position": i, "messages": messages})
    return check_table(pl.DataFrame(rows), SftRow)


def make_base(folder: Path, hidden: int = 64, layers: int = 2, vocabulary: int = 384, dtype: str = "float32") -> Path:
    """Save a randomly initialised Llama with its tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator((" ".join(conversation(i)) for i in range(64)), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    fast.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1, pad_token_id=2, max_new_tokens=40)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def settings(base: Path) -> SftSettings:
    """Settings of a run of 18 steps that takes about a second."""
    return SftSettings(
        base_model=str(base),
        rank=8,
        alpha=16,
        dropout=0.1,
        learning_rate=5e-3,
        epochs=3,
        batch_size=4,
        gradient_accumulation=1,
        max_length=128,
        checkpoint_steps=4,
        threads=1,
    )


@pytest.fixture(scope="session")
def rows() -> pl.DataFrame:
    return make_rows(24)


@pytest.fixture(scope="session")
def rows_file(rows: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows.write_parquet(file)
    return file
