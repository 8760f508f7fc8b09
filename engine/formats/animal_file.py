"""An animal's body as one npz: mesh, shape space with its families, skeleton and limb scales.

SMAL's axes: x from tail to head, z up. Units are the model's own: SMAL's are about 2.2 long, our
quadruped is in metres. Large arrays are packed small (see packing.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from .errors import InputError
from .npz import read_npz, write_npz
from .packing import blend_parts, read_blend, read_rows, row_parts

KINDS = ("quadruped", "smal", "rig")  # a rig is any skinned mesh of the user
# The skeleton of SMAL; front legs hang from spine3, hind legs and tail from the root.
SMAL_JOINTS = (
    *("root", "pelvis0", "spine", "spine0", "spine1", "spine2", "spine3"),
    *("LLeg1", "LLeg2", "LLeg3", "LFoot", "RLeg1", "RLeg2", "RLeg3", "RFoot", "Neck", "Head"),
    *("LLegBack1", "LLegBack2", "LLegBack3", "LFootBack"),
    *("RLegBack1", "RLegBack2", "RLegBack3", "RFootBack"),
    *(f"Tail{i}" for i in range(1, 8)),
    *("Mouth", "LEar", "REar"),
)
# What a limb scale stretches: the starts of its joints' names, and the axes x, y, z.
_LIMBS = {
    "leg_length": (("LLeg", "RLeg", "LFoot", "RFoot"), (0, 0, 1)),
    "leg_fatness": (("LLeg", "RLeg", "LFoot", "RFoot"), (1, 1, 0)),
    "tail_length": (("Tail",), (1, 0, 0)),
    "tail_fatness": (("Tail",), (0, 1, 1)),
    "ear_y": (("LEar", "REar"), (0, 1, 0)),
    "ear_z": (("LEar", "REar"), (0, 0, 1)),
}
LIMB_SCALES = tuple(_LIMBS)

_BLENDS = ("shapedirs", "posedirs")
_SPARSE = ("J_regressor", "weights", "keypoints")
_NAMES = ("joint_names", "keypoint_names", "families", "limb_scales")
_TEXTS = ("licence", "name", "kind")
_FLOATS = ("v_template", "vt", "family_betas", "shape_std", "limb_axes")
_WHOLE = ("faces", "parents", "ft", "left_right")
_OPTIONAL = ("vt", "ft", "left_right")


@dataclass
class AnimalData:
    """All arrays of an animal's body. V vertices, J joints, B shape components, K keypoints.

    A keypoint is a row of weights over the posed vertices. Family i is the shape `family_betas[i]`
    of this template. The log of a joint's stretch along its own x, y, z is the sum over limb
    scales of `limb_axes` times the scale's value.
    """

    v_template: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) int32
    shapedirs: np.ndarray  # (V, 3, B)
    posedirs: np.ndarray | None  # (V, 3, 9 (J - 1)), for the flattened R - I of the joints 1..
    J_regressor: np.ndarray  # (J, V)
    parents: np.ndarray  # (J,) int32, -1 for the root; a parent stands before its children
    weights: np.ndarray  # (V, J)
    joint_names: tuple[str, ...]
    vt: np.ndarray | None  # (U, 2)
    ft: np.ndarray | None  # (F, 3) int32
    keypoint_names: tuple[str, ...]
    keypoints: np.ndarray  # (K, V), rows sum to 1
    families: tuple[str, ...]
    family_betas: np.ndarray  # (families, B)
    shape_std: np.ndarray  # (B,) usual size of each shape component
    limb_scales: tuple[str, ...]
    limb_axes: np.ndarray  # (L, J, 3)
    left_right: np.ndarray | None  # (V,) int32 each vertex's twin across y = 0, where known
    licence: str
    name: str
    kind: str  # one of KINDS


def limb_axes(joint_names: Sequence[str]) -> np.ndarray:
    """Which joint each of `LIMB_SCALES` stretches along which of its axes, (6, J, 3) of 0 and 1."""
    table = np.zeros((len(_LIMBS), len(joint_names), 3), dtype=np.float32)
    for row, (starts, axes) in zip(table, _LIMBS.values(), strict=True):
        row[[name.startswith(starts) for name in joint_names]] = axes
    return table


def save_animal(path: str | os.PathLike, data: AnimalData) -> None:
    """Write `data` as one npz, whole or not at all. Raises InputError where it is impossible."""
    check_animal(data, path)
    arrays: dict[str, np.ndarray] = {}
    for field in fields(data):
        value = getattr(data, field.name)
        if value is None:
            continue
        if field.name in _BLENDS:
            arrays |= blend_parts(field.name, value)
        elif field.name in _SPARSE:
            arrays |= row_parts(field.name, value)
        else:
            arrays[field.name] = np.asarray(value)
    write_npz(path, **arrays)


def load_animal(path: str | os.PathLike) -> AnimalData:
    """Read a file that `save_animal` wrote; floats come as float32.

    Raises InputError for a missing or damaged file, missing arrays, shapes that disagree.
    """
    path = Path(path)
    required = {*_NAMES, *_TEXTS, *_FLOATS, *_WHOLE} - {*_OPTIONAL}
    required |= {"shapedirs_q", "shapedirs_scale"}
    required |= {f"{name}_{part}" for name in _SPARSE for part in ("count", "column", "value")}
    arrays = read_npz(path, required=sorted(required))
    found: dict = {}
    try:
        for name in _BLENDS:
            found[name] = read_blend(name, arrays)
        for name in _SPARSE:
            columns = len(arrays["parents" if name == "weights" else "v_template"])
            found[name] = read_rows(name, arrays, columns)
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(
            f"{path}: the arrays of this animal do not fit together.", _AGAIN
        ) from error
    for name in _NAMES:
        found[name] = tuple(str(text) for text in arrays[name])
    for name in _TEXTS:
        found[name] = str(arrays[name])
    for names, dtype in ((_FLOATS, np.float32), (_WHOLE, np.int32)):
        for name in names:
            found[name] = arrays[name].astype(dtype) if name in arrays else None
    data = AnimalData(**found)
    check_animal(data, path)
    return data


def check_animal(data: AnimalData, path: str | os.PathLike) -> None:
    """Raise InputError, naming `path`, where shapes, indices or values of `data` are impossible."""
    v, j, b = len(data.v_template), len(data.parents), data.shapedirs.shape[-1]
    shapes = {
        "v_template": (v, 3),
        "faces": (len(data.faces), 3),
        "shapedirs": (v, 3, b),
        "posedirs": (v, 3, 9 * (j - 1)),
        "J_regressor": (j, v),
        "weights": (v, j),
        "joint_names": (j,),
        "ft": (len(data.faces), 3),
        "keypoints": (len(data.keypoint_names), v),
        "family_betas": (len(data.families), b),
        "shape_std": (b,),
        "limb_axes": (len(data.limb_scales), j, 3),
        "left_right": (v,),
    }
    for name, shape in shapes.items():
        array = getattr(data, name)
        if array is None:
            continue
        if np.shape(array) != shape:
            raise InputError(f"{path}: {name} has shape {np.shape(array)}, not {shape}.", _AGAIN)
        if name not in _NAMES and not np.isfinite(array).all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _AGAIN)
    for name, limit in (
        ("faces", v),
        ("left_right", v),
        ("ft", 0 if data.vt is None else len(data.vt)),
    ):
        index = getattr(data, name)
        if index is not None and index.size and not 0 <= index.min() <= index.max() < limit:
            raise InputError(f"{path}: {name} points at what is not there.", _AGAIN)
    if (
        data.parents[0] != -1
        or not ((data.parents[1:] >= 0) & (data.parents[1:] < np.arange(1, j))).all()
    ):
        raise InputError(f"{path}: its joints are not in the order root to tips.", _AGAIN)
    if data.keypoints.size and np.abs(data.keypoints.sum(1) - 1).max() > 1e-3:
        raise InputError(f"{path}: the weights of a keypoint do not sum to 1.", _AGAIN)
    if data.kind not in KINDS:
        raise InputError(f"{path}: its kind ({data.kind}) is none of {', '.join(KINDS)}.", _AGAIN)


_AGAIN = "The file is damaged or of another program; make or download it again."
