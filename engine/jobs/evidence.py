"""What a job was given, as keypoints: read from OpenPose JSON or detected in footage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..capture.people import track_people
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from ..formats.openpose import read_camera_json, read_openpose_folder
from ..progress import Progress

if TYPE_CHECKING:
    from ..capture.video import Footage


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
    source: Path,
    progress: Progress,
    camera: Path | None = None,
    people: int | None = None,
    independent: bool = False,
) -> tuple[KeypointClip, Footage | None]:
    """Keypoints with people told apart, and the footage they were seen in, if there is any.

    Raises InputError for what cannot be read and where nobody is seen.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder.", "Check the path.")
    footage = None
    if keypoints_given(source):
        clip = read_openpose_folder(source, camera)
    else:
        from ..capture.detect import detect
        from ..capture.video import open_footage

        footage = open_footage(source, independent=independent)
        progress.begin(footage.frame_count, "Looking for people")
        clip = detect(footage, progress=lambda *_: progress.tick())
        if camera is not None:
            _believe(clip, camera)
    if not independent:
        clip = track_people(clip, people)
    return clip, footage


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
