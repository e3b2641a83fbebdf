"""Muon: momentum whose update matrices are made orthogonal (Jordan 2024), with the step size scaled as AdamW's."""

import math
from collections.abc import Iterable

import torch


class Muon(torch.optim.Optimizer):
    """For two-dimensional hidden weights; four Newton-Schulz steps a batch of matrices of one shape."""

    def __init__(self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:
        """One update of every matrix."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[tuple[torch.nn.Parameter, torch.Tensor]]] = {}
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"])
                wide = update if update.shape[0] <= update.shape[1] else update.T
                by_shape.setdefault(tuple(sorted(p.shape)), []).append((p, wide))
            for members in by_shape.values():
                orthogonal = _orthogonal(torch.stack([update for _, update in members]))
                for (p, _), x in zip(members, orthogonal, strict=True):
                    p.mul_(1 - group["lr"] * group["decay"])
                    scale = -group["lr"] * 0.2 * math.sqrt(max(p.shape))
                    p.add_(x if p.shape[0] <= p.shape[1] else x.T, alpha=scale)


def _orthogonal(x: torch.Tensor) -> torch.Tensor:
    """The nearest orthogonal matrices, about."""
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(4):
        a = x @ x.mT
        x = 3.4445 * x + (-4.775 * a + 2.0315 * (a @ a)) @ x
    return x
