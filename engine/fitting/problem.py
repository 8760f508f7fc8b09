"""The least-squares problem of a clip: what is free, what is measured, and its normal equations.

Shapes: B clips (or hypotheses) in a batch, T frames, K keypoints, D unknowns a frame, S shared.
Energy (Pavlakos et al., Expressive Body Capture, 2019, section 3, with our own terms): robust
reprojection relative to the person's size, pose prior and joint limits, shape, focal length,
acceleration, and feet that stand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..bodies.pose_prior import PosePrior
from ..geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .banded import System
from .collision import Collision
from .contact import Contact
from .kinematics import Kinematics
from .reprojection import Frames, Freedom, data_system

_IMMOVABLE = 1e12  # curvature of what stays as it is
_PRIOR_FRAMES = 8  # a clip's shape is held at least as strongly as if it had so many frames more


@dataclass
class State:
    """The unknowns."""

    root: Tensor  # (B, T, 3, 3) root rotation, body to camera
    place: Tensor  # (B, T, 3) root joint in camera space as (X/Z, Y/Z, log Z)
    pose: Tensor  # (B, T, J, 3) axis-angle; row 0 is not used
    expression: Tensor  # (B, T, E)
    betas: Tensor  # (B, S')
    log_focal: Tensor  # (B,)

    @property
    def position(self) -> Tensor:
        """(B, T, 3) root joint, metres, camera space."""
        depth = self.place[..., 2:].exp()
        return torch.cat([self.place[..., :2] * depth, depth], -1)

    def at(self, frames: Tensor) -> State:
        """Some of the frames."""
        moving = ("root", "place", "pose", "expression")
        return replace(self, **{name: getattr(self, name)[:, frames] for name in moving})

    def where(self, mask: Tensor, other: State) -> State:
        """This state where mask (B,) is true, else `other`."""

        def choose(a: Tensor, b: Tensor) -> Tensor:
            return torch.where(mask.view(-1, *[1] * (a.dim() - 1)), a, b)

        return State(
            *(choose(getattr(self, f), getattr(other, f)) for f in self.__dataclass_fields__)
        )


@dataclass
class Evidence:
    """What was measured."""

    points: Tensor  # (B, T, K, 2) px relative to the principal point
    weights: Tensor  # (B, T, K) confidence over the expected error in sizes; 0 = not seen
    size: Tensor  # (B, T) px, the person's size in the picture
    trusted: Tensor  # (B, T, K) bool, right beyond doubt: never taken for an outlier

    def at(self, frames: Tensor) -> Evidence:
        """Of some of the frames."""
        return Evidence(*(getattr(self, f)[:, frames] for f in self.__dataclass_fields__))


@dataclass(frozen=True)
class Weights:
    """How much each term counts. Data has unit weight at its expected error."""

    robust: float = 4.0  # Geman-McClure scale in expected errors
    prior: float = 0.35  # pose prior, 1 = the joints and frames are independent of each other
    tail: float = 4.0  # squared spreads from which an odd angle counts less
    root: float = 0.3  # the root's expected turn, where the prior has one
    limits: float = 15.0  # per radian beyond a limit
    betas: float = 0.3  # for each frame with evidence
    focal: float = 4.0  # 1 / spread of the log focal length around its start; 0 = fixed
    expression: float = 3.0
    turn: float = 0.0  # root acceleration, 1 / (rad / frame²)
    move: float = 0.0  # root acceleration, 1 / (person's size / frame²)
    bend: float = 0.0  # joint acceleration, 1 / (rad / frame²)
    bend_speed: float = 0.0  # joint velocity, 1 / (rad / frame)
    quick: float = 3.0  # expected accelerations above which they count by their size
    stand: float = 0.0  # 1 / (m / frame) of a standing point
    ground: float = 0.0  # 1 / m of a standing point's distance to the ground
    collide: float = 0.0  # 1 / m of overlap, where the problem has a collision term


@dataclass
class Problem:
    """One body, its free parameters and its evidence."""

    kinematics: Kinematics
    points: tuple[int, ...]  # its keypoints, as indices into the 137-point table
    evidence: Evidence
    prior: PosePrior  # of the free joints
    weights: Weights
    focal_start: Tensor  # (B,) log of the focal length believed in
    shape_free: bool = True
    unit: float = 1.0  # frames per 1/30 s, so that weights mean the same at any rate
    contact: Contact | None = None
    collision: Collision | None = None
    held: Tensor | None = None  # (B, T, D) bool, unknowns that stay as they are

    def with_weights(self, **changes: float) -> Problem:
        """The same problem with some weights changed."""
        return replace(self, weights=replace(self.weights, **changes))

    def at(self, frames: Tensor) -> Problem:
        """The same problem for some of the frames, without what stands in them."""
        evidence, prior = self.evidence.at(frames), self.prior.at(frames)
        return replace(self, evidence=evidence, prior=prior, contact=None)

    def linearise(self, state: State) -> System:
        """Normal equations and cost at `state`."""
        system = self._data(state)
        self._prior(state, system)
        if state.root.shape[1] > 2:
            self._smooth(state, system)
        self._shared(state, system)
        if self.collision is not None and self.weights.collide:
            pose, betas, weight = state.pose, state.betas, self.weights.collide
            self.collision.add(self.kinematics, pose, betas, weight, system)
        if self.held is not None:
            system.diagonal.diagonal(dim1=-2, dim2=-1)[self.held] += _IMMOVABLE
            system.gradient[self.held] = 0.0
        return system

    def posed_points(self, state: State) -> Tensor:
        """(B, T, K, 3) the keypoints of `state`, metres, camera space."""
        betas = state.betas.repeat_interleave(state.root.shape[1], 0)
        frames = (state.root, state.position, state.pose)
        root, position, pose = (x.flatten(0, 1) for x in frames)
        posed = self.kinematics.pose(root, position, pose, betas, state.expression.flatten(0, 1))
        return posed.points.unflatten(0, state.root.shape[:2])

    def _data(self, state: State) -> System:
        batch, frames = state.root.shape[:2]
        evidence = self.evidence
        size = evidence.size.flatten()
        row = Frames(
            root=state.root.flatten(0, 1),
            position=state.position.flatten(0, 1),
            pose=state.pose.flatten(0, 1),
            betas=state.betas.repeat_interleave(frames, 0),
            expression=state.expression.flatten(0, 1),
            scale=state.log_focal.exp().repeat_interleave(frames) / size,
            target=evidence.points.flatten(0, 1) / size[:, None, None],
            weights=evidence.weights.flatten(0, 1),
            trusted=evidence.trusted.flatten(0, 1),
        )
        contact = self.contact if self.weights.stand > 0 else None
        kept = contact.feet if contact else torch.zeros(0, dtype=torch.long, device=size.device)
        freedom = Freedom(self.shape_free, self.weights.focal > 0, self.weights.robust, kept)
        system, points, jacobian = data_system(self.kinematics, row, freedom, batch)
        if contact is not None:
            weights = self.weights
            contact.add(points, jacobian, weights.stand, weights.ground, system)
        return system

    def _prior(self, state: State, system: System) -> None:
        free, weights, prior = self.kinematics.free, self.weights, self.prior
        first = 6 * free.root
        pose = state.pose[:, :, list(free.joints)]
        away = (pose - prior.mean) / prior.spread
        beyond = (pose - prior.upper).clamp_min(0) + (pose - prior.lower).clamp_max(0)
        over = weights.limits * beyond
        # Heavy tails: an angle that was guessed wrong loses its hold.
        weight, tail = weights.prior**2, weights.tail
        pull = weight / prior.spread * tail / (tail + away.square())
        gradient = (away * pull + over * weights.limits).flatten(2)
        curve = (pull / prior.spread + weights.limits**2 * (beyond != 0)).flatten(2)
        system.cost += weight * tail * torch.log1p(away.square() / tail).sum((1, 2, 3))
        system.cost += over.square().sum((1, 2, 3))
        if free.root and prior.root is not None and weights.root:
            self._root_prior(state, system)
        joints = slice(first, first + gradient.shape[-1])
        system.gradient[..., joints] += gradient
        system.diagonal.diagonal(dim1=-2, dim2=-1)[..., joints] += curve
        if free.expressions:
            expression = state.expression[..., : free.expressions] * weights.expression
            system.cost += expression.square().sum((1, 2))
            rest = slice(joints.stop, None)
            system.gradient[..., rest] += expression * weights.expression
            system.diagonal.diagonal(dim1=-2, dim2=-1)[..., rest] += weights.expression**2

    def _root_prior(self, state: State, system: System) -> None:
        prior = self.prior
        assert prior.root is not None and prior.root_spread is not None
        pull = (self.weights.root / prior.root_spread)[..., None]
        away = matrix_to_axis_angle(state.root @ prior.root.transpose(-1, -2)) * pull
        share = 9.0 / (9.0 + away.square().sum(-1, keepdim=True))  # a wrong guess loses its hold
        system.cost += (away.square() * share).sum((1, 2))
        system.gradient[..., :3] += away * share.square() * pull
        system.diagonal.diagonal(dim1=-2, dim2=-1)[..., :3] += (share * pull).square()

    def _smooth(self, state: State, system: System) -> None:
        """Acceleration (and joint velocity); root and joints apart, so none is counted twice."""
        free, weights = self.kinematics.free, self.weights
        tracks, stiffness = [], []
        pace = self.unit**2
        if free.root:
            turns = state.root[:, 1:] @ state.root[:, :-1].transpose(-1, -2)
            steps = matrix_to_axis_angle(turns)
            tracks += [torch.cat([steps[:, :1] * 0, steps.cumsum(1)], 1), state.place]
            # In sizes of the person: in metres, a small near person would be the cheaper one.
            size = (state.log_focal.exp() / self.evidence.size.mean(1))[:, None]
            turn, move = size.new_full((len(size), 3), weights.turn), size.expand(-1, 3)
            stiffness += [turn * pace, move * weights.move * pace]
        pose = state.pose[:, :, list(free.joints)].flatten(2)
        tracks.append(pose)
        calm = self.prior.calm.repeat_interleave(3).expand(len(pose), -1)
        stiffness.append(calm * (weights.bend * pace))
        if free.expressions:
            tracks.append(state.expression[..., : free.expressions])
            stiffness.append(pose.new_full((len(pose), free.expressions), weights.bend * pace))
        track = torch.cat(tracks, -1)
        square = torch.cat(stiffness, -1)[:, None] ** 2  # (B, 1, D)
        bent = track[:, 2:] - 2 * track[:, 1:-1] + track[:, :-2]
        effort = bent.square() * square
        group = 1 if free.expressions else 3  # the axes of a joint go together
        whole = effort.unflatten(-1, (-1, group)).sum(-1, keepdim=True)
        # Pseudo-Huber: people move in bursts, which cost by their size and not by its square.
        length = (1 + whole / weights.quick**2).sqrt()
        system.cost += 2 * weights.quick**2 * (length - 1).sum((1, 2, 3))
        share = 1 / length.expand(*length.shape[:-1], group).flatten(2)
        square = square * share
        pull = bent * square
        system.gradient[:, :-2] += pull
        system.gradient[:, 1:-1] -= 2 * pull
        system.gradient[:, 2:] += pull
        diagonal = system.diagonal.diagonal(dim1=-2, dim2=-1)
        following = system.next.diagonal(dim1=-2, dim2=-1)
        diagonal[:, :-2] += square
        diagonal[:, 1:-1] += 4 * square
        diagonal[:, 2:] += square
        following[:, :-2] -= 2 * square
        following[:, 1:-1] -= 2 * square
        system.after[:, :-2] += square
        speed = (weights.bend_speed * self.unit) ** 2
        if speed:
            part = slice(6 * free.root, 6 * free.root + pose.shape[-1])
            step = pose[:, 1:] - pose[:, :-1]
            system.cost += speed * step.square().sum((1, 2))
            system.gradient[:, 1:, part] += speed * step
            system.gradient[:, :-1, part] -= speed * step
            diagonal[:, 1:, part] += speed
            diagonal[:, :-1, part] += speed
            following[:, :-1, part] -= speed

    def _shared(self, state: State, system: System) -> None:
        weights = self.weights
        # Detector and body disagree about where a hip is in the same way in every frame, so more
        # frames are not more evidence about the shape.
        frames = (self.evidence.weights > 0).any(-1).sum(1).clamp_min(1)
        shape = (weights.betas**2 * (frames + _PRIOR_FRAMES))[:, None].to(state.betas)
        away = (state.log_focal - self.focal_start)[:, None]
        system.cost += (state.betas.square() * shape).sum(1)
        system.cost += weights.focal**2 * away[:, 0].square()
        pull, curve = [], []
        if self.shape_free:
            pull.append(state.betas * shape)
            curve.append(shape.expand_as(state.betas))
        if weights.focal:
            pull.append(away * weights.focal**2)
            curve.append(torch.full_like(away, weights.focal**2))
        if pull:
            system.shared_gradient += torch.cat(pull, 1)
            system.shared += torch.diag_embed(torch.cat(curve, 1))

    def step(self, state: State, frames: Tensor, shared: Tensor) -> State:
        """`state` moved by (B, T, D) and (B, S)."""
        free = self.kinematics.free
        root, place, first = state.root, state.place, 0
        if free.root:
            root = axis_angle_to_matrix(frames[..., :3]) @ root
            place = place + frames[..., 3:6]
            first = 6
        last = first + 3 * len(free.joints)
        pose = state.pose.clone()
        moved = frames[..., first:last].unflatten(-1, (-1, 3)) if free.joints else None
        if moved is not None:
            pose[:, :, list(free.joints)] += moved
        expression = state.expression
        if free.expressions:
            expression = expression.clone()
            expression[..., : free.expressions] += frames[..., last:]
        count = state.betas.shape[1] if self.shape_free else 0
        betas = state.betas + shared[:, :count] if count else state.betas
        focal = state.log_focal + shared[:, -1] if self.weights.focal else state.log_focal
        return State(root, place, pose, expression, betas, focal)
