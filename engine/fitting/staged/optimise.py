"""First-order minimisers over a batch of independent problems: L-BFGS and Adam.

Every problem has its own step length, history and end; those that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# evaluate(x (n, D), rows (n,)) -> energy (n,) and gradient (n, D) of the problems `rows`.
Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_HISTORY = 20
_ARMIJO, _WOLFE = 1e-4, 0.9
_TRIALS = 20  # evaluations of one line search


@dataclass(frozen=True)
class Limits:
    """When to stop. A problem ends at the first of these."""

    iterations: int
    ftol: float = 1e-9  # gain of one iteration relative to max(|before|, |after|, 1)
    gtol: float = 1e-9  # largest entry of the gradient
    rate: float = 1.0  # first step length of a line search (L-BFGS), step of Adam


@dataclass
class Found:
    """Where N problems ended."""

    x: Tensor  # (N, D)
    energy: Tensor  # (N,)
    iterations: int
    evaluations: int  # of one problem: the energies asked for, over N


def by_autograd(energy: Callable[[Tensor, Tensor], Tensor]) -> Evaluate:
    """An energy (x, rows) -> (n,) with its gradient."""

    def evaluate(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_()
        value = energy(x, rows)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        return value.detach(), gradient

    return evaluate


def _finite(evaluate: Evaluate, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Energies and gradients; what is not a number counts as infinitely bad."""
    value, gradient = evaluate(x, rows)
    good = value.isfinite() & gradient.isfinite().all(-1)
    value = torch.where(good, value, torch.full_like(value, torch.inf))
    return value, torch.where(good[:, None], gradient, torch.zeros_like(gradient))


