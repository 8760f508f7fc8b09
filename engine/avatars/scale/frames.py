"""From what the network says of a patch to the body: axes of the triangle under each pixel.

B poses, V vertices, P pixels, N points of each; metres.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def local_frames(vertices: Tensor, corners: Tensor) -> Tensor:
    """Axes (B, P, 3, 3), in columns: both edges from the first corner, and the normal.

    vertices (B, V, 3); corners (P, 3) vertex numbers. The edges are as long as they are; the normal
    is as long as edges are on average over all P, so give every pixel of the map: the original
    counts the background too, as if the body's first triangle were there.
    """
    first, second, third = vertices[:, corners].unbind(2)
    u, v = second - first, third - first
    length = (u.norm(dim=-1).mean(1) + v.norm(dim=-1).mean(1)) / 2
    w = functional.normalize(torch.linalg.cross(u, v), dim=-1) * length[:, None, None]
    return torch.stack([u, v, w], dim=-1)


def to_global(frames: Tensor, residual: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals in metres and unit normals, each (B, P, N, 3), of those in frames (B, P, 3, 3).

    Normals go the same way as residuals, as in the original, though the axes are no rotation.
    """
    turn = frames.transpose(-1, -2)
    return residual @ turn, functional.normalize(normal @ turn, dim=-1)
