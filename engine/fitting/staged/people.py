"""Everybody in a clip as independent problems: what is measured of each and where each begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...formats.keypoints import KEYPOINT_NAMES, KeypointClip
from ..evidence import BODY_POINTS, measure, person_size
from ..guesses import guess
from ..kinematics import Kinematics, Parameters
from ..prior import pose_prior
from ..problem import Problem, State, Weights
from ..start import ENOUGH, clip_start
from ..swaps import repair_swaps

GUESSED_FOCAL = 0.8  # of the picture's longer side


@dataclass
class People:
    """B tracks of T frames: people of a clip, or one each for people of unrelated pictures."""

    points: np.ndarray  # (B, T, 137, 3) px, left and right put right
    swaps: np.ndarray  # (B, T) what was put right, see repair_swaps
    sizes: np.ndarray  # (B, T) px
    pictures: np.ndarray  # (B,) first frame of the track
    slots: np.ndarray  # (B,) which person of the clip; 0 in unrelated pictures
    known: np.ndarray  # (B, T) bool: enough is seen
    problem: Problem  # the body alone, for the start
    centre: np.ndarray  # (2,) px, principal point
    left_out: int  # people of whom too little is seen


def gather_people(
    clip: KeypointClip,
    body: BodyData,
    independent: bool,
    focal: float | np.ndarray | None,
    like: Tensor,
) -> People:
    """The people of `clip`; focal is one length, one a frame, or None for a guess.

    Raises InputError when nobody is seen well enough to start from.
    """
    points = clip.points.transpose(1, 0, 2, 3).astype(np.float64)  # (P, F, 137, 3)
    pictures, slots = np.zeros(len(points), int), np.arange(len(points))
    if independent:
        slots = np.zeros(len(points) * clip.frame_count, int)
        pictures = np.repeat(np.arange(clip.frame_count), len(points))
        points = points.transpose(1, 0, 2, 3).reshape(-1, 1, *points.shape[2:])
    sizes = np.array([person_size(p) for p in points]).reshape(points.shape[:2])
    swaps = np.zeros(points.shape[:2], int)
    if len(points) and not independent:
        pairs = [repair_swaps(p, s) for p, s in zip(points, sizes, strict=True)]
        points, swaps = (np.stack(x) for x in zip(*pairs, strict=True))
    lengths = _focal(focal, clip, pictures, independent)
    centre = np.array([clip.width / 2, clip.height / 2])
    problem = start_problem(body, points, centre, sizes, lengths, clip.fps, like)
    known = ((problem.evidence.weights > 0).sum(-1) >= ENOUGH).cpu().numpy()
    enough = known.any(1)
    there = (points[..., 2] > 0).any((1, 2))
    if not enough.any():
        raise InputError(
            f"{clip.source}: nobody can be fitted, all have fewer than {ENOUGH} keypoints a frame.",
            "Use footage that shows at least the torso and the head or the legs.",
        )
    if not enough.all():
        rows = (points, swaps, sizes, pictures, slots, lengths, known)
        points, swaps, sizes, pictures, slots, lengths, known = (x[enough] for x in rows)
        problem = start_problem(body, points, centre, sizes, lengths, clip.fps, like)
    out = int((there & ~enough).sum())
    return People(points, swaps, sizes, pictures, slots, known, problem, centre, out)


def _focal(
    focal: float | np.ndarray | None, clip: KeypointClip, pictures: np.ndarray, independent: bool
) -> np.ndarray:
    """(B,) px, guessed where it is not known."""
    guessed = GUESSED_FOCAL * max(clip.width, clip.height)
    values = np.atleast_1d(np.asarray(np.nan if focal is None else focal, float))
    values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    if independent and len(values) == clip.frame_count:
        chosen = values[pictures]
    else:
        known = values[np.isfinite(values)]
        chosen = np.full(len(pictures), np.median(known) if len(known) else np.nan)
    return np.where(np.isfinite(chosen), chosen, guessed)


def start_problem(
    body: BodyData,
    points: np.ndarray,
    centre: np.ndarray,
    sizes: np.ndarray,
    focal: np.ndarray,
    fps: float,
    like: Tensor,
) -> Problem:
    """The body of B tracks (B, T, 137, 3) as a least-squares problem; focal (B,) px is fixed."""
    rows = {name: i for i, name in enumerate(body.keypoint_names)}
    chosen = tuple(k for k in BODY_POINTS if KEYPOINT_NAMES[k] in rows)
    joints = tuple(range(1, 22))
    table = [rows[KEYPOINT_NAMES[k]] for k in chosen]
    return Problem(
        kinematics=Kinematics(body, table, Parameters(joints, root=True, expressions=0), like),
        points=chosen,
        evidence=measure(points, chosen, centre, sizes, like),
        prior=pose_prior([body.joint_names[j] for j in joints]).to(like),
        weights=Weights(focal=0.0),
        focal_start=torch.tensor(np.log(focal)).to(like),
        unit=fps / 30.0 if fps > 0 else 1.0,
    )


def first_state(people: People, fps: float, tick: Callable[[str], None]) -> State:
    """Where the fit begins: root and pose of every frame, from the start of the clip fit."""
    problem = people.problem
    like = problem.focal_start
    known = torch.tensor(people.known, device=like.device)
    points, centre = (torch.tensor(x).to(like) for x in (people.points, people.centre))
    guesses = guess(points, centre, like.exp(), problem.prior)
    return clip_start(problem, guesses, known, fps, tick)
