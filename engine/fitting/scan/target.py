"""A scan as what a body is drawn to: nearest points both ways, weighted by how far to believe them.

Clothes lie over skin. So a body may be some way inside the scan at little cost, but hardly outside
it; bare skin is drawn to the scan from both sides. What both directions ask of a sample of the body
is gathered into one quadratic form of its place, so that a fit costs the same for any scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...geometry.mesh_clean import vertex_normals
from .samples import Samples

_SPACING = 0.012  # metres between the points of a scan that are kept
_TURNED = 0.05  # metres by which opposite normals are farther apart, when distances are told


@dataclass(frozen=True)
class Reach:
    """How a scan draws."""

    scale: float  # metres: what is farther counts ever less (Geman-McClure)
    slide: float = 0.0  # how much a pair holds along the surface too, of what it holds across
    turned: float = 0.1  # metres: half of what opposite normals add to a distance
    inside: float = 0.2  # weight of clothed skin that is inside the scan
    shod: float = 0.5  # likewise, of feet


@dataclass
class Pull:
    """What a scan asks of K samples, at their present places."""

    weight: Tensor  # (K, 3, 3) second derivative
    force: Tensor  # (K, 3) first derivative
    cost: float  # 0..about 2, robust


class Target:
    """The points of a scan, evenly spread, in metres, y up."""

    def __init__(self, points: np.ndarray, normals: np.ndarray, border: np.ndarray) -> None:
        self.points, self.normals, self.border = points, normals, border
        self._trees: dict[float, cKDTree] = {}

    @classmethod
    def of(cls, vertices: np.ndarray, faces: np.ndarray) -> Target:
        """From a mesh: vertices (V, 3), faces (F, 3)."""
        keep = _thin(vertices, _SPACING)
        normals = vertex_normals(vertices, faces)[keep]
        border = _borders(faces, len(vertices))[keep]
        return cls(vertices[keep].astype(np.float32), normals, border)

    def coarse(self, count: int) -> Target:
        """About `count` of the points."""
        step = max(1, len(self.points) // count)
        return Target(self.points[::step], self.normals[::step], self.border[::step])

    def pull(self, points: Tensor, normals: Tensor, samples: Samples, reach: Reach) -> Pull:
        """What the scan asks of samples at `points` (K, 3) with outward `normals` (K, 3)."""
        own, facing = points.numpy(), normals.numpy()
        lifted = _lifted(own, facing, reach.turned)
        _, hit = self._tree(reach.turned).query(lifted)
        _, owner = cKDTree(lifted).query(_lifted(self.points, self.normals, reach.turned))
        # From the body: across the scan's surface, positive where the body is outside.
        gap, normal = own - self.points[hit], self.normals[hit]
        trust = samples.area.numpy() * ~self.border[hit]
        first = _pairs(gap, normal, trust, _inside(samples, reach), reach)
        # From the scan: across the body's surface, positive where the body is outside.
        gap, normal = own[owner] - self.points, facing[owner]
        trust = np.full(len(gap), np.float32(1 / len(gap)))
        second = _pairs(gap, normal, trust, _inside(samples, reach)[owner], reach, cover=1.0)
        where = torch.as_tensor(owner)
        return Pull(
            first[0].index_add(0, where, second[0]),
            first[1].index_add(0, where, second[1]),
            first[2] + second[2],
        )

    def distances(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far body points (K,) stand out of the scan, negative inside and 0 at its holes; and
        how far the scan's points (M,) are from them. Metres."""
        _, hit = self._tree(_TURNED).query(_lifted(points, normals, _TURNED))
        out = ((points - self.points[hit]) * self.normals[hit]).sum(1)
        back, _ = cKDTree(points).query(self.points)
        return np.where(self.border[hit], 0.0, out), back

    def _tree(self, turned: float) -> cKDTree:
        if turned not in self._trees:
            self._trees[turned] = cKDTree(_lifted(self.points, self.normals, turned))
        return self._trees[turned]


def _inside(samples: Samples, reach: Reach) -> np.ndarray:
    """(K,) the weight of each sample where it is inside the scan."""
    clothed = np.full(len(samples.area), reach.inside, np.float32)
    clothed[samples.shod] = reach.shod
    clothed[samples.bare] = 1.0
    return clothed


def _pairs(
    gap: np.ndarray,
    normal: np.ndarray,
    trust: np.ndarray,
    inside: np.ndarray,
    reach: Reach,
    cover: float = 0.0,
) -> tuple[Tensor, Tensor, float]:
    """Weights (P, 3, 3), forces (P, 3) and the cost of pairs with `gap` (P, 3) body minus scan."""
    across = (gap * normal).sum(1)
    square = (gap**2).sum(1) / reach.scale**2
    sided = np.where(across > 0, np.float32(1), inside)
    # What is far from everything costs in full on either side: a limb must not stay without a body.
    cost = float((trust * np.maximum(sided, cover) * square / (1 + square)).sum())
    believed = torch.as_tensor(trust * sided / (1 + square) ** 2 / reach.scale**2)
    n = torch.as_tensor(normal)
    weight = (1 - reach.slide) * n[:, :, None] * n[:, None] + reach.slide * torch.eye(3)
    weight = believed[:, None, None] * weight
    return weight, (weight @ torch.as_tensor(gap)[..., None])[..., 0], cost


def _lifted(points: np.ndarray, normals: np.ndarray, turned: float) -> np.ndarray:
    """(P, 6): nearest among these means near and facing the same way."""
    return np.concatenate([points, turned * normals], axis=1)


def _thin(vertices: np.ndarray, spacing: float) -> np.ndarray:
    """Indices of one vertex in each cell of a grid, in an order without any meaning."""
    cells = np.floor(vertices / spacing).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.random.default_rng(0).permutation(first)


def _borders(faces: np.ndarray, count: int) -> np.ndarray:
    """(V,) whether a vertex lies at a hole: what is nearest there is only where the scan ends."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
    _, first, uses = np.unique(
        edges[:, 0] * count + edges[:, 1], return_index=True, return_counts=True
    )
    border = np.zeros(count, bool)
    border[edges[first[uses == 1]]] = True
    return border