class _Memory:
    """The last steps and changes of the gradient of n problems."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []  # (n, D) each
        self.changes: list[Tensor] = []
        self.curves: list[Tensor] = []  # (n,) 1 / (step . change); 0 where a pair is not usable

    def keep(self, rows: Tensor) -> None:
        """Only these problems go on."""
        for pairs in (self.steps, self.changes, self.curves):
            pairs[:] = [values[rows] for values in pairs]

    def add(self, step: Tensor, change: Tensor) -> None:
        dot = (step * change).sum(-1)
        usable = dot > 1e-10 * step.norm(dim=-1) * change.norm(dim=-1)
        self.curves.append(torch.where(usable, 1 / torch.where(usable, dot, 1.0), 0.0))
        self.steps.append(step)
        self.changes.append(change)
        if len(self.steps) > _HISTORY:
            for pairs in (self.steps, self.changes, self.curves):
                del pairs[0]

    def direction(self, gradient: Tensor) -> Tensor:
        """(n, D) minus the inverse Hessian times the gradient (two-loop recursion)."""
        q, shares = -gradient, []
        scale = gradient.new_ones(len(gradient), 1)
        pairs = list(zip(self.steps, self.changes, self.curves, strict=True))
        for step, change, curve in reversed(pairs):
            share = (curve * (step * q).sum(-1))[:, None]
            q = q - share * change
            shares.append(share)
        for _, change, curve in pairs:  # the latest usable pair gives the scale
            fresh = (1 / (curve * change.square().sum(-1)).clamp_min(1e-30))[:, None]
            scale = torch.where(curve[:, None] > 0, fresh, scale)
        q = q * scale
        for (step, change, curve), share in zip(pairs, reversed(shares), strict=True):
            q = q + step * (share - (curve * (change * q).sum(-1))[:, None])
        return q


def lbfgs(
    evaluate: Evaluate, start: Tensor, limits: Limits, tick: Callable[[], None] | None = None
) -> Found:
    """L-BFGS with a weak Wolfe line search by bisection in every problem.

    start (N, D). `tick` is called before each iteration and may raise to stop the work.
    """
    rows = torch.arange(len(start), device=start.device)
    value, gradient = _finite(evaluate, start, rows)
    best = Found(start.clone(), value.clone(), 0, 0)
    x, memory, asked = start.clone(), _Memory(), len(start)
    gain = torch.full_like(value, torch.inf)
    while best.iterations < limits.iterations:
        going = value.isfinite() & (gradient.abs().amax(-1) > limits.gtol) & (gain > limits.ftol)
        if not bool(going.all()):
            rows, x, value, gradient = (v[going] for v in (rows, x, value, gradient))
            memory.keep(going)
        if not len(rows):
            break
        if tick:
            tick()
        direction = memory.direction(gradient)
        uphill = (direction * gradient).sum(-1) >= 0
        direction = torch.where(uphill[:, None], -gradient, direction)
        length = torch.full_like(value, limits.rate)
        if best.iterations == 0:
            length = length * (1 / gradient.abs().sum(-1).clamp_min(1e-30)).clamp(max=1.0)
        moved, lower, slope, trials = _search(evaluate, rows, x, value, gradient, direction, length)
        asked += trials
        memory.add(moved - x, slope - gradient)
        size = torch.maximum(value.abs(), lower.abs()).clamp_min(1.0)
        gain = (value - lower) / size
        x, value, gradient = moved, lower, slope
        best.x[rows], best.energy[rows] = x, value
        best.iterations += 1
    best.evaluations = round(asked / max(len(start), 1))
    return best


def _search(
    evaluate: Evaluate,
    rows: Tensor,
    x: Tensor,
    value: Tensor,
    gradient: Tensor,
    direction: Tensor,
    length: Tensor,
) -> tuple[Tensor, Tensor, Tensor, int]:
    """One step along `direction`: (x, energy, gradient) there and the evaluations it took.

    Doubles a step that is too short and bisects one that is too long (weak Wolfe). The best point
    that lowers the energy is taken when the trials run out; none, and the problem stays.
    """
    slope = (direction * gradient).sum(-1)
    low, high = torch.zeros_like(length), torch.full_like(length, torch.inf)
    found, lowest, there = x.clone(), value.clone(), gradient.clone()
    open_, asked = torch.arange(len(x), device=x.device), 0
    for _ in range(_TRIALS):
        step = x[open_] + length[open_, None] * direction[open_]
        energy, turned = _finite(evaluate, step, rows[open_])
        asked += len(open_)
        better = energy < lowest[open_]
        chosen = open_[better]
        found[chosen], lowest[chosen], there[chosen] = step[better], energy[better], turned[better]
        short = (direction[open_] * turned).sum(-1) < _WOLFE * slope[open_]
        long = ~(energy <= value[open_] + _ARMIJO * length[open_] * slope[open_])
        high[open_] = torch.where(long, length[open_], high[open_])
        low[open_] = torch.where(~long & short, length[open_], low[open_])
        open_ = open_[long | short]
        if not len(open_):
            break
        bounded = high[open_].isfinite()
        middle = 0.5 * (low[open_] + torch.where(bounded, high[open_], 0.0))
        length[open_] = torch.where(bounded, middle, 2 * length[open_])
    return found, lowest, there, asked


def adam(
    evaluate: Evaluate, start: Tensor, limits: Limits, tick: Callable[[], None] | None = None
) -> Found:
    """Adam (Kingma and Ba, 2015). Its energy goes up and down, so `ftol` compares the best of
    the last ten iterations with the best before them; the best point of all is returned."""
    rows = torch.arange(len(start), device=start.device)
    best = Found(start.clone(), torch.full_like(start[:, 0], torch.inf), 0, 0)
    x, mean, square = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    before = best.energy.clone()
    for count in range(1, limits.iterations + 1):
        if tick:
            tick()
        value, gradient = _finite(evaluate, x, rows)
        better = value < best.energy
        best.x[better], best.energy[better] = x[better], value[better]
        best.iterations = best.evaluations = count
        going = bool((gradient.abs().amax(-1) > limits.gtol).any())
        if count % 10 == 0:
            size = torch.maximum(before.abs(), best.energy.abs()).clamp_min(1.0)
            gain = (before - best.energy) / size
            going = going and bool((~(gain <= limits.ftol)).any())
            before = best.energy.clone()
        if not going:
            break
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient.square()
        step = mean / (1 - 0.9**count) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)
        x = x - limits.rate * step
    return best


MINIMISERS = {"lbfgs": lbfgs, "adam": adam}
