"""Generated clips on disk: pictures, masks and the truth beside them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from ...formats.folder import whole_folder
from ...formats.npz import write_npz
from .clip import SyntheticClip

TRUTH = "truth.npz"
_QUALITY = 95


def save_clip(folder: str | os.PathLike, clip: SyntheticClip, suffix: str = ".jpg") -> None:
    """Write `frames/00000.jpg`, `masks/00000.png` and so on, and all else to `truth.npz`.

    `suffix` .jpg or .png is the frames'. An earlier clip in the folder is replaced; InputError for
    a folder with anything else in it.
    """
    with whole_folder(folder, TRUTH) as place:
        for number, (frame, mask) in enumerate(zip(clip.frames, clip.masks, strict=True)):
            _write(place / "frames" / f"{number:05d}{suffix}", frame[..., ::-1])
            _write(place / "masks" / f"{number:05d}.png", mask * np.uint8(255))
        write_npz(
            place / TRUTH,
            keypoint_names=np.array(clip.keypoint_names),
            keypoints=clip.keypoints,
            family=clip.family,
            gait=clip.gait,
            betas=clip.betas,
            limb_logscale=clip.limb_logscale,
            pose=clip.pose,
            transl=clip.transl,
            focal=clip.focal,
            center=np.array(clip.center),
            fps=clip.fps,
        )


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    # OpenCV's own writing fails on some file names.
    _, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    path.write_bytes(data.tobytes())
