"""Data sets as SPIN, EFT and PyMAF write them: one npz with a row for each person."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....bodies.object_npz import read_members
from ....formats.errors import InputError
from ....formats.npz import write_npz
from ..joints import OPENPOSE
from .picture_set import PictureSet, blank_set

SIDE = 200.0  # px of a scale of one
_NEEDED = {"center": (2,), "scale": ()}
# What may be missing, and what is then not learned from.
_OPTIONAL: dict[str, tuple[int, ...]] = {
    "part": (24, 3),
    "openpose": (25, 3),
    "S": (24, 4),
    "pose": (72,),
    "shape": (10,),
    "has_smpl": (),
    "smpl_2dkps": (24, 3),
}
_OFF = {
    "part": "annotated joints in the picture",
    "openpose": "OpenPose's joints",
    "S": "joints in space",
    "pose": "poses",
    "shape": "shapes",
}
_TEXTS = ("gender", "maskname", "partname")
_GENDERS = {"m": 0, "f": 1}
_HINT = "Give a data set's npz as SPIN, EFT or PyMAF publish it."


def read_spin_npz(path: str | os.PathLike, folder: Path, name: str = "") -> PictureSet:
    """The people of a data set whose pictures lie in `folder`; notes tell what it lacks.

    Raises InputError for a file that is missing, damaged, without imgname, center or scale, with
    arrays of other sizes or with values that are no numbers.
    """
    path = Path(path)
    found = read_members(path, ["imgname", *_NEEDED, *_OPTIONAL, *_TEXTS])
    missing = [key for key in ("imgname", *_NEEDED) if key not in found]
    if missing:
        raise InputError(f"{path}: it lacks {', '.join(missing)}.", _HINT)
    pictures = _texts(found["imgname"], path)
    numbers = {
        key: _numbers(found[key], (len(pictures), *shape), key, path)
        for key, shape in (_NEEDED | _OPTIONAL).items()
        if key in found
    }
    if not (numbers["scale"] > 0).all():
        raise InputError(f"{path}: a scale is not positive.", _HINT)
    data = blank_set(
        name or path.stem, folder, pictures, numbers["center"], SIDE * numbers["scale"]
    )
    data = _filled(data, numbers)
    texts = {key: _texts(found[key], path) for key in _TEXTS if key in found}
    for key, text in texts.items():
        if len(text) != len(pictures):
            raise InputError(f"{path}: {key} has not {len(pictures)} rows.", _HINT)
    if "gender" in texts:
        data.gender = np.array([_GENDERS.get(t[:1].lower(), -1) for t in texts["gender"]], np.int8)
    data.masks = texts.get("maskname", data.masks)
    data.parts = texts.get("partname", data.parts)
    return replace(data, notes=_notes(data, numbers))


def write_spin_npz(path: str | os.PathLike, data: PictureSet) -> None:
    """Write a data set as SPIN does; what nothing is known of is left out."""
    arrays: dict[str, np.ndarray] = {
        "imgname": data.pictures,
        "center": data.centre,
        "scale": data.side / SIDE,
    }
    openpose, part = data.joints_2d[:, :OPENPOSE], data.joints_2d[:, OPENPOSE:]
    points = {"openpose": openpose, "part": part, "S": data.joints_3d, "smpl_2dkps": data.smpl_2d}
    arrays |= {key: points[key] for key in points if points[key][..., -1].any()}
    if data.known.any():
        arrays |= {"pose": data.pose, "shape": data.betas, "has_smpl": data.known.astype(np.uint8)}
    if (data.gender >= 0).any():
        arrays["gender"] = np.array(["m", "f", "n"])[data.gender]
    for key, names in (("maskname", data.masks), ("partname", data.parts)):
        if (names != "").any():
            arrays[key] = names
    write_npz(path, **arrays)


def _filled(data: PictureSet, found: Mapping[str, np.ndarray]) -> PictureSet:
    """With all the numbers that are there."""
    data.joints_2d[:, :OPENPOSE] = found.get("openpose", 0)
    data.joints_2d[:, OPENPOSE:] = found.get("part", 0)
    data.joints_3d = found.get("S", data.joints_3d)
    data.smpl_2d = found.get("smpl_2dkps", data.smpl_2d)
    if "pose" in found and "shape" in found:
        data.pose, data.betas = found["pose"], found["shape"]
        data.known = found.get("has_smpl", np.ones(len(data))) > 0
    return data


def _notes(data: PictureSet, found: Mapping[str, np.ndarray]) -> list[str]:
    missing = [f"{key} ({what})" for key, what in _OFF.items() if key not in found]
    if not missing:
        return []
    return [f"{data.name}: it has no {', '.join(missing)}; nothing is learned from these."]


def _texts(array: Any, path: Path) -> np.ndarray:
    """(N,) str, of text, bytes or a list of either."""
    rows = array if isinstance(array, list) else np.asarray(array).ravel().tolist()
    found = [row.decode("utf-8", "replace") if isinstance(row, bytes) else row for row in rows]
    if not found or not all(isinstance(row, (str, int, float)) for row in found):
        raise InputError(f"{path}: its names are no text.", _HINT)
    return np.array([str(row) for row in found])


def _numbers(array: Any, shape: tuple[int, ...], key: str, path: Path) -> np.ndarray:
    """float32 of `shape`."""
    try:
        found = np.asarray(array, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {key} holds no numbers.", _HINT) from error
    if found.shape != shape and found.squeeze().shape != shape:
        raise InputError(f"{path}: {key} is {found.shape}, not {shape}.", _HINT)
    if not np.isfinite(found).all():
        raise InputError(f"{path}: {key} holds values that are not numbers.", _HINT)
    return found.reshape(shape)
