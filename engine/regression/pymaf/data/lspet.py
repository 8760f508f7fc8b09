"""LSP-extended in its own layout: a folder of pictures and the 14 joints of each in a .mat file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ....formats.errors import InputError
from ..joints import OPENPOSE
from .mat_file import read_mat
from .picture_set import PictureSet, blank_set

JOINTS = 14
_AROUND = 1.2  # side of the square, of the joints' longer side
_HINT = "Give joints.mat of LSP-extended, and the folder of its pictures im*.png or im*.jpg."


def read_lspet(path: str | os.PathLike, folder: Path, name: str = "lspet") -> PictureSet:
    """The people of joints.mat, in the order of the names of the pictures in `folder`.

    Raises InputError for a file that is missing or damaged and where it tells of another number of
    pictures than there are.
    """
    path = Path(path)
    joints = read_mat(path, ["joints"], _HINT)["joints"]
    if joints.ndim != 3 or joints.shape[0] != JOINTS or joints.shape[1] < 2:
        raise InputError(f"{path}: joints is {joints.shape}, not ({JOINTS}, 2 or 3, N).", _HINT)
    joints = np.moveaxis(joints.astype(np.float32), -1, 0)  # (N, 14, 2 or 3)
    if not np.isfinite(joints).all():
        raise InputError(f"{path}: joints holds values that are not numbers.", _HINT)
    pictures = sorted(p.name for p in folder.glob("im*.png")) or sorted(
        p.name for p in folder.glob("im*.jpg")
    )
    if len(pictures) != len(joints):
        raise InputError(
            f"{path}: it tells of {len(joints)} pictures; in {folder} there are {len(pictures)}.",
            _HINT,
        )
    seen = joints[..., 2] > 0 if joints.shape[-1] > 2 else np.ones(joints.shape[:2], bool)
    seen[~seen.any(axis=1)] = True
    low = np.where(seen[..., None], joints[..., :2], np.inf).min(axis=1)
    high = np.where(seen[..., None], joints[..., :2], -np.inf).max(axis=1)
    side = _AROUND * (high - low).max(axis=1)
    data = blank_set(name, folder, np.array(pictures), (low + high) / 2, np.maximum(side, 1))
    data.joints_2d[:, OPENPOSE : OPENPOSE + JOINTS, :2] = joints[..., :2]
    data.joints_2d[:, OPENPOSE : OPENPOSE + JOINTS, 2] = seen
    return data
