"""How far a pose pushes each vertex of a canonical mesh along its normal, and where it ends up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from ..geometry.mesh_clean import half_smoothing, vertex_normals

if TYPE_CHECKING:
    from .canonical_mesh import CanonicalMesh
    from .surface import Surface

REACH = 0.05  # m that a vertex may move
_STEPS = 4
_DAMPING = 0.8
_ROUNDS = 3  # of smoothing of the offsets over the mesh


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


class OffsetMesh:
    """The canonical mesh of an implicit surface in motion."""

    def __init__(self, surface: Surface, mesh: CanonicalMesh) -> None:
        self.surface = surface
        self.vertices = torch.from_numpy(mesh.vertices).float()
        self.normals = torch.from_numpy(vertex_normals(mesh.vertices, mesh.faces))
        self.weights = torch.from_numpy(mesh.weights).float()
        self.offsets = surface.offsets(self.vertices, self.normals, self.weights)
        self.smooth = _smoother(mesh.faces, len(mesh.vertices))

    def __call__(self, shown: Tensor, known: Tensor) -> Tensor:
        """Vertices (V, 3) in the pose `shown` (J, 3), shaped by `known` (J, 3)."""
        along = self.smooth @ self.offsets(self.surface.pose_code(known)).numpy()
        push = torch.from_numpy(along.astype(np.float32))[:, None] * self.normals
        return self.surface.skin(self.vertices + push, self.weights, shown)


def _smoother(faces: np.ndarray, count: int) -> csr_matrix:
    """(V, V): some rounds of the mean of a vertex and its neighbours."""
    once = half_smoothing(faces, count)
    result = once
    for _ in range(_ROUNDS - 1):
        result = result @ once
    return result.tocsr().astype(np.float32)
