"""A UV map for a mesh that has none."""

from __future__ import annotations

import numpy as np

from ..formats.errors import InputError
from .mesh_clean import half_smoothing

# Measured on surfaces of 20k vertices cut from a grid: 3 times fewer charts than the mesh as it is.
_SMOOTHING = 5
_MOST_COST = 8.0


def unwrap(
    vertices: np.ndarray, faces: np.ndarray, size: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """UVs vt (U, 2), u right and v up, 0..1, and corners ft (F, 3) int32 of `faces` (F, 3).

    Charts do not overlap and lie two texels apart in a picture of about `size` px. The same mesh
    gives the same map. Raises InputError for a mesh without faces.
    """
    import xatlas

    if not len(faces):
        raise InputError("A mesh without faces has no UV map.", "Give a mesh with faces.")
    atlas = xatlas.Atlas()
    # The steps of a grid in the surface would each become the border of a chart.
    once, smooth = half_smoothing(faces, len(vertices)), np.asarray(vertices, np.float64)
    for _ in range(_SMOOTHING):
        smooth = once @ smooth
    atlas.add_mesh(smooth.astype(np.float32), np.ascontiguousarray(faces, np.uint32))
    charts, pack = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_cost = _MOST_COST
    pack.resolution, pack.padding = size, 2
    atlas.generate(charts, pack)
    _, corners, uv = atlas[0]
    return np.asarray(uv, np.float32), np.asarray(corners).astype(np.int32)
