"""What a regressor says of a body, and how it gets from features to the next estimate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...geometry.rotations import rotation_6d_to_matrix

JOINTS, BETAS = 24, 10  # of SMPL
POSE = 6 * JOINTS
_HIDDEN = 1024


@dataclass
class Estimate:
    """Pose, shape and camera of N people."""

    pose: Tensor  # (N, 144) six numbers a joint: the first two columns of its matrix, row by row
    betas: Tensor  # (N, 10)
    camera: Tensor  # (N, 3) see camera.py
    points: Tensor | None = None  # (N, P, 2) where in the crop its features are from, -1 to 1

    @property
    def rotations(self) -> Tensor:
        """Matrices (N, 24, 3, 3) relative to the parent."""
        columns = self.pose.unflatten(-1, (JOINTS, 3, 2)).mT
        return rotation_6d_to_matrix(columns.flatten(-2))

    def detached(self) -> Estimate:
        """The same without its history."""
        return Estimate(self.pose.detach(), self.betas.detach(), self.camera.detach())


class Regressor(nn.Module):
    """Features and an estimate to a better estimate. Parameters are named as in official files."""

    init_pose: Tensor  # (1, 144), the mean person
    init_shape: Tensor  # (1, 10)
    init_cam: Tensor  # (1, 3)

    def __init__(self, features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features + POSE + BETAS + 3, _HIDDEN)
        self.drop1 = nn.Dropout()
        self.fc2 = nn.Linear(_HIDDEN, _HIDDEN)
        self.drop2 = nn.Dropout()
        self.decpose = nn.Linear(_HIDDEN, POSE)
        self.decshape = nn.Linear(_HIDDEN, BETAS)
        self.deccam = nn.Linear(_HIDDEN, 3)
        for head in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(head.weight, gain=0.01)
        for name, count in (("pose", POSE), ("shape", BETAS), ("cam", 3)):
            self.register_buffer(f"init_{name}", torch.zeros(1, count))

    def mean(self, count: int) -> Estimate:
        """`count` times the mean person."""
        means = (self.init_pose, self.init_shape, self.init_cam)
        return Estimate(*(numbers.expand(count, -1) for numbers in means))

    def forward(self, features: Tensor, last: Estimate) -> Estimate:
        """The next estimate from features (N, F) and the last one."""
        known = torch.cat([features, last.pose, last.betas, last.camera], dim=1)
        # There is no activation between the two layers, in the original neither.
        hidden = self.drop2(self.fc2(self.drop1(self.fc1(known))))
        return Estimate(
            last.pose + self.decpose(hidden),
            last.betas + self.decshape(hidden),
            last.camera + self.deccam(hidden),
        )
