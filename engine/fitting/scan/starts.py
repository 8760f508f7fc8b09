"""Where the fit of a scan begins: many headings and postures tried roughly, the best ones kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .samples import State
from .solve import Solver, Stage
from .target import Reach, Target

POINTS = 350  # samples of the body while starts are tried
_SCAN_POINTS = 1200
_Way = dict[str, tuple[float, float, float]]  # joint of a limb: axis-angle on the left side
# Ways to hold an arm or a leg; the right side is mirrored.
_ARMS: dict[str, _Way] = {
    "hangs": {"shoulder": (0.0, 0.0, -1.3), "elbow": (0.0, -0.3, 0.0)},
    "out": {},
    "up": {"collar": (0.0, 0.0, 0.3), "shoulder": (0.0, 0.0, 1.0)},
    "forward": {"shoulder": (0.0, -1.4, -0.2), "elbow": (0.0, -0.2, 0.0)},
    "bent": {"shoulder": (0.0, -0.3, -1.1), "elbow": (0.0, -1.9, 0.0)},
    "hip": {"shoulder": (0.0, 0.5, -0.9), "elbow": (0.0, -1.4, 0.0)},
    "head": {"shoulder": (0.0, -0.9, 0.5), "elbow": (0.0, -2.1, 0.0)},
    "crossed": {"shoulder": (0.0, -1.3, -0.6), "elbow": (0.0, -1.6, 0.0)},
    "back": {"shoulder": (0.6, 0.7, -1.1), "elbow": (0.0, -0.4, 0.0)},
}
_LEGS: dict[str, _Way] = {
    "straight": {},
    "crouched": {"hip": (-1.6, 0.0, 0.2), "knee": (1.9, 0.0, 0.0), "ankle": (-0.4, 0.0, 0.0)},
    "raised": {"hip": (-1.2, 0.0, 0.1), "knee": (1.0, 0.0, 0.0)},
    "behind": {"hip": (0.4, 0.0, 0.0), "knee": (0.6, 0.0, 0.0)},
    "spread": {"hip": (0.0, 0.0, 0.5)},
}
# The forearm swung about the upper arm, and how far it bends, radians.
_FOREARMS = ((0.0, 0.1), *((swing, 1.2) for swing in (-2.4, -1.2, 0.0, 1.2, 2.4)))
# The joints of a limb, which rest where a way does not name them, and its ways.
_LIMBS: dict[str, tuple[tuple[str, ...], dict[str, _Way]]] = {
    "arm": (("collar", "shoulder", "elbow", "wrist"), _ARMS),
    "leg": (("hip", "knee", "ankle", "foot"), _LEGS),
}
_FAR = Reach(0.15, slide=0.3, turned=0.15)
_NEAR = Reach(0.08, slide=0.1, turned=0.1)
_ROUGH = (Stage(_FAR, 12),)
_QUICK = (Stage(_FAR, 8),)
_CLOSER = (Stage(_NEAR, 8),)
_RETRY = (Stage(_NEAR, 6),)
_KEPT = 6  # starts that are followed further
_DIFFERENT = 0.08  # metres, on average over the body


def find_starts(solver: Solver, target: Target, tick: Callable[[], None]) -> tuple[State, Tensor]:
    """Rough fits (N) of the most different headings, best first, and their costs (N,)."""
    rough = target.coarse(_SCAN_POINTS)
    postures = list(product(("hangs", "out", "up", "bent"), ("straight", "crouched")))
    state = _standing(solver, rough, postures, 8)
    state, cost = _settle(solver, state, rough, _ROUGH, tick)
    state = state.rows(_different(solver, state, cost))
    state, cost = _settle(solver, state, rough, _CLOSER, tick)
    for limb, side in product(("arm", "leg", "forearm"), ("left", "right")):
        state, cost = _try_ways(solver, state, cost, rough, _ways(solver, state, side, limb), tick)
    order = cost.argsort()
    return state.rows(order), cost[order]


def upright_cost(solver: Solver, target: Target, tick: Callable[[], None]) -> float:
    """How badly a standing or crouching person fits, as a test of which way is up."""
    rough = target.coarse(_SCAN_POINTS)
    postures = [("hangs", "straight"), ("up", "straight"), ("bent", "crouched")]
    state = _standing(solver, rough, postures, 4)
    state, cost = _settle(solver, state, rough, _QUICK, tick)
    tilt = 1 - state.root[:, 1, 1]
    return float((cost + 0.05 * tilt).min())


def _standing(
    solver: Solver, target: Target, postures: list[tuple[str, str]], headings: int
) -> State:
    """Every posture in every heading, the feet on the scan's lowest point, at its middle."""
    body = solver.samples.body
    poses = []
    for arms, legs in postures:
        pose = torch.zeros(len(body.joint_names), 3)
        pose[solver.samples.joints] = 0.5 * solver.mean
        for side in ("left", "right"):
            for limb, way in (("arm", _ARMS[arms]), ("leg", _LEGS[legs])):
                _hold(pose, body.joint_names, side, limb, way)
        poses.append(pose)
    angles = torch.arange(headings) * (2 * math.pi / headings)
    turns = axis_angle_to_matrix(torch.stack([0 * angles, angles, 0 * angles], 1))
    count = len(poses) * headings
    state = State(
        turns.repeat(len(poses), 1, 1),
        torch.zeros(count, 3),
        torch.stack(poses).repeat_interleave(headings, 0),
        torch.zeros(count, body.shapedirs.shape[2]),
    )
    points = solver.samples.pose(state)[0].points
    low, high = target.points.min(0), target.points.max(0)
    middle = torch.as_tensor((low + high) / 2)
    state.position = middle - (points.amin(1) + points.amax(1)) / 2
    state.position[:, 1] = float(low[1]) - points[..., 1].amin(1)
    return state


