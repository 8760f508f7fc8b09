"""What a job was given, as keypoints: read from OpenPose JSON or detected in footage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..bodies.models import index_file
from ..capture.people import track_people
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from ..formats.openpose import read_camera_json, read_openpose_folder
from ..progress import Progress
from .params import DetectParams

if TYPE_CHECKING:
    from ..capture.video import Footage


# Points surer than this lie in the picture; if a larger share lies beyond its edges by more than
# this share of its size, it is another picture.
_SURE, _OUTSIDE, _EDGE = 0.3, 0.1, 0.02


def keypoints_given(source: Path) -> bool:
    """Whether `source` is OpenPose JSON rather than footage."""
    if source.is_dir():
        return any(source.glob("*_keypoints.json")) or (
            any(source.glob("*.json")) and not _holds_pictures(source)
        )
    return source.suffix.lower() == ".json"


def _holds_pictures(folder: Path) -> bool:
    from ..capture.pictures import SUFFIXES

    return any(p.suffix.lower() in SUFFIXES for p in folder.iterdir())


def gather(
    params: DetectParams, progress: Progress, camera: Path | None = None
) -> tuple[KeypointClip, Footage | None]:
    """Keypoints with people told apart, and the footage they were seen in, if there is any.

    Raises InputError for what cannot be read and where nobody is seen.
    """
    source = params.source
    if not source.exists():
        raise InputError(f"{source}: no such file or folder.", "Check the path.")
    footage = None
    if keypoints_given(source):
        clip = read_openpose_folder(source, camera)
        _check_size(clip)
    else:
        from ..capture.detect import detect
        from ..capture.video import open_footage

        footage = open_footage(source, independent=params.independent)
        progress.begin(footage.frame_count, "Looking for people")
        cache = index_file().parent / "cache" if params.cache else None
        clip = detect(footage, progress=lambda *_: progress.tick(), cache=cache)
        if camera is not None:
            _believe(clip, camera)
    if not params.independent:
        clip = track_people(clip, params.people)
    return clip, footage


def _check_size(clip: KeypointClip) -> None:
    """Refuse points of pictures of another size; note what looks like that."""
    sure = clip.points[clip.points[..., 2] > _SURE][:, :2]
    if not len(sure):
        return
    size = np.array([clip.width, clip.height])
    outside = float(((sure < -_EDGE * size) | (sure > (1 + _EDGE) * size)).any(1).mean())
    reach = "x".join(str(int(x)) for x in np.ceil(sure.max(0)))
    if outside > _OUTSIDE:
        raise InputError(
            f"{clip.source}: the points reach {reach} px, but the camera file speaks of "
            f"{clip.width}x{clip.height} px.",
            "Give the size of the pictures that the points were found in, and points in pixels.",
        )
    if (sure.max(0) < 0.5 * size).all():
        clip.notes.append(
            f"All points lie in the upper left quarter of {clip.width}x{clip.height} px, up to "
            f"{reach}. If that is not so in the footage, the camera file is of another size."
        )


def _believe(clip: KeypointClip, camera: Path) -> None:
    """Take the focal length of a camera file, whose picture size must be the footage's."""
    told = read_camera_json(camera)
    if (told.width, told.height) != (clip.width, clip.height):
        raise InputError(
            f"{camera}: it speaks of {told.width}x{told.height} pixels, "
            f"but the footage has {clip.width}x{clip.height}.",
            "Give the camera file of this footage.",
        )
    clip.focal = told.focal
