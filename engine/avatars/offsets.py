"""How far a pose pushes each vertex of a canonical mesh along its normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .surface import Surface

REACH = 0.05  # m that a vertex may move
_STEPS = 4
_DAMPING = 0.8


class Offsets(Protocol):
    """Of one mesh, for any pose."""

    def __call__(self, code: Tensor) -> Tensor:
        """Distances (V,), metres, along the normals to the zero set in the pose of `code`."""


class WalkOffsets:
    """Walks along the normals by the signed distance itself; for any surface."""

    def __init__(self, surface: Surface, vertices: Tensor, normals: Tensor) -> None:
        self.surface, self.vertices, self.normals = surface, vertices, normals

    @torch.no_grad()
    def __call__(self, code: Tensor) -> Tensor:
        """Some steps of sphere tracing, both ways."""
        along = self.vertices.new_zeros(len(self.vertices))
        for _ in range(_STEPS):
            place = self.vertices + along[:, None] * self.normals
            along = along - _DAMPING * self.surface.distance(place, code)
            along = along.clamp(-REACH, REACH)
        return along
