"""Skinning weights of all of canonical space, diffused from the body's surface.

Near the body a point follows the skin next to it; farther away the weights are the harmonic
extension of the skin's, on a voxel grid (in the spirit of FITE, Lin et al. 2022, and of Fast-SNARF,
Chen et al. 2023). What hangs far from the legs follows the pelvis in part, as a skirt does.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from torch.nn import functional

from ..formats.body_file import BodyData

_VOXEL = 0.024  # m
_LEVELS = ((4, 300), (2, 60), (1, 40))  # voxels of the finest, rounds of relaxation
_SURFACE = 0.12  # m from the body at which skin and grid count about alike
_NEIGHBOURS = 24
_HANG = (0.04, 0.12)  # m from the body, between which clothes come loose from the legs
HANGING = (
    0.0,
    0.5,
)  # shares of the legs' weights that may go to the pelvis there: trousers, skirts
_LEGS = ("hip", "knee", "ankle", "foot")


class WeightField:
    """Weights of the J joints of a body anywhere around its canonical mesh.

    `vertices` (V, 3), metres, is the body of `data` in canonical pose, in the box of corners
    `box_min` and `box_max` (3,). `hanging`: how far clothes that are away from the legs follow the
    pelvis instead.
    """

    def __init__(
        self,
        data: BodyData,
        vertices: np.ndarray,
        box_min: np.ndarray,
        box_max: np.ndarray,
        hanging: float = HANGING[0],
    ) -> None:
        self.hanging = hanging
        self.weights = data.weights
        self.tree = cKDTree(vertices)
        self.legs = [j for j, name in enumerate(data.joint_names) if name.endswith(_LEGS)]
        home = _homes(data)
        self.far = np.unique(home)
        merged = np.zeros((len(vertices), len(self.far)), np.float32)
        place = np.searchsorted(self.far, home)
        np.add.at(merged.T, place, data.weights.T)
        self.low = box_min
        self.grid, self.high = _diffuse(vertices, data.faces, merged, box_min, box_max)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Weights (N, J) float64 of points (N, 3), metres; rows sum to 1."""
        points = np.asarray(points, np.float64)
        distance, near = self.tree.query(points, k=_NEIGHBOURS)
        width = 0.4 * distance[:, :1] + 0.004
        share = np.exp(-(distance**2 - distance[:, :1] ** 2) / (2 * width**2))
        share /= share.sum(1, keepdims=True)
        skin = np.einsum("nk,nkj->nj", share, self.weights[near])
        close = np.exp(-((distance[:, :1] / _SURFACE) ** 2))
        weights = close * skin
        weights[:, self.far] += (1 - close) * self._from_grid(points)
        loose = self.hanging * _smooth_step(distance[:, :1], *_HANG)
        weights[:, :1] += loose * weights[:, self.legs].sum(1, keepdims=True)
        weights[:, self.legs] *= 1 - loose
        return weights / weights.sum(1, keepdims=True)

    def _from_grid(self, points: np.ndarray) -> np.ndarray:
        at = torch.from_numpy((points - self.low) / (self.high - self.low) * 2 - 1).float()
        found = functional.grid_sample(
            self.grid[None], at[None, :, None, None], align_corners=True, padding_mode="border"
        )
        return found[0, :, :, 0, 0].T.double().numpy()


def limb_joints(data: BodyData) -> np.ndarray:
    """The joints that clothes can hang on: all but those of fingers and face."""
    return np.unique(_homes(data))


def _homes(data: BodyData) -> np.ndarray:
    """For each joint the one (J,) that stands for it far from the body."""
    home = np.arange(len(data.parents))
    for joint, parent in enumerate(data.parents):
        if parent >= 0 and data.joint_names[home[parent]].endswith(("wrist", "hand", "head")):
            home[joint] = home[parent]
    return home


def _smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _diffuse(
    vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """The grid (J, Z, Y, X) and its last corner: fixed on the surface, harmonic elsewhere."""
    points, on_points = _on_surface(vertices, faces, weights)
    grid, corner = torch.empty(0), high
    for coarseness, rounds in _LEVELS:
        voxel = _VOXEL * coarseness
        size = np.ceil((high - low) / voxel).astype(int) + 1
        if not len(grid):
            nodes = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
            _, nearest = cKDTree(points).query(low + nodes.reshape(-1, 3) * voxel)
            grid = torch.from_numpy(on_points[nearest].T.reshape(-1, *size)).transpose(1, 3)
        else:
            grid = _resample(grid, size, voxel / (corner - low))
        corner = low + (size - 1) * voxel
        fixed, values = _splat(points, on_points, low, voxel, size)
        for _ in range(rounds):
            grid = torch.where(fixed, values, _mean_of_neighbours(grid))
    return grid.contiguous(), corner


def _on_surface(
    vertices: np.ndarray, faces: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points over all of a mesh, no coarser than its vertices and the middles of its faces."""
    middles = vertices[faces].mean(1)
    return np.concatenate([vertices, middles]), np.concatenate([values, values[faces].mean(1)])


def _splat(
    points: np.ndarray, values: np.ndarray, low: np.ndarray, voxel: float, size: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which nodes (Z, Y, X) the points fall on, and the mean of their values (J, Z, Y, X)."""
    node = np.clip(np.rint((points - low) / voxel).astype(int), 0, size - 1)
    flat = (node[:, 2] * size[1] + node[:, 1]) * size[0] + node[:, 0]
    gather = csr_matrix(
        (np.ones(len(flat), np.float32), (flat, np.arange(len(flat)))), (size.prod(), len(flat))
    )
    count = np.asarray(gather.sum(1)).ravel()
    mean = (gather @ values) / np.maximum(count, 1)[:, None]
    shape = tuple(size[::-1])
    return torch.from_numpy(count > 0).view(shape), torch.from_numpy(mean.T.copy()).view(-1, *shape)


def _resample(grid: torch.Tensor, size: np.ndarray, step: np.ndarray) -> torch.Tensor:
    """The grid at nodes `step` (3,) of its extent apart."""
    axes = [torch.arange(n) * s * 2 - 1 for n, s in zip(size, step.tolist(), strict=True)]
    z, y, x = torch.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    at = torch.stack([x, y, z], -1)[None].float()
    return functional.grid_sample(grid[None], at, align_corners=True, padding_mode="border")[0]


def _mean_of_neighbours(grid: torch.Tensor) -> torch.Tensor:
    p = functional.pad(grid[None], (1,) * 6, mode="replicate")[0]
    total = p[:, 2:, 1:-1, 1:-1] + p[:, :-2, 1:-1, 1:-1] + p[:, 1:-1, 2:, 1:-1]
    total = total + p[:, 1:-1, :-2, 1:-1] + p[:, 1:-1, 1:-1, 2:] + p[:, 1:-1, 1:-1, :-2]
    return total / 6
