"""A parametric body as one npz: template, shape space, skeleton, skin weights and keypoint table.

The two large matrices and the blend shapes are packed small (see packing.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .npz import read_npz, write_npz
from .packing import blend_parts, read_blend, read_rows, row_parts

KINDS = ("layfigure", "smpl", "smplh", "smplx", "avatar", "animal")
_BLENDS = ("shapedirs", "exprdirs", "posedirs")
_SPARSE = ("J_regressor", "weights")
_FLOATS = ("v_template", "keypoint_bary", "vt", "hand_components", "hand_mean", "posemap")
_PLAIN = (
    *("v_template", "faces", "parents", "joint_names", "expression_names", "keypoint_names"),
    *("keypoint_joint", "keypoint_verts", "keypoint_bary", "kind", "licence", "name"),
)


@dataclass
class BodyData:
    """All arrays of a body. Metres; y up, facing +z, left side +x. V vertices, J joints.

    Blend shapes are offsets in metres per unit of coefficient. Pose correctives (`posedirs`, or
    None) multiply the pose feature, `R - I` of the joints 1.. flattened row by row: itself where
    `posemap` is None (P = 9 (J - 1), as in the SMPL family), else `posemap` @ feature. A keypoint
    is joint `keypoint_joint` or, where that is -1, the barycentric point of `keypoint_verts`.
    """

    v_template: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) int32
    shapedirs: np.ndarray  # (V, 3, B)
    exprdirs: np.ndarray  # (V, 3, E)
    posedirs: np.ndarray | None  # (V, 3, P)
    J_regressor: np.ndarray  # (J, V)
    parents: np.ndarray  # (J,) int32, -1 for the root; a parent stands before its children
    weights: np.ndarray  # (V, J)
    joint_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    vt: np.ndarray | None  # (U, 2)
    ft: np.ndarray | None  # (F, 3) int32
    keypoint_names: tuple[str, ...]
    keypoint_joint: np.ndarray  # (K,) int32
    keypoint_verts: np.ndarray  # (K, 3) int32
    keypoint_bary: np.ndarray  # (K, 3)
    kind: str
    licence: str
    name: str
    hand_components: np.ndarray | None = None  # (2, C, 45) left, right: one pose component a row
    hand_mean: np.ndarray | None = None  # (2, 45) radians; pose = mean + coefficients @ components
    posemap: np.ndarray | None = None  # (P, 9 (J - 1)), only beside posedirs

    def shaped(self, betas: np.ndarray, expression: np.ndarray | None = None) -> np.ndarray:
        """Rest vertices (V, 3), metres, of shape `betas` (b,) and `expression` (e,).

        Fewer coefficients than components are fine: the others are zero.
        """
        betas = np.asarray(betas, dtype=self.shapedirs.dtype).ravel()
        shaped = self.v_template + self.shapedirs[..., : betas.size] @ betas
        if expression is not None:
            expression = np.asarray(expression, dtype=self.exprdirs.dtype).ravel()
            shaped = shaped + self.exprdirs[..., : expression.size] @ expression
        return shaped

    def joints(self, v_shaped: np.ndarray) -> np.ndarray:
        """Rest joints (J, 3), metres, of shaped rest vertices (V, 3)."""
        return self.J_regressor @ v_shaped


def save_body(path: str | os.PathLike, body: BodyData) -> None:
    """Write `body` as one npz, whole or not at all."""
    arrays = {name: np.asarray(getattr(body, name)) for name in _PLAIN}
    for name in _BLENDS:
        if getattr(body, name) is not None:
            arrays |= blend_parts(name, getattr(body, name))
    for name in _SPARSE:
        arrays |= row_parts(name, getattr(body, name))
    if body.vt is not None and body.ft is not None:
        arrays |= {"vt": body.vt, "ft": body.ft}
    if body.hand_components is not None and body.hand_mean is not None:
        arrays |= {"hand_components": body.hand_components, "hand_mean": body.hand_mean}
    if body.posemap is not None:
        arrays["posemap"] = body.posemap.astype(np.float32)
    write_npz(path, **arrays)


def load_body(path: str | os.PathLike) -> BodyData:
    """Read a body file that `save_body` wrote.

    Raises InputError for a missing or damaged file, missing arrays, shapes that disagree.
    """
    path = Path(path)
    required = [*_PLAIN]
    required += [f"{name}_{part}" for name in _BLENDS[:2] for part in ("q", "scale")]
    required += [f"{name}_{part}" for name in _SPARSE for part in ("count", "column", "value")]
    arrays = read_npz(path, required=required)
    fields: dict = {}
    try:
        for name in _BLENDS:
            fields[name] = read_blend(name, arrays)
        vertices, joints = len(arrays["v_template"]), len(arrays["parents"])
        fields["J_regressor"] = read_rows("J_regressor", arrays, vertices)
        fields["weights"] = read_rows("weights", arrays, joints)
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path}: the arrays of this body do not fit together.", _AGAIN) from error
    for name in ("joint_names", "expression_names", "keypoint_names"):
        fields[name] = tuple(str(text) for text in arrays[name])
    for name in ("kind", "licence", "name"):
        fields[name] = str(arrays[name])
    for name in _FLOATS:
        fields[name] = arrays[name].astype(np.float32) if name in arrays else None
    for name in ("faces", "parents", "keypoint_joint", "keypoint_verts", "ft"):
        fields[name] = arrays[name].astype(np.int32) if name in arrays else None
    body = BodyData(**fields)
    check_body(body, path)
    return body


def check_body(body: BodyData, path: str | os.PathLike) -> None:
    """Raise InputError, naming `path`, where shapes, indices or values of `body` are impossible."""
    v, j, k = len(body.v_template), len(body.parents), len(body.keypoint_names)
    shapes = {
        "v_template": (v, 3),
        "faces": (len(body.faces), 3),
        "shapedirs": (v, 3, body.shapedirs.shape[-1]),
        "exprdirs": (v, 3, len(body.expression_names)),
        "J_regressor": (j, v),
        "weights": (v, j),
        "keypoint_joint": (k,),
        "keypoint_verts": (k, 3),
        "keypoint_bary": (k, 3),
    }
    features = 9 * (j - 1)
    if body.posemap is not None:
        shapes["posemap"] = (len(body.posemap), features)
    if body.posedirs is not None:
        shapes["posedirs"] = (v, 3, features if body.posemap is None else len(body.posemap))
    elif body.posemap is not None:
        raise InputError(f"{path}: it has a posemap without the posedirs it is for.", _AGAIN)
    if body.ft is not None:
        shapes["ft"] = shapes["faces"]
    if body.hand_components is not None and body.hand_mean is not None:
        count = body.hand_components.shape[1] if body.hand_components.ndim == 3 else 45
        shapes |= {"hand_components": (2, count, 45), "hand_mean": (2, 45)}
    for name, shape in shapes.items():
        found = getattr(body, name).shape
        if found != shape:
            raise InputError(f"{path}: {name} has shape {found}, not {shape}.", _AGAIN)
        if not np.isfinite(getattr(body, name)).all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _AGAIN)
    limits = {"faces": v, "keypoint_verts": v, "keypoint_joint": j}
    for name, limit in limits.items():
        index = getattr(body, name)
        if index.size and (index.max() >= limit or index.min() < -1):
            raise InputError(f"{path}: {name} points at what is not there.", _AGAIN)
    if len(body.joint_names) != j or body.kind not in KINDS:
        raise InputError(f"{path}: its joint names or its kind ({body.kind}) are wrong.", _AGAIN)
    if body.parents[0] != -1 or (body.parents[1:] >= np.arange(1, j)).any():
        raise InputError(f"{path}: its joints are not in the order root to tips.", _AGAIN)


_AGAIN = "The file is damaged or of another program; make or download it again."
