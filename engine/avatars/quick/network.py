"""The quick signed distance: grids of features, a small network, linear in the pose.

f(x, pose) = body(x) - 1 cm + g(x) + sum_k h_k(x) c_k(x, pose): the distance to the bare body, plus
what clothes add, plus K shapes whose amounts c are linear in the locally conditioned pose. Linear,
because a dozen scans tell no more; and because the K + 1 numbers at a place then give the surface
for every pose, which makes posing cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_UNIT = 0.1  # m of one unit that the network gives
_SKIN = 0.01  # m from the bare body where an untrained surface lies


@dataclass
class NetworkConfig:
    """Sizes of the network."""

    voxels: tuple[float, ...] = (0.08, 0.04, 0.02)  # m
    features: tuple[int, ...] = (8, 6, 4)  # of each grid
    width: int = 64
    shapes: int = 32  # K


class QuickNetwork(nn.Module):
    """`body_distance` (1, 1, Z, Y, X) samples the box of corners `low` and `high` (3,), metres.

    `middle` (J, 4) is the pose code at which all amounts are zero.
    """

    low: Tensor
    high: Tensor
    body_distance: Tensor
    middle: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        low: np.ndarray,
        high: np.ndarray,
        body_distance: Tensor,
        middle: Tensor,
    ) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))
        self.register_buffer("body_distance", body_distance.float())
        self.register_buffer("middle", middle.float())
        self.grids = nn.ParameterList()
        for voxel, count in zip(config.voxels, config.features, strict=True):
            size = grid_size(low, high, voxel)[::-1]
            self.grids.append(nn.Parameter(1e-3 * torch.randn(1, count, *size)))
        inputs = sum(config.features) + 4
        self.amounts = nn.Linear(middle.numel(), config.shapes, bias=False)
        nn.init.normal_(self.amounts.weight, std=0.1)
        self.layers = nn.Sequential(
            nn.Linear(inputs, config.width),
            nn.Softplus(beta=20),
            nn.Linear(config.width, config.width),
            nn.Softplus(beta=20),
            nn.Linear(config.width, 1 + config.shapes),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-2)
        nn.init.zeros_(last.bias)

    def shapes(self, points: Tensor) -> Tensor:
        """(N, 1 + K) metres at points (N, 3): the static distance, then the K shapes."""
        at = (points - self.low) / (self.high - self.low) * 2 - 1
        body = _sample(self.body_distance, at)
        inputs = torch.cat([*(_sample(grid, at) for grid in self.grids), at, body * 5], 1)
        out = self.layers(inputs) * _UNIT
        return torch.cat([out[:, :1] + body - _SKIN, out[:, 1:]], 1)

    def amounts_of(self, influence: Tensor, code: Tensor) -> Tensor:
        """(N, K) of places with `influence` (N, J); `code` (J, 4) or (N, J, 4)."""
        return self.amounts((influence[..., None] * (code - self.middle)).flatten(1))

    def forward(self, points: Tensor, influence: Tensor, code: Tensor) -> Tensor:
        """Signed distance (N,), metres, positive outside."""
        return combine(self.shapes(points), self.amounts_of(influence, code))

    def sensitivity(self, points: Tensor) -> Tensor:
        """How much the pose moves the surface at points (N, 3): metres squared a unit of code."""
        return (self.shapes(points)[:, 1:] @ self.amounts.weight).square().sum(1).mean()

    def roughness(self) -> Tensor:
        """Mean squared difference of neighbours in the grids, summed over the three axes."""
        total = self.low.new_zeros(())
        for grid in self.grids:
            for axis in (2, 3, 4):
                total = total + grid.diff(dim=axis).square().mean()
        return total


def combine(shapes: Tensor, amounts: Tensor) -> Tensor:
    """The distance (...) of shapes (..., 1 + K) in the amounts (..., K)."""
    return shapes[..., 0] + (shapes[..., 1:] * amounts).sum(-1)


def grid_size(low: np.ndarray, high: np.ndarray, voxel: float) -> list[int]:
    """Nodes along x, y, z."""
    return (np.ceil((np.asarray(high) - low) / voxel).astype(int) + 1).tolist()


def _sample(grid: Tensor, at: Tensor) -> Tensor:
    """Trilinear values (N, C) of a grid (1, C, Z, Y, X) at places (N, 3) in -1..1."""
    found = functional.grid_sample(
        grid, at[None, :, None, None], align_corners=True, padding_mode="border"
    )
    return found[0, :, :, 0, 0].T
