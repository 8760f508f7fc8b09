"""From registered scans to what the surface elements are trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...geometry.rotations import axis_angle_to_matrix
from ...geometry.visibility import seen_faces
from ...progress import Progress
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from .packed import PackedFrame
from .position_map import PositionMap

POINTS = 40_000  # of each scan, as in the original's data


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
        faces = scans.meshes[row].faces
        # Elements describe one sheet: what lies under clothes would draw them inward.
        corners = scan[faces[seen_faces(scan, faces)]]
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
