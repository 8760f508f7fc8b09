"""What every implicit avatar is, however it was trained: the interface that posing and rigging use.

Canonical space is the person's body at rest with the legs a little apart; metres, y up. A point of
it has skinning weights, a signed distance that depends on the pose, and a colour.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..geometry.isosurface import extract
from .clothes import Clothes, MovingMesh
from .offsets import OffsetMesh, Offsets, WalkOffsets

if TYPE_CHECKING:
    from .canonical_mesh import CanonicalMesh


class Surface(Clothes):
    """A clothed surface in canonical space. N points, J joints."""

    box_min: Tensor  # (3,) the box outside of which there is nothing, metres
    box_max: Tensor  # (3,)
    has_color: bool = False

    @abstractmethod
    def pose_code(self, pose: Tensor) -> Tensor:
        """What conditions the surface, of axis-angles (J, 3), radians. The root's has no effect."""

    @abstractmethod
    def weights(self, points: Tensor) -> Tensor:
        """Skinning weights (N, J) at canonical points (N, 3), metres; rows sum to 1."""

    @abstractmethod
    def distance(self, points: Tensor, code: Tensor) -> Tensor:
        """Signed distance (N,) at canonical points (N, 3), metres, positive outside."""

    @abstractmethod
    def color(self, points: Tensor, code: Tensor) -> Tensor:
        """Colour (N, 3), 0 to 1, at canonical points (N, 3) on the surface."""

    def offsets(self, vertices: Tensor, normals: Tensor, weights: Tensor) -> Offsets:
        """How far poses push the vertices of a canonical mesh (V, 3) along its normals (V, 3).

        `weights` (V, J) are those of the vertices.
        """
        return WalkOffsets(self, vertices, normals)

    def moving(self, mesh: CanonicalMesh) -> MovingMesh:
        """Each vertex moves along its normal to the surface of the pose, then with the skin."""
        return OffsetMesh(self, mesh)

    def remeshed(
        self, shown: Tensor, known: Tensor, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The zero set in the pose."""
        code = self.pose_code(known)
        vertices, faces = extract(
            lambda points: self.distance(points, code), self.box_min, self.box_max, resolution
        )
        points = torch.from_numpy(vertices)
        posed = self.skin(points, self.weights(points), shown)
        colors = (self.color(points, code).clamp(0, 1) * 255).round().byte()
        return posed.numpy(), faces, colors.numpy()
