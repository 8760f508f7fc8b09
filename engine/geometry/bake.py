"""Colours of a surface written into the picture that its UV map spans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .uv_map import pad, sample_vertices, uv_map

_AT_ONCE = 65536  # points that a colour function is asked for in one go

Colours = Callable[[np.ndarray], np.ndarray]  # points (N, 3) metres -> colours (N, 3) 0..1


def bake(
    vertices: np.ndarray,
    faces: np.ndarray,
    vt: np.ndarray,
    ft: np.ndarray,
    colour: Colours,
    size: int = 1024,
) -> np.ndarray:
    """Picture (size, size, 3) uint8 RGB of a mesh: at every texel the colour of its surface point.

    `vertices` (V, 3) in the space that `colour` knows, `faces` (F, 3), UVs `vt` (U, 2) of corners
    `ft` (F, 3). Beyond the charts the nearest texel is repeated, so that no seam shows.
    """
    texels = uv_map(vt, ft, size)
    points = sample_vertices(texels, faces, np.asarray(vertices, np.float32))
    return pad(texels.picture(colours_at(points, colour)), texels.covered())


def bake_vertices(
    faces: np.ndarray, vt: np.ndarray, ft: np.ndarray, colours: np.ndarray, size: int = 1024
) -> np.ndarray:
    """Picture (size, size, 3) uint8 RGB of vertex `colours` (V, 3) 0..1, as `bake` makes it."""
    texels = uv_map(vt, ft, size)
    values = sample_vertices(texels, faces, np.asarray(colours, np.float32))
    return pad(texels.picture(_bytes(values)), texels.covered())


def colours_at(points: np.ndarray, colour: Colours) -> np.ndarray:
    """Colours (N, 3) uint8 of points (N, 3), vertices for example."""
    parts = [colour(points[k : k + _AT_ONCE]) for k in range(0, len(points), _AT_ONCE)]
    return _bytes(np.concatenate(parts)) if parts else np.zeros((0, 3), np.uint8)


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.asarray(colours) * 255), 0, 255).astype(np.uint8)
