"""What a regressor says of a body, and how it gets from features to the next estimate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...geometry.rotations import axis_angle_to_matrix, rotation_6d_to_matrix

JOINTS, BETAS = 24, 10  # of SMPL
POSE = 6 * JOINTS


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

    @staticmethod
    def numbers(root: Tensor, angles: Tensor) -> Tensor:
        """The numbers (N, 144) of a root (N, 3, 3) and axis-angles (N, 23, 3), radians."""
        rotations = torch.cat([root[:, None], axis_angle_to_matrix(angles)], dim=1)
        return rotations[..., :2].flatten(1)

    def detached(self) -> Estimate:
        """The same without its history."""
        return Estimate(self.pose.detach(), self.betas.detach(), self.camera.detach())


class Regressor(nn.Module):
    """Features and an estimate to a better estimate. Parameters are named as in official files."""

    init_pose: Tensor  # (1, 144), the mean person
    init_shape: Tensor  # (1, 10)
    init_cam: Tensor  # (1, 3)

    def __init__(self, features: int, hidden: int = 1024, blocks: int = 0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features + POSE + BETAS + 3, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        # Official networks are linear here; ours have blocks, and learn from more than they forget.
        share = 0.0 if blocks else 0.5
        self.drop1, self.drop2 = nn.Dropout(share), nn.Dropout(share)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.Linear(hidden, hidden),
                nn.GELU(),
                nn.Linear(hidden, hidden),
            )
            for _ in range(blocks)
        )
        self.decpose = nn.Linear(hidden, POSE)
        self.decshape = nn.Linear(hidden, BETAS)
        self.deccam = nn.Linear(hidden, 3)
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
        hidden = self.drop1(self.fc1(known))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        hidden = self.drop2(self.fc2(hidden))
        return Estimate(
            last.pose + self.decpose(hidden),
            last.betas + self.decshape(hidden),
            last.camera + self.deccam(hidden),
        )
