"""A small Llama that trains fast on a CPU, and its export to the format that Transformers and vLLM load."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from demo.models.tokenizer import MAX_POSITIONS


@dataclass(frozen=True)
class Shape:
    """Size of a model, and of its helper heads, which are there in training only.

    After `facts_after` blocks a head names the fact that is said at a token and the one that was asked for instead
    (`facts` values); after `marks_after` blocks another sees what is wrong there (`marks` kinds); after `scores_after`
    blocks the last token of a response tells its four scores.
    """

    vocabulary: int
    hidden: int = 192
    layers: int = 6
    head: int = 32
    inner: int = 512
    marks: int = 5
    marks_after: int = 4
    facts: int = 52
    facts_after: int = 3
    scores_after: int = 5


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden, bias=False)
        self.out = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self.gate_up = nn.Linear(shape.hidden, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.hidden, bias=False)
        self.norm_1 = nn.Parameter(torch.ones(shape.hidden))
        self.norm_2 = nn.Parameter(torch.ones(shape.hidden))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        rows, length, hidden = x.shape
        h = F.rms_norm(x, (hidden,), self.norm_1, 1e-5)
        heads = (rows, length, 3, hidden // self.shape.head, self.shape.head)
        q, k, v = self.qkv(h).view(heads).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = _rotate(q, cos, sin) * self.shape.head**-0.5, _rotate(k, cos, sin)
        # Written out: on CPUs the fused attention's backward pass is ten times slower at these lengths.
        weights = torch.softmax(q @ k.transpose(-1, -2) + mask, -1, dtype=torch.float32).to(v.dtype)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(rows, length, hidden))
        gate, up = self.gate_up(F.rms_norm(x, (hidden,), self.norm_2, 1e-5)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Network(nn.Module):
    """Token ids to the last hidden states, and to those that the helper heads read."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden))
        self.helper = nn.ModuleDict(
            {
                "marks": nn.Linear(shape.hidden, shape.marks),
                "said": nn.Linear(shape.hidden, shape.facts),
                "asked": nn.Linear(shape.hidden, shape.facts),
                "scores": nn.Linear(shape.hidden, 4 * 5),
            }
        )
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                small = (2 * shape.layers) ** -0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                nn.init.normal_(parameter, std=0.05 if "embedding" in name else 0.02 * small)
        angles = torch.outer(
            torch.arange(MAX_POSITIONS).float(), 10000.0 ** (-torch.arange(0, shape.head, 2) / shape.head)
        )
        self.register_buffer("cos", angles.cos().bfloat16(), persistent=False)
        self.register_buffer("sin", angles.sin().bfloat16(), persistent=False)
        mask = torch.full((512, 512), float("-inf")).triu(1).bfloat16()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, ids: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        length = ids.shape[1]
        cos, sin, mask = self.cos[:length], self.sin[:length], self.mask[:length, :length]
        x = self.embedding(ids)
        after = {"facts": self.shape.facts_after, "marks": self.shape.marks_after, "scores": self.shape.scores_after}
        inside = {}
        for number, block in enumerate(self.blocks, 1):
            x = block(x, cos, sin, mask)
            inside |= {name: x for name, last in after.items() if number == last}
        return F.rms_norm(x, (self.shape.hidden,), self.norm, 1e-5), inside

    def logits(self, states: Tensor) -> Tensor:
        return (states @ self.embedding.weight.t()).float()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def export(state: dict[str, Tensor], shape: Shape, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights, configuration and tokenizer as a Llama checkpoint in bfloat16."""
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // shape.head,
        num_key_value_heads=shape.hidden // shape.head,
        head_dim=shape.head,
        max_position_embeddings=MAX_POSITIONS,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype=torch.bfloat16,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    missing, unexpected = model.load_state_dict(to_llama(state, shape), strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise RuntimeError(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def to_llama(state: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Rename and split the weights as Transformers wants them."""
    out = {"model.embed_tokens.weight": state["embedding.weight"], "model.norm.weight": state["norm"]}
    for i in range(shape.layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        q, k, v = state[f"{ours}qkv.weight"].chunk(3)
        gate, up = state[f"{ours}gate_up.weight"].chunk(2)
        out |= {
            f"{theirs}self_attn.q_proj.weight": q,
            f"{theirs}self_attn.k_proj.weight": k,
            f"{theirs}self_attn.v_proj.weight": v,
            f"{theirs}self_attn.o_proj.weight": state[f"{ours}out.weight"],
            f"{theirs}mlp.gate_proj.weight": gate,
            f"{theirs}mlp.up_proj.weight": up,
            f"{theirs}mlp.down_proj.weight": state[f"{ours}down.weight"],
            f"{theirs}input_layernorm.weight": state[f"{ours}norm_1"],
            f"{theirs}post_attention_layernorm.weight": state[f"{ours}norm_2"],
        }
    return {name: value.clone().contiguous() for name, value in out.items()}


def from_llama(state: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Join and rename exported weights; the opposite of `to_llama`."""
    out = {"embedding.weight": state["model.embed_tokens.weight"], "norm": state["model.norm.weight"]}
    for i in range(shape.layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        attention = [state[f"{theirs}self_attn.{name}_proj.weight"] for name in "qkv"]
        out |= {
            f"{ours}qkv.weight": torch.cat(attention),
            f"{ours}out.weight": state[f"{theirs}self_attn.o_proj.weight"],
            f"{ours}gate_up.weight": torch.cat([state[f"{theirs}mlp.{name}_proj.weight"] for name in ("gate", "up")]),
            f"{ours}down.weight": state[f"{theirs}mlp.down_proj.weight"],
            f"{ours}norm_1": state[f"{theirs}input_layernorm.weight"],
            f"{ours}norm_2": state[f"{theirs}post_attention_layernorm.weight"],
        }
    return {name: value.float() for name, value in out.items()}
