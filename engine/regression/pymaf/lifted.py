"""Where a network begins that is told keypoints: a person who stands as these say."""

from __future__ import annotations

import torch
from torch import Tensor

from ...bodies.initialiser import LIMBS, TRUNK, Initialiser, look_at, read_answers
from .body_joints import SeenBody
from .estimate import BETAS, JOINTS, Estimate
from .joints import OPENPOSE

_NARROW = 0.25  # tangent of half the angle that a crop is taken to be seen under
_ENOUGH = 6  # keypoints; with fewer the mean person is a better guess
_LEAST = 0.05  # confidence under which a keypoint counts as not seen


@torch.no_grad()
def lifted(initialiser: Initialiser, keypoints: Tensor, body: SeenBody, mean: Estimate) -> Estimate:
    """The likeliest answer of the initialiser to keypoints (N, 25, 3) in the crop, mean shape.

    Who has hardly any keypoints is the `mean` person (N).
    """
    points = initialiser.points
    weight = keypoints[..., 2] * (keypoints[..., 2] > _LEAST)
    plane = keypoints.new_zeros(len(keypoints), points, 2)
    seen = keypoints.new_zeros(len(keypoints), points)
    plane[:, :OPENPOSE], seen[:, :OPENPOSE] = _NARROW * keypoints[..., :2], weight
    features, turn = look_at(plane, seen)
    answer = read_answers(initialiser(features), turn)
    rows = torch.arange(len(keypoints), device=keypoints.device)
    first = answer.share.argmax(-1)
    angles = keypoints.new_zeros(len(keypoints), JOINTS, 3)
    angles[:, [1 + joint for joint in TRUNK]] = answer.trunk[rows, first]
    for limb, ways, shares in zip(LIMBS, answer.limbs, answer.limb_shares, strict=True):
        way = shares[rows, first].argmax(-1)
        angles[:, [1 + joint for joint in limb]] = ways[rows, first, way]
    betas = keypoints.new_zeros(len(keypoints), BETAS)
    pose = Estimate.numbers(answer.root[rows, first], angles[:, 1:])
    camera = _camera(body(Estimate(pose, betas, mean.camera))[1][:, :OPENPOSE], keypoints, weight)
    known = ((weight > 0).sum(1) >= _ENOUGH)[:, None]
    return Estimate(
        torch.where(known, pose, mean.pose),
        torch.where(known, betas, mean.betas),
        torch.where(known, camera, mean.camera),
    )


def _camera(joints: Tensor, keypoints: Tensor, weight: Tensor) -> Tensor:
    """Scale and shift (N, 3) that bring joints (N, 25, 3) closest to keypoints, seen from afar."""
    share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-6))[..., None]
    flat, wanted = joints[..., :2], keypoints[..., :2]
    middle, target = (share * flat).sum(1), (share * wanted).sum(1)
    away, gap = flat - middle[:, None], wanted - target[:, None]
    spread = (share * away**2).sum((1, 2)).clamp_min(1e-6)
    scale = ((share * away * gap).sum((1, 2)) / spread).clamp_min(0.05)[:, None]
    return torch.cat([scale, target / scale - middle], 1)
