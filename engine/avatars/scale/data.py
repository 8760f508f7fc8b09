"""From registered scans to what the surface elements are trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...geometry.mesh_file import Scan
from ...geometry.rasteriser import rasterise
from ...geometry.rotations import axis_angle_to_matrix
from ...progress import Progress
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from .packed import PackedFrame
from .position_map import PositionMap

POINTS = 40_000  # of each scan, as in the original's data
_VIEWS = 14  # directions from which the outside is seen
_PIXELS = 320  # of such a view
_FAR = 100.0  # metres from which it is seen: as good as parallel
_THROUGH = 0.006  # metres that may lie behind what is seen: a pixel's slope, not another sheet


def samples_of_scans(
    scans: Scans, position_map: PositionMap, progress: Progress, points: int = POINTS, seed: int = 0
) -> list[PackedFrame]:
    """Body and scan of each frame with the root's turn and place taken away, the pelvis at 0.

    The `points` of a scan lie evenly on what is seen of it from outside, with their faces'
    normals. Begins a part of `progress`.
    """
    body = CanonicalBody(scans.body)
    progress.begin(len(scans.names), "Drawing points of the scans")
    frames = []
    for row, name in enumerate(scans.names):
        pose = torch.as_tensor(scans.poses[row], dtype=torch.float32)
        vertices = at_pelvis(body, pose)
        turn = axis_angle_to_matrix(pose[0]).double().numpy()
        scan = (scans.centred(row) - body.joints[0].double().numpy()) @ turn
        corners = scan[outer_faces(scan, scans.meshes[row])]
        random = np.random.default_rng((seed, row))
        frames.append(
            PackedFrame(
                position_map.points(vertices).view(position_map.size, -1, 3).numpy(),
                vertices.numpy(),
                *spread_evenly(corners, points, random),
                name,
            )
        )
        progress.tick()
    return frames


def at_pelvis(body: CanonicalBody, pose: Tensor) -> Tensor:
    """Vertices (..., V, 3), metres, in `pose` (..., J, 3), the root not turned and at the origin.

    This is how the networks see a body.
    """
    still = torch.cat([torch.zeros_like(pose[..., :1, :]), pose[..., 1:, :]], -2)
    return body.posed(still) - body.joints[0]


def spread_evenly(
    corners: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points and unit normals (count, 3) float32 on triangles (F, 3, 3).

    One point falls on each of `count` equal parts of the area, so there are few gaps and heaps.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1)
    total = np.cumsum(area)
    where = (np.arange(count) + random.random(count)) * (total[-1] / count)
    face = np.minimum(np.searchsorted(total, where, side="right"), area.nonzero()[0][-1])
    u, v = np.sqrt(random.random((count, 1))), random.random((count, 1))
    points = (1 - u) * a[face] + u * (1 - v) * b[face] + u * v * c[face]
    normals = across[face] / area[face, None]
    return points.astype(np.float32), normals.astype(np.float32)


def outer_faces(vertices: np.ndarray, scan: Scan) -> np.ndarray:
    """Corners (n, 3) of the faces of `scan`, at `vertices` (V, 3), that are seen from outside.

    Elements describe one sheet. What lies under clothes would draw them inward.
    """
    corners = vertices[scan.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    points = np.concatenate([vertices, corners.mean(1)]) - (vertices.min(0) + vertices.max(0)) / 2
    focal = _PIXELS * _FAR / (1.05 * float(np.linalg.norm(np.ptp(vertices, axis=0))))
    seen = np.zeros(len(normals), bool)
    for toward in _directions(_VIEWS):
        side = np.cross((0.0, 1.0, 0.0), toward)
        side /= np.linalg.norm(side)
        placed = points @ np.stack([side, np.cross(toward, side), -toward], 1) + (0, 0, _FAR)
        lens = focal, focal, _PIXELS / 2, _PIXELS / 2
        depth = rasterise(placed[: len(vertices)], scan.faces, *lens, _PIXELS, _PIXELS).depth
        middle = placed[len(vertices) :]
        column, row = np.floor(middle[:, :2] / middle[:, 2:] * focal + _PIXELS / 2).astype(int).T
        seen |= (middle[:, 2] < depth[row, column] + _THROUGH) & (normals @ toward > 0)
    return scan.faces[seen]


def _directions(count: int) -> np.ndarray:
    """Unit vectors (count, 3) spread evenly (a Fibonacci spiral), none of them along y."""
    place = np.arange(count) + 0.5
    height = 1 - 2 * place / count
    turn = np.pi * (1 + 5**0.5) * place
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(turn), height, across * np.sin(turn)], 1)
