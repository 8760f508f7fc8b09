"""Bodies drawn to scans: Gauss-Newton over pose and shape, one body or one person in many scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...bodies.pose_prior import pose_prior
from ...geometry.rotations import axis_angle_to_matrix
from .samples import BODY_JOINTS, Samples, State
from .target import Reach, Target

_FARTHEST = (0.4, 0.2)  # rad, metres: the longest step
_DAMPING = 1e-3  # of the diagonal
_AT_ONCE = 60_000  # samples whose derivatives are held at once
_PLACE = range(3, 6)
_POSE = 6 + 3 * len(BODY_JOINTS)  # root, place and joints; the shape comes after


@dataclass(frozen=True)
class Stage:
    """A number of steps with one way of being drawn."""

    reach: Reach
    steps: int
    pose: float = 3e-4  # weight of the pose prior against the robust cost, which is about 0 to 2
    shape: float = 5e-4  # likewise, of the shape's
    limits: float = 1.0  # likewise, a radian beyond a limit


class Solver:
    """The samples of a body and what is known of poses."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        prior = pose_prior(BODY_JOINTS)
        self.mean, self.spread = prior.mean.float(), prior.spread.float()
        self.lower, self.upper = prior.lower.float(), prior.upper.float()

    def settle(
        self,
        state: State,
        targets: Sequence[Target],
        stages: Sequence[Stage],
        tick: Callable[[], None] = lambda: None,
        shared: bool = False,
        held: Tensor | None = None,
    ) -> tuple[State, Tensor]:
        """Bodies (N) after `stages`, each drawn to its own target, and what each costs (N,).

        With `shared` they change their shape alike. Of those `held` (N,) the pose stays as it is.
        """
        cost = state.betas.new_zeros(len(state.betas))
        for stage in stages:
            for _ in range(stage.steps):
                matrix, force, cost = self._normal(state, targets, stage)
                if held is not None:
                    _hold_still(matrix, force, held)
                change = (_shared_step if shared else _own_step)(matrix, force)
                state = self._moved(state, change)
                tick()
        return state, cost

    def _normal(
        self, state: State, targets: Sequence[Target], stage: Stage
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normal equations (N, D, D), (N, D) and the cost (N,) at `state`."""
        count = max(1, _AT_ONCE // len(self.samples.area))
        parts = [
            self._some(state.rows(slice(k, k + count)), targets[k : k + count], stage)
            for k in range(0, len(targets), count)
        ]
        matrix, force, cost = (torch.cat(part) for part in zip(*parts, strict=True))
        return matrix, force, cost

    def _some(
        self, state: State, targets: Sequence[Target], stage: Stage
    ) -> tuple[Tensor, Tensor, Tensor]:
        posed, normals = self.samples.pose(state, derivatives=True)
        assert posed.frame is not None and posed.shared is not None
        slope = torch.cat([posed.frame, posed.shared], -1)  # (N, K, 3, D)
        pulls = [
            target.pull(points, facing, self.samples, stage.reach)
            for target, points, facing in zip(targets, posed.points, normals, strict=True)
        ]
        weight = torch.stack([p.weight for p in pulls])
        pushed = (weight @ slope).flatten(1, 2)
        matrix = slope.flatten(1, 2).transpose(1, 2) @ pushed
        force = torch.stack([p.force for p in pulls]).flatten(1)
        force = (force[:, None] @ slope.flatten(1, 2))[:, 0]
        cost = torch.tensor([p.cost for p in pulls])
        return self._with_prior(state, stage, matrix, force, cost)

    def _with_prior(
        self, state: State, stage: Stage, matrix: Tensor, force: Tensor, cost: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        pose = state.pose[:, self.samples.joints]
        off = (pose - self.mean) / self.spread
        beyond = (pose - self.upper).clamp_min(0) - (self.lower - pose).clamp_min(0)
        slope = stage.pose * off / self.spread + stage.limits * beyond
        curve = stage.pose / self.spread**2 + stage.limits * (beyond != 0)
        nothing = slope.new_zeros(len(slope), 6)
        betas = state.betas
        diagonal = [nothing, curve.flatten(1), torch.full_like(betas, stage.shape)]
        matrix = matrix + torch.diag_embed(torch.cat(diagonal, 1))
        force = force + torch.cat([nothing, slope.flatten(1), stage.shape * betas], 1)
        cost = cost + stage.pose * off.square().sum((1, 2))
        cost = cost + stage.limits * beyond.square().sum((1, 2))
        return matrix, force, cost + stage.shape * betas.square().sum(1)

    def _moved(self, state: State, change: Tensor) -> State:
        turn, place, pose, betas = change.tensor_split([3, 6, _POSE], 1)
        largest = torch.maximum(
            torch.cat([turn, pose], 1).abs().amax(1) / _FARTHEST[0],
            place.abs().amax(1) / _FARTHEST[1],
        ).clamp_min(1)[:, None]
        angles = state.pose.clone()
        angles[:, self.samples.joints] += (pose / largest).unflatten(1, (-1, 3))
        return State(
            axis_angle_to_matrix(turn / largest) @ state.root,
            state.position + place / largest,
            angles,
            state.betas + betas,
        )


def _hold_still(matrix: Tensor, force: Tensor, held: Tensor) -> None:
    """Take turns and angles of the bodies `held` (N,) out of the normal equations."""
    fixed = [k for k in range(_POSE) if k not in _PLACE]
    rows = held.nonzero()[:, 0]
    for row in rows.tolist():
        matrix[row, fixed] = 0
        matrix[row, :, fixed] = 0
        matrix[row, fixed, fixed] = 1
        force[row, fixed] = 0


def _own_step(matrix: Tensor, force: Tensor) -> Tensor:
    """Changes (N, D) of bodies that know nothing of one another."""
    return -torch.linalg.solve(_damped(matrix), force)


def _shared_step(matrix: Tensor, force: Tensor) -> Tensor:
    """Changes (N, D) of bodies with one shape, whose coefficients come after the pose."""
    matrix = _damped(matrix)
    own = slice(None), slice(0, _POSE), slice(0, _POSE)
    across = matrix[:, :_POSE, _POSE:]
    solved = torch.linalg.solve(matrix[own], torch.cat([across, force[:, :_POSE, None]], 2))
    by_shape, alone = solved[..., :-1], solved[..., -1]
    rest = (matrix[:, _POSE:, _POSE:] - across.transpose(1, 2) @ by_shape).sum(0)
    pushed = (force[:, _POSE:] - (across.transpose(1, 2) @ alone[..., None])[..., 0]).sum(0)
    shape = -torch.linalg.solve(rest, pushed)
    pose = -alone - by_shape @ shape
    return torch.cat([pose, shape.expand(len(pose), -1)], 1)


def _damped(matrix: Tensor) -> Tensor:
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    return matrix + torch.diag_embed(_DAMPING * diagonal + 1e-6)
