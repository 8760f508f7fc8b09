"""How much the turn of each joint matters at a place: SCANimate's local conditioning (section 3.3).

A joint is known where its own skin or that of its four nearest ancestors moves. Fingers and face,
which clothes do not depend on, condition nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ..scanimate.pose_map import build_pose_map
from ..weight_field import WeightField, limb_joints


class Influence:
    """(N, J - 1) shares of the joints after the root at points (N, 3)."""

    def __init__(self, data: BodyData, field: WeightField) -> None:
        self.data, self.field = data, field

    def __call__(self, points: np.ndarray) -> Tensor:
        """Of points (N, 3), metres."""
        return influence_of(self.data, self.field(points))


def influence_of(data: BodyData, weights: np.ndarray) -> Tensor:
    """(N, J - 1) of points with skinning weights (N, J)."""
    reach = build_pose_map(data.parents.tolist()).numpy()
    limbs = limb_joints(data)
    reach[:, [joint - 1 for joint in range(1, len(data.parents)) if joint not in limbs]] = 0
    return torch.from_numpy(weights.astype(np.float32) @ reach)
