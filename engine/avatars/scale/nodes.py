"""A coarse net over the clothed surface: what follows the scans, and carries the fine mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, identity
from scipy.spatial import cKDTree

from ...geometry.mesh_clean import edges_of, half_smoothing, reduce_faces, vertex_normals

MOST_FACES = 24_000
_NEAR = 8  # nodes that a vertex is carried by
_LOOSE = (0.004, 0.03)  # m from the skin, between which clothes come loose
_SOFT = 80  # rounds of smoothing of weights: over some 10 cm
_SEEDS = 800  # patches that a surface is shown as, about as many as SCALE has


@dataclass
class Nodes:
    """N nodes in canonical space, metres."""

    vertices: np.ndarray  # (N, 3) float32
    faces: np.ndarray  # (F, 3) int32

    @property
    def edges(self) -> np.ndarray:
        """(E, 2) pairs of nodes."""
        return edges_of(self.faces)

    @property
    def laplacian(self) -> csr_matrix:
        """(N, N): how far a node is from the mean of its neighbours."""
        count = len(self.vertices)
        return 2 * (identity(count, format="csr") - half_smoothing(self.faces, count))


def nodes_of(vertices: np.ndarray, faces: np.ndarray) -> Nodes:
    """Of a mesh, vertices (V, 3) and faces (F, 3)."""
    fewer, coarse, _ = reduce_faces(vertices, faces, None, MOST_FACES)
    return Nodes(fewer.astype(np.float32), coarse)


def carried_by(
    nodes: Nodes, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nodes (V, K) int32 that move each vertex (V, 3) of the fine mesh, and their shares.

    Only nodes that look the same way: the two sides of a hem move apart.
    """
    distance, near = cKDTree(nodes.vertices).query(vertices, k=_NEAR)
    own, theirs = vertex_normals(vertices, faces), vertex_normals(nodes.vertices, nodes.faces)
    alike = np.einsum("vi,vki->vk", own, theirs[near]).clip(0.02, 1)
    width = distance.mean(1, keepdims=True)
    share = alike**2 * np.exp(-((distance / width) ** 2))
    share /= share.sum(1, keepdims=True)
    return near.astype(np.int32), share.astype(np.float32)


def softened(nodes: Nodes, weights: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Skinning weights (N, J) that pass slowly from leg to leg where clothes hang loose.

    `away` (N,): metres from the skin. Where a skirt's weights jump, it folds as the legs part.
    """
    once = half_smoothing(nodes.faces, len(nodes.vertices))
    share = np.clip((away - _LOOSE[0]) / (_LOOSE[1] - _LOOSE[0]), 0, 1)[:, None]
    share = share**2 * (3 - 2 * share)
    soft = weights
    for _ in range(_SOFT):
        soft = share * (once @ soft) + (1 - share) * weights
        soft = soft / soft.sum(1, keepdims=True)
    return soft


def patches(points: np.ndarray, seeds: int = _SEEDS) -> np.ndarray:
    """For points (N, 3) the patch (N,) int64 of about equal ones that each belongs to."""
    low = points.min(0)
    cell = np.cbrt(np.prod(np.ptp(points, axis=0)) / seeds) / 4
    while True:  # the middles of a grid's full cells are spread evenly
        key = np.unique(np.floor((points - low) / cell).astype(int), axis=0)
        if len(key) <= seeds:
            return cKDTree(low + (key + 0.5) * cell).query(points)[1].astype(np.int64)
        cell *= 1.05
