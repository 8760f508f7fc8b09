"""How the camera of a clip turns and zooms, read off the background.

    motion, notes = estimate_camera_motion(footage, clip, focal, tick)   # None: it stands still
    still, more = stabilise(clip, motion)                                # capture.stabilise

`motion` is rotation and zoom of every frame against one reference camera in the middle of the pan.
A fit of `still` takes place in that camera; stabilise.py tells how to come back to the frames. The
keypoints of `clip` mask the people. What a camera that walks sees does not follow a rotation: the
notes tell how much of the background disagrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from .background import FEWEST, Follower, Looker, compare, corners, grid_shift
from .background_graph import GIVEN_SPREAD, GUESS_SPREAD, Graph, from_the_middle
from .rotation_bundle import agreeing, join_homography
from .video import Footage

GUESSED_FOCAL = 0.8  # share of the longer side, as the fit guesses
STILL = 0.003  # share of the width: less movement than this is none
# The points know the focal length no better than this many times their own statistics say: lenses
# bend lines, shutters roll, and neighbouring points err together.
_OPTIMISM, _BEST_SPREAD = 3.0, 0.01
SURE = 0.1  # spread of the log focal length up to which a pan has told it
_AGREES = 3.0  # px of the small frames
_LEAST_AGREEING = 0.3
_NO_ZOOM = 0.02  # range of the log zoom under which a lens without zoom is tried

Tick = Callable[[str], None]


@dataclass
class CameraMotion:
    """A camera that turns and zooms in one place, T frames."""

    frame_ids: np.ndarray  # (T,) frames of the clip
    rotation: np.ndarray  # (T, 3, 3) reference camera -> the frame's camera
    zoom: np.ndarray  # (T,) factor on the focal length; 1 in the first frame
    focal: float  # px, of the reference camera
    focal_spread: float  # of its logarithm; up to SURE the pan (or the user) has told it
    width: int
    height: int
    agreeing: float  # share of the background's points that follow
    lost: int  # frames filled in from their neighbours

    @property
    def sure(self) -> bool:
        """Whether the focal length is known well enough to hold a fit to it."""
        return self.focal_spread <= SURE

    def homographies(self) -> np.ndarray:
        """(T, 3, 3) pixels from the picture's centre, reference camera -> frame."""
        return join_homography(self.rotation, self.zoom, self.focal)


def estimate_camera_motion(
    footage: Footage,
    clip: KeypointClip,
    focal: float | None,
    tick: Tick,
    expected: bool = False,
) -> tuple[CameraMotion | None, list[str]]:
    """The motion of the camera and what to tell about it; None for one that stands still.

    `clip` holds the people of all frames of `footage` (at least 2), `focal` px is of the first
    frame; None lets a wide pan tell it. With `expected` the user says that the camera moves: then a
    background that cannot be followed is an InputError and not a note. `tick(message)` is called
    for every frame and may raise Cancelled.
    """
    if clip.frame_count < 2 or footage.independent:
        return None, []
    looker = Looker(clip)
    if not expected:
        still, notes = _stands_still(footage, looker, clip, tick)
        if still:
            return None, notes
    follower = Follower()
    for frame, rgb in enumerate(islice(footage, clip.frame_count)):
        tick("Following the background")
        follower.add(looker.look(frame, rgb))
    motion = _solve(follower, looker, clip, focal)
    trouble = _trouble(motion, len(follower.lost), clip)
    if trouble:
        if expected:
            raise InputError(f"{clip.source}: {trouble}", "Use --camera-motion fixed.")
        return None, [f"{trouble} The camera was taken as fixed."]
    assert motion is not None
    if not expected and _largest_shift(motion) < STILL * clip.width:
        return None, []
    return motion, _notes(motion, focal)