def _hold(pose: Tensor, names: tuple[str, ...], side: str, limb: str, way: _Way) -> None:
    """Put a limb into poses (..., J, 3)."""
    mirror = torch.tensor([1.0, 1.0, 1.0] if side == "left" else [1.0, -1.0, -1.0])
    for joint in _LIMBS[limb][0]:
        angle = torch.tensor(way.get(joint, (0.0, 0.0, 0.0)))
        pose[..., names.index(f"{side}_{joint}"), :] = mirror * angle


def _ways(solver: Solver, state: State, side: str, limb: str) -> list[Tensor]:
    """The poses (N, J, 3) of all bodies with a limb held in one way after the other."""
    names, poses = solver.samples.body.joint_names, []
    if limb != "forearm":
        for way in _LIMBS[limb][1].values():
            poses.append(state.pose.clone())
            _hold(poses[-1], names, side, limb, way)
        return poses
    shoulder, elbow, wrist = (names.index(f"{side}_{j}") for j in ("shoulder", "elbow", "wrist"))
    for swing, bend in _FOREARMS:
        pose = state.pose.clone()
        swung = axis_angle_to_matrix(torch.tensor([swing, 0.0, 0.0]))
        turned = axis_angle_to_matrix(pose[:, shoulder]) @ swung
        pose[:, shoulder] = matrix_to_axis_angle(turned)
        pose[:, elbow] = torch.tensor([0.0, -bend if side == "left" else bend, 0.0])
        pose[:, wrist] = 0.0
        poses.append(pose)
    return poses


def _try_ways(
    solver: Solver,
    state: State,
    cost: Tensor,
    target: Target,
    ways: list[Tensor],
    tick: Callable[[], None],
) -> tuple[State, Tensor]:
    """Every body (N) also in other poses; each keeps the best, or what it had."""
    tried = State.join([replace(state, pose=pose) for pose in ways])
    tried, found = _settle(solver, tried, target, _RETRY, tick)
    everything, costs = State.join([state, tried]), torch.cat([cost, found])
    count = len(cost)
    rows = costs.view(-1, count).argmin(0) * count + torch.arange(count)
    return everything.rows(rows), costs[rows]


def _different(solver: Solver, state: State, cost: Tensor) -> list[int]:
    """The best starts of those that are not nearly the same, best first."""
    points = solver.samples.pose(state)[0].points
    kept: list[int] = []
    for row in cost.argsort().tolist():
        apart = [(points[row] - points[k]).norm(dim=1).mean() > _DIFFERENT for k in kept]
        if all(apart):
            kept.append(row)
        if len(kept) == _KEPT:
            break
    return kept


def _settle(
    solver: Solver,
    state: State,
    target: Target,
    stages: tuple[Stage, ...],
    tick: Callable[[], None],
) -> tuple[State, Tensor]:
    return solver.settle(state, [target] * len(state.betas), stages, tick)
