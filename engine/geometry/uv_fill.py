"""Colours for what no picture showed: mirrored from the other side, else spread over the mesh."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

_SAME = 0.006  # metres within which a mirrored vertex meets its partner
_SEEN, _MIRRORED, _GUESSED = 30.0, 0.3, 1e-4  # how strongly a vertex keeps to its colour
_ROUND = 0.97  # 0: colours spread along a limb as easily as round it; 1: only round it


def mirror_partners(rest: np.ndarray) -> np.ndarray:
    """(V,) the vertex on the other side (x to -x) of each of the rest vertices (V, 3), else -1."""
    distance, partner = cKDTree(rest).query(rest * (-1, 1, 1))
    return np.where(distance < _SAME, partner, -1)


def spread(
    rest: np.ndarray,
    faces: np.ndarray,
    along: np.ndarray,
    colours: np.ndarray,
    trust: np.ndarray,
) -> np.ndarray:
    """(V, C) colours of all vertices from those (V, C) that were seen with `trust` (V,) 0..1.

    An unseen vertex takes softly after its mirrored one, where that was seen, and else is on the
    smoothest way between what is known. Colours go rather round a limb than `along` (V, 3) it, unit
    vectors or zero, for that is how clothes are made.
    """
    seen = trust > 0
    if not seen.any():
        return np.full_like(colours, colours.mean() if colours.size else 0)
    partner = mirror_partners(rest)
    mirrored = ~seen & (partner >= 0) & seen[partner]
    wanted = np.where(seen[:, None], colours, colours[seen].mean(0))
    wanted[mirrored] = colours[partner[mirrored]]
    # What was seen badly, as near an outline, must not colour a whole hole.
    hold = np.where(seen, _SEEN * trust**1.5, _GUESSED)
    hold[mirrored] = _MIRRORED * trust[partner[mirrored]]
    system = _laplacian(rest, faces, along) + diags(hold)
    return spsolve(system.tocsc(), hold[:, None] * wanted).reshape(wanted.shape)


def _laplacian(rest: np.ndarray, faces: np.ndarray, along: np.ndarray) -> coo_matrix:
    """(V, V) of the edges, each as strong as it is short beside the others, weak along limbs."""
    edges = np.unique(np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    a, b = edges.T
    way = rest[a] - rest[b]
    length = np.maximum(np.linalg.norm(way, axis=1), 1e-4)
    lengthwise = (np.einsum("ei,ei->e", way, along[a]) / length) ** 2
    strength = np.median(length) / length * (1 - _ROUND * lengthwise)
    count = len(rest)
    pairs = coo_matrix((strength, (a, b)), (count, count))
    pairs = pairs + pairs.T
    return diags(np.asarray(pairs.sum(1)).ravel()) - pairs
