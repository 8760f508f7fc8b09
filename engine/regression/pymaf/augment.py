"""Changes of a training picture's annotations: mirrored, turned, cut with the crop."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .joints import MIRRORED_49, MIRRORED_SMPL


def mirrored_pose(pose: Tensor) -> Tensor:
    """The pose (N, 72), axis-angle in radians, of the people seen in a mirror."""
    other = pose.unflatten(-1, (-1, 3))[..., MIRRORED_SMPL, :]
    return (other * torch.tensor([1.0, -1.0, -1.0]).to(pose)).flatten(-2)


def mirrored_joints(joints: Tensor) -> Tensor:
    """The 49 joints (N, 49, C), x first and from the middle, of the people seen in a mirror."""
    other = joints[..., MIRRORED_49, :]
    return torch.cat([-other[..., :1], other[..., 1:]], dim=-1)


def turned_root(root: Tensor, degrees: float) -> Tensor:
    """The root's rotation (N, 3), axis-angle in radians, where the picture is turned by `degrees`.

    Positive turns the picture's content anticlockwise.
    """
    turn = axis_angle_to_matrix(torch.tensor([0.0, 0.0, -math.radians(degrees)]).to(root))
    return matrix_to_axis_angle(turn @ axis_angle_to_matrix(root))


def to_crop(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (P, 2) of a picture in its crop (P, 2), by a matrix of `crops.crop_matrix`.

    As the official programs do it: counted from one, and cut to whole pixels.
    """
    moved = (points - 1) @ matrix[:2, :2].T + matrix[:2, 2]
    return moved.astype(int) + 1
