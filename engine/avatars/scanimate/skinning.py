"""Between canonical and posed space: 4 x 4 bone transforms blended by skinning weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def blend(weights: Tensor, bones: Tensor) -> Tensor:
    """Transforms (..., N, 4, 4) of points with weights (..., N, J); bones (..., J, 4, 4)."""
    blended = (weights @ bones.flatten(-2)).unflatten(-1, (4, 4))
    last = blended.new_tensor([0.0, 0.0, 0.0, 1.0]).expand_as(blended[..., :1, :])
    return torch.cat([blended[..., :3, :], last], dim=-2)


def move(transforms: Tensor, points: Tensor) -> Tensor:
    """Points (..., N, 3) moved by transforms (..., N, 4, 4)."""
    return (transforms[..., :3, :3] @ points[..., None]).squeeze(-1) + transforms[..., :3, 3]


def pose_points(points: Tensor, weights: Tensor, bones: Tensor) -> Tensor:
    """Canonical points (..., N, 3) to the pose whose bone transforms are (..., J, 4, 4)."""
    return move(blend(weights, bones), points)


def unpose(
    points: Tensor, weights: Tensor, bones: Tensor, normals: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Posed points (..., N, 3) back to canonical space, by the inverse of the blended transform.

    Normals turn with the same matrix, as published, and get unit length.
    """
    back = torch.linalg.inv(blend(weights, bones))
    if normals is not None:
        normals = (back[..., :3, :3] @ normals[..., None]).squeeze(-1)
        normals = functional.normalize(normals, dim=-1)
    return move(back, points), normals