def _stands_still(
    footage: Footage, looker: Looker, clip: KeypointClip, tick: Tick
) -> tuple[bool, list[str]]:
    """Whether three frames a second all show the background in the same place, or none at all."""
    step = max(1, min(round(clip.fps / 3), clip.frame_count // 6))
    few = STILL * looker.size[0]
    key, bare = None, 0
    for frame, rgb in enumerate(islice(footage, clip.frame_count)):
        if frame % step and frame != clip.frame_count - 1:
            continue
        tick("Looking whether the camera moves")
        look = looker.look(frame, rgb)
        if key is None:
            points = corners(look)
            if len(points) >= FEWEST:
                key = look
            else:
                bare += 1
            continue
        match = compare(key, look, points)
        if match.homography is None:
            if len(corners(look)) >= FEWEST:
                return False, []
            bare += 1
            continue
        shift = np.linalg.norm(match.in_b - match.in_a, axis=1)
        if np.mean(shift < few) < 0.6:
            return False, []
    if key is None:
        note = "The background shows too little to tell whether the camera moves: taken as fixed."
        return True, [note]
    return True, []


def _trouble(motion: CameraMotion | None, lost: int, clip: KeypointClip) -> str:
    """Why the motion cannot be used, as a sentence; empty when it can."""
    if motion is None or lost > 0.3 * clip.frame_count:
        return "The background shows too little to follow the camera."
    if motion.agreeing < _LEAST_AGREEING:
        return (
            f"The camera moves, but only {100 * motion.agreeing:.0f} % of the background follow a "
            "turn and a zoom."
        )
    return ""


def _solve(
    follower: Follower, looker: Looker, clip: KeypointClip, focal: float | None
) -> CameraMotion | None:
    """Key frames and focal length first, then every frame against its key frame."""
    if not follower.matches:
        return None
    guess = focal or GUESSED_FOCAL * max(clip.width, clip.height)
    prior = (float(np.log(guess)), GIVEN_SPREAD if focal else GUESS_SPREAD)
    graph = Graph(follower, looker, clip, prior)
    close = _AGREES * looker.scale / 2
    solution, turns = graph.solve(zooming=True)
    if np.ptp(turns.log_zoom) < _NO_ZOOM:
        others = graph.solve(zooming=False)
        agree = [agreeing(graph.frames, t, close).mean() for t in (turns, others[1])]
        if agree[1] > agree[0] - 0.03:
            solution, turns = others
    share = agreeing(graph.frames, turns, _AGREES * looker.scale)
    spread = min(max(_OPTIMISM * solution.focal_spread, _BEST_SPREAD), prior[1])
    seen = clip.present().any(1)
    rotation = from_the_middle(turns.rotation, seen if seen.any() else ~seen)
    return CameraMotion(
        frame_ids=np.arange(clip.frame_count),
        rotation=rotation,
        zoom=np.exp(turns.log_zoom - turns.log_zoom[0]),
        focal=float(np.exp(turns.log_focal + turns.log_zoom[0])),
        focal_spread=spread if focal is None else GIVEN_SPREAD,
        width=clip.width,
        height=clip.height,
        agreeing=float(np.mean(share)),
        lost=len(follower.lost),
    )


def _largest_shift(motion: CameraMotion) -> float:
    """px by which the picture moves at most, against the first frame."""
    corner = np.eye(3)
    corner[:2, 2] = motion.width / 2, motion.height / 2
    full = motion.homographies()
    moved = corner @ full @ np.linalg.inv(corner @ full[0])
    return max(grid_shift(h, (motion.width, motion.height)) for h in moved)


def _notes(motion: CameraMotion, focal: float | None) -> list[str]:
    axes = motion.rotation[:, 2]
    wide = max(np.degrees(np.arccos(np.clip((axes @ a).min(), -1, 1))) for a in axes[::5])
    parts = [f"turns over {wide:.0f} degrees"]
    if np.ptp(np.log(motion.zoom)) > _NO_ZOOM:
        parts.append(f"zooms from {motion.zoom.min():.2f} to {motion.zoom.max():.2f}")
    notes = [f"The camera {' and '.join(parts)}; the people were freed from that."]
    if focal is None and motion.sure:
        error = 100 * motion.focal_spread
        notes.append(f"The pan tells a focal length of {motion.focal:.0f} px (to {error:.0f} %).")
    elif focal and abs(np.log(motion.focal / focal)) > 2 * GIVEN_SPREAD:
        notes.append(
            f"The pan tells a focal length of {motion.focal:.0f} px, not {focal:.0f} px. Check it."
        )
    if motion.agreeing < 0.7:
        notes.append(
            f"{100 * (1 - motion.agreeing):.0f} % of the background do not follow a turning "
            "camera: it probably walks as well, and the people's paths are less exact."
        )
    if motion.lost:
        notes.append(f"The background was lost in {motion.lost} frames, which were filled in.")
    return notes
