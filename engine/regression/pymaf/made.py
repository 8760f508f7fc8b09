"""People who were never photographed, as training samples: imagined ones, known by their joints
alone, to learn what poses look like; and drawn ones with pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle, turn_to_ray
from ..synthetic_people.pool import People
from ..synthetic_people.poses import Sampler
from .body_joints import SeenBody
from .data.pictures import DENSE
from .estimate import BETAS, JOINTS
from .faults import faulty_keypoints, mirrored, with_faults
from .joints import ANNOTATED, OPENPOSE
from .samples import Samples, Targets
from .sight import Sight

_POOL = 60_000  # poses that are drawn beforehand
_FAR = 2.5  # half crops from the middle; what is seen beyond is not learned from
_BOX = (1.0, 1.4)  # sides of crops, of the keypoints' longer side
_HALF_TURN = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # y up to y down


@dataclass
class View:
    """How N square crops see: pinhole cameras, and the squares in their pictures."""

    focal: Tensor  # (N,) px of the picture
    principal: Tensor  # (N, 2) px
    centre: Tensor  # (N, 2) px of the crops
    side: Tensor  # (N,) px

    def to_crop(self, points: Tensor) -> Tensor:
        """Points (N, P, 3) in camera space, metres, in the crops (N, P, 2), from -1 to 1."""
        plane = points[..., :2] / points[..., 2:].clamp_min(0.05)
        pixels = plane * self.focal[:, None, None] + self.principal[:, None]
        return 2 * (pixels - self.centre[:, None]) / self.side[:, None, None]

    def turn(self) -> Tensor:
        """(N, 3, 3) from the camera's axes to those of one that looks at the crop's middle."""
        return turn_to_ray((self.centre - self.principal) / self.focal[:, None])


def targets_of(
    body: SeenBody, betas: Tensor, rotations: Tensor, transl: Tensor, view: View
) -> Targets:
    """What is to be known of N people in camera space: seen along the rays to their crops.

    betas (N, B); rotations (N, 24, 3, 3), the root's from body to camera; transl (N, 3) metres.
    """
    count, turn = len(betas), view.turn()
    _, joints, _ = body.all(betas, rotations)
    joints = joints + transl[:, None]
    seen = view.to_crop(joints)
    sure = torch.ones(count, OPENPOSE + ANNOTATED, 1)
    near = (seen.abs().amax(-1, keepdim=True) < _FAR).float()  # beyond, perspective tells nothing
    along = torch.cat([turn[:, None] @ rotations[:, :1], rotations[:, 1:]], dim=1)
    return Targets(
        joints_2d=torch.cat([seen.clamp(-_FAR, _FAR), near], -1),
        joints_3d=torch.cat([joints @ turn.mT, sure], -1)[:, OPENPOSE:],
        pose=matrix_to_axis_angle(along).flatten(1),
        betas=betas[:, :BETAS],
        known=torch.ones(count, dtype=torch.bool),
        dense=torch.zeros(count, 3, DENSE, DENSE, dtype=torch.uint8),
        dense_known=torch.zeros(count, dtype=torch.bool),
    )


def drawn_samples(people: People, data: BodyData) -> Samples:
    """Drawn people as samples, with perfect keypoints and masks."""
    count, size = people.pictures.shape[:2]
    whole = torch.full((count, 2), float(size))
    focal, principal = torch.from_numpy(people.focal), torch.from_numpy(people.centre)
    view = View(focal, principal, whole / 2, whole[:, 0])
    pose = torch.zeros(count, JOINTS, 3)
    kept = JOINTS - 2  # SMPL's hands are not among the shipped body's joints
    pose[:, :kept] = torch.from_numpy(people.pose[:, :kept])
    betas, transl = torch.from_numpy(people.betas), torch.from_numpy(people.transl)
    targets = targets_of(SeenBody(data), betas, axis_angle_to_matrix(pose), transl, view)
    keypoints = torch.from_numpy(people.keypoints).clone()
    keypoints[..., :2] = 2 * keypoints[..., :2] / size - 1
    pictures = torch.from_numpy(people.pictures).permute(0, 3, 1, 2).contiguous()
    return Samples(Sight(pictures, torch.from_numpy(people.masks), keypoints), targets)


class ImaginedPeople:
    """An endless stream of people without pictures, as a detector might find them."""

    def __init__(self, data: BodyData, batch: int, seed: int = 0, poses: int = _POOL) -> None:
        self.body, self.batch = SeenBody(data), batch
        self.shapes = data.shapedirs.shape[-1]
        self.poses = Sampler().draw(poses, torch.Generator().manual_seed(seed))

    def __call__(self, step: int, random: torch.Generator) -> Samples:
        """The batch of a step."""
        count = self.batch
        betas = torch.randn(count, self.shapes, generator=random)
        rotations, transl = self._seen(count, random)
        _, joints, _ = self.body.all(betas, rotations)
        plane = (joints + transl[:, None])[:, :OPENPOSE]
        plane = plane[..., :2] / plane[..., 2:].clamp_min(0.2)
        truth = torch.cat([plane, _visible(joints, random)[..., None]], -1)
        found = faulty_keypoints(truth, random)
        found = _cut(found, random)
        view = _crop(found, truth, random)
        targets = targets_of(self.body, betas, rotations, transl, view)
        inside = 2 * (found[..., :2] - view.centre[:, None]) / view.side[:, None, None]
        keypoints = torch.cat([inside, found[..., 2:]], -1) * (found[..., 2:] > 0)
        nothing = torch.zeros(count, 3, 0, 0, dtype=torch.uint8)
        return Samples(Sight(nothing, nothing[:, 0].bool(), keypoints), targets)

    def _seen(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rotations (N, 24, 3, 3) in camera space, transl (N, 3)."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random)

        def about(axis: int, angle: Tensor) -> Tensor:
            vector = torch.zeros(len(angle), 3)
            vector[:, axis] = angle
            return axis_angle_to_matrix(vector)

        rows = torch.randint(len(self.poses), (count,), generator=random)
        pose = torch.zeros(count, JOINTS, 3)
        pose[:, : self.poses.shape[1]] = self.poses[rows]
        pose[:, 1:22] += 0.05 * normal(count, 21, 3)
        rotations = axis_angle_to_matrix(pose)
        yaw = 2 * math.pi * torch.rand(count, generator=random)
        camera = about(0, 0.08 + 0.22 * normal(count)) @ about(2, 0.06 * normal(count))
        depth = torch.exp(math.log(1.6) + math.log(6.0) * torch.rand(count, generator=random))
        transl = torch.cat([normal(count, 2) * 0.15, torch.ones(count, 1)], 1) * depth[:, None]
        rotations[:, 0] = camera @ _HALF_TURN @ about(1, yaw) @ rotations[:, 0]
        return rotations, transl


class DrawnPeople:
    """Batches of people with pictures, each as a detector and another camera might show them."""

    def __init__(self, samples: Samples, batch: int) -> None:
        self.samples, self.batch = samples, batch

    def __call__(self, step: int, random: torch.Generator) -> Samples:
        """The batch of a step."""
        rows = torch.randint(len(self.samples), (self.batch,), generator=random)
        samples = mirrored(self.samples[rows], torch.rand(self.batch, generator=random) < 0.5)
        return Samples(with_faults(samples.sight, random), samples.targets)


def _visible(joints: Tensor, random: torch.Generator) -> Tensor:
    """(N, 25) 1 or 0: the face is hidden from behind, some other points by chance."""
    shown = (torch.rand(joints.shape[:1] + (OPENPOSE,), generator=random) > 0.1).float()
    nose, ears = joints[:, 0], joints[:, 17:19].mean(1)
    away = (nose - ears)[:, 2] > 0.03
    shown[:, [0, 15, 16]] *= (~away).float()[:, None]
    return shown


def _cut(points: Tensor, random: torch.Generator) -> Tensor:
    """Of some people what is below a line, or right of one, is out of the picture."""
    low, high = points[..., :2].amin(1), points[..., :2].amax(1)
    share = 0.3 + 0.7 * torch.rand(len(points), 2, generator=random)
    beyond = points[..., :2] > (low + share * (high - low))[:, None]
    kind = torch.rand(len(points), 1, generator=random)
    gone = (beyond[..., 1] & (kind < 0.15)) | (beyond[..., 0] & (kind > 0.96))
    return points * ~gone[..., None]


def _crop(points: Tensor, truth: Tensor, random: torch.Generator) -> View:
    """Squares around the points (N, 25, 3) that are found, on the plane at distance 1."""
    seen = points[..., 2:] > 0
    seen = torch.where(seen.sum(1, keepdim=True) > 3, seen, torch.ones_like(seen))
    places = torch.where(points[..., 2:] > 0, points[..., :2], truth[..., :2])
    low = torch.where(seen, places, torch.inf).amin(1)
    high = torch.where(seen, places, -torch.inf).amax(1)
    grown = _BOX[0] + (_BOX[1] - _BOX[0]) * torch.rand(len(points), generator=random)
    side = (high - low).amax(1) * grown
    shift = 0.04 * torch.randn(len(points), 2, generator=random) * side[:, None]
    one = torch.ones(len(points))
    return View(one, torch.zeros(len(points), 2), (low + high) / 2 + shift, side)
