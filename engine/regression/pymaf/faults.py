"""What goes wrong in pictures and with detectors, done to people who are known exactly."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...formats.keypoints import BODY_25
from .augment import mirrored_joints, mirrored_pose
from .joints import MIRRORED_ANNOTATED, MIRRORED_OPENPOSE, OPENPOSE
from .samples import Samples
from .sight import Sight

_ERROR = 0.011  # usual error of a keypoint, of the person's longer side
_FACE = tuple(BODY_25.index(name) for name in ("Nose", "REye", "LEye", "REar", "LEar"))
_LOOSE = tuple(BODY_25.index(name) for name in ("MidHip", "RHip", "LHip"))  # hard to see
_LIMBS = tuple(
    tuple(BODY_25.index(side + part) for part in parts)
    for side in "RL"
    for parts in (("Elbow", "Wrist"), ("Knee", "Ankle", "BigToe", "SmallToe", "Heel"))
)
_SWAPS = (0.015, 0.97)  # below, left and right are exchanged; above, in the legs alone
_LEGS = tuple(BODY_25.index(s + p) for s in "RL" for p in ("Hip", "Knee", "Ankle"))


def with_faults(sight: Sight, random: torch.Generator) -> Sight:
    """The same people as a detector and a camera show them."""
    keypoints = faulty_keypoints(sight.keypoints, random)
    return Sight(_tinted(sight.pictures, random), _torn(sight.masks, random), keypoints)


def faulty_keypoints(truth: Tensor, random: torch.Generator) -> Tensor:
    """Keypoints (N, 25, 3) as detected, of true ones: x, y in any unit, 1 seen or 0 hidden.

    Hidden ones are guessed badly or not at all; some are wild, and some limbs are lost.
    """
    count = len(truth)
    places, hidden = truth[..., :2], truth[..., 2] == 0
    span = (places.amax(1) - places.amin(1)).amax(1)[:, None, None]
    error = torch.full((OPENPOSE, 1), _ERROR).to(truth)
    error[list(_FACE)] *= 0.6
    error[list(_LOOSE)] *= 1.6
    sloppy = torch.exp(0.45 * _normal(random, count, 1, 1))
    noise = _normal(random, count, OPENPOSE, 2) * error * span * sloppy
    hidden = hidden | _lost_limbs(count, random)
    noise = torch.where(hidden[..., None], 2.5 * noise, noise)
    wild = _uniform(random, count, OPENPOSE) < 0.01
    angle, far = (_uniform(random, count, OPENPOSE) for _ in range(2))
    leap = torch.stack([(2 * math.pi * angle).cos(), (2 * math.pi * angle).sin()], -1)
    noise = torch.where(wild[..., None], leap * (0.1 + 0.3 * far)[..., None] * span, noise)
    sure = 0.55 + 0.45 * _uniform(random, count, OPENPOSE)
    unsure = 0.05 + 0.5 * _uniform(random, count, OPENPOSE)
    confidence = torch.where(hidden | wild, unsure, sure)
    gone = _uniform(random, count, OPENPOSE) < torch.where(hidden, 0.35, 0.03)
    found = torch.cat([places + noise, confidence[..., None]], -1)
    return _swapped(found * ~gone[..., None], random)


def mirrored(samples: Samples, chosen: Tensor) -> Samples:
    """The people `chosen` (N,) bool as seen in a mirror, their dense targets unknown."""
    sight, targets = samples.sight, samples.targets
    flat = chosen[:, None, None]
    keypoints = _other_side(sight.keypoints, MIRRORED_OPENPOSE)
    annotated = _other_side(targets.joints_3d, MIRRORED_ANNOTATED)
    seen = Sight(
        torch.where(flat[..., None], sight.pictures.flip(-1), sight.pictures),
        torch.where(flat, sight.masks.flip(-1), sight.masks),
        torch.where(flat, keypoints, sight.keypoints),
    )
    known = replace(
        targets,
        joints_2d=torch.where(flat, mirrored_joints(targets.joints_2d), targets.joints_2d),
        joints_3d=torch.where(flat, annotated, targets.joints_3d),
        pose=torch.where(chosen[:, None], mirrored_pose(targets.pose), targets.pose),
        dense_known=targets.dense_known & ~chosen,
    )
    return Samples(seen, known)


def _other_side(points: Tensor, table: tuple[int, ...]) -> Tensor:
    """Points (N, P, C), x first and from the middle, seen in a mirror."""
    other = points[:, list(table)]
    return torch.cat([-other[..., :1], other[..., 1:]], -1)


def _lost_limbs(count: int, random: torch.Generator) -> Tensor:
    """(N, 25) bool: points of an arm or a leg that something hides."""
    lost = torch.zeros(count, OPENPOSE, dtype=torch.bool)
    for limb in _LIMBS:
        lost[:, list(limb)] |= _uniform(random, count, 1) < 0.08
    return lost


def _swapped(points: Tensor, random: torch.Generator) -> Tensor:
    """Of some people left and right exchanged, of some in the legs alone."""
    chance = _uniform(random, len(points), 1, 1)
    other = points[:, list(MIRRORED_OPENPOSE)]
    legs = torch.zeros(OPENPOSE, 1, dtype=torch.bool)
    legs[list(_LEGS)] = True
    points = torch.where(chance < _SWAPS[0], other, points)
    return torch.where((chance > _SWAPS[1]) & legs, other, points)


def _torn(masks: Tensor, random: torch.Generator) -> Tensor:
    """Masks (N, S, S) too wide or too narrow, with bites out of them; of some people none."""
    count, size = len(masks), masks.shape[-1]
    levels = masks[:, None].float()
    wide, narrow = max_pool2d(levels, 3, 1, 1), -max_pool2d(-levels, 3, 1, 1)
    kind = _uniform(random, count, 1, 1, 1)
    levels = torch.where(kind < 0.3, wide, torch.where(kind > 0.7, narrow, levels))
    line = torch.arange(size) / size
    for _ in range(2):
        x, y, r = (_uniform(random, count, 1, 1) for _ in range(3))
        bite = (line - x) ** 2 + (line[:, None] - y) ** 2 < (0.02 + 0.1 * r) ** 2
        bitten = _uniform(random, count, 1, 1) < 0.25
        add = _uniform(random, count, 1, 1) < 0.4
        levels = torch.where((bite & bitten)[:, None], add[:, None].float(), levels)
    levels = levels * (_uniform(random, count, 1, 1, 1) > 0.08)
    return levels[:, 0] > 0.5


def _tinted(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Pictures (N, 3, S, S) uint8 with each channel brighter or darker."""
    gain = 0.6 + 0.8 * _uniform(random, len(pictures), 3, 1, 1)
    return (pictures * gain).clamp(0, 255).to(torch.uint8)


def _uniform(random: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=random)


def _normal(random: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=random)
