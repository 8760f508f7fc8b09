"""Which faces of a mesh are seen from outside, from any side."""

from __future__ import annotations

import numpy as np

from .rasteriser import rasterise

_VIEWS = 14
_PIXELS = 320  # of each
_FAR = 100.0  # metres from which it is seen: as good as parallel
_THROUGH = 0.006  # metres that may lie behind what is seen: a pixel's slope, not another sheet


def seen_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) bool of a mesh of a person: vertices (V, 3) metres, y up, and faces (F, 3).

    A face counts as seen where its middle is, from its front, in one of some views around.
    """
    normals = np.cross(*(vertices[faces[:, k]] - vertices[faces[:, 0]] for k in (1, 2)))
    middle = vertices[faces].mean(1)
    seen = np.zeros(len(middle), bool)
    centre = (vertices.min(0) + vertices.max(0)) / 2
    focal = _PIXELS * _FAR / (1.05 * float(np.linalg.norm(np.ptp(vertices, axis=0))))
    for toward in _directions(_VIEWS):
        side = np.cross((0.0, 1.0, 0.0), toward)
        side /= np.linalg.norm(side)
        axes = np.stack([side, np.cross(toward, side), -toward], 1)
        seen_from = (vertices - centre) @ axes + (0, 0, _FAR)
        lens = focal, focal, _PIXELS / 2, _PIXELS / 2
        depth = rasterise(seen_from, faces, *lens, _PIXELS, _PIXELS).depth
        place = (middle - centre) @ axes + (0, 0, _FAR)
        column, row = np.floor(place[:, :2] / place[:, 2:] * focal + _PIXELS / 2).astype(int).T
        seen |= (place[:, 2] < depth[row, column] + _THROUGH) & (normals @ toward > 0)
    return seen


def _directions(count: int) -> np.ndarray:
    """Unit vectors (count, 3) spread evenly (a Fibonacci spiral), none of them along y."""
    place = np.arange(count) + 0.5
    height = 1 - 2 * place / count
    turn = np.pi * (1 + 5**0.5) * place
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(turn), height, across * np.sin(turn)], 1)
