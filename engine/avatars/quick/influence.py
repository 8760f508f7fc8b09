"""What a place knows of a pose: SCANimate's local conditioning (section 3.3), and the way down.

A joint is known where its own skin or that of its four nearest ancestors moves. Fingers and face,
which clothes do not depend on, condition nothing. Instead of the root's turn, which changes
nothing, every place knows how far the root is tilted, because cloth hangs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...geometry.rotations import axis_angle_to_matrix
from ..scanimate.pose_map import build_pose_map, pose_feature
from ..weight_field import WeightField, limb_joints

_OF_TILT = 0.5  # influence of the tilt, everywhere
_MOST_TILT = 0.5  # sine; nobody was scanned lying


class Influence:
    """(N, J) shares of the joints at points (N, 3)."""

    def __init__(self, data: BodyData, field: WeightField) -> None:
        self.data, self.field = data, field

    def __call__(self, points: np.ndarray) -> Tensor:
        """Of points (N, 3), metres."""
        return influence_of(self.data, self.field(points))


def influence_of(data: BodyData, weights: np.ndarray) -> Tensor:
    """(N, J) of points with skinning weights (N, J)."""
    reach = build_pose_map(data.parents.tolist()).numpy()
    limbs = limb_joints(data)
    reach[:, [joint - 1 for joint in range(1, len(data.parents)) if joint not in limbs]] = 0
    known = weights.astype(np.float32) @ reach
    return torch.from_numpy(np.concatenate([np.full_like(known[:, :1], _OF_TILT), known], 1))


def pose_code(pose: Tensor) -> Tensor:
    """(J, 4) of axis-angles (J, 3): the root's tilt, then the quaternions x, y, z, w - 1.

    The tilt is where the world's up (y) points in the root's frame, less its own up.
    """
    up = axis_angle_to_matrix(pose[0])[1]
    tilt = torch.stack([up[0], up[1] - 1, up[2], torch.zeros_like(up[0])])
    tilt = tilt * (_MOST_TILT / tilt.norm().clamp_min(_MOST_TILT))
    return torch.cat([tilt[None], pose_feature(pose)])
