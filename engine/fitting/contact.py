"""Which points of the feet stand, from a first fit of the clip."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .problem import Problem, State

_FEET = ((19, 20, 21), (22, 23, 24))  # toes and heel, left and right, in BODY_25
_SLOW = 0.45  # m/s: slower than this, a foot is on its way to stand
_LOW = 0.08  # m above the lowest foot point of the neighbouring half second


def standing(problem: Problem, state: State) -> Tensor:
    """(B, T-1, K) in 0..1: how surely a point stays where it is until the next frame.

    A point stands when it is slow in 3D and low along the body's mean upright direction.
    """
    batch, frames = state.root.shape[:2]
    result = state.root.new_zeros(batch, max(frames - 1, 0), problem.evidence.points.shape[2])
    if frames < 8:
        return result
    betas = state.betas[:, None].expand(-1, frames, -1).flatten(0, 1)
    root, position, pose, expression = (
        x.flatten(0, 1) for x in (state.root, state.position, state.pose, state.expression)
    )
    posed = problem.kinematics.pose(root, position, pose, betas, expression)
    points = posed.points.view(batch, frames, -1, 3)
    up = (state.root[..., :, 1]).mean(1)
    up = up / up.norm(dim=-1, keepdim=True)
    fps = 30.0 * problem.unit
    half = max(2, round(0.25 * fps))
    feet = [[problem.points.index(k) for k in foot if k in problem.points] for foot in _FEET]
    if not all(feet):
        return result  # a body without points on its soles
    heights = (points[:, :, feet[0] + feet[1]] * up[:, None, None]).sum(-1)
    lowest = _running_min(heights, half)
    for foot in feet:
        place = points[:, :, foot]
        speed = _blur((place[:, 1:] - place[:, :-1]).norm(dim=-1).mean(-1) * fps)  # (B, T-1)
        slow = torch.sigmoid((_SLOW - speed) / 0.08)
        above = (place * up[:, None, None]).sum(-1) - lowest[..., None]
        low = torch.sigmoid((_LOW - above[:, :-1]) / 0.02)
        result[:, :, foot] = slow[..., None] * low
    return torch.where(result > 0.3, result, torch.zeros_like(result))


def _running_min(heights: Tensor, half: int) -> Tensor:
    """(B, T) lowest of all foot points in a window of 2 half + 1 frames."""
    lowest = heights.amin(-1).cpu().numpy()
    padded = np.pad(lowest, ((0, 0), (half, half)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
    return torch.tensor(windows.min(-1)).to(heights)


def _blur(values: Tensor) -> Tensor:
    padded = torch.cat([values[:, :1], values, values[:, -1:]], 1)
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
