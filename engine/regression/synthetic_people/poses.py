"""Everyday poses of the 22 body joints, drawn from rules instead of recordings.

Legs, arms and torso are drawn from postures (standing, stepping, squatting, reaching, …) within
joint limits; the root is leaned until the body stands over its feet; poses that cut through the
body are drawn again. Half of them are mirrored. Angles: axis-angle in the T-pose's axes, radians.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...bodies.pose_prior import pose_prior
from ...bodies.registry import load_shipped
from ...bodies.skinning import Chain
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

JOINTS = 22
_NAMES = load_shipped().joint_names[:JOINTS]
_J = {name: i for i, name in enumerate(_NAMES)}
_MASS = {
    **{"pelvis": 0.25, "spine3": 0.28, "head": 0.08, "left_knee": 0.12, "right_knee": 0.12},
    **{"left_ankle": 0.05, "right_ankle": 0.05, "left_elbow": 0.025, "right_elbow": 0.025},
}


class Dice:
    """Random tensors, of one generator or (None) of torch's own state."""

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self.generator = generator

    def rand(self, *shape: int) -> Tensor:
        """Evenly between 0 and 1."""
        return torch.rand(*shape, generator=self.generator)

    def randn(self, *shape: int) -> Tensor:
        """Normal with spread 1."""
        return torch.randn(*shape, generator=self.generator)

    def normal(self, count: int, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        """(count,)"""
        return mean + spread * self.randn(count)

    def uniform(self, count: int, low: float, high: float) -> Tensor:
        """(count,)"""
        return low + (high - low) * self.rand(count)

    def choose(self, count: int, shares: list[float]) -> Tensor:
        """(count,) numbers of the shares that came up."""
        parts = torch.tensor(shares)
        return torch.multinomial(parts, count, replacement=True, generator=self.generator)


def mirrored(pose: Tensor) -> Tensor:
    """(N, 22, 3) with left and right exchanged."""
    order = list(range(JOINTS))
    for name, i in _J.items():
        if name.startswith("left_"):
            j = _J["right_" + name[5:]]
            order[i], order[j] = j, i
    return pose[:, order] * pose.new_tensor([1.0, -1.0, -1.0])


def _legs(count: int, dice: Dice) -> tuple[Tensor, Tensor]:
    """Hip, knee and ankle of both legs as if each were a left one (N, 2, 3, 3); which lean (N,)."""
    legs = torch.zeros(count, 2, 3, 3)
    kind = dice.choose(count, [0.30, 0.25, 0.15, 0.15, 0.15])
    hip, knee, ankle = legs[:, :, 0], legs[:, :, 1], legs[:, :, 2]
    for side in range(2):
        hip[:, side, 0] = dice.normal(count, -0.08, 0.12)
        hip[:, side, 1] = dice.normal(count, 0.1, 0.2)
        hip[:, side, 2] = dice.normal(count, 0.08, 0.10)
        knee[:, side, 0] = dice.normal(count, 0.05, 0.15).abs()
    step = kind == 1
    phase, reach = dice.uniform(count, 0, 2 * math.pi), dice.uniform(count, 0.15, 0.75)
    run = (dice.rand(count) < 0.25).float()
    for side in range(2):
        turn = phase + math.pi * side
        swing = -reach * turn.sin() - 0.15 - 0.2 * run
        bend = 0.12 + (0.5 + 0.8 * reach + 0.7 * run) * (turn + 0.9).cos().clamp_min(0) ** 2
        hip[:, side, 0] = torch.where(step, swing + dice.normal(count, 0, 0.08), hip[:, side, 0])
        knee[:, side, 0] = torch.where(step, bend + dice.normal(count, 0, 0.1), knee[:, side, 0])
        ankle[:, side, 0] = torch.where(step, dice.normal(count, 0.0, 0.2), ankle[:, side, 0])
    sit = kind == 2
    depth, wide = dice.uniform(count, 0.2, 2.0), dice.uniform(count, 0.0, 0.55)
    for side in range(2):
        flex = -depth + dice.normal(count, 0, 0.12)
        bend = depth * dice.uniform(count, 0.7, 1.35) + dice.normal(count, 0.1, 0.15)
        hip[:, side, 0] = torch.where(sit, flex, hip[:, side, 0])
        hip[:, side, 2] = torch.where(sit, wide + dice.normal(count, 0, 0.1), hip[:, side, 2])
        hip[:, side, 1] = torch.where(sit, dice.normal(count, 0.2, 0.25), hip[:, side, 1])
        knee[:, side, 0] = torch.where(sit, bend, knee[:, side, 0])
        ankle[:, side, 0] = torch.where(sit, -0.3 * depth + dice.normal(count, 0, 0.2), 0 * depth)
    lift = kind == 3  # one leg stands, the other is anywhere
    hip[:, 1, 0] = torch.where(lift, dice.uniform(count, -1.9, 0.6), hip[:, 1, 0])
    hip[:, 1, 2] = torch.where(lift, dice.uniform(count, -0.15, 0.8), hip[:, 1, 2])
    hip[:, 1, 1] = torch.where(lift, dice.normal(count, 0.1, 0.35), hip[:, 1, 1])
    knee[:, 1, 0] = torch.where(lift, dice.uniform(count, 0.0, 2.2), knee[:, 1, 0])
    free = kind == 4  # wide, lunging, kneeling
    for side in range(2):
        hip[:, side, 0] = torch.where(free, dice.normal(count, -0.4, 0.6), hip[:, side, 0])
        hip[:, side, 2] = torch.where(free, dice.normal(count, 0.25, 0.28), hip[:, side, 2])
        knee[:, side, 0] = torch.where(free, dice.normal(count, 0.5, 0.7).abs(), knee[:, side, 0])
    knee[..., 1:] = 0.06 * dice.randn(count, 2, 2)
    ankle += 0.12 * dice.randn(count, 2, 3)
    return legs, kind


def _toward(direction: Tensor, twist: Tensor) -> Tensor:
    """(N, 3) the turn that takes the left arm's rest direction +x to `direction`, twisted first."""
    x = torch.zeros_like(direction)
    x[:, 0] = 1.0
    axis = torch.linalg.cross(x, direction)
    sine = axis.norm(dim=-1, keepdim=True)
    angle = torch.atan2(sine[:, 0], direction[:, 0])
    swing = axis / sine.clamp_min(1e-6) * angle[:, None]
    about_x = axis_angle_to_matrix(x * twist[:, None])
    return matrix_to_axis_angle(axis_angle_to_matrix(swing) @ about_x)


def _arm(count: int, dice: Dice) -> Tensor:
    """Collar, shoulder, elbow and wrist of an arm as if it were the left one (N, 4, 3)."""
    kind = dice.choose(count, [0.36, 0.16, 0.18, 0.22, 0.08])
    direction = dice.randn(count, 3)
    # hanging
    direction[:, 0] = torch.where(kind == 0, dice.uniform(count, 0.03, 0.35), direction[:, 0])
    direction[:, 1] = torch.where(kind == 0, -torch.ones(count), direction[:, 1])
    direction[:, 2] = torch.where(kind == 0, dice.normal(count, 0.05, 0.25), direction[:, 2])
    # working in front of the body
    direction[:, 0] = torch.where(kind == 1, dice.normal(count, 0.15, 0.3), direction[:, 0])
    direction[:, 1] = torch.where(kind == 1, dice.uniform(count, -1.0, 0.4), direction[:, 1])
    direction[:, 2] = torch.where(kind == 1, dice.uniform(count, 0.0, 0.9), direction[:, 2])
    # to the side and up
    direction[:, 0] = torch.where(kind == 2, dice.uniform(count, 0.2, 1.0), direction[:, 0])
    direction[:, 1] = torch.where(kind == 2, dice.uniform(count, -0.6, 1.2), direction[:, 1])
    direction[:, 2] = torch.where(kind == 2, dice.normal(count, 0.1, 0.3), direction[:, 2])
    # anywhere it reaches: seldom behind, seldom across
    anywhere = kind == 3
    direction[:, 0] = torch.where(anywhere, dice.normal(count, 0.45, 0.5), direction[:, 0])
    direction[:, 1] = torch.where(anywhere, dice.normal(count, -0.1, 0.75), direction[:, 1])
    direction[:, 2] = torch.where(anywhere, dice.normal(count, 0.4, 0.5), direction[:, 2])
    direction = direction / direction.norm(dim=-1, keepdim=True)
    height = direction[:, 1]
    # An elbow points down and out; it turns up only as the arm is lifted.
    twist = dice.normal(count, 0.0, 0.35) - 0.5 * height + torch.where(kind == 1, 0.4, 0.0)
    bend = torch.where(
        kind == 0, dice.normal(count, 0.25, 0.3).abs(), dice.uniform(count, 0.0, 2.3)
    )
    bend = torch.where(kind == 2, dice.normal(count, 0.3, 0.6).abs(), bend)
    arm = torch.zeros(count, 4, 3)
    lifted = (height + 0.6).clamp_min(0)
    arm[:, 0, 2] = dice.normal(count, -0.02, 0.08) + 0.22 * lifted
    arm[:, 0, 1] = dice.normal(count, -0.03, 0.10) - 0.2 * direction[:, 2]
    arm[:, 0, 0] = dice.normal(count, 0.0, 0.05)
    arm[:, 1] = _toward(direction, twist)
    collar = axis_angle_to_matrix(arm[:, 0])
    arm[:, 1] = matrix_to_axis_angle(collar.transpose(1, 2) @ axis_angle_to_matrix(arm[:, 1]))
    arm[:, 2, 1] = -bend
    arm[:, 2, 0] = dice.normal(count, 0.0, 0.35)
    arm[:, 2, 2] = dice.normal(count, 0.0, 0.08)
    arm[:, 3] = dice.randn(count, 3) * torch.tensor([0.25, 0.15, 0.3])
    prior = pose_prior([f"left_{n}" for n in ("collar", "shoulder", "elbow", "wrist")])
    wild = prior.mean.float() + prior.spread.float() * dice.randn(count, 4, 3)
    return torch.where((kind == 4)[:, None, None], wild, arm)


def _draw(count: int, dice: Dice) -> tuple[Tensor, Tensor]:
    """Poses (N, 22, 3) and how far each must stand over its feet (N,)."""
    pose = torch.zeros(count, JOINTS, 3)
    flip = torch.tensor([1.0, -1.0, -1.0])
    legs, kind = _legs(count, dice)
    arms = torch.stack([_arm(count, dice), _arm(count, dice)], 1)
    same = dice.rand(count) < 0.25
    arms[same, 1] = arms[same, 0] + 0.12 * dice.randn(int(same.sum()), 4, 3)
    walking = (kind == 1) & (dice.rand(count) < 0.5)  # arms swing against the legs
    for side in range(2):
        swing = 0.8 * legs[:, 1 - side, 0, 0] - 0.6 * legs[:, side, 0, 0]
        down = torch.stack([0.15 + 0 * swing, -1 + 0 * swing, -swing.clamp(-0.9, 0.9)], 1)
        hang = _toward(down / down.norm(dim=1, keepdim=True), dice.normal(count, 0.1, 0.2))
        arms[walking, side, 0] = 0.06 * dice.randn(int(walking.sum()), 3)
        arms[walking, side, 1] = hang[walking]
        arms[walking, side, 2, 1] = -(0.3 + 0.35 * (-swing).clamp_min(0) + 0.2 * dice.rand(count))[
            walking
        ]
    for half, sign in (("left", torch.ones(3)), ("right", flip)):
        s = int(half == "right")
        for k, name in enumerate(("hip", "knee", "ankle")):
            pose[:, _J[f"{half}_{name}"]] = legs[:, s, k] * sign
        for k, name in enumerate(("collar", "shoulder", "elbow", "wrist")):
            pose[:, _J[f"{half}_{name}"]] = arms[:, s, k] * sign
        pose[:, _J[f"{half}_foot"], 0] = dice.normal(count, 0.0, 0.1)
    bend = dice.randn(count, 3) * torch.tensor([0.18, 0.2, 0.12]) + torch.tensor([0.1, 0.0, 0.0])
    flexed = (-legs[:, :, 0, 0].mean(1) - 0.5).clamp_min(0)
    bend[:, 0] += flexed * dice.uniform(count, 0.0, 0.6)
    stoop = dice.rand(count) < 0.08
    bend[:, 0] += stoop * dice.uniform(count, 0.2, 0.9)
    for name, share in (("spine1", 0.35), ("spine2", 0.35), ("spine3", 0.3)):
        pose[:, _J[name]] = share * bend + 0.04 * dice.randn(count, 3)
    look = dice.randn(count, 3) * torch.tensor([0.22, 0.4, 0.14])
    look[:, 0] += 0.05 - 0.4 * bend[:, 0]
    for name, share in (("neck", 0.45), ("head", 0.55)):
        pose[:, _J[name]] = share * look + 0.05 * dice.randn(count, 3)
    firm = torch.where(kind == 2, dice.uniform(count, 0.0, 1.0), dice.uniform(count, 0.7, 1.05))
    return pose, firm


class Sampler:
    """Draws poses and checks them on the shipped body's mean skeleton."""

    def __init__(self) -> None:
        body = load_shipped()
        self.rest = torch.tensor(body.joints(body.v_template)[:JOINTS], dtype=torch.float32)
        self.chain = Chain(body.parents[:JOINTS])
        prior = pose_prior(_NAMES[1:])
        self.lower, self.upper = prior.lower.float() - 0.15, prior.upper.float() + 0.15

    def joints(self, pose: Tensor) -> Tensor:
        """(N, 22, 3) metres about the root."""
        rotations = axis_angle_to_matrix(pose)
        return self.chain(rotations, self.rest.expand(len(pose), -1, -1))[1]

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """(N, 22, 3) poses, y up; row 0 is the root's lean, facing +z.

        Of `generator`; of torch's own random state without one.
        """
        dice = Dice(generator)
        kept, total = [], 0
        while total < count:
            pose, firm = _draw(2 * count, dice)
            joints = self.joints(pose)
            fine = self._possible(pose, joints)
            pose, firm, joints = pose[fine], firm[fine], joints[fine]
            pose[:, 0] = self._lean(joints, firm, dice)
            kept.append(pose)
            total += len(pose)
        pose = torch.cat(kept)[:count]
        swap = dice.rand(count) < 0.5
        return torch.where(swap[:, None, None], mirrored(pose), pose)

    def _possible(self, pose: Tensor, joints: Tensor) -> Tensor:
        """(N,) within limits and not through itself."""
        turns = pose[:, 1:]
        fine = ((turns > self.lower) & (turns < self.upper)).flatten(1).all(1)
        axis = joints[:, [_J["pelvis"], _J["spine3"], _J["neck"]]]
        for side in ("left", "right"):
            for name, room in (("elbow", 0.14), ("wrist", 0.15)):
                point = joints[:, _J[f"{side}_{name}"]]
                fine &= _distance(point, axis[:, 0], axis[:, 1]) > room
                fine &= _distance(point, axis[:, 1], axis[:, 2]) > room
            hand = joints[:, _J[f"{side}_wrist"]]
            fine &= (hand - joints[:, _J["head"]]).norm(dim=1) > 0.12
            other = "right" if side == "left" else "left"
            for k in ("knee", "ankle"):
                leg = joints[:, _J[f"{other}_hip"]], joints[:, _J[f"{other}_knee"]]
                fine &= _distance(joints[:, _J[f"{side}_{k}"]], *leg) > 0.09
        return fine

    def _lean(self, joints: Tensor, firm: Tensor, dice: Dice) -> Tensor:
        """(N, 3) the root's turn that brings the centre of mass over the lower foot or feet."""
        mass = sum(w * joints[:, _J[n]] for n, w in _MASS.items()) / sum(_MASS.values())
        feet = joints[:, [_J["left_ankle"], _J["right_ankle"]]]
        feet = feet + torch.tensor([0.0, 0.0, 0.05])
        height = feet[..., 1] - feet[..., 1].min(1, keepdim=True).values
        share = torch.softmax(-height / 0.06, 1)[..., None]
        up = mass - (feet * share).sum(1)
        up = up / up.norm(dim=1, keepdim=True)
        axis = torch.stack([-up[:, 2], torch.zeros(len(up)), up[:, 0]], 1)  # up x y
        sine = axis.norm(dim=1, keepdim=True)
        angle = torch.atan2(sine[:, 0], up[:, 1]) * firm
        lean = axis / sine.clamp_min(1e-6) * angle[:, None]
        lean = lean + 0.06 * dice.randn(len(lean), 3)
        fallen = dice.rand(len(lean)) < 0.03
        return torch.where(fallen[:, None], lean + 0.9 * dice.randn(len(lean), 3), lean)


def _distance(point: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """(N,) from points to segments."""
    along = end - start
    share = ((point - start) * along).sum(1) / along.square().sum(1).clamp_min(1e-9)
    return (point - start - share.clamp(0, 1)[:, None] * along).norm(dim=1)
