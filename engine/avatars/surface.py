"""What every implicit avatar is, however it was trained: the interface that posing and rigging use.

Canonical space is the person's body at rest with the legs a little apart; metres, y up. A point of
it has skinning weights, a signed distance that depends on the pose, and a colour.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from .offsets import Offsets, WalkOffsets
from .scanimate.body import CanonicalBody


class Surface(nn.Module, ABC):
    """A clothed surface in canonical space. N points, J joints."""

    box_min: Tensor  # (3,) the box outside of which there is nothing, metres
    box_max: Tensor  # (3,)
    body: CanonicalBody  # the person without clothes
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

    @abstractmethod
    def skin(self, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """Posed points (N, 3), metres, of canonical points (N, 3) with weights (N, J).

        `pose` (J, 3) axis-angle; the root turns about its own joint; no translation.
        """

    def offsets(self, vertices: Tensor, normals: Tensor, weights: Tensor) -> Offsets:
        """How far poses push the vertices of a canonical mesh (V, 3) along its normals (V, 3).

        `weights` (V, J) are those of the vertices.
        """
        return WalkOffsets(self, vertices, normals)
