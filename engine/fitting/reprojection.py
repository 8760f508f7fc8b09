"""The data term: keypoints of the body against those of the picture, and its normal equations.

Frames go through in pieces that stay in the processor's cache; only the few points that may stand
on the floor keep their derivatives for the terms that follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .banded import System
from .kinematics import Kinematics

_PIECE = 64  # frames at once on the CPU; a GPU takes them in larger pieces
_PIECE_GPU = 4096
_NEAREST = 0.05  # m; nothing is projected from nearer than this


@dataclass
class Frames:
    """N frames of all clips in a row, and what the camera measured in them."""

    root: Tensor  # (N, 3, 3)
    position: Tensor  # (N, 3)
    pose: Tensor  # (N, J, 3)
    betas: Tensor  # (N, S')
    expression: Tensor  # (N, E)
    scale: Tensor  # (N,) focal length over the person's size
    target: Tensor  # (N, K, 2) measured points in sizes of the person
    weights: Tensor  # (N, K)
    trusted: Tensor  # (N, K) bool

    def piece(self, part: slice) -> Frames:
        """Some of the frames."""
        return Frames(*(getattr(self, f)[part] for f in self.__dataclass_fields__))


@dataclass
class Freedom:
    """What is free besides the parameters of a frame, and how the data term is rounded off."""

    shape: bool
    focal: bool
    robust: float  # Geman-McClure scale in expected errors
    kept: Tensor  # indices of keypoints whose derivatives are kept


def data_system(
    kinematics: Kinematics, frames: Frames, freedom: Freedom, batch: int
) -> tuple[System, Tensor, Tensor]:
    """Normal equations of the data term of `batch` clips.

    Also returns the points (B, T, kept, 3) and their derivatives (B, T, kept, 3, D).
    """
    total = len(frames.root)
    step = _PIECE if frames.root.device.type == "cpu" else _PIECE_GPU
    parts = [
        _piece(kinematics, frames.piece(slice(i, i + step)), freedom) for i in range(0, total, step)
    ]
    diagonal, gradient, cross, shared, shared_gradient, cost, points, jacobian = (
        torch.cat(column).unflatten(0, (batch, -1)) for column in zip(*parts, strict=True)
    )
    system = System(
        diagonal=diagonal,
        next=torch.zeros_like(diagonal),
        after=torch.zeros_like(gradient),
        gradient=gradient,
        cross=cross,
        shared=shared.sum(1),
        shared_gradient=shared_gradient.sum(1),
        cost=cost.sum(1),
    )
    return system, points, jacobian


def _piece(kinematics: Kinematics, frames: Frames, freedom: Freedom) -> tuple[Tensor, ...]:
    posed = kinematics.pose(
        frames.root,
        frames.position,
        frames.pose,
        frames.betas,
        frames.expression,
        derivatives=True,
        shape=freedom.shape,
    )
    moved = posed.frame
    assert moved is not None
    if kinematics.free.root:
        moved[..., 3:6] = _by_place(frames.position)[:, None]
    depth = posed.points[..., 2].clamp_min(_NEAREST)
    plane = posed.points[..., :2] * (frames.scale[:, None] / depth)[..., None]
    residual = (plane - frames.target) * frames.weights[..., None]
    robust = freedom.robust**2
    square = residual.square().sum(-1)
    share = (robust / (robust + square)).where(~frames.trusted, torch.ones_like(square))
    # Geman-McClure: rho = square * share, rho' = share²: rows and residuals carry a share each.
    factor = frames.weights * share
    across = (factor * frames.scale[:, None] / depth)[..., None, None]
    along = (plane * (factor / depth)[..., None])[..., None]

    def project(moved: Tensor) -> Tensor:
        rows = moved[:, :, :2] * across - along * moved[:, :, 2:]
        return rows.flatten(1, 2)

    jacobian = project(moved)
    columns = []
    if freedom.shape:
        assert posed.shared is not None
        columns.append(project(posed.shared))
    if freedom.focal:
        columns.append((plane * factor[..., None]).flatten(1)[..., None])
    shared = torch.cat(columns, -1) if columns else jacobian[..., :0]
    weighted = (residual * share[..., None]).flatten(1)[..., None]
    left, right = jacobian.transpose(1, 2), shared.transpose(1, 2)
    return (
        left @ jacobian,
        (left @ weighted)[..., 0],
        left @ shared,
        right @ shared,
        (right @ weighted)[..., 0],
        (square * share).sum(-1),
        posed.points[:, freedom.kept],
        moved[:, freedom.kept],
    )


def _by_place(position: Tensor) -> Tensor:
    """(N, 3, 3) derivative of the position by (X/Z, Y/Z, log Z)."""
    matrix = torch.zeros(*position.shape, 3, device=position.device, dtype=position.dtype)
    matrix[:, 0, 0] = matrix[:, 1, 1] = position[:, 2]
    matrix[:, :, 2] = position
    return matrix
