"""Fit a body to the keypoints of a whole clip: all frames and all people in one batch.

Start (several poses of every frame, best path; or what a network read off the pictures), then the
whole clip with one shape a person and one focal length, then hands and face on top of the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from .collision import COLLIDE, Collision
from .contact import FEET, find_contact
from .details import fit_details
from .options import FitOptions
from .people import People, gather_people, guesses_of
from .problem import Problem, State
from .refit import Start, held, state_of
from .regressed import Regressed, Witness, told_start
from .solver import minimise
from .start import between, clip_start, stride_of
from .tracks import ClipFit, Track

# Temporal weights at 30 frames a second, see Weights.
SMOOTH = {"turn": 100.0, "move": 600.0, "bend": 40.0, "bend_speed": 0.5}
STAND, GROUND, QUICK = 400.0, 100.0, 0.5
ROUNDS = 3  # times that standing feet are found and the prior is asked again
NEAR_ROUNDS, COARSE_STEPS = 2, 20  # where poses are told: such times, and steps with few frames

Tick = Callable[[str], None]
Believe = Callable[[Problem, State], Problem]  # the problem with the prior that a state calls for
Solve = Callable[[Problem, State, FitOptions, Believe, Tick], State]


def fit_clip(
    clip: KeypointClip,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    start: Start | Regressed | None = None,
) -> ClipFit:
    """Fit `body` to every person of `clip`, whose people slots are people (see track_people).

    With a `Start`, a fit of the same clip by the same body, only the motion is solved again: shape
    and focal length stay. Poses that a network told (`Regressed`) spare the search for a start and
    count beside the guesses. `tick(message)` is called before every solver step and may raise
    Cancelled. Raises InputError when nobody is seen well enough to start from.
    """
    device = choose_device(options.device)
    with _threads(device):
        return _fit_clip(clip, body, options, tick, device, start)


@contextmanager
def _threads(device: str) -> Iterator[None]:
    """One thread on the CPU: the matrices are small, more threads mostly wait for each other."""
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit_clip(
    clip: KeypointClip,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    device: str,
    start: Start | Regressed | None,
) -> ClipFit:
    like = torch.zeros(0, device=device, dtype=torch.float32 if device == "mps" else torch.float64)
    focal = options.focal if options.focal is not None else clip.focal
    trusted = start.trusted if isinstance(start, Start) else None
    people = gather_people(clip, body, options.independent, focal, like, trusted)
    problem, known = people.problem, torch.tensor(people.known, device=like.device)
    if options.collisions:
        problem = replace(problem, collision=Collision(body, like))
    witness: Witness | None = None
    solve: Solve = _whole_clip
    if isinstance(start, Start):
        solve = _again
        state = state_of(start.of(people.slots), problem.kinematics, clip.frame_count, like)
        stays = held(start, people.slots, problem.kinematics, clip.fps)
        if stays is not None:
            problem = replace(problem, held=torch.tensor(stays, device=like.device))
        guesses = guesses_of(people, state.log_focal.exp())
    else:
        guesses = guesses_of(people, problem.focal_start.exp())
        if start is None:
            state = clip_start(problem, guesses, known, clip.fps, tick)
        else:
            solve, witness = _from_near, Witness.of(start, people, like)
            state = told_start(problem, guesses, witness, known, clip.fps, tick)
    plain = problem.prior

    def believe(problem: Problem, state: State) -> Problem:
        prior = guesses.prior(state, known, plain, problem.weights.prior**2)
        return replace(problem, prior=prior if witness is None else witness.beside(prior))

    state = solve(problem, state, options, believe, tick)
    state = fit_details(problem, state, body, people, options, tick)
    tracks = [_track(people, state, b) for b in range(len(people.points))]
    lengths = state.log_focal.exp().cpu().numpy()
    return ClipFit(tracks, lengths, people.given, _notes(people, lengths))


def choose_device(name: str) -> str:
    """A torch device for `auto`, `cpu`, `cuda` or `mps`. Raises InputError when it is not there."""
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if name not in there:
        raise InputError(f"There is no device named {name}.", "Use auto, cpu, cuda or mps.")
    if not there[name]:
        raise InputError(f"This machine offers no {name} device.", "Use --device cpu.")
    return name


def _whole_clip(
    problem: Problem, state: State, options: FitOptions, believe: Believe, tick: Tick
) -> State:
    """The clip with everything free, then again with one focal length and feet that stand."""
    smooth = options.smooth

    def work() -> None:
        tick("Fitting the clip")

    problem = problem.with_weights(robust=6.0, **{k: v * smooth for k, v in SMOOTH.items()})
    for _ in range(2):
        state, _ = minimise(believe(problem, state), state, 5, 1e-3, work)
    if not options.independent:
        state.log_focal = _common(state.log_focal, problem.evidence.weights)
        problem = problem.with_weights(focal=0.0)
    problem = problem.with_weights(robust=4.0)
    state, _ = minimise(believe(problem, state), state, 5, 1e-3, work)
    return _standing(problem, state, smooth, believe, ROUNDS, work)


def _from_near(
    problem: Problem, state: State, options: FitOptions, believe: Believe, tick: Tick
) -> State:
    """As `_whole_clip`, from poses that need no long way: at first ten frames a second will do."""
    smooth, frames = options.smooth, state.root.shape[1]

    def work() -> None:
        tick("Fitting the clip")

    problem = problem.with_weights(robust=6.0, **{k: v * smooth for k, v in SMOOTH.items()})
    stride = stride_of(frames, 30.0 * problem.unit)
    picked = torch.arange(0, frames, stride, device=state.root.device)
    few = replace(believe(problem, state).at(picked), unit=problem.unit / stride)
    some, _ = minimise(few, state.at(picked), COARSE_STEPS, 1e-3, work)
    state = between(some, picked.cpu().numpy(), frames)
    if not options.independent:
        state.log_focal = _common(state.log_focal, problem.evidence.weights)
        problem = problem.with_weights(focal=0.0)
    return _standing(problem.with_weights(robust=4.0), state, smooth, believe, NEAR_ROUNDS, work)


def _standing(
    problem: Problem,
    state: State,
    smooth: float,
    believe: Believe,
    rounds: int,
    work: Callable[[], None],
) -> State:
    """The clip with feet that stand, and then with limbs outside of the body if that is asked."""
    for _ in range(rounds):
        problem = _grounded(believe(problem, state), state, smooth)
        state, _ = minimise(problem, state, 6, 3e-4, work)
    if problem.collision is not None:
        problem = problem.with_weights(collide=COLLIDE)
        state, _ = minimise(problem, state, 12, 3e-4, work)
    return state


def _again(
    problem: Problem, state: State, options: FitOptions, believe: Believe, tick: Tick
) -> State:
    """The motion alone, from a state that was right but for what an artist corrected."""
    smooth = options.smooth
    problem = replace(believe(problem, state), shape_free=False)
    problem = problem.with_weights(focal=0.0, **{k: v * smooth for k, v in SMOOTH.items()})
    problem = _grounded(problem, state, smooth).with_weights(collide=COLLIDE)
    return minimise(problem, state, 15, 1e-4, lambda: tick("Fitting the clip again"))[0]


def _grounded(problem: Problem, state: State, smooth: float) -> Problem:
    """The same problem with the feet that stand in `state` held where they are."""
    feet = [[problem.points.index(k) for k in foot if k in problem.points] for foot in FEET]
    points, root = problem.posed_points(state), state.root
    fps = 30.0 * problem.unit
    contact = find_contact(problem.kinematics, feet, points, root, state.betas, fps)
    problem = replace(problem, contact=contact)
    return problem.with_weights(stand=STAND * smooth, ground=GROUND, quick=QUICK)


def _common(log_focal: Tensor, weights: Tensor) -> Tensor:
    """One focal length for all people, by how much is seen of each."""
    seen = weights.sum((1, 2))
    return ((log_focal * seen).sum() / seen.sum()).expand_as(log_focal).clone()


def _track(people: People, state: State, b: int) -> Track:
    observed = people.known[b]
    seen = np.flatnonzero(observed)
    span = slice(seen[0], seen[-1] + 1)
    betas = state.betas[b]
    transl = state.position[b] - people.problem.kinematics.root_offset(betas)

    def part(values: Tensor) -> np.ndarray:
        return values[span].cpu().numpy()

    return Track(
        frame_ids=people.pictures[b] + np.arange(span.start, span.stop),
        observed=observed[span],
        root=part(state.root[b]),
        transl=part(transl),
        pose=part(state.pose[b]),
        betas=betas.cpu().numpy(),
        expression=part(state.expression[b]),
        size=people.sizes[b][span],
        points=people.points[b][span],
        swaps=people.swaps[b][span],
        person=int(people.slots[b]),
    )


def _notes(people: People, focal: np.ndarray) -> list[str]:
    few, given = people.left_out, people.given
    notes = [f"Left out, because too little is seen of them: {few}."] if few else []
    moved = np.abs(np.log(focal / given)) > np.log(1.2)
    if moved.any():
        k = int(np.flatnonzero(moved)[0])
        notes.append(
            f"The footage does not agree with a focal length of {given[k]:.0f} px: "
            f"{focal[k]:.0f} px fits better and was used. Check the camera's data."
        )
    if not np.isfinite(given).any():
        notes.append(f"No focal length is known; {focal[0]:.0f} px was estimated.")
    swapped = int((people.swaps > 0).sum())
    if swapped:
        notes.append(f"Left and right were exchanged in {swapped} frames and put right.")
    return notes
