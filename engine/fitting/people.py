"""Everybody in a clip: what is measured of each, and the least-squares problem of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..bodies.pose_prior import pose_prior
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.keypoints import KEYPOINT_NAMES, KeypointClip
from .evidence import BODY_POINTS, LEAST, measure, person_size
from .guesses import Guesses, guess
from .kinematics import Kinematics, Parameters
from .problem import Problem, Weights
from .start import ENOUGH
from .swaps import repair_swaps

# The usual main camera of a telephone sees about as wide as this share of the longer side.
GUESSED_FOCAL = 0.8
ALONE = {"prior": 0.6, "root": 0.6}  # weights for a single frame, which nothing else holds
KNOWN_FOCAL, GUESSED = 20.0, 4.0  # 1 / spread of the log focal length when it is given, when not


@dataclass
class People:
    """B tracks of T frames: people of a clip, or one each for people of unrelated pictures."""

    points: np.ndarray  # (B, T, 137, 3) px, left and right put right
    swaps: np.ndarray  # (B, T) what was put right, see repair_swaps
    sizes: np.ndarray  # (B, T) px
    pictures: np.ndarray  # (B,) first frame of the track
    slots: np.ndarray  # (B,) which person of the clip
    known: np.ndarray  # (B, T) bool: enough is seen
    trusted: np.ndarray  # (B, T, 137) bool, points that an artist vouches for
    given: np.ndarray  # (B,) px or NaN, the focal length that is believed
    problem: Problem  # the body alone; its focal length starts as given or guessed
    centre: np.ndarray  # (2,) px, principal point
    left_out: int  # people of whom too little is seen


def gather_people(
    clip: KeypointClip,
    body: BodyData,
    independent: bool,
    focal: float | np.ndarray | None,
    like: Tensor,
    trusted: np.ndarray | None = None,
) -> People:
    """The people of `clip`; focal is one length, one a frame, or None for a guess.

    With `trusted` (F, P, 137) left and right are taken to be right already. Raises InputError when
    nobody is seen well enough to start from.
    """
    points = clip.points.transpose(1, 0, 2, 3).astype(np.float64)  # (P, F, 137, 3)
    pictures, slots = np.zeros(len(points), int), np.arange(len(points))
    if independent:
        slots = np.tile(slots, clip.frame_count)
        pictures = np.repeat(np.arange(clip.frame_count), len(points))
        points = points.transpose(1, 0, 2, 3).reshape(-1, 1, *points.shape[2:])
    sizes = np.array([person_size(p) for p in points]).reshape(points.shape[:2])
    swaps, sure = np.zeros(points.shape[:2], int), np.zeros(points.shape[:3], bool)
    if trusted is not None:
        sure = trusted.transpose(1, 0, 2)
    elif len(points) and not independent:
        pairs = [repair_swaps(p, s) for p, s in zip(points, sizes, strict=True)]
        points, swaps = (np.stack(x) for x in zip(*pairs, strict=True))
    given = _focal(focal, clip, pictures, independent)
    chosen, _ = body_points(body, BODY_POINTS)
    known = (points[:, :, list(chosen), 2] > LEAST).sum(-1) >= ENOUGH
    enough, there = known.any(1), (points[..., 2] > 0).any((1, 2))
    if not enough.any():
        raise InputError(
            f"{clip.source}: nobody can be fitted, all have fewer than {ENOUGH} keypoints a frame.",
            "Use footage that shows at least the torso and the head or the legs.",
        )
    rows = (points, swaps, sizes, pictures, slots, known, sure, given)
    points, swaps, sizes, pictures, slots, known, sure, given = (x[enough] for x in rows)
    centre = np.array([clip.width / 2, clip.height / 2])
    return People(
        points=points,
        swaps=swaps,
        sizes=sizes,
        pictures=pictures,
        slots=slots,
        known=known,
        trusted=sure,
        given=given,
        problem=_problem(body, points, centre, sizes, sure, given, clip, like),
        centre=centre,
        left_out=int((there & ~enough).sum()),
    )


def guesses_of(people: People, focal: Tensor) -> Guesses:
    """What the initialiser makes of everybody, with focal lengths (B,) px."""
    like = people.problem.focal_start
    points, centre = (torch.tensor(x).to(like) for x in (people.points, people.centre))
    return guess(points, centre, focal, people.problem.prior)


def body_points(body: BodyData, wanted: tuple[int, ...]) -> tuple[tuple[int, ...], list[int]]:
    """Those of the 137 keypoints that the body has, and their rows in the body's own table."""
    rows = {name: i for i, name in enumerate(body.keypoint_names)}
    chosen = tuple(k for k in wanted if KEYPOINT_NAMES[k] in rows)
    return chosen, [rows[KEYPOINT_NAMES[k]] for k in chosen]


def _focal(
    focal: float | np.ndarray | None, clip: KeypointClip, pictures: np.ndarray, independent: bool
) -> np.ndarray:
    """(B,) px, NaN where it is not known; pictures (B,) tells whose, if each picture has one."""
    values = np.atleast_1d(np.asarray(np.nan if focal is None else focal, float))
    values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    if independent and len(values) == clip.frame_count:
        return values[pictures]
    known = values[np.isfinite(values)]
    return np.full(len(pictures), np.median(known) if len(known) else np.nan)


def _problem(
    body: BodyData,
    points: np.ndarray,
    centre: np.ndarray,
    sizes: np.ndarray,
    trusted: np.ndarray,
    given: np.ndarray,
    clip: KeypointClip,
    like: Tensor,
) -> Problem:
    prior = ALONE if points.shape[1] == 1 else {}
    joints = tuple(range(1, 22))
    chosen, rows = body_points(body, BODY_POINTS)
    focal = np.where(np.isfinite(given), given, GUESSED_FOCAL * max(clip.width, clip.height))
    return Problem(
        kinematics=Kinematics(body, rows, Parameters(joints, root=True, expressions=0), like),
        points=chosen,
        evidence=measure(points, chosen, centre, sizes, like, trusted),
        prior=pose_prior([body.joint_names[j] for j in joints]).to(like),
        weights=Weights(focal=KNOWN_FOCAL if np.isfinite(given).all() else GUESSED, **prior),
        focal_start=torch.tensor(np.log(focal)).to(like),
        unit=clip.fps / 30.0 if clip.fps > 0 else 1.0,
    )
