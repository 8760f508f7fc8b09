"""The zero set of a function that is about a distance: evaluated only where it is small."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..formats.errors import InputError

_STRIDE = 4  # fine voxels of a coarse one
_CHUNK = 1 << 16


def extract_band(
    distance: Callable[[Tensor], Tensor], low: np.ndarray, high: np.ndarray, voxel: float
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32, metres, and outward faces (F, 3) int32, of cubic voxels.

    `distance` takes points (N, 3) to signed distances (N,), positive outside, in the box of corners
    `low` and `high` (3,). Raises InputError where there is no surface.
    """
    from skimage.measure import marching_cubes

    coarse = voxel * _STRIDE
    cells = np.ceil((np.asarray(high) - low) / coarse).astype(int)
    start = torch.as_tensor(low, dtype=torch.float32)
    values = _ask(distance, _nodes(cells + 1), start, coarse).reshape(*(cells + 1))
    size = (cells * _STRIDE + 1).tolist()
    fine = functional.interpolate(
        values[None, None], size=size, mode="trilinear", align_corners=True
    )[0, 0]
    near = (fine.abs() < 1.5 * coarse).nonzero()
    fine[tuple(near.T)] = _ask(distance, near, start, voxel)
    found = fine.numpy()
    if not np.isfinite(found).all() or not found.min() < 0 < found.max():
        raise InputError(
            "The avatar has no surface: its signed distance is nowhere zero.",
            "It was trained too little or has diverged; train it longer or with other scans.",
        )
    vertices, faces, _, _ = marching_cubes(found, 0.0)
    return (low + vertices * voxel).astype(np.float32), faces.astype(np.int32)


def _nodes(size: np.ndarray) -> Tensor:
    axes = [torch.arange(int(n)) for n in size]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def _ask(
    distance: Callable[[Tensor], Tensor], nodes: Tensor, start: Tensor, voxel: float
) -> Tensor:
    with torch.no_grad():
        parts = [distance(start + part * voxel) for part in nodes.split(_CHUNK)]
    return torch.cat(parts).cpu()
