"""Where a function of space is zero: a grid filled coarse to fine, then marching cubes.

The box has 2^L + 1 nodes an axis; node i lies at box_min + i / (2^L + 1) * (box_max - box_min), as
SCANimate has it, so the last node stands a step before the box's end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..formats.errors import InputError

Distance = Callable[[Tensor], Tensor]  # points (N, 3) to signed distances (N,), positive outside

_COARSE = 4  # 17 nodes an axis are all evaluated
_REPAIRS = 14


class NoSurface(InputError):
    """The function is nowhere zero."""


@dataclass
class Grid:
    """Values of a function at the nodes of a box. Away from its zero set they are interpolated."""

    values: Tensor  # (G, G, G)
    box_min: Tensor  # (3,) metres
    box_max: Tensor  # (3,)
    evaluated: int  # nodes that the function was asked for

    def places(self, indices: Tensor | np.ndarray) -> Tensor:
        """Points (N, 3), metres, of node coordinates (N, 3)."""
        return _places(torch.as_tensor(indices), len(self.values), self.box_min, self.box_max)


def grid_level(resolution: int) -> int:
    """L of the grid for about `resolution` nodes an axis, at least the coarsest."""
    return max(_COARSE, int(math.log2(max(resolution, 1))))


def dense_grid(
    distance: Distance, box_min: Tensor, box_max: Tensor, resolution: int, chunk: int = 1 << 16
) -> Grid:
    """Every node evaluated."""
    size = 2 ** grid_level(resolution) + 1
    every = torch.ones((size,) * 3, dtype=torch.bool, device=box_min.device)
    values = torch.zeros((size,) * 3, dtype=box_min.dtype, device=box_min.device)
    grid = Grid(values, box_min, box_max, 0)
    _evaluate(distance, grid, every, 1, chunk)
    return grid


def progressive_grid(
    distance: Distance, box_min: Tensor, box_max: Tensor, resolution: int, chunk: int = 1 << 16
) -> Grid:
    """17 nodes an axis, then each finer level only near the zero set.

    Where a value contradicts what the coarser level was sure of, its neighbours are evaluated too.
    """
    level = grid_level(resolution)
    size = 2**level + 1
    fine = torch.zeros((size,) * 3, dtype=box_min.dtype, device=box_min.device)
    done = torch.zeros((size,) * 3, dtype=torch.bool, device=box_min.device)
    grid = Grid(fine, box_min, box_max, 0)
    values = torch.empty(0)
    for depth in range(_COARSE, level + 1):
        stride = 2 ** (level - depth)
        at = (slice(None, None, stride),) * 3
        known = done[at]
        if depth == _COARSE:
            wanted = torch.ones_like(known)
            inside = torch.full_like(fine[at], 0.5)
        else:
            inside = _upsample((values < 0).to(values))
            fine[at] = torch.where(known, fine[at], _upsample(values))
            wanted = _dilate((inside > 0) & (inside < 1)) & ~known
        for _ in range(1 + _REPAIRS):
            if not wanted.any():
                break
            _evaluate(distance, grid, wanted, stride, chunk)
            known |= wanted
            sure = (inside == 0) | (inside == 1)
            wrong = wanted & sure & ((fine[at] < 0) != (inside == 1))
            wanted = _dilate(wrong) & ~known
        values = fine[at].clone()
    return grid


def marching_cubes(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """The zero set: vertices (V, 3) float32, metres, and faces (F, 3) int32 that look outward.

    Raises NoSurface where the grid has no zero set.
    """
    from skimage.measure import marching_cubes

    values = grid.values.detach().cpu().numpy()
    if not np.isfinite(values).all() or not values.min() < 0 < values.max():
        raise NoSurface(
            "The avatar has no surface: its signed distance is nowhere zero.",
            "It was trained too little or has diverged; train it longer or with other scans.",
        )
    vertices, faces, _, _ = marching_cubes(values, 0.0)
    placed = grid.places(vertices.astype(np.float32)).cpu().numpy()
    return placed.astype(np.float32), faces.astype(np.int32)


def extract(
    distance: Distance, box_min: Tensor, box_max: Tensor, resolution: int, chunk: int = 1 << 16
) -> tuple[np.ndarray, np.ndarray]:
    """The zero set of `distance` in a box: vertices (V, 3), metres, and faces (F, 3) int32."""
    with torch.no_grad():
        return marching_cubes(progressive_grid(distance, box_min, box_max, resolution, chunk))


def _places(indices: Tensor, size: int, box_min: Tensor, box_max: Tensor) -> Tensor:
    return indices.to(box_min) / size * (box_max - box_min) + box_min


def _evaluate(distance: Distance, grid: Grid, wanted: Tensor, stride: int, chunk: int) -> None:
    """Ask the function for the nodes `wanted` of the grid of every `stride`th node."""
    indices = wanted.nonzero() * stride
    for part in indices.split(chunk):
        grid.values[tuple(part.T)] = distance(grid.places(part)).to(grid.values)
    grid.evaluated += len(indices)


def _upsample(values: Tensor) -> Tensor:
    """Twice as fine: 2 n - 1 nodes an axis, the new ones in the middle."""
    size = 2 * len(values) - 1
    finer = functional.interpolate(
        values[None, None], size=(size,) * 3, mode="trilinear", align_corners=True
    )
    return finer[0, 0]


def _dilate(mask: Tensor) -> Tensor:
    """The nodes of a mask and their 26 neighbours."""
    grown = functional.max_pool3d(mask[None, None].float(), 3, stride=1, padding=1)
    return grown[0, 0] > 0
