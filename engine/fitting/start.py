"""Where a fit begins: what the initialiser makes of every frame, and the best path through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..bodies.pose_prior import mean_pose
from .guesses import Alternatives, Guesses
from .paths import best_path, fill, fill_rotations
from .problem import Evidence, Problem, State
from .solver import minimise

ENOUGH = 6  # keypoints that a frame needs to start from
START_STEPS = ((20.0, 4), (6.0, 6))  # robust scale and solver steps of the frames alone
LIMB_STEPS = ((6.0, 5),)  # likewise, of a limb bent another way
_PIECE = 2048  # fits at once, so that a long clip needs no more memory than a short one
HELD = 22  # root and body joints; the rest starts at the mean pose


def clip_start(
    problem: Problem, guesses: Guesses, known: Tensor, fps: float, tick: Callable[[str], None]
) -> State:
    """Where a clip begins: fits of some frames alone (all of a still), filled in between.

    known (B, T) says which frames have evidence; every clip has some.
    """
    picked = frames_to_try(known.cpu().numpy(), fps)
    rows = torch.as_tensor(picked, device=known.device)
    few, some = problem.at(rows), guesses.of(rows)
    times, enough = picked / (fps or 30.0), known[:, picked].cpu().numpy()

    def work() -> None:
        tick("Finding the pose")

    turns = some.turns()
    singles, energy = single_fits(few, turns, None, START_STEPS, work)
    chosen = choose(few, singles, energy, enough, times, range(1, HELD))
    state = taken(singles, chosen, energy.shape[2])
    pose = state.pose
    for joints, ways in some.limbs(chosen):
        tried = _with_limb(state, joints, ways)
        singles, energy = single_fits(few, ways, tried, LIMB_STEPS, work)
        bent = choose(few, singles, energy, enough, times, joints)
        pose[:, :, joints] = taken(singles, bent, energy.shape[2]).pose[:, :, joints]
    return everywhere(problem, state, enough, picked, known.shape[1])


def stride_of(frames: int, fps: float) -> int:
    """Of so many frames each so manieth tells enough of the motion."""
    return 1 if frames < 12 else max(1, round((fps or 30.0) / 10.0))


def frames_to_try(known: np.ndarray, fps: float) -> np.ndarray:
    """Ten frames a second of known (B, T), and all frames of a person seen in none of those."""
    stride = stride_of(known.shape[1], fps)
    chosen = np.zeros(known.shape[1], bool)
    chosen[::stride] = True
    for seen in known:
        if not (seen & chosen).any():
            chosen |= seen
    return np.flatnonzero(chosen)


def single_fits(
    problem: Problem,
    guesses: Alternatives,
    start: State | None,
    steps: tuple[tuple[float, int], ...],
    tick: Callable[[], None],
) -> tuple[State, Tensor]:
    """Fit every frame of every clip alone from each of its H guesses.

    From `start` (B * T * H, 1, ...), or from the guesses themselves. Returns such a state and its
    energies (B, T, H). steps: robust scale and number of solver steps.
    """
    evidence = problem.evidence
    batch, frames, hypotheses = guesses.share.shape

    def each(x: Tensor) -> Tensor:
        return x.flatten(0, 1).repeat_interleave(hypotheses, 0)[:, None]

    alone = Evidence(
        *(each(x) for x in (evidence.points, evidence.weights, evidence.size, evidence.trusted))
    )
    focal = problem.focal_start.repeat_interleave(frames * hypotheses)
    prior = guesses.priors(problem.prior)
    problem = replace(problem, evidence=alone, focal_start=focal, shape_free=False, prior=prior)
    problem = problem.with_weights(focal=0.0)
    state = _begin(problem) if start is None else start
    parts, energies = [], []
    for first in range(0, len(focal), _PIECE):
        part = slice(first, first + _PIECE)
        one, piece = _rows(problem, part), _cut(state, part)
        for robust, iterations in steps:
            one = one.with_weights(robust=robust)
            piece, energy = minimise(one, piece, iterations, 1e-2, tick)
        parts.append(piece)
        energies.append(energy)
    names = State.__dataclass_fields__
    state = State(*(torch.cat([getattr(p, f) for p in parts]) for f in names))
    surprise = 2 * problem.weights.prior**2 * prior.spread.log().sum((1, 2, 3))
    energy = torch.cat(energies) + surprise - 2 * guesses.share.flatten()
    return state, energy.view(batch, frames, hypotheses)


def _begin(problem: Problem) -> State:
    """Every guess as a state: its pose and turn, placed where the keypoints are."""
    prior, focal, count = problem.prior, problem.focal_start, len(problem.focal_start)
    assert prior.root is not None
    pose = mean_pose(problem.kinematics.joint_names).to(focal).repeat(count, 1, 1)[:, None]
    pose[:, :, 1:HELD] = prior.mean
    betas = focal.new_zeros(count, problem.kinematics.offsets_betas.shape[2])
    expression = focal.new_zeros(count, 1, problem.kinematics.entry_expr.shape[2])
    place = _place(problem, problem.evidence, prior.root, pose, betas, focal)
    return State(prior.root, place, pose, expression, betas, focal)


def _rows(problem: Problem, part: slice) -> Problem:
    """The problem of some of the clips of a batch."""
    evidence, prior = problem.evidence, problem.prior
    assert prior.root is not None and prior.root_spread is not None
    fields = (evidence.points, evidence.weights, evidence.size, evidence.trusted)
    own = replace(
        prior,
        mean=prior.mean[part],
        spread=prior.spread[part],
        root=prior.root[part],
        root_spread=prior.root_spread[part],
    )
    some = Evidence(*(x[part] for x in fields))
    return replace(problem, evidence=some, prior=own, focal_start=problem.focal_start[part])


def _cut(state: State, part: slice) -> State:
    return State(*(getattr(state, f)[part] for f in State.__dataclass_fields__))


def choose(
    problem: Problem,
    state: State,
    energy: Tensor,
    enough: np.ndarray,
    times: np.ndarray,
    joints: Sequence[int],
) -> Tensor:
    """The best path through the fits of frames alone, by the jumps of `joints`: choices (B, T).

    enough (B, T) says which frames have evidence; the others get choice 0 and are filled later.
    """
    posed = problem.kinematics.pose(
        state.root[:, 0],
        state.position[:, 0],
        state.pose[:, 0],
        state.betas,
        state.expression[:, 0],
    )
    body = posed.joints[:, list(joints)] - posed.joints[:, :1]
    places = body.view(*energy.shape, -1).cpu().numpy()
    costs = energy.cpu().numpy()
    choices = np.zeros(energy.shape[:2], int)
    for b, seen in enumerate(enough):
        if seen.any():
            choices[b, seen] = best_path(costs[b, seen], places[b, seen], times[seen])
    return torch.tensor(choices, device=energy.device)


def taken(state: State, choices: Tensor, hypotheses: int) -> State:
    """One fit a frame, (B * T, 1, ...): choices (B, T) among those of each frame."""
    first = torch.arange(choices.numel(), device=choices.device) * hypotheses
    index = first + choices.flatten()
    return State(*(getattr(state, f)[index] for f in State.__dataclass_fields__))


def _with_limb(state: State, joints: Sequence[int], ways: Alternatives) -> State:
    """Each of the frames (B * T, 1, ...) once for every way to bend a limb."""
    count = ways.share.shape[2]
    names = State.__dataclass_fields__
    tried = State(*(getattr(state, f).repeat_interleave(count, 0) for f in names))
    tried.pose = tried.pose.clone()
    rows = [j - 1 for j in joints]
    tried.pose[:, 0, list(joints)] = ways.pose.flatten(0, 2)[:, rows]
    return tried


def everywhere(
    problem: Problem, state: State, enough: np.ndarray, picked: np.ndarray, frames: int
) -> State:
    """The frames `picked` as a clip, with what lies between them filled in."""
    batch, betas = len(enough), problem.focal_start.new_zeros(len(enough), state.betas.shape[1])
    everywhere = np.arange(frames)
    roots: list[Tensor] = []
    places: list[Tensor] = []
    poses: list[Tensor] = []
    for b in range(batch):
        seen = np.flatnonzero(enough[b])
        index = torch.tensor(b * len(picked) + seen, device=state.root.device)
        roots.append(fill_rotations(state.root[index, 0], picked[seen], everywhere))
        for values, filled in ((state.place, places), (state.pose, poses)):
            known = values[index, 0].cpu().numpy()
            filled.append(torch.tensor(fill(known, picked[seen], everywhere)).to(betas))
    expression = betas.new_zeros(batch, frames, state.expression.shape[2])
    pose = torch.stack(poses)
    pose[:, :, HELD:] = mean_pose(problem.kinematics.joint_names).to(betas)[HELD:]
    focal = problem.focal_start.clone()
    return State(torch.stack(roots), torch.stack(places), pose, expression, betas, focal)


def between(state: State, picked: np.ndarray, frames: int) -> State:
    """All `frames` of a clip from those that were `picked`, which a state holds."""
    everywhere = np.arange(frames)

    def spread(values: Tensor) -> Tensor:
        if not values.shape[2]:
            return values.new_zeros(len(values), frames, 0)
        known = values.transpose(0, 1).cpu().numpy()
        return torch.tensor(fill(known, picked, everywhere)).to(values).transpose(0, 1)

    roots = torch.stack([fill_rotations(root, picked, everywhere) for root in state.root])
    place, pose, expression = (spread(x) for x in (state.place, state.pose, state.expression))
    return replace(state, root=roots, place=place, pose=pose, expression=expression)


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
