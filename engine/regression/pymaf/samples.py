"""People to train on or to measure by: what a network is shown of them, and what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .sight import Sight


@dataclass
class Targets:
    """What is known of N people in their crops; the camera's y is down."""

    joints_2d: Tensor  # (N, 49, 3) see joints.py: x, y from -1 to 1 in the crop, confidence 0..1
    joints_3d: Tensor  # (N, 24, 4) the annotated ones: metres in camera space, confidence
    pose: Tensor  # (N, 72) axis-angle, radians, the root's from body to camera
    betas: Tensor  # (N, 10)
    known: Tensor  # (N,) bool, whether pose and betas are annotated
    dense: Tensor  # (N, 3, 56, 56) uint8: part 0..24, u and v of 255; zero where not known
    dense_known: Tensor  # (N,) bool

    def __getitem__(self, rows: slice | Tensor) -> Targets:
        return Targets(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device | str) -> Targets:
        """On another device."""
        return Targets(*(getattr(self, field.name).to(device) for field in fields(self)))

    @staticmethod
    def join(parts: Sequence[Targets]) -> Targets:
        """One after the other."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(Targets))
        return Targets(*(torch.cat(column) for column in columns))


@dataclass
class Samples:
    """N people."""

    sight: Sight
    targets: Targets

    def __len__(self) -> int:
        return len(self.sight)

    def __getitem__(self, rows: slice | Tensor) -> Samples:
        return Samples(self.sight[rows], self.targets[rows])

    def to(self, device: torch.device | str) -> Samples:
        """On another device."""
        return Samples(self.sight.to(device), self.targets.to(device))

    @staticmethod
    def join(parts: Sequence[Samples]) -> Samples:
        """One after the other."""
        sights = Sight.join([part.sight for part in parts])
        return Samples(sights, Targets.join([part.targets for part in parts]))
