"""A fit as its result folder tells it: what a fit of the same footage can start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError
from scipy.spatial.transform import Rotation

from ..fitting.evidence import person_size
from ..fitting.tracks import Track
from ..formats.body_file import BodyData, load_body
from ..formats.camera import Camera, load_camera
from ..formats.corrections import PersonKeypoints, load_keypoints
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip, empty_points
from ..formats.motion import Motion, load_motion
from ..formats.result import Result, read_result
from .params import FitParams

if TYPE_CHECKING:
    from ..capture.video import Footage


@dataclass
class Earlier:
    """A fit as its result folder tells it."""

    result: Result
    params: FitParams
    body: BodyData
    camera: Camera
    motions: list[Motion]
    keypoints: list[PersonKeypoints]


def open_earlier(source: Path) -> Earlier:
    """The fit in a result folder. Raises InputError for a result that cannot be fitted again."""
    result = read_result(source)
    place = result.folder
    if result.kind != "fit" or result.camera is None:
        raise InputError(f"{place}: this is not the result of a fit.", "Choose one that is.")
    try:
        params = FitParams.model_validate(result.meta["params"])
    except (KeyError, ValidationError) as error:
        raise InputError(
            f"{place}: it does not tell the options of its fit.", "Fit the footage again."
        ) from error
    if params.independent:
        raise InputError(
            f"{place}: it shows unrelated pictures, which have no corrections.",
            "Fit a single picture without --independent to correct it.",
        )
    keypoints = []
    for person in result.people:
        if person.keypoints is None:
            raise InputError(
                f"{place}: {person.name} has no keypoints.npz; an older Layfigure made it.",
                "Fit the footage again.",
            )
        keypoints.append(load_keypoints(person.keypoints))
    motions = [load_motion(person.motion) for person in result.people]
    for person, motion, points in zip(result.people, motions, keypoints, strict=True):
        if not np.array_equal(motion.frame_ids, points.frame_ids):
            raise InputError(
                f"{place}: the keypoints of {person.name} are not those of its motion.",
                "Fit the footage again.",
            )
    body, camera = load_body(result.body), load_camera(result.camera)
    return Earlier(result, params, body, camera, motions, keypoints)


def clip_of(earlier: Earlier) -> tuple[KeypointClip, np.ndarray]:
    """What the footage showed, and which of it (F, P, 137) was put right by hand before."""
    result, camera = earlier.result, earlier.camera
    last = max(int(k.frame_ids[-1]) for k in earlier.keypoints) + 1
    count = max(last, int(result.meta.get("clip_frames", last)))
    points = empty_points(count, len(result.people))
    trusted = np.zeros(points.shape[:3], bool)
    for p, person in enumerate(earlier.keypoints):
        points[person.frame_ids, p] = person.points
        if person.trusted is not None:
            trusted[person.frame_ids, p] = person.trusted
    clip = KeypointClip(
        points,
        camera.width,
        camera.height,
        camera.fps,
        camera.fx,
        tuple(f"frame_{i:06d}" for i in range(count)),
        str(result.folder),
        list(result.meta.get("notes", [])),
    )
    return clip, trusted


def tracks_of(earlier: Earlier, clip: KeypointClip, world: np.ndarray) -> list[Track]:
    """The motions in the space of the camera `world` (3, 4), which sees the keypoints of `clip`."""
    return [
        _track(p, motion, earlier.body, clip.points[motion.frame_ids, p], world)
        for p, motion in enumerate(earlier.motions)
    ]


def _track(
    person: int, motion: Motion, body: BodyData, points: np.ndarray, world: np.ndarray
) -> Track:
    turn = Rotation.from_matrix(world[:, :3])
    pose = motion.pose_vectors.astype(np.float64)
    rest = body.joints(body.shaped(motion.betas))[0]
    return Track(
        frame_ids=motion.frame_ids,
        observed=motion.observed,
        root=(turn * Rotation.from_rotvec(pose[:, 0])).as_matrix(),
        transl=turn.apply(rest + motion.trans) + world[:, 3] - rest,
        pose=pose,
        betas=motion.betas.astype(np.float64),
        expression=motion.expression.astype(np.float64),
        size=person_size(points.astype(np.float64)),
        points=points,
        swaps=np.zeros(len(motion.poses), int),
        person=person,
    )


def footage_of(earlier: Earlier) -> tuple[Footage | None, list[str]]:
    """The footage of the fit if it is still there and the same, and what to say if not."""
    from ..capture.video import open_footage
    from .evidence import keypoints_given

    source = Path(earlier.result.footage)
    if not earlier.result.footage or not source.exists():
        return None, [f"The footage {source} is gone; the film shows the keypoints instead."]
    if keypoints_given(source):
        return None, []
    footage, camera = open_footage(source), earlier.camera
    if (footage.width, footage.height) != (camera.width, camera.height):
        return None, [f"The footage {source} has another size now; it is left out of the film."]
    return footage, []
