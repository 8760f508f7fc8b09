"""Fit a body to the keypoints of a whole clip: all frames and all people in one batch.

Start (four ways to face the camera in every frame, best path), then the whole clip with one shape a
person and one focal length, then hands and face on top of the body.
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
from ..formats.keypoints import KEYPOINT_NAMES, KeypointClip
from . import contact
from .collision import COLLIDE, Collision
from .details import fit_details
from .evidence import BODY_POINTS, LEAST, measure, person_size
from .guesses import guess
from .kinematics import Kinematics, Parameters
from .options import FitOptions
from .prior import pose_prior
from .problem import Problem, State, Weights
from .refit import Start, state_of
from .solver import minimise
from .start import ENOUGH, clip_start
from .swaps import repair_swaps
from .tracks import ClipFit, Track

# The usual main camera of a telephone sees about as wide as this share of the longer side.
GUESSED_FOCAL = 0.8
KNOWN_FOCAL, GUESSED = 20.0, 4.0  # 1 / spread of the log focal length when it is given, when not
# Temporal weights at 30 frames a second, see Weights.
SMOOTH = {"turn": 40.0, "move": 400.0, "bend": 25.0, "bend_speed": 0.5}
STAND, QUICK = 400.0, 6.0


Tick = Callable[[str], None]


def fit_clip(
    clip: KeypointClip,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    start: Start | None = None,
) -> ClipFit:
    """Fit `body` to every person of `clip`, whose people slots are people (see track_people).

    With `start`, a fit of the same clip by the same body, only the motion is solved again: shape
    and focal length stay. `tick(message)` is called before every solver step and may raise
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
    start: Start | None,
) -> ClipFit:
    like = torch.zeros(0, device=device, dtype=torch.float32 if device == "mps" else torch.float64)
    points = clip.points.transpose(1, 0, 2, 3).astype(np.float64)  # (P, F, 137, 3)
    pictures = np.zeros(len(points), int)
    if options.independent:
        points, pictures = _one_each(points)
    sizes = np.array([person_size(p) for p in points]).reshape(points.shape[:2])
    repaired, states = points, np.zeros(points.shape[:2], int)
    trusted = np.zeros(points.shape[:3], bool)
    if start is not None:
        trusted = start.trusted.transpose(1, 0, 2)
    elif len(points) and not options.independent:
        pairs = [repair_swaps(p, s) for p, s in zip(points, sizes, strict=True)]
        repaired, states = (np.stack(x) for x in zip(*pairs, strict=True))
    enough = _seen_enough(repaired)
    few = int((~enough & (repaired[..., 2] > 0).any((1, 2))).sum())
    people = np.zeros(len(points), int) if options.independent else np.arange(len(points))
    rows = (repaired, states, sizes, pictures, trusted, people)
    repaired, states, sizes, pictures, trusted, people = (x[enough] for x in rows)
    if not len(repaired):
        raise InputError(
            f"{clip.source}: nobody can be fitted, all have fewer than {ENOUGH} keypoints a frame.",
            "Use footage that shows at least the torso and the head or the legs.",
        )
    given = _given_focal(clip, options, pictures)
    centre = np.array([clip.width / 2, clip.height / 2])
    problem = _body_problem(body, repaired, centre, sizes, trusted, given, clip, like)
    if options.collisions:
        problem = replace(problem, collision=Collision(body, like))
    known = (problem.evidence.weights > 0).sum(-1) >= ENOUGH
    if not bool(known.any(1).all()):
        raise InputError(
            f"{clip.source}: a person has fewer than {ENOUGH} keypoints that this body knows.",
            "Use footage that shows more of the body.",
        )
    focal = torch.tensor(start.fit.focal[enough]).to(like) if start else problem.focal_start.exp()
    guesses = guess(
        torch.tensor(repaired).to(like), torch.tensor(centre).to(like), focal, problem.prior
    )
    if start is None:
        state = clip_start(problem, guesses, known, clip.fps, tick)
    else:
        state = state_of(start.of(enough), problem.kinematics, points.shape[1], like)
    problem = replace(problem, prior=guesses.prior(state, known, problem.prior))
    state = (_whole_clip if start is None else _again)(problem, state, options, tick)
    state = fit_details(problem, state, body, repaired, centre, options, tick, trusted)
    tracks = [
        _track(problem, state, b, known, repaired, sizes, states, pictures[b], int(people[b]))
        for b in range(len(repaired))
    ]
    focal = state.log_focal.exp().cpu().numpy()
    return ClipFit(tracks, focal, given, _notes(focal, given, states, few))


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


