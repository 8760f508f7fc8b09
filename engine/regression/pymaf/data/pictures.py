"""A person of a data set as a training sample: the picture cut, turned, mirrored and tinted, and
all that is known of the person with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ....geometry.rotations import axis_angle_to_matrix
from ...crops import Crop, square_crop
from ..augment import turned_root
from ..faults import mirrored
from ..joints import OPENPOSE
from ..samples import Samples, Targets
from ..sight import Sight
from .picture_set import PictureSet

DENSE = 56  # px of a side of dense targets
_MOST = 2.0  # turns are cut at so many times their deviation


@dataclass(frozen=True)
class Augmentation:
    """How much is changed, at random; by default as published."""

    mirror: float = 0.5  # how often
    tint: float = 0.4  # colours are multiplied by up to so much more or less than one
    turn: float = 30.0  # degrees, standard deviation
    upright: float = 0.6  # how often it is not turned
    scale: float = 0.25  # standard deviation, and how much larger or smaller at most


NONE = Augmentation(mirror=0, tint=0, turn=0, upright=1, scale=0)


@dataclass(frozen=True)
class Change:
    """What is done to one picture."""

    mirror: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # factors of red, green, blue
    turn: float = 0.0  # degrees, the content anticlockwise
    scale: float = 1.0  # of the square that is cut


def draw_change(amount: Augmentation, random: torch.Generator) -> Change:
    """A change at random; always as many numbers are drawn."""
    chance = torch.rand(5, generator=random)
    turn, scale = torch.randn(2, generator=random).tolist()
    most = _MOST * amount.turn
    tint = (1 + amount.tint * (2 * chance[:3] - 1)).tolist()
    return Change(
        mirror=bool(chance[3] < amount.mirror),
        tint=(tint[0], tint[1], tint[2]),
        turn=0.0 if chance[4] < amount.upright else min(max(turn * amount.turn, -most), most),
        scale=1 + min(max(scale * amount.scale, -amount.scale), amount.scale),
    )


def cut_person(
    data: PictureSet,
    row: int,
    picture: np.ndarray,
    mask: np.ndarray | None,
    change: Change,
    size: int,
) -> Samples:
    """One person of a data set, changed, in a crop of `size` px.

    picture (H, W, 3) uint8; mask (H, W) bool of who is meant, None where it is not known. What is
    to be seen densely is not known.
    """
    centre = (float(data.centre[row, 0]), float(data.centre[row, 1]))
    side = float(data.side[row]) * change.scale
    pixels, crop = _cut(picture, centre, side, size, change.turn)
    seen = np.zeros((size, size), bool)
    if mask is not None:
        levels = np.repeat(255 * mask.astype(np.uint8)[..., None], 3, axis=-1)
        seen = _cut(levels, centre, side, size, change.turn)[0][..., 0] > 127
    tinted = np.clip(pixels * np.array(change.tint, np.float32), 0, 255).astype(np.uint8)
    joints = torch.from_numpy(_in_crop(data.joints_2d[row], crop, size, change.turn))[None]
    sight = Sight(
        torch.from_numpy(tinted).permute(2, 0, 1)[None].contiguous(),
        torch.from_numpy(seen)[None],
        joints[:, :OPENPOSE],
    )
    samples = Samples(sight, _targets(data, row, joints, change.turn))
    return mirrored(samples, torch.tensor([change.mirror]))


def _targets(data: PictureSet, row: int, joints: Tensor, turn: float) -> Targets:
    """What is known of a person whose picture is turned by `turn` degrees."""
    pose = torch.from_numpy(data.pose[row : row + 1].copy())
    space = torch.from_numpy(data.joints_3d[row : row + 1].copy())
    if turn:
        pose[:, :3] = turned_root(pose[:, :3], turn)
        about = axis_angle_to_matrix(torch.tensor([0.0, 0.0, -math.radians(turn)]))
        space[..., :3] = space[..., :3] @ about.T
    return Targets(
        joints_2d=joints,
        joints_3d=space,
        pose=pose,
        betas=torch.from_numpy(data.betas[row : row + 1]),
        known=torch.from_numpy(data.known[row : row + 1]),
        dense=torch.zeros(1, 3, DENSE, DENSE, dtype=torch.uint8),
        dense_known=torch.zeros(1, dtype=torch.bool),
    )


def _margin(size: int, turn: float) -> int:
    """Pixels around a crop that its corners come from when it is turned."""
    return math.ceil((math.sqrt(2) - 1) / 2 * size) if turn else 0


def _cut(
    picture: np.ndarray, centre: tuple[float, float], side: float, size: int, turn: float
) -> tuple[np.ndarray, Crop]:
    """The crop (size, size, 3), and the larger, upright one that it is turned out of."""
    margin = _margin(size, turn)
    wide = size + 2 * margin
    crop = square_crop(picture, centre, side * wide / size, wide)
    if not turn:
        return crop.pixels, crop
    middle = (wide - 1) / 2
    matrix = np.array(cv2.getRotationMatrix2D((middle, middle), turn, 1.0), np.float64)
    matrix[:, 2] -= margin
    return cv2.warpAffine(crop.pixels, matrix, (size, size), flags=cv2.INTER_LINEAR), crop


def _in_crop(points: np.ndarray, crop: Crop, size: int, turn: float) -> np.ndarray:
    """Points (P, 3) of the picture, px, in the crop of `_cut`, from -1 to 1; unseen ones zero."""
    wide = len(crop.pixels)
    upright = 2 * (points[:, :2] - crop.corner) / crop.extent - 1
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    turned = upright @ np.array([[cos, -sin], [sin, cos]]) * (wide / size)
    seen = points[:, 2:] > 0
    found = np.concatenate([turned * seen, np.clip(points[:, 2:], 0, 1)], axis=1)
    return found.astype(np.float32)
