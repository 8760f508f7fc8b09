"""SMPL, SMPL-H and SMPL-X model files that a user brings (.npz or .pkl), without chumpy.

The files stay the user's: nothing of them ships with this program.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..formats.body_file import BodyData, check_body
from ..formats.errors import InputError
from .keypoint_tables import JOINTS, VERTEX_COUNT, family_keypoints, joint_keypoints
from .unpickle import read_pickle

_NEEDED = (
    *("v_template", "f", "shapedirs", "posedirs", "J_regressor", "kintree_table", "weights"),
)
_OPTIONAL = (
    *("lmk_faces_idx", "lmk_bary_coords", "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"),
    *("vt", "ft"),
    *("hands_componentsl", "hands_componentsr", "hands_meanl", "hands_meanr"),
)
_KIND = {len(names): kind for kind, names in JOINTS.items()}
# SMPL-X keeps expressions behind the shape components: at 300 in full files, at 10 in short ones.
_FULL, _SHORT = (300, 400), (10, 20)
_HINT = "Give the model file as its publisher ships it (SMPL, SMPL-H or SMPL-X, .npz or .pkl)."


def read_official(
    path: str | os.PathLike, betas: int | None = 10, expressions: int | None = 10
) -> BodyData:
    """A SMPL, SMPL-H or SMPL-X file, told apart by its number of joints.

    Keeps the first `betas` shape and `expressions` expression components (None: all). Hands are
    absolute rotations: the file's mean hand pose is not added, only kept beside its components.
    Raises InputError: no such file, damaged, not such a model, arrays missing or of wrong shape.
    """
    path = Path(path)
    model = _arrays(path)
    joints = model["kintree_table"].shape[-1]
    if joints not in _KIND:
        raise InputError(f"{path}: a model of {joints} joints is none of the SMPL family.", _HINT)
    kind = _KIND[joints]
    blends = model["shapedirs"]
    if blends.ndim != 3:
        raise InputError(f"{path}: shapedirs has shape {blends.shape}, not (V, 3, N).", _HINT)
    shape, expression = _split(kind, blends)
    shape, expression = shape[..., :betas], expression[..., :expressions]
    parents = model["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    faces = model["f"].astype(np.int32)
    body = BodyData(
        v_template=_floats(model["v_template"]),
        faces=faces,
        shapedirs=_floats(shape),
        exprdirs=_floats(expression),
        posedirs=_floats(model["posedirs"]),
        J_regressor=_floats(model["J_regressor"]),
        parents=parents.astype(np.int32),
        weights=_floats(model["weights"]),
        joint_names=JOINTS[kind],
        expression_names=tuple(
            f"expression_{i}" for i in range(expression[..., :expressions].shape[-1])
        ),
        **_texture(model, faces),
        **_hands(path, model),
        **_keypoints(path, kind, faces, model),
        kind=kind,
        licence="the user's own file, under its publisher's licence",
        name=path.stem,
    )
    check_body(body, path)
    return body


def _arrays(path: Path) -> dict[str, np.ndarray]:
    found = _read_npz(path) if _is_npz(path) else read_pickle(path)
    model = {}
    for name in (*_NEEDED, *_OPTIONAL):
        if name not in found:
            if name in _NEEDED:
                raise InputError(f"{path}: this model has no array named {name}.", _HINT)
            continue
        array = np.asarray(found[name])
        if array.dtype.kind not in "iuf":
            raise InputError(f"{path}: {name} is not an array of numbers.", _HINT)
        model[name] = array
    return model


def _is_npz(path: Path) -> bool:
    """Whether to read `path` as npz; that reader refuses what only calls itself .npz."""
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    with path.open("rb") as stream:
        return stream.read(2) == b"PK" or path.suffix.lower() == ".npz"


def _read_npz(path: Path) -> dict[str, Any]:
    """The arrays wanted here alone: official files hold Python dictionaries beside them."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {n: archive[n] for n in (*_NEEDED, *_OPTIONAL) if n in archive.files}
    except ValueError as error:
        raise InputError(
            f"{path}: it is, or holds, a Python pickle where plain arrays belong ({error}).", _HINT
        ) from error
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: the archive is damaged ({error}).", _HINT) from error


def _split(kind: str, blends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape and expression components of a file's blend shapes."""
    if kind != "smplx":
        return blends, blends[..., :0]
    start, end = _FULL if blends.shape[-1] >= _FULL[1] else _SHORT
    return blends[..., :start], blends[..., start:end]


def _floats(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


def _texture(model: dict[str, np.ndarray], faces: np.ndarray) -> dict[str, Any]:
    vt, ft = model.get("vt"), model.get("ft")
    if vt is None or ft is None or ft.shape != faces.shape:
        return {"vt": None, "ft": None}
    return {"vt": _floats(vt), "ft": ft.astype(np.int32)}


def _hands(path: Path, model: dict[str, np.ndarray]) -> dict[str, Any]:
    """The pose components and mean poses of both hands, where the file has them all."""
    names = [f"hands_{what}{side}" for what in ("components", "mean") for side in "lr"]
    if not all(name in model for name in names):
        return {}
    left, right, *means = (model[name] for name in names)
    if left.shape != right.shape or left.shape[1:] != (45,) or any(m.size != 45 for m in means):
        raise InputError(f"{path}: its hand components or means are not of 45 numbers.", _HINT)
    mean = np.stack([_floats(m).reshape(45) for m in means])
    return {"hand_components": _floats(np.stack([left, right])), "hand_mean": mean}


def _keypoints(
    path: Path, kind: str, faces: np.ndarray, model: dict[str, np.ndarray]
) -> dict[str, Any]:
    if len(model["v_template"]) == VERTEX_COUNT[kind]:
        try:
            table = family_keypoints(kind, faces, model)
        except (IndexError, ValueError, TypeError) as error:
            raise InputError(f"{path}: its face landmarks are wrong ({error}).", _HINT) from error
    else:
        table = joint_keypoints(JOINTS[kind])  # another mesh in the same layout
    names = ("keypoint_names", "keypoint_joint", "keypoint_verts", "keypoint_bary")
    return dict(zip(names, table, strict=True))
