"""How far joints are from the truth once position, turn and size do not count (PA-MPJPE)."""

from __future__ import annotations

import torch
from torch import Tensor


def aligned(points: Tensor, truth: Tensor) -> Tensor:
    """Points (N, P, 3) moved, turned and scaled to lie closest to `truth` (N, P, 3)."""
    middle, home = points.mean(dim=1, keepdim=True), truth.mean(dim=1, keepdim=True)
    from_middle, from_home = points - middle, truth - home
    left, singular, right = torch.linalg.svd(from_middle.mT @ from_home)
    # A turn is wanted: where the best map would mirror, its weakest axis is given up.
    sign = torch.ones_like(singular)
    sign[:, 2] = torch.linalg.det(left @ right).sign()
    turn = left @ (sign[..., None] * right)
    size = (singular * sign).sum(-1) / (from_middle**2).sum(dim=(1, 2))
    return size[:, None, None] * from_middle @ turn + home


def joint_error(points: Tensor, truth: Tensor) -> Tensor:
    """Mean distance (N,) of points (N, P, 3) from `truth` (N, P, 3), in their unit."""
    return (points - truth).norm(dim=-1).mean(dim=-1)