def _one_each(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unrelated pictures: every person of every picture becomes a track of one frame.

    Returns the points (B, 1, 137, 3) and the picture of each (B,).
    """
    people = points.shape[0]
    points = points.transpose(1, 0, 2, 3).reshape(-1, 1, *points.shape[2:])
    return points, np.arange(len(points)) // max(people, 1)


def _seen_enough(points: np.ndarray) -> np.ndarray:
    """(B,) who has the keypoints to start from in any frame; points (B, T, 137, 3)."""
    seen = points[:, :, list(BODY_POINTS), 2] > LEAST
    return (seen.sum(-1) >= ENOUGH).any(1)


def _given_focal(clip: KeypointClip, options: FitOptions, pictures: np.ndarray) -> np.ndarray:
    """(B,) px or NaN for each track; pictures (B,) tells whose focal length, if each has one."""
    focal = options.focal if options.focal is not None else clip.focal
    if focal is None:
        return np.full(len(pictures), np.nan)
    values = np.atleast_1d(np.asarray(focal, float))
    if options.independent and len(values) == len(clip.points):
        return values[pictures]
    known = values[np.isfinite(values) & (values > 0)]
    return np.full(len(pictures), np.median(known) if len(known) else np.nan)


def body_points(body: BodyData, wanted: tuple[int, ...]) -> tuple[tuple[int, ...], list[int]]:
    """Those of the 137 keypoints that the body has, and their rows in the body's own table."""
    rows = {name: i for i, name in enumerate(body.keypoint_names)}
    chosen = tuple(k for k in wanted if KEYPOINT_NAMES[k] in rows)
    return chosen, [rows[KEYPOINT_NAMES[k]] for k in chosen]


def _body_problem(
    body: BodyData,
    points: np.ndarray,
    centre: np.ndarray,
    sizes: np.ndarray,
    trusted: np.ndarray,
    given: np.ndarray,
    clip: KeypointClip,
    like: Tensor,
) -> Problem:
    joints = tuple(range(1, 22))
    chosen, rows = body_points(body, BODY_POINTS)
    guess = np.where(np.isfinite(given), given, GUESSED_FOCAL * max(clip.width, clip.height))
    return Problem(
        kinematics=Kinematics(body, rows, Parameters(joints, root=True, expressions=0), like),
        points=chosen,
        evidence=measure(points, chosen, centre, sizes, like, trusted),
        prior=pose_prior([body.joint_names[j] for j in joints]).to(like),
        weights=Weights(focal=KNOWN_FOCAL if np.isfinite(given).all() else GUESSED),
        focal_start=torch.tensor(np.log(guess)).to(like),
        unit=clip.fps / 30.0 if clip.fps > 0 else 1.0,
    )


def _whole_clip(
    problem: Problem,
    state: State,
    options: FitOptions,
    tick: Tick,
) -> State:
    """The clip with everything free, then again with one focal length and feet that stand."""
    smooth = options.smooth

    def work() -> None:
        tick("Fitting the clip")

    problem = problem.with_weights(robust=6.0, **{k: v * smooth for k, v in SMOOTH.items()})
    state, _ = minimise(problem, state, 10, 1e-3, work)
    if not options.independent:
        state.log_focal = _common(state.log_focal, problem.evidence.weights)
        problem = problem.with_weights(focal=0.0)
    problem = problem.with_weights(robust=4.0)
    state, _ = minimise(problem, state, 6, 1e-3, work)
    problem = _grounded(problem, state, smooth)
    state, _ = minimise(problem, state, 12, 3e-4, work)
    if problem.collision is not None:
        problem = problem.with_weights(collide=COLLIDE)
        state, _ = minimise(problem, state, 12, 3e-4, work)
    return state


def _again(problem: Problem, state: State, options: FitOptions, tick: Tick) -> State:
    """The motion alone, from a state that was right but for what an artist corrected."""
    smooth = options.smooth
    problem = replace(problem, shape_free=False)
    problem = problem.with_weights(focal=0.0, **{k: v * smooth for k, v in SMOOTH.items()})
    problem = _grounded(problem, state, smooth).with_weights(collide=COLLIDE)
    return minimise(problem, state, 15, 1e-4, lambda: tick("Fitting the clip again"))[0]


def _grounded(problem: Problem, state: State, smooth: float) -> Problem:
    """The same problem with the feet that stand in `state` held where they are."""
    standing = contact.standing(problem, state)
    if not bool((standing > 0).any()):
        return problem
    problem = replace(problem, evidence=replace(problem.evidence, standing=standing))
    return problem.with_weights(stand=STAND * smooth, quick=QUICK)


def _common(log_focal: Tensor, weights: Tensor) -> Tensor:
    """One focal length for all people, by how much is seen of each."""
    seen = weights.sum((1, 2))
    return ((log_focal * seen).sum() / seen.sum()).expand_as(log_focal).clone()


def _track(
    problem: Problem,
    state: State,
    b: int,
    known: Tensor,
    points: np.ndarray,
    sizes: np.ndarray,
    states: np.ndarray,
    picture: int,
    person: int,
) -> Track:
    observed = known[b].cpu().numpy()
    seen = np.flatnonzero(observed)
    span = slice(seen[0], seen[-1] + 1)
    betas = state.betas[b]
    transl = state.position[b] - problem.kinematics.root_offset(betas)

    def part(values: Tensor) -> np.ndarray:
        return values[span].cpu().numpy()

    return Track(
        frame_ids=picture + np.arange(span.start, span.stop),
        observed=observed[span],
        root=part(state.root[b]),
        transl=part(transl),
        pose=part(state.pose[b]),
        betas=betas.cpu().numpy(),
        expression=part(state.expression[b]),
        size=sizes[b][span],
        points=points[b][span],
        swaps=states[b][span],
        person=person,
    )


def _notes(focal: np.ndarray, given: np.ndarray, states: np.ndarray, few: int) -> list[str]:
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
    swapped = int((states > 0).sum())
    if swapped:
        notes.append(f"Left and right were exchanged in {swapped} frames and put right.")
    return notes
