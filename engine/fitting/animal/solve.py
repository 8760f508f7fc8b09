"""Adam over the unknowns of a fit, each in steps of its own size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .energy import Weights
from .state import State

_STEPS = {"latent": 0.05, "limbs": 0.01, "turn": 0.02, "place": 0.006, "angles": 0.02}
_SLOWEST = 0.05  # of the first steps' size, at the end


def descend(
    state: State,
    energy: Callable[[State, Weights], Tensor],
    weights: Weights,
    count: int,
    free: Sequence[str] = tuple(_STEPS),
    tick: Callable[[], None] = lambda: None,
) -> float:
    """Make `energy` small in `count` steps over the unknowns named in `free`; the last energy."""
    unknowns = {name: value for name, value in state.unknowns().items() if name in free}
    for value in unknowns.values():
        value.requires_grad_(True)
    groups = [{"params": [value], "lr": _STEPS[name]} for name, value in unknowns.items()]
    adam = torch.optim.Adam(groups, betas=(0.85, 0.99))
    last = math.inf
    for step in range(count):
        share = _SLOWEST + (1 - _SLOWEST) * 0.5 * (1 + math.cos(math.pi * step / count))
        for group, name in zip(adam.param_groups, unknowns, strict=True):
            group["lr"] = _STEPS[name] * share
        adam.zero_grad()
        value = energy(state, weights)
        value.backward()
        adam.step()
        last = float(value.detach())
        tick()
    for value in unknowns.values():
        value.requires_grad_(False)
    return last
