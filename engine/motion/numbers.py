"""Motions as named arrays: AMASS, AIST++, SCANimate's poses and the program's own motion.npz."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..bodies.unpickle import read_pickle
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.motion import Motion
from ..formats.npz import read_npz
from .layouts import carry, names_of
from .place import Z_UP_TO_Y_UP, on_floor, pelvis, turn_world

_POSES = ("poses", "smpl_poses", "pose", "fullpose")
_TRANS = ("trans", "smpl_trans", "transl")
_RATES = ("mocap_framerate", "mocap_frame_rate", "mocap_fps", "fps")
# The parts that a pose may come in instead, in the order of its joints, and their columns.
_PARTS = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
_FOREIGN = 0.02  # metres; a motion of another body that stands so far off the floor is put on it


def read_arrays(path: str | os.PathLike) -> dict[str, Any]:
    """The arrays of an npz, or of a pickle that holds nothing else. Raises InputError."""
    with open(path, "rb") as stream:
        pickled = stream.read(1) in (b"\x80", b"(", b"}")
    return read_pickle(path) if pickled else read_npz(path)


def motion_of(
    path: str | os.PathLike,
    arrays: dict[str, Any],
    body: BodyData,
    source: BodyData | None = None,
) -> Motion:
    """The motion in `arrays` of the file `path` for `body`; `source` is the body it was made with.

    AMASS is z-up where the file does not say; AIST++ is y-up, its places times `smpl_scaling`.
    A motion of an unknown body is put on the floor where it stands clear of it.
    Raises InputError, naming the file, for what is no motion.
    """
    poses, trans = poses_of(path, arrays, body)
    ours = source or body
    model = str(arrays.get("surface_model_type", ""))
    same = model in (body.name, body.kind)
    betas = _floats(path, arrays, "betas") if "betas" in arrays else np.zeros(0, np.float32)
    kept = betas.ravel()[: body.shapedirs.shape[-1]] if same else np.zeros(0, np.float32)
    source_betas = betas.ravel()[: ours.shapedirs.shape[-1]] if source is not None else kept
    root = pelvis(ours, source_betas)
    if _z_up(path, arrays):
        poses, trans = turn_world(poses, trans, Z_UP_TO_Y_UP, root)
    trans = trans + (root - pelvis(body, kept)).astype(np.float32)
    expression = np.asarray(arrays.get("expression", np.zeros((len(poses), 0))), np.float32)
    if not same or expression.shape != (len(poses), len(body.expression_names)):
        expression = np.zeros((len(poses), 0), np.float32)
    motion = Motion(
        poses=poses.reshape(len(poses), -1),
        trans=trans.astype(np.float32),
        betas=kept,
        expression=expression,
        fps=_rate(path, arrays),
        body=body.name if body.kind in ("layfigure", "avatar") else body.kind,
        frame_ids=_index(arrays, "frame_ids", len(poses)),
        observed=_index(arrays, "observed", len(poses)).astype(bool),
    )
    if same or body.kind not in ("layfigure", "avatar"):
        return motion  # the file's heights are those of this very model
    return on_floor(motion, body, _FOREIGN)


def poses_of(
    path: str | os.PathLike, arrays: dict[str, Any], body: BodyData
) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, J, 3) of `body`, axis-angle, and places (T, 3) in metres, axes as in the file."""
    poses = _poses(path, arrays)
    if not len(poses):
        raise InputError(f"{path}: it holds no frame.", "Give a motion with frames in it.")
    names = names_of(poses.shape[1] // 3, body) if poses.shape[1] % 3 == 0 else None
    if names is None:
        raise InputError(
            f"{path}: its poses have {poses.shape[1]} numbers a frame.",
            "Expected 66, 72 (SMPL), 156 (SMPL-H) or 165 (SMPL-X).",
        )
    key = next((name for name in _TRANS if name in arrays), None)
    trans = np.zeros((len(poses), 3), np.float32)
    if key is not None:
        trans = np.atleast_2d(_floats(path, arrays, key))
    if trans.shape != (len(poses), 3):
        raise InputError(
            f"{path}: poses {poses.shape} and {key} {trans.shape} do not belong together.",
            "Expected (T, columns) and (T, 3).",
        )
    if "smpl_scaling" in arrays:
        scaling = _floats(path, arrays, "smpl_scaling").ravel()
        if scaling.size != 1 or not scaling[0] > 0:
            raise InputError(f"{path}: smpl_scaling is not a number above 0.", _WHAT)
        trans = trans / scaling[0]
    return carry(poses.reshape(len(poses), -1, 3), names, body), trans


def _poses(path: str | os.PathLike, arrays: dict[str, Any]) -> np.ndarray:
    key = next((name for name in _POSES if name in arrays), None)
    if key is not None:
        return np.atleast_2d(_floats(path, arrays, key))
    if "root_orient" not in arrays or "pose_body" not in arrays:
        raise InputError(
            f"{path}: it holds no poses.",
            f"It holds {', '.join(sorted(arrays)) or 'nothing'}. {_WHAT}",
        )
    parts = {name: np.atleast_2d(_floats(path, arrays, name)) for name in _PARTS if name in arrays}
    frames = len(parts["root_orient"])
    for name, part in parts.items():
        if part.shape != (frames, _PARTS[name]):
            raise InputError(
                f"{path}: {name} has shape {part.shape}, not {(frames, _PARTS[name])}.", _WHAT
            )
    rest = {name: np.zeros((frames, wide), np.float32) for name, wide in _PARTS.items()}
    return np.concatenate(list((rest | parts).values()), 1)


def _floats(path: str | os.PathLike, arrays: dict[str, Any], name: str) -> np.ndarray:
    """An array of finite numbers, float32."""
    array = np.asarray(arrays[name])
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{path}: {name} holds what is not a number.", _WHAT)
    return array.astype(np.float32)


def _z_up(path: str | os.PathLike, arrays: dict[str, Any]) -> bool:
    """What the file says of its upward axis; AMASS, which says nothing, has z."""
    amass = "smpl_poses" not in arrays and any(name in arrays for name in _RATES[:2])
    axis = str(arrays.get("up_axis", "z" if amass else "y")).strip().lower().lstrip("+")
    if axis not in ("y", "z"):
        raise InputError(f"{path}: its up_axis is {axis!r}.", "Known are y and z.")
    return axis == "z"


def _rate(path: str | os.PathLike, arrays: dict[str, Any]) -> float:
    key = next((name for name in _RATES if name in arrays), None)
    if key is None:
        return 60.0 if "smpl_poses" in arrays else 30.0  # AIST++ does not say
    rate = _floats(path, arrays, key).ravel()
    if rate.size != 1 or not 0 < rate[0] < 10000:
        raise InputError(f"{path}: {key} is not a frame rate.", _WHAT)
    return float(rate[0])


def _index(arrays: dict[str, Any], name: str, count: int) -> np.ndarray:
    values = np.asarray(arrays.get(name, ()))
    return values if values.shape == (count,) else np.zeros(0, np.int64)


_WHAT = "Give an AMASS npz, an AIST++ pkl, a BVH or a result folder."
