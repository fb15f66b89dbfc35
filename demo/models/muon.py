"""Muon for many small matrices: equal shapes are orthogonalised together, which on a CPU is far faster than one by one."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is replaced by the nearest orthogonal matrix, in the scale of AdamW's.

    Args:
        matrices: each with the number of equal parts it is made of (3 where q, k and v are one matrix).
        lr: learning rate.
        momentum: of the gradient's running mean.
    """

    def __init__(self, matrices: Iterable[tuple[torch.nn.Parameter, int]], lr: float, momentum: float = 0.95) -> None:
        matrices = list(matrices)
        self.parts = [count for _, count in matrices]
        super().__init__([p for p, _ in matrices], {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        group = self.param_groups[0]
        shapes: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for p, parts in zip(group["params"], self.parts, strict=True):
            mean = self.state[p].setdefault("mean", torch.zeros_like(p))
            mean.mul_(group["momentum"]).add_(p.grad)
            update = p.grad.add(mean, alpha=group["momentum"])
            for piece, change in zip(p.chunk(parts), update.chunk(parts), strict=True):
                if piece.shape[0] < piece.shape[1]:
                    piece, change = piece.t(), change.t()
                shapes[tuple(piece.shape)].append((piece, change))
        for shape, pieces in shapes.items():
            changes = _orthogonal(torch.stack([change for _, change in pieces]))
            for (piece, _), change in zip(pieces, changes, strict=True):
                piece.add_(change.to(piece.dtype), alpha=-group["lr"] * 0.2 * max(shape) ** 0.5)


def _orthogonal(x: Tensor) -> Tensor:
    """Newton-Schulz iteration on a stack of tall matrices."""
    a, b, c = _COEFFICIENTS
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16().mT.contiguous()
    for _ in range(_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT
