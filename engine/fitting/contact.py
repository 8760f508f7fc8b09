"""Feet on the ground: which points stand, where the ground is, and what both ask of a fit.

A point that stands does not move and lies on a plane that all standing points of a clip share; the
plane is what tells how far away a foot is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .banded import System
from .kinematics import Kinematics

FEET = ((19, 20, 21), (22, 23, 24))  # toes and heel, left and right, in BODY_25
_SLOW = 0.45  # m/s: slower than this, a foot is on its way to stand
_LOW = 0.08  # m above the lowest foot point of the neighbouring half second
_ROUGH = 0.03  # m, how well standing points lie on the ground
_LEVEL = 25.0  # hold of the mean upright direction on the ground's, in squared spreads / _ROUGH
_TAIL = 9.0  # squared residual from which a point is thought to move, or to hang, after all


@dataclass
class Contact:
    """What stands in a clip. B clips, T frames, F points of the feet."""

    feet: Tensor  # (F,) indices of the problem's keypoints
    still: Tensor  # (B, T-1, F) in 0..1, how surely a point stays where it is until the next frame
    up: Tensor  # (B, 3) unit normal of the ground, camera space
    level: Tensor  # (B, F) m, where along `up` a standing point lies

    def add(
        self, points: Tensor, jacobian: Tensor, stand: float, ground: float, system: System
    ) -> None:
        """Add both terms to `system`: points (B, T, F, 3) and their derivatives (B, T, F, 3, D).

        stand: 1 / (m / frame) of a point that stands; ground: 1 / m of its distance to the ground.
        """
        self._stand(points, jacobian, stand, system)
        if ground:
            self._touch(points, jacobian, ground, system)

    def _stand(self, points: Tensor, jacobian: Tensor, stand: float, system: System) -> None:
        weight = self.still * stand
        residual = (points[:, 1:] - points[:, :-1]) * weight[..., None]
        share = _TAIL / (_TAIL + residual.square().sum(-1))
        system.cost += (residual.square().sum(-1) * share).sum((1, 2))
        residual = (residual * share[..., None]).flatten(2)[..., None]
        factor = (weight * share)[..., None, None]
        before = (jacobian[:, :-1] * factor).flatten(2, 3)
        behind = (jacobian[:, 1:] * factor).flatten(2, 3)
        left, right = before.transpose(-1, -2), behind.transpose(-1, -2)
        system.diagonal[:, :-1] += left @ before
        system.diagonal[:, 1:] += right @ behind
        system.next[:, :-1] -= left @ behind
        system.gradient[:, :-1] -= (left @ residual)[..., 0]
        system.gradient[:, 1:] += (right @ residual)[..., 0]

    def _touch(self, points: Tensor, jacobian: Tensor, ground: float, system: System) -> None:
        weight = self.touching * ground
        height = torch.einsum("btfc,bc->btf", points, self.up) - self.level[:, None]
        residual = height * weight
        share = _TAIL / (_TAIL + residual.square())
        system.cost += (residual.square() * share).sum((1, 2))
        rows = torch.einsum("btfcd,bc->btfd", jacobian, self.up) * (weight * share)[..., None]
        columns = rows.transpose(-1, -2)
        system.diagonal += columns @ rows
        system.gradient += (columns @ (residual * share)[..., None])[..., 0]

    @property
    def touching(self) -> Tensor:
        """(B, T, F) how surely a point is on the ground."""
        edge = torch.zeros_like(self.still[:, :1])
        return torch.maximum(torch.cat([edge, self.still], 1), torch.cat([self.still, edge], 1))


def find_contact(
    kinematics: Kinematics,
    feet: list[list[int]],
    points: Tensor,
    root: Tensor,
    betas: Tensor,
    fps: float,
) -> Contact | None:
    """What stands in a fit. None for a short clip, a body without soles, or feet that never rest.

    feet: rows of `points` (B, T, K, 3) for the left and the right foot; root (B, T, 3, 3), betas
    (B, S). A point stands when it is slow and low along the body's mean upright direction.
    """
    batch, frames = root.shape[:2]
    if frames < 8 or not all(feet):
        return None
    upright = torch.nn.functional.normalize(root[..., :, 1].mean(1), dim=-1)
    both = feet[0] + feet[1]
    soles = points[:, :, both]
    heights = (soles * upright[:, None, None]).sum(-1)
    lowest = _running_min(heights, max(2, round(0.25 * fps)))
    still = []
    for part in (slice(0, len(feet[0])), slice(len(feet[0]), None)):
        place = soles[:, :, part]
        speed = _blur((place[:, 1:] - place[:, :-1]).norm(dim=-1).mean(-1) * fps)  # (B, T-1)
        slow = torch.sigmoid((_SLOW - speed) / 0.08)
        above = heights[:, :, part] - lowest[..., None]
        still.append(slow[..., None] * torch.sigmoid((_LOW - above[:, :-1]) / 0.02))
    weight = torch.cat(still, -1)
    weight = torch.where(weight > 0.3, weight, torch.zeros_like(weight))
    if not bool((weight > 0).any()):
        return None
    index = torch.tensor(both, device=root.device)
    own = _own_heights(kinematics, both, betas)
    contact = Contact(index, weight, upright, own)
    contact.up, contact.level = ground(soles, contact.touching, own, upright)
    return contact


def _own_heights(kinematics: Kinematics, feet: list[int], betas: Tensor) -> Tensor:
    """(B, F) m, how high each point of the sole lies when the foot stands flat."""
    batch = len(betas)
    zero = betas.new_zeros(batch, 3)
    eye = torch.eye(3).to(betas).expand(batch, 3, 3)
    pose = betas.new_zeros(batch, len(kinematics.parents), 3)
    none = betas.new_zeros(batch, kinematics.entry_expr.shape[2])
    height = kinematics.pose(eye, zero, pose, betas, none).points[:, feet, 1]
    return height - height.amin(1, keepdim=True)


def ground(points: Tensor, weight: Tensor, own: Tensor, upright: Tensor) -> tuple[Tensor, Tensor]:
    """Normal (B, 3) and level of every point (B, F) of the plane through standing points.

    Its slope is held near the upright direction where the points do not tell, as on a line.
    """
    identity = torch.eye(3).to(points).expand(len(points), 3, 3)
    up, trust = upright, weight
    for blur in (8.0, 4.0, 2.0, 1.0, 1.0, 1.0):  # a slope must not look like outliers at first
        total = trust.sum((1, 2)).clamp_min(1e-9)
        middle = torch.einsum("btf,btfc->bc", trust, points) / total[:, None]
        rise = torch.einsum("btf,bf->b", trust, own) / total
        arm = (points - middle[:, None, None]) / _ROUGH
        spare = ((own - rise[:, None]) / _ROUGH)[:, None].expand_as(trust)
        matrix = torch.einsum("btf,btfc,btfd->bcd", trust, arm, arm) / total[:, None, None]
        vector = torch.einsum("btf,btfc,btf->bc", trust, arm, spare) / total[:, None]
        up = torch.linalg.solve(matrix + _LEVEL * identity, vector + _LEVEL * upright)
        up = torch.nn.functional.normalize(up, dim=-1)
        level = torch.einsum("bc,bc->b", middle, up) - rise
        height = torch.einsum("btfc,bc->btf", points, up) - own[:, None] - level[:, None, None]
        trust = weight / (1 + (height / (blur * _ROUGH)).square()).square()
    return up, level[:, None] + own


def _running_min(heights: Tensor, half: int) -> Tensor:
    """(B, T) lowest of all foot points in a window of 2 half + 1 frames."""
    lowest = heights.amin(-1).cpu().numpy()
    padded = np.pad(lowest, ((0, 0), (half, half)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
    return torch.tensor(windows.min(-1)).to(heights)


def _blur(values: Tensor) -> Tensor:
    padded = torch.cat([values[:, :1], values, values[:, -1:]], 1)
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
