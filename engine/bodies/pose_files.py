"""What a user already knows of the body in the scans: poses, and its shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.npz import read_npz
from ..formats.ply import read_ply
from .smpl24 import pose_from_smpl24
from .unpickle import read_pickle

MINIMAL = "minimal.ply"
_SMPL = 72


@dataclass
class GivenPose:
    """A pose as it was given."""

    pose: np.ndarray  # (J, 3) axis-angle, radians
    transl: np.ndarray  # (3,) metres


def find_pose(folder: Path, name: str) -> Path | None:
    """The file with the pose of the scan `name` in `folder`, if there is one."""
    files = [folder / f"{name}{suffix}" for suffix in (".npz", ".pkl")]
    return next((file for file in files if file.is_file()), None)


def read_pose(path: Path, body: BodyData) -> GivenPose:
    """SCANimate's npz (pose, transl) or pickle (pose, trans).

    Raises InputError for a file without them or of other lengths.
    """
    pickled = path.suffix.lower() == ".pkl"
    values = read_pickle(path) if pickled else read_npz(path, required=("pose",))
    place = next((key for key in ("transl", "trans") if key in values), None)
    if "pose" not in values or place is None:
        lacks = "pose" if "pose" not in values else "transl"
        raise InputError(
            f"{path}: it holds no {lacks}.",
            "Give SCANimate's files: pose (72) and transl (3), or leave them out.",
        )
    pose = np.asarray(values["pose"], np.float32).ravel()
    transl = np.asarray(values[place], np.float32).ravel()
    if len(pose) != _SMPL or len(transl) != 3:
        raise InputError(
            f"{path}: pose has {len(pose)} numbers and transl {len(transl)}, not {_SMPL} and 3.",
            "Give the pose of SMPL's 24 joints as axis-angles.",
        )
    if not (np.isfinite(pose).all() and np.isfinite(transl).all()):
        raise InputError(f"{path}: some of it is not a number.", "Write the pose again.")
    if len(body.joint_names) != _SMPL // 3:
        pose = pose_from_smpl24(pose)
    return GivenPose(pose.reshape(-1, 3), transl)


def with_minimal(body: BodyData, path: Path) -> BodyData:
    """`body` with the shape of the mesh at `path`, and no other.

    Raises InputError where the mesh has another number of vertices.
    """
    vertices = read_ply(path).vertices
    if len(vertices) != len(body.v_template):
        raise InputError(
            f"{path}: it has {len(vertices)} vertices and the body {body.name} "
            f"{len(body.v_template)}.",
            "Name the body it was made with (--body), or take the file away to have it fitted.",
        )
    if not np.isfinite(vertices).all():
        raise InputError(f"{path}: some vertices are not numbers.", "Write the file again.")
    return replace(body, v_template=vertices, shapedirs=body.shapedirs[..., :0])
