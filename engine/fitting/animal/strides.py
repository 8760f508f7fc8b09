"""Which way the legs swing between annotated frames, tried out.

Where a stride takes as long as the way from one annotated frame to the next, the legs stand alike
in both, and a fit that starts between them finds legs that never moved. So each gap is begun
several times: with its legs as they are, and with one of a pair swung forwards, the other back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from .energy import Energy, Weights
from .solve import descend
from .state import State

# Forelegs and hind legs, left and right, of every body with SMAL's joint names.
_PAIRS = (("LLeg1", "RLeg1"), ("LLegBack1", "RLegBack1"))
_SWING = 0.5  # rad about y at the middle of a gap
_LONG_ENOUGH = 4  # frames of a gap in which a stride can hide


def can_stride(energy: Energy) -> bool:
    """Whether the body has such legs, silhouettes to see them by, and gaps to swing in."""
    data, evidence = energy.model.data, energy.evidence
    known = all(name in data.joint_names for pair in _PAIRS for name in pair)
    gaps = bool(_gaps(evidence.annotated)[1].any())
    return known and data.kind != "rig" and len(evidence.masked) > 0 and gaps


def tries() -> list[tuple[int, ...]]:
    """What is tried: for each pair 0, or the sign by which its left leg swings."""
    return [(0,) * len(_PAIRS), *product((-1, 1), repeat=len(_PAIRS))]


def try_strides(
    state: State,
    energy: Energy,
    weights: Weights,
    count: int,
    free: list[str],
    tick: Callable[[], None],
) -> State:
    """The state whose gaps begin as fits best after `count` steps of each try."""
    gap, along = _gaps(energy.evidence.annotated)
    found, left = [], []
    for signs in tries():
        one = state.copy()
        for sign, pair in zip(signs, _PAIRS, strict=True):
            for way, name in ((sign, pair[0]), (-sign, pair[1])):
                joint = energy.model.data.joint_names.index(name) - 1
                one.angles[:, joint, 1] += way * _SWING * along
        descend(one, energy, weights, count, free, tick)
        with torch.no_grad():
            frames = energy.per_frame(one, weights)
        found.append(one)
        left.append(frames.new_zeros(int(gap.max()) + 1).index_add(0, gap, frames))
    best = torch.stack(left).argmin(0)[gap]  # (T,) the try that each frame takes
    best = torch.where(energy.evidence.annotated, 0, best)
    return State.woven(found, best)


def _gaps(annotated: Tensor) -> tuple[Tensor, Tensor]:
    """(T,) the number of each frame's gap, and how far a swing has come there, 0..1..0."""
    gap = annotated.long().cumsum(0)
    along = torch.zeros(len(gap), device=gap.device)
    for number in range(int(gap.max()) + 1):
        inside = ((gap == number) & ~annotated).nonzero()[:, 0]
        if len(inside) >= _LONG_ENOUGH:
            share = torch.arange(1, len(inside) + 1, device=gap.device) / (len(inside) + 1)
            along[inside] = (torch.pi * share).sin()
    return gap, along
