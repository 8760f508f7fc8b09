"""What every avatar of surface elements is, however it was made: the interface that posing uses.

An element is a small piece of the clothed surface, with coordinates (p, q) from 0 to 1 on it. So
any number of points can be asked of each.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...geometry.poisson import poisson_mesh
from ..clothes import Clothes
from ..rest_skinning import skin

_POINTS_A_CELL = 4  # of the area of a reconstructed mesh's cell


@dataclass
class Places:
    """M places on elements, in any pose the same."""

    element: Tensor  # (M,) int64
    pq: Tensor  # (M, 2) 0..1


class Elements(Clothes):
    """E surface elements of a person with J joints. Points in metres, y up."""

    patch: Tensor  # (E,) int64 the patch that an element is shown as

    @abstractmethod
    def posed(self, pose: Tensor, known: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """Points and unit normals (M, 3) of `places` in `pose` (J, 3) axis-angle.

        `known` (J, 3) is the pose that shapes the clothes, mostly the same. The root turns about
        its own joint; no translation.
        """

    @abstractmethod
    def areas(self, pose: Tensor) -> Tensor:
        """Of the elements (E,) in `pose` (J, 3), square metres."""

    @abstractmethod
    def color(self, places: Places) -> Tensor:
        """(M, 3) 0..1; grey where the scans had none."""

    def skin(self, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """Posed points (N, 3) of canonical points (N, 3) with weights (N, J), by way of the rest.

        This is what the mesh of an avatar does; elements need not.
        """
        return skin(self.body, points, weights, pose)

    def remeshed(
        self, shown: Tensor, known: Tensor, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Screened Poisson reconstruction of many points."""
        area = self.areas(shown)
        points, _ = self.posed(shown, known, even_places(torch.ones_like(area)))
        cell = float((points.amax(0) - points.amin(0)).max()) / resolution
        count = whole_numbers(area * _POINTS_A_CELL / cell**2)
        places = even_places(count.clamp_min(1))
        points, normals = self.posed(shown, known, places)
        colors = (self.color(places) * 255).round().byte().numpy()
        depth = math.ceil(math.log2(resolution))
        vertices, faces, painted = poisson_mesh(points.numpy(), normals.numpy(), colors, depth)
        assert painted is not None
        return vertices, faces, painted


def whole_numbers(wanted: Tensor) -> Tensor:
    """(E,) int64 near `wanted` (E,), what is lost to one element given to the next.

    Elements of much less than a point's area share points with those that follow.
    """
    total = wanted.double().cumsum(0).add(0.5).floor().long()
    return torch.diff(total, prepend=total.new_zeros(1))


def even_places(count: Tensor, seed: int = 0) -> Places:
    """`count` (E,) places on every element, spread evenly: the R2 sequence (Roberts, 2018).

    Each element begins at a place of its own, so that neighbours do not look alike.
    """
    count = count.to(torch.int64)
    element = torch.arange(len(count)).repeat_interleave(count)
    first = torch.cumsum(count, 0) - count
    step = torch.arange(len(element)) - first[element]
    start = torch.rand(len(count), 2, generator=torch.Generator().manual_seed(seed))
    pace = torch.tensor([0.7548776662466927, 0.5698402909980532], dtype=torch.float64)
    pq = (start[element].double() + step[:, None] * pace) % 1
    return Places(element, pq.float())
