"""Points so chosen that none is too near to another and no gap is left: Poisson disk sampling."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

_FACING = 0.3  # least cosine between the normals of points that are on one sheet


def poisson_disk(
    points: np.ndarray, normals: np.ndarray, radius: np.ndarray, seed: int = 0
) -> np.ndarray:
    """(N,) bool: a largest choice of oriented points (N, 3), each alone within its radius (N,).

    Of two points the smaller radius counts; the two sides of a thin sheet do not see each other. In
    random order a point stays if none before it that stays is too near, all at once where they
    cannot matter to each other.
    """
    pairs = cKDTree(points).query_pairs(float(radius.max()), output_type="ndarray")
    a, b = pairs.T
    apart = np.linalg.norm(points[a] - points[b], axis=1)
    near = apart < np.minimum(radius[a], radius[b])
    near &= np.einsum("pi,pi->p", normals[a], normals[b]) > _FACING
    pairs = pairs[near]
    turn = np.random.default_rng(seed).permutation(len(points))
    stays, open_ = np.zeros(len(points), bool), np.ones(len(points), bool)
    while open_.any():
        first = np.full(len(points), len(points))
        np.minimum.at(first, pairs[:, 0], turn[pairs[:, 1]])
        np.minimum.at(first, pairs[:, 1], turn[pairs[:, 0]])
        chosen = open_ & (turn < first)
        stays |= chosen
        open_ &= ~chosen
        beside = chosen[pairs]
        open_[pairs[beside[:, 0], 1]] = False
        open_[pairs[beside[:, 1], 0]] = False
        pairs = pairs[open_[pairs].all(1)]
    return stays
