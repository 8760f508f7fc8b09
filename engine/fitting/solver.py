"""Levenberg-Marquardt over a batch of clips, each with its own damping."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .banded import System, solve
from .problem import Problem, State


def minimise(
    problem: Problem,
    state: State,
    iterations: int,
    tolerance: float = 1e-4,
    tick: Callable[[], None] | None = None,
) -> tuple[State, Tensor]:
    """Lower the cost of `problem` from `state`.

    Returns the best state and its cost (B,). Stops when no clip gained more than `tolerance` of its
    cost in two steps. `tick` is called before each step and may raise to stop the work.
    """
    system = problem.linearise(state)
    damping = torch.full_like(system.cost, 1e-2)
    idle = 0
    for _ in range(iterations):
        if tick:
            tick()
        trial = problem.step(state, *solve(system, damping))
        candidate = problem.linearise(trial)
        better = candidate.cost < system.cost
        gain = torch.where(better, 1 - candidate.cost / system.cost.clamp_min(1e-12), 0 * damping)
        state = trial.where(better, state)
        system = _where(better, candidate, system)
        damping = torch.where(better, damping * 0.3, damping * 6).clamp(1e-7, 1e6)
        idle = idle + 1 if float(gain.max()) < tolerance else 0
        if idle >= 2:
            break
    return state, system.cost


def _where(mask: Tensor, a: System, b: System) -> System:
    if bool(mask.all()):
        return a
    if not bool(mask.any()):
        return b

    def choose(name: str) -> Tensor:
        x, y = getattr(a, name), getattr(b, name)
        return torch.where(mask.view(-1, *[1] * (x.dim() - 1)), x, y)

    return System(*(choose(name) for name in System.__dataclass_fields__))
