"""Motions of any known origin, told apart by what the file holds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..formats.body_file import BodyData, load_body
from ..formats.errors import InputError
from ..formats.motion import Motion
from ..formats.result import INDEX, read_result
from .numbers import motion_of, poses_of, read_arrays
from .place import at_rate
from .retarget import read_bvh_motion

_KNOWN = "Give an AMASS npz, an AIST++ pkl, a BVH file or the folder of a fit."
_POSE_FILES = (".npz", ".pkl")


def read_motion(
    path: str | os.PathLike, body: BodyData, fps: float | None = None, person: str | None = None
) -> Motion:
    """The motion in `path` for the joints of `body`, y up, metres.

    `path`: AMASS npz, AIST++ pkl, BVH, a motion.npz or the result folder of a fit, of which it is
    `person` (by name; default: the first). At `fps` frames a second, or as it is. Raises InputError
    for what is none of these, is damaged, or does not fit the body.
    """
    path = Path(path)
    if path.is_dir() or path.name == INDEX:
        return at_rate(_of_result(path, body, person), fps)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    if _starts(path).lstrip().upper().startswith(b"HIERARCHY"):
        return at_rate(read_bvh_motion(path, body), fps)
    if path.suffix.lower() not in _POSE_FILES and _starts(path)[:2] != b"PK":
        raise InputError(f"{path}: this is no motion that can be read.", _KNOWN)
    return at_rate(motion_of(path, read_arrays(path), body), fps)


def is_pose_folder(path: str | os.PathLike) -> bool:
    """Whether `path` is a folder of single poses, for `read_pose_folder`, no fit."""
    return Path(path).is_dir() and not (Path(path) / INDEX).is_file()


def read_pose_folder(
    path: str | os.PathLike, body: BodyData
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, poses (T, J, 3) and places (T, 3) of a folder with one npz or pkl a pose, by name.

    SCANimate's layout: the files lie in `path` or in one folder of it; where there are pickles they
    count alone. `pose` (72,) about the root joint of `body`, then `transl` (3,), y up, metres.
    Raises InputError for a folder without poses and for a file that is none.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such folder.", "Check the path.")
    files = _pose_files(path)
    names, poses, places = [], [], []
    for file in files:
        pose, place = poses_of(file, read_arrays(file), body)
        if len(pose) != 1:
            raise InputError(
                f"{file}: it holds {len(pose)} frames, not one pose.",
                "Give such a file itself as the motion, not its folder.",
            )
        names.append(file.stem)
        poses.append(pose[0])
        places.append(place[0])
    return names, np.stack(poses), np.stack(places)


def _pose_files(path: Path) -> list[Path]:
    for folder in (path, *sorted(p for p in path.iterdir() if p.is_dir())):
        for suffix in reversed(_POSE_FILES):
            files = sorted(p for p in folder.iterdir() if p.suffix.lower() == suffix)
            if files:
                return files
    raise InputError(f"{path}: no pose in this folder (.npz or .pkl).", _KNOWN)


def _of_result(path: Path, body: BodyData, person: str | None) -> Motion:
    if is_pose_folder(path):
        raise InputError(f"{path}: this is not the folder of a fit.", _KNOWN)
    result = read_result(path)
    chosen = [p for p in result.people if person in (None, p.name)]
    if not chosen:
        names = ", ".join(p.name for p in result.people)
        raise InputError(f"{path}: nobody in it is called {person}.", f"Choose one of {names}.")
    file = chosen[0].motion
    return motion_of(file, read_arrays(file), body, load_body(result.body))


def _starts(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(64)
