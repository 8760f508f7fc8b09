"""What stays the same of a moving point cloud: its colours and the patches it is made of.

Positions and normals of every frame lie beside it as point caches, see formats.pc2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

import numpy as np

from .errors import InputError
from .npz import read_npz, write_npz


@dataclass
class PointCloud:
    """N points in the order of their point caches; colours are sRGB."""

    colors: np.ndarray  # (N, 3) uint8, what the scans show
    patch: np.ndarray  # (N,) int32, the surface element that a point belongs to
    patch_colors: np.ndarray  # (N, 3) uint8, one colour for each patch


def patch_colors(patch: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, 3) uint8: a random colour for each of the patches in `patch` (N,), at least 0."""
    patch = np.asarray(patch)
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (int(patch.max(initial=0)) + 1, 3), np.uint8)[patch]


def normal_colors(normals: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 of unit `normals` (..., 3): each axis from -1..1 to 0..255."""
    return np.clip(np.asarray(normals) * 127.5 + 128, 0, 255).astype(np.uint8)


def save_points(path: str | os.PathLike, cloud: PointCloud) -> None:
    """Write `cloud` as an npz with an array for each of its fields."""
    write_npz(path, **{f.name: getattr(cloud, f.name) for f in fields(cloud)})


def load_points(path: str | os.PathLike) -> PointCloud:
    """What `save_points` wrote.

    Raises InputError: missing or damaged file, arrays that do not belong together.
    """
    names = [f.name for f in fields(PointCloud)]
    arrays = read_npz(path, names)
    cloud = PointCloud(*(arrays[name] for name in names))
    count = cloud.patch.size
    shapes = [cloud.colors.shape, cloud.patch.shape, cloud.patch_colors.shape]
    if not count or shapes != [(count, 3), (count,), (count, 3)]:
        raise InputError(
            f"{path}: its arrays do not belong together ({', '.join(map(str, shapes))}).",
            "Pose the avatar again.",
        )
    cloud.colors, cloud.patch_colors = (
        c.astype(np.uint8) for c in (cloud.colors, cloud.patch_colors)
    )
    cloud.patch = cloud.patch.astype(np.int32)
    return cloud
