"""Where a fit begins: four ways to face the camera in every frame at once, the best path kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .prior import mean_pose
from .problem import Evidence, Problem, State
from .solver import minimise

YAWS = (0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi)  # facing the camera, left, away, right
ENOUGH = 6  # keypoints that a frame needs to start from


# Other poses to begin from, left side (the right one mirrors): one descent seldom turns a bent limb
# from pointing at the camera to pointing away from it.
_SEEDS: tuple[dict[str, tuple[float, float, float]], ...] = (
    {},
    {"shoulder": (0.0, -1.2, -0.3), "elbow": (0.0, -1.4, 0.0)},
    {
        "shoulder": (0.0, 0.4, -0.8),
        "elbow": (0.0, -0.3, 0.0),
        "hip": (-1.0, 0.1, 0.1),
        "knee": (1.3, 0.0, 0.0),
    },
)


def seed_poses(joints: Sequence[str]) -> Tensor:
    """(H, J, 3) poses to begin from."""
    poses = mean_pose(joints).repeat(len(_SEEDS), 1, 1)
    for pose, seed in zip(poses, _SEEDS, strict=True):
        for name, value in seed.items():
            pose[joints.index(f"left_{name}")] = pose.new_tensor(value)
            pose[joints.index(f"right_{name}")] = pose.new_tensor((value[0], -value[1], -value[2]))
    return poses


def facing(yaw: Tensor) -> Tensor:
    """(..., 3, 3) an upright body seen by a level camera, turned by `yaw` about its own axis."""
    down = torch.diag(torch.tensor([1.0, -1.0, -1.0], device=yaw.device, dtype=yaw.dtype))
    zero = torch.zeros_like(yaw)
    return down @ axis_angle_to_matrix(torch.stack([zero, yaw, zero], -1))


def clip_start(problem: Problem, known: Tensor, fps: float, tick: Callable[[str], None]) -> State:
    """Where a clip begins: independent fits of some frames (all of a still), filled in between.

    known (B, T) says which frames have evidence; every clip has some.
    """
    evidence, frames = problem.evidence, problem.evidence.size.shape[1]
    stride = 1 if frames < 12 else max(1, round((fps or 30.0) / 10.0))
    picked = _frames_to_try(known.cpu().numpy(), stride)
    few = replace(
        problem,
        evidence=replace(
            evidence,
            points=evidence.points[:, picked],
            weights=evidence.weights[:, picked],
            size=evidence.size[:, picked],
            trusted=evidence.trusted[:, picked],
        ),
    )
    batch, size = len(known), problem.kinematics.offsets_betas.shape[2]
    betas = problem.focal_start.new_zeros(batch, size)
    focal = problem.focal_start
    singles, energy = single_starts(few, betas, focal, lambda: tick("Finding the pose"))
    enough = known[:, picked]
    choices = best_path(few, singles, energy, enough, picked / (fps or 30.0))
    roots: list[Tensor] = []
    places: list[Tensor] = []
    poses: list[Tensor] = []
    everywhere = np.arange(frames)
    for b in range(batch):
        seen = np.flatnonzero(enough[b].cpu().numpy())
        index = (b * len(picked) + torch.tensor(seen)) * energy.shape[2] + choices[b].cpu()[seen]
        index = index.to(singles.root.device)
        roots.append(fill_rotations(singles.root[index, 0], picked[seen], everywhere))
        for values, filled in ((singles.place, places), (singles.pose, poses)):
            known_values = values[index, 0].cpu().numpy()
            filled.append(torch.tensor(fill(known_values, picked[seen], everywhere)).to(betas))
    expression = betas.new_zeros(batch, frames, problem.kinematics.entry_expr.shape[2])
    pose = torch.stack(poses)
    pose[:, :, 22:] = mean_pose(problem.kinematics.joint_names).to(betas)[22:]
    return State(torch.stack(roots), torch.stack(places), pose, expression, betas, focal.clone())


def _frames_to_try(known: np.ndarray, stride: int) -> np.ndarray:
    """Every `stride`-th frame, and all frames of a person who is seen in none of those."""
    chosen = np.zeros(known.shape[1], bool)
    chosen[::stride] = True
    for seen in known:
        if not (seen & chosen).any():
            chosen |= seen
    return np.flatnonzero(chosen)


def single_starts(
    problem: Problem, betas: Tensor, log_focal: Tensor, tick: Callable[[], None]
) -> tuple[State, Tensor]:
    """Fit every frame of every clip alone from each of H hypotheses, a yaw and a pose each.

    betas (B, S), log_focal (B,). Returns a state of (B * T * H, 1, ...) and its energies (B, T, H).
    """
    evidence, hypotheses = problem.evidence, len(YAWS) * len(_SEEDS)
    batch, frames = evidence.size.shape

    def each(x: Tensor) -> Tensor:
        return x.flatten(0, 1).repeat_interleave(hypotheses, 0)[:, None]

    alone = Evidence(
        *(each(x) for x in (evidence.points, evidence.weights, evidence.size, evidence.trusted))
    )
    count = batch * frames * hypotheses
    betas = betas.repeat_interleave(frames * hypotheses, 0)
    focal = log_focal.repeat_interleave(frames * hypotheses)
    yaws = torch.tensor(YAWS, device=betas.device, dtype=betas.dtype)
    yaws = yaws.repeat_interleave(len(_SEEDS)).repeat(batch * frames)
    pose = seed_poses(problem.kinematics.joint_names).to(betas)
    pose = pose.repeat(batch * frames * len(YAWS), 1, 1)[:, None]
    expression = betas.new_zeros(count, 1, problem.kinematics.entry_expr.shape[2])
    root = facing(yaws)[:, None]
    place = _place(problem, alone, root, pose, betas, focal)
    state = State(root, place, pose, expression, betas, focal)
    problem = replace(problem, evidence=alone, focal_start=focal, shape_free=False)
    problem = problem.with_weights(focal=0.0)
    for robust, iterations in ((20.0, 6), (6.0, 12)):
        state, energy = minimise(problem.with_weights(robust=robust), state, iterations, 1e-2, tick)
    return state, energy.view(batch, frames, hypotheses)


def _place(
    problem: Problem, evidence: Evidence, root: Tensor, pose: Tensor, betas: Tensor, focal: Tensor
) -> Tensor:
    """Where the root is, from the spread of the points that are seen (weak perspective)."""
    zero = betas.new_zeros(len(betas), 3)
    none = betas.new_zeros(len(betas), problem.kinematics.entry_expr.shape[2])
    flat = problem.kinematics.pose(root[:, 0], zero, pose[:, 0], betas, none).points[..., :2]
    seen, weight = evidence.points[:, 0], evidence.weights[:, 0, :, None].clamp(max=1e3)
    total = weight.sum(1).clamp_min(1e-9)
    middle, middle_flat = (weight * seen).sum(1) / total, (weight * flat).sum(1) / total
    spread = (weight * (seen - middle[:, None]).square()).sum((1, 2)).sqrt()
    spread_flat = (weight * (flat - middle_flat[:, None]).square()).sum((1, 2)).sqrt()
    length = focal.exp()
    depth = (length * spread_flat / spread.clamp_min(1.0)).clamp(0.3, 100.0)
    plane = middle / length[:, None] - middle_flat / depth[:, None]
    return torch.cat([plane, depth.log()[:, None]], 1)[:, None]


def best_path(
    problem: Problem, state: State, energy: Tensor, enough: Tensor, times: np.ndarray
) -> Tensor:
    """Viterbi over frames: energy against the jump of the joints. Returns choices (B, T).

    enough (B, T) says which frames have evidence (the others get choice 0 and are filled later),
    times (T,) when they were, in seconds.
    """
    batch, frames, hypotheses = energy.shape
    posed = problem.kinematics.pose(
        state.root[:, 0],
        state.position[:, 0],
        state.pose[:, 0],
        state.betas,
        state.expression[:, 0],
    )
    body = posed.joints[:, :22] - posed.joints[:, :1]
    joints = body.view(batch, frames, hypotheses, -1).cpu().numpy()
    costs, known = energy.cpu().numpy(), enough.cpu().numpy()
    choices = np.zeros((batch, frames), int)
    for b in range(batch):
        seen = np.flatnonzero(known[b])
        if not len(seen):
            continue
        total, back = costs[b, seen[0]].copy(), []
        for before, now in zip(seen[:-1], seen[1:], strict=True):
            jump = joints[b, before][:, None] - joints[b, now][None]
            time = times[now] - times[before]
            expected = 0.25 * min(time * 30, 15.0) ** 0.5
            cost = np.minimum((jump**2).sum(-1) / expected**2, 60.0)
            step = total[:, None] + cost + costs[b, now][None]
            back.append(step.argmin(0))
            total = step.min(0)
        path = [int(total.argmin())]
        for choice in reversed(back):
            path.append(int(choice[path[-1]]))
        choices[b, seen] = path[::-1]
    return torch.tensor(choices, device=energy.device)


def fill(values: np.ndarray, known: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Values (N, ...) at the sorted frame numbers `known`, linearly between them, held outside."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(frames, known, column) for column in flat.T]
    return np.stack(columns, 1).reshape(len(frames), *values.shape[1:])


def fill_rotations(values: Tensor, known: np.ndarray, frames: np.ndarray) -> Tensor:
    """Rotations (N, 3, 3) at the frame numbers `known`, along geodesics between them."""
    after = np.clip(np.searchsorted(known, frames, side="right"), 1, max(len(known) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(known) - 1)
    span = np.maximum(known[after] - known[before], 1)
    share = np.clip((frames - known[before]) / span, 0.0, 1.0)
    start, end = values[before], values[after]
    turn = matrix_to_axis_angle(end @ start.transpose(-1, -2))
    share = torch.tensor(share, device=values.device, dtype=values.dtype)
    return axis_angle_to_matrix(turn * share[:, None]) @ start
