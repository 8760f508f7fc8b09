"""What posing asks of any avatar, whether its clothes are an implicit surface or elements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np
from torch import Tensor, nn

from .scanimate.body import CanonicalBody

if TYPE_CHECKING:
    from .canonical_mesh import CanonicalMesh


class MovingMesh(Protocol):
    """A canonical mesh of V vertices in motion. J joints."""

    def __call__(self, shown: Tensor, known: Tensor) -> Tensor:
        """Vertices (V, 3), metres, in the pose `shown` (J, 3) axis-angle.

        `known` (J, 3) is the pose that shapes the clothes. The root turns about its own joint; no
        translation.
        """


class Clothes(nn.Module, ABC):
    """A clothed person. Canonical space is the body at rest with the legs a little apart."""

    body: CanonicalBody  # the person without clothes

    @abstractmethod
    def skin(self, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """Posed points (N, 3), metres, of canonical points (N, 3) with weights (N, J).

        `pose` (J, 3) axis-angle; the root turns about its own joint; no translation.
        """

    @abstractmethod
    def moving(self, mesh: CanonicalMesh) -> MovingMesh:
        """The avatar's canonical mesh in motion."""

    @abstractmethod
    def remeshed(
        self, shown: Tensor, known: Tensor, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A mesh of its own for one pose: vertices (V, 3), faces (F, 3), colours (V, 3) uint8.

        About `resolution` cells along the person; poses as in `MovingMesh`.
        """

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """All numbers that are to be kept besides person, mesh and texture."""
