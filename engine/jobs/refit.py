"""The job `refit`: a fit put right by hand, from its result folder and the artist's corrections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..fitting.refit import Start
from ..fitting.tracks import ClipFit, Track
from ..fitting.windows import fit_long
from ..formats.corrections import Corrections, load_corrections
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.keypoints import (
    BODY_25,
    FACE,
    KEYPOINT_NAMES,
    LEFT_HAND,
    RIGHT_HAND,
    KeypointClip,
)
from ..progress import Progress
from .earlier import Earlier, clip_of, footage_of, open_earlier, tracks_of
from .fitted import Fitted
from .method import OWN, options_of
from .moving import motion_of
from .params import RefitParams
from .write_fit import Wanted, write_fit

_STEPS = 20  # solver steps of a usual refit, for the bar
# A body point, what hangs on it, and the point of that part which is the same place.
_HANGING = (
    ("LWrist", LEFT_HAND, "left_hand_wrist"),
    ("RWrist", RIGHT_HAND, "right_hand_wrist"),
    ("Nose", FACE, "face_30"),
)


def run_refit(params: RefitParams, out: Path, progress: Progress) -> Path:
    """Fit the result `params.source` again with its keypoints corrected; write `out`. Returns it.

    The world and everything that the corrections do not touch stay where they are. Raises
    InputError for a result or corrections that cannot be used; nothing is written then.
    """
    earlier = open_earlier(params.source)
    clip, trusted = clip_of(earlier)
    by_hand = load_corrections(params.corrections)
    touched = _correct(clip, trusted, by_hand, earlier, params.corrections)
    told = earlier.params
    wanted = Wanted(told.pc2, params.overlay, told.legacy_output)
    footage, notes = footage_of(earlier) if wanted.overlay or wanted.legacy else (None, [])
    if footage is not None:
        clip.frame_names = footage.frame_names(clip.frame_count)
    if told.config is not None or told.prior != OWN:
        notes.append("The corrections were fitted by Layfigure's own method, not by stages.")
    clip.notes += [n for n in notes if n not in clip.notes]
    world, motion = motion_of(earlier.camera, clip.frame_count)
    if motion is not None:
        from ..capture.stabilise import stabilise

        clip, _ = stabilise(clip, motion)
    progress.plan(0.5, *wanted.shares())
    with whole_folder(out) as folder:
        tracks = tracks_of(earlier, clip, world)
        fit = _fit_again(earlier, tracks, clip, trusted, touched, params, progress)
        worlds = [world] * len(tracks)
        fitted = Fitted(fit, clip, footage, earlier.body, worlds, False, trusted, motion)
        fitted.source = earlier.result.footage
        textures = [person.texture for person in earlier.result.people]
        write_fit(folder, fitted, wanted, _meta(earlier, params), progress, textures)
    return out


def _fit_again(
    earlier: Earlier,
    tracks: list[Track],
    clip: KeypointClip,
    trusted: np.ndarray,
    touched: np.ndarray,
    params: RefitParams,
    progress: Progress,
) -> ClipFit:
    options = replace(options_of(earlier.params), device=params.device)
    focal = np.full(len(tracks), earlier.camera.fx)
    start = Start(ClipFit(tracks, focal, np.full(len(tracks), np.nan), []), trusted, touched)
    progress.begin(_STEPS, "Fitting")
    fit = fit_long(clip, earlier.body, options, progress.tick, start=start)
    if len(fit.tracks) < len(tracks):
        raise InputError(
            f"{params.corrections}: it deletes so many points of a person that nothing is left "
            "to fit.",
            "Leave the torso and the head or the legs.",
        )
    return replace(fit, notes=[])  # the first fit has told them


def _correct(
    clip: KeypointClip, trusted: np.ndarray, by_hand: Corrections, earlier: Earlier, file: Path
) -> np.ndarray:
    """Put the corrections into `clip` and `trusted`. Returns which keypoints were touched."""
    if not len(by_hand.person):
        raise InputError(f"{file}: there is no correction in it.", "Move a point, then refit.")
    if not np.isfinite(by_hand.place[by_hand.seen]).all():
        raise InputError(f"{file}: a place is not a number.", "Write the corrections again.")
    for person, frame in zip(by_hand.person, by_hand.frame, strict=True):
        _check(int(person), int(frame), earlier, file)
    touched = np.zeros_like(trusted)
    rows = by_hand.frame, by_hand.person, by_hand.keypoint
    touched[rows] = True
    clip.points[rows] = np.column_stack([by_hand.place, np.ones(len(by_hand.place))])
    gone = tuple(row[~by_hand.seen] for row in rows)
    clip.points[gone] = 0
    trusted[rows], trusted[gone] = True, False
    _drop_contradictions(clip.points, touched)
    return touched


def _check(person: int, frame: int, earlier: Earlier, file: Path) -> None:
    people = earlier.keypoints
    if not 0 <= person < len(people):
        raise InputError(
            f"{file}: it corrects person {person}, but the result has {len(people)} "
            f"(the first is 0).",
            "Use corrections that were made for this result.",
        )
    ids = people[person].frame_ids
    if not ids[0] <= frame <= ids[-1]:
        raise InputError(
            f"{file}: it corrects person {person} in frame {frame}, but the person is in frames "
            f"{ids[0]} to {ids[-1]}.",
            "Use corrections that were made for this result.",
        )


def _drop_contradictions(points: np.ndarray, touched: np.ndarray) -> None:
    """Take out a detected hand or face that is far from where its wrist or nose was put.

    It was found elsewhere, and all its points together would outweigh the one of the artist.
    """
    for name, part, twin in _HANGING:
        anchor, same = BODY_25.index(name), KEYPOINT_NAMES.index(twin)
        for frame, person in np.argwhere(touched[..., anchor]):
            now, there = points[frame, person], points[frame, person, part, 2] > 0
            if not there.any() or touched[frame, person, part].any():
                continue
            places = now[part][there, :2]
            reach = 0.5 * np.ptp(places, axis=0).max()
            at = now[same, :2] if now[same, 2] > 0 else places.mean(0)
            if now[anchor, 2] == 0 or np.linalg.norm(now[anchor, :2] - at) > reach:
                points[frame, person, part] = 0


def _meta(earlier: Earlier, params: RefitParams) -> dict[str, Any]:
    """What made the result: the options of the first fit, and the corrections since."""
    told = earlier.result.meta
    refits = [*told.get("refits", []), params.model_dump(mode="json")]
    return {
        **{key: told[key] for key in ("job", "params") if key in told},
        "refits": refits,
    }
