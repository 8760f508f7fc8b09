"""The job `fit`: footage or keypoints to a result folder with a body in motion for every person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..fitting.output import posed_joints, posed_keypoints
from ..fitting.tracks import ClipFit, Track
from ..fitting.world import stand_at, world_to_camera
from ..formats.body_file import BodyData
from ..formats.folder import whole_folder
from ..formats.keypoints import KEYPOINT_NAMES
from ..progress import Progress
from .evidence import gather, keypoints_given
from .fitted import Fitted
from .method import choose_method
from .moving import looks_for_motion, steady
from .params import FitParams
from .write_fit import Wanted, write_fit

_APART = 1.5  # m between people of unrelated pictures, who stand in a row
_STEPS = 65  # solver steps of a usual fit, for the bar
_FEET = tuple(
    KEYPOINT_NAMES.index(side + part) for side in "LR" for part in ("BigToe", "SmallToe", "Heel")
)


def run_fit(params: FitParams, out: Path, progress: Progress) -> Path:
    """Fit a body to `params.source` and write the result folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    method = choose_method(params)
    body = method.body
    wanted = Wanted(params.pc2, params.overlay, params.legacy_output, params.texture)
    given = keypoints_given(params.source)
    wanted.check(body, None if given else params.source)
    moving = looks_for_motion(params, given)
    seen = [] if given else [0.5]
    progress.plan(*seen, *([0.1] if moving else []), 0.25, *wanted.shares())
    with whole_folder(out) as folder:
        clip, footage = gather(params, progress, params.camera)
        motion = None
        if moving and footage is not None:
            clip, motion = steady(params, clip, footage, progress)
        progress.begin(_STEPS, "Fitting")
        fit = method.fit(clip, progress.tick)
        worlds = worlds_of(fit, body, params.independent)
        fitted = Fitted(fit, clip, footage, body, worlds, params.independent, motion=motion)
        meta = {"job": "fit", "params": params.model_dump(mode="json")}
        write_fit(folder, fitted, wanted, meta, progress)
    return out


def worlds_of(fit: ClipFit, body: BodyData, independent: bool) -> list[np.ndarray]:
    """(3, 4) world to camera of each track: one for a clip, one each for unrelated pictures."""
    feet = [_soles(track, body) for track in fit.tracks]
    if not independent:
        return [world_to_camera(fit.tracks, feet)] * len(fit.tracks)
    placed = []
    for number, (track, soles) in enumerate(zip(fit.tracks, feet, strict=True)):
        root = posed_joints(body, track)[0, 0]
        matrix = world_to_camera([track], [soles])
        placed.append(stand_at(matrix, root, (_APART * number, 0.0)))
    return placed


def _soles(track: Track, body: BodyData) -> np.ndarray:
    """(T, N, 3) what touches the floor: points of the soles, or else the feet's joints."""
    index, points = posed_keypoints(body, track)
    soles = [index.index(k) for k in _FEET if k in index]
    if soles:
        return points[:, soles]
    feet = [body.joint_names.index(f"{side}_foot") for side in ("left", "right")]
    return posed_joints(body, track)[:, feet]
