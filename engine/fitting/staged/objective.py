"""SMPLify-X's energy (Pavlakos et al., Expressive Body Capture, 2019) of N bodies at once.

Every body has its own variables, so a batch is as many independent problems. Different from the
original: the place in space is free in every stage, and points that are not seen have no part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...bodies.model import KeypointBody
from ...bodies.pose_prior import mean_pose
from ...formats.body_file import BodyData
from ...formats.keypoints import KEYPOINT_NAMES
from ...geometry.rotations import axis_angle_to_matrix
from ..evidence import LEAST
from .config import Stage, StagedConfig, reading_order
from .priors import Prior, bending, pose_size

_NEAREST = 0.05  # m; nothing is projected from nearer than this
_LINES = 1000.0  # the data weight is this over the picture's height
_OUTSIDE = 100.0  # of a facial action below 0 or above 1, times the stage's expression weight
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


@dataclass
class Measured:
    """What is known of N bodies."""

    target: Tensor  # (N, K, 2) px relative to the principal point
    confidence: Tensor  # (N, K), 0 = not seen or ignored
    focal: Tensor  # (N,) px
    size: Tensor  # (N,) px of the person; only scales a variable
    height: float  # px of the picture

    def of(self, rows: Tensor) -> Measured:
        """Some of the bodies."""
        return Measured(
            self.target[rows], self.confidence[rows], self.focal[rows], self.size[rows], self.height
        )


@dataclass
class Poses:
    """N bodies in camera space."""

    root: Tensor  # (N, 3, 3)
    position: Tensor  # (N, 3) of the root joint, metres
    pose: Tensor  # (N, J, 3) axis-angle; row 0 is zero
    betas: Tensor  # (N, S)
    expression: Tensor  # (N, E)


# (turns (N, J, 3, 3) and places (N, J, 3) of the joints, the root at rest; betas (N, S)) -> (N,)
Collide = Callable[[Tensor, Tensor, Tensor], Tensor]


def chosen_points(body: BodyData, config: StagedConfig) -> list[int]:
    """The rows of the 137-point table that take part: those the body has, but the ignored."""
    order = reading_order(config)
    ignored = {int(order[i]) for i in config.ignored if i < len(order)}
    return [int(k) for k in order if KEYPOINT_NAMES[k] in body.keypoint_names and k not in ignored]


def measured(
    points: np.ndarray,
    chosen: list[int],
    config: StagedConfig,
    centre: np.ndarray,
    focal: np.ndarray,
    size: np.ndarray,
    like: Tensor,
) -> Measured:
    """What is measured of N bodies: points (N, 137, 3) px, focal and size (N,) px."""
    picked = points[:, chosen]
    confidence = np.where(picked[..., 2] > LEAST, picked[..., 2].clip(0.0, 1.0), 0.0)
    if not config.confidence:
        confidence = (confidence > 0).astype(float)
    target = np.where(confidence[..., None] > 0, picked[..., :2] - centre, 0.0)
    return Measured(
        target=torch.tensor(target).to(like),
        confidence=torch.tensor(confidence).to(like),
        focal=torch.tensor(focal).to(like),
        size=torch.tensor(size).to(like),
        height=2.0 * float(centre[1]),
    )


class Objective:
    """The energy of one body and configuration; its variables are one row of numbers a body.

    `turn` (a turn of the root before its start), `place` (X/Z, Y/Z, log Z of the root joint from
    its start), `pose` (of the prior), then, where they are free, betas, hands, jaw, expression.
    """

    def __init__(
        self,
        body: BodyData,
        config: StagedConfig,
        prior: Prior,
        like: Tensor,
        collide: Collide | None = None,
    ) -> None:
        self.config, self.prior, self.like = config, prior.to(like), like
        chosen = chosen_points(body, config)
        names = [KEYPOINT_NAMES[k] for k in chosen]
        self.body = KeypointBody(body, names, like.dtype).to(like.device)
        part = ["face" if k >= 67 else "hand" if k >= 25 else "body" for k in chosen]
        self.is_hand = torch.tensor([p == "hand" for p in part], device=like.device)
        self.is_face = torch.tensor([p == "face" for p in part], device=like.device)
        self.collide = collide
        self.actions = body.kind == "layfigure"  # its expressions are facial actions from 0 to 1
        self.joints = len(body.joint_names)
        self.shapes = body.shapedirs.shape[2]
        self.pose_size = pose_size(body)
        self._parts(body)

    def _parts(self, body: BodyData) -> None:
        """Which variables there are, and how hands are made of theirs."""
        places = {name: i for i, name in enumerate(body.joint_names)}
        config, like = self.config, self.like
        rest = mean_pose(body.joint_names).to(like)
        self.rest = torch.zeros_like(rest)
        self.hands: dict[str, tuple[list[int], Tensor, Tensor | None]] = {}
        sizes = {"turn": 3, "place": 3, "pose": self.prior.size(self.pose_size)}
        sizes["betas"] = self.shapes
        for number, side in enumerate(("left", "right")):
            joints = [places.get(f"{side}_{f}{k}", -1) for f in _FINGERS for k in (1, 2, 3)]
            if min(joints) < 0:
                continue
            mean, basis = rest[joints].flatten(), None
            if body.hand_components is not None and body.hand_mean is not None:
                mean = torch.tensor(body.hand_mean[number]).to(like)
                if config.components is not None:
                    rows = body.hand_components[number, : config.components]
                    basis = torch.tensor(rows).to(like)
            if config.flat_hands:
                mean = torch.zeros_like(mean)
            self.rest[joints] = mean.view(-1, 3)
            if config.hands:
                self.hands[side] = (joints, mean, basis)
                sizes[f"{side} hand"] = 45 if basis is None else len(basis)
        self.jaw = places.get("jaw")
        self.expressions = body.exprdirs.shape[2]
        if config.face and self.jaw is not None:
            sizes["jaw"] = 3
            sizes["expression"] = self.expressions
        ends = np.cumsum([*sizes.values()])
        self.slices = {
            n: slice(int(e) - s, int(e)) for (n, s), e in zip(sizes.items(), ends, strict=True)
        }
        self.size = int(ends[-1])

    def begin(self, pose: Tensor) -> Tensor:
        """(N, size) variables of bodies with prior variables (N, V) and everything else at rest."""
        x = self.like.new_zeros(len(pose), self.size)
        x[:, self.slices["pose"]] = pose
        return x

    def poses(self, x: Tensor, start: Poses, seen: Measured) -> Poses:
        """The bodies of variables x (n, size) about their start."""
        parts = {name: x[:, part] for name, part in self.slices.items()}
        count = len(x)
        pose = self.rest.repeat(count, 1, 1)
        body = self.prior.pose(parts["pose"], self.pose_size).unflatten(-1, (-1, 3))
        pose = torch.cat([pose[:, :1], body, pose[:, 1 + body.shape[1] :]], 1)
        for side, (joints, mean, _) in self.hands.items():
            pose[:, joints] = (mean + self._hand(parts, side)).unflatten(-1, (-1, 3))
        expression = x.new_zeros(count, self.expressions)
        if "jaw" in parts:
            assert self.jaw is not None
            pose[:, self.jaw] = parts["jaw"]
            expression = parts["expression"]
        depth = start.position[:, 2:]
        # A unit of each variable moves the picture of the body by about half its size.
        aside = parts["place"][:, :2] * (0.5 * seen.size / seen.focal)[:, None]
        moved = depth * parts["place"][:, 2:].exp()
        position = torch.cat([(start.position[:, :2] / depth + aside) * moved, moved], 1)
        root = axis_angle_to_matrix(parts["turn"]) @ start.root
        return Poses(root, position, pose, start.betas + parts["betas"], expression)

    def _hand(self, parts: dict[str, Tensor], side: str) -> Tensor:
        """(n, 45) turns away from the mean hand."""
        basis = self.hands[side][2]
        values = parts[f"{side} hand"]
        return values if basis is None else values @ basis

    def project(self, poses: Poses, seen: Measured) -> tuple[Tensor, Tensor]:
        """Points (n, K, 2) px from the principal point and joints (n, J, 3) with the root at rest.

        Turning the root turns the whole body about its joint, so that is done last.
        """
        nowhere = torch.zeros_like(poses.position)
        points, joints = self.body(poses.betas, poses.pose, nowhere, poses.expression)
        points = (points - joints[:, :1]) @ poses.root.transpose(1, 2) + poses.position[:, None]
        depth = points[..., 2:].clamp_min(_NEAREST)
        return points[..., :2] / depth * seen.focal[:, None, None], joints

    def energy(self, x: Tensor, start: Poses, seen: Measured, stage: Stage) -> Tensor:
        """(n,) energies of variables x (n, size)."""
        poses = self.poses(x, start, seen)
        plane, joints = self.project(poses, seen)
        total = self._data(plane, seen, stage) + self._body(x, poses, stage)
        for side, prior in zip(("left", "right"), self.config.hand_prior, strict=True):
            if side in self.hands and prior:
                parts = {f"{side} hand": x[:, self.slices[f"{side} hand"]]}
                total = total + stage.hand_pose**2 * self._hand(parts, side).square().sum(-1)
        if "jaw" in self.slices:
            total = total + self._face(x, stage)
        if self.collide is not None and stage.collision > 0:
            turns = self.body.chain(axis_angle_to_matrix(poses.pose), joints)[0]
            total = total + stage.collision * self.collide(turns, joints, poses.betas)
        return total

    def _data(self, plane: Tensor, seen: Measured, stage: Stage) -> Tensor:
        """Reprojection; each coordinate is rounded off on its own (Geman-McClure)."""
        weight = torch.ones_like(seen.confidence[0])
        weight = torch.where(self.is_hand, stage.hand_points, weight)
        weight = torch.where(self.is_face, stage.face_points, weight)
        square = (plane - seen.target).square()
        rho = self.config.rho**2
        robust = (rho * square / (rho + square)).sum(-1)
        data = ((weight * seen.confidence).square() * robust).sum(-1)
        return (_LINES / seen.height) ** 2 * data

    def _body(self, x: Tensor, poses: Poses, stage: Stage) -> Tensor:
        prior = self.prior.energy(x[:, self.slices["pose"]])
        bent = bending(poses.pose[:, 1:22].flatten(1))
        shape = poses.betas.square().sum(-1)
        return stage.pose**2 * prior + stage.bending * bent + stage.shape**2 * shape

    def _face(self, x: Tensor, stage: Stage) -> Tensor:
        expression = x[:, self.slices["expression"]]
        total = stage.expression**2 * expression.square().sum(-1)
        if self.config.jaw_prior:
            jaw = x[:, self.slices["jaw"]] * x.new_tensor(stage.jaw)
            total = total + jaw.square().sum(-1)
        if self.actions:
            outside = (-expression).clamp_min(0) + (expression - 1).clamp_min(0)
            total = total + (_OUTSIDE * stage.expression) ** 2 * outside.square().sum(-1)
        return total
