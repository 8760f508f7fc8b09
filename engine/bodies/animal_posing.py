"""An animal of one shape in many poses: the limb scales go into its rest mesh, then it is skinned.

`AnimalBody` stretches limbs while it skins, so that stretch and pose mix where weights do. Here the
rest mesh is `AnimalBody`'s at pose zero and the rest joints are regressed from it: what moves
afterwards is an ordinary skinned mesh, which any program can play. Without limb scales both are
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..formats.animal_file import AnimalData
from ..geometry.rotations import axis_angle_to_matrix
from .animal import AnimalBody
from .skinning import Chain, skin


@dataclass
class Rest:
    """Shapes at rest, N of them, or one for all."""

    vertices: Tensor  # (N, V, 3)
    joints: Tensor  # (N, J, 3)
    stretch: Tensor  # (N, V, 3) how much the limb scales stretch what pose correctives add


class AnimalPosing(nn.Module):
    """Rest meshes of shapes, and their points in poses. Axes and units are the model's own."""

    def __init__(self, data: AnimalData, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.data = data
        self.body = AnimalBody(data, dtype)
        self.chain: Chain = self.body.chain

    def rest(self, betas: Tensor, limb_logscale: Tensor) -> Rest:
        """The rest of shapes (N, b), b <= B, with limb scales (N, L)."""
        still = torch.zeros(len(betas), len(self.data.parents), 3).to(betas)
        vertices, joints = self.body(betas, limb_logscale, still, still[:, 0])
        scale = torch.tensordot(limb_logscale, self.body.limb_axes, dims=1).exp()
        scale = torch.cat([torch.ones_like(scale[:, :1]), scale[:, 1:]], 1)  # not of the root
        return Rest(vertices, joints, self.body.weights @ scale)

    def forward(
        self, rest: Rest, pose: Tensor, transl: Tensor, points: Points | None = None
    ) -> Tensor:
        """Posed vertices (N, V, 3), or `points` (N, K, 3).

        pose (N, J, 3) axis-angle relative to the parent, radians, the root first; transl (N, 3).
        """
        rotations = axis_angle_to_matrix(pose)
        joints = rest.joints.expand(len(pose), -1, -1)
        turns, places = self.chain(rotations, joints)
        index = slice(None) if points is None else points.vertices
        surface = rest.vertices[:, index]
        if self.data.posedirs is not None:
            feature = (rotations[:, 1:] - torch.eye(3).to(pose)).flatten(1)
            blend = self.body.pose_blend[index]
            added = (feature @ blend.flatten(0, 1).T).unflatten(-1, (-1, 3))
            surface = surface + added * rest.stretch[:, index]
        posed = skin(surface, self.body.weights[index], turns, places, joints) + transl[:, None]
        return posed if points is None else points.weights @ posed

    def points(self, rows: Sequence[int] | np.ndarray) -> Points:
        """The keypoints `rows` of the body's table, ready to be posed without the whole mesh."""
        weights = self.data.keypoints[np.asarray(rows, int)]
        used = np.flatnonzero(np.abs(weights).max(0)) if len(weights) else np.zeros(0, int)
        home = self.body.weights
        return Points(
            torch.as_tensor(used, device=home.device), torch.as_tensor(weights[:, used]).to(home)
        )


@dataclass
class Points:
    """K keypoints as weights over few of the vertices."""

    vertices: Tensor  # (U,) int
    weights: Tensor  # (K, U)
