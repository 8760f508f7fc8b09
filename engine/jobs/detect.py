"""The job `detect`: 2D keypoints of footage as a folder of OpenPose JSON."""

from __future__ import annotations

from pathlib import Path

from ..formats.errors import InputError
from ..formats.openpose import write_openpose_folder
from ..progress import Progress
from .evidence import gather, keypoints_given
from .params import DetectParams


def run_detect(params: DetectParams, out: Path, progress: Progress) -> Path:
    """Write the keypoints of `params.source` to the folder `out`. Returns it.

    Raises InputError for footage that cannot be read or shows nobody.
    """
    if keypoints_given(params.source):
        raise InputError(
            f"{params.source}: these are keypoints already.", "Give a video or pictures."
        )
    clip, _ = gather(params, progress)
    write_openpose_folder(out, clip)
    return out
