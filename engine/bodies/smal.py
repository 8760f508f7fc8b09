"""SMAL's model file that a user brings, with the files that lie beside it, as an animal's body.

The files stay the user's: nothing of them ships with this program.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..formats.animal_file import LIMB_SCALES, SMAL_JOINTS, AnimalData, check_animal, limb_axes
from ..formats.errors import InputError
from .animal_priors import Families, read_families
from .unpickle import read_any_pickle, read_pickle

VERTEX_COUNT = 3889
# Points of the mesh that the originals list after the joints: numbers 35 to 40.
SURFACE_POINTS = {
    "Nose": 1863,
    "Chin": 26,
    "REarTip": 2124,
    "LEarTip": 150,
    "LEye": 3055,
    "REye": 1097,
}
# Vertices on the mid line.
_MIDLINE = np.array(
    [
        *(*range(33), 37, 55, 119, 120, 163, 209, 210, 211, 213, 216, 227, 326, 395, 452, 578),
        *(910, 959, 964, 975, 976, 977, 1172, 1175, 1176, 1178, 1194, 1243, 1739),
        *(*range(1796, 1841), *range(1842, 1864), 1870, 1919, 1960, 1961, 1965, 1967, 2003),
    ]
)
_NEEDED = (
    *("v_template", "f", "shapedirs", "posedirs", "J_regressor", "kintree_table", "weights"),
)
_JOINTS_33 = SMAL_JOINTS[:33]  # the model of 2017 has no ears
_SKELETONS = {
    len(names): names
    for names in (
        SMAL_JOINTS,
        _JOINTS_33,
        tuple(name for name in _JOINTS_33 if name not in ("pelvis0", "spine0")),
    )
}
_MODEL, _DATA = "my_smpl_", "my_smpl_data_"  # how the publisher's files begin
_SYMMETRY = "symIdx.pkl"
_TEXTURE = "my_smpl_00781_4_all_template_w_tex_uv_001.pkl"
_HINT = "Give the model file as its publisher ships it (my_smpl_00781_4_all.pkl)."


def is_smal(path: str | os.PathLike) -> bool:
    """Whether a file is a pickle of a model with SMAL's mesh."""
    path = Path(path)
    if path.suffix.lower() != ".pkl":
        return False
    template = read_pickle(path).get("v_template")
    return isinstance(template, np.ndarray) and len(template) == VERTEX_COUNT


def read_smal(
    path: str | os.PathLike,
    family: int | str | None = None,
    *,
    data: str | os.PathLike | None = None,
    symmetry: str | os.PathLike | None = None,
    texture: str | os.PathLike | None = None,
    symmetrise: bool = True,
) -> AnimalData:
    """SMAL's model of 35, 33 or 31 joints; `keypoints` are its joints, then `SURFACE_POINTS`.

    family: a name or number of the data file, whose mean becomes the template; None or -1 is the
    file's own template. symmetrise: centre it and make its sides mirror images, as SMALify and WLDO
    do; else it stays as in the file. data, symmetry, texture: the side files; by default those of
    the publisher's names beside the model, where there are any.
    Raises InputError: no such file, damaged, another model, a family or side file that is missing.
    """
    path = Path(path)
    model = _arrays(path)
    names = _skeleton(path, model)
    families = _families(path, data, model["shapedirs"].shape[-1])
    template, base = model["v_template"], np.zeros_like(families.std)
    if family not in (None, -1, "-1"):
        base = families.means[families.index(family)]
        template = template + model["shapedirs"] @ base
    twins = _twins(symmetry or _beside(path, _SYMMETRY))
    if symmetrise:
        template = _symmetric(path, template, twins)
    parents = model["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    body = AnimalData(
        v_template=_floats(template),
        faces=model["f"].astype(np.int32),
        shapedirs=_floats(model["shapedirs"]),
        posedirs=_floats(model["posedirs"]),
        J_regressor=_floats(model["J_regressor"]),
        parents=parents.astype(np.int32),
        weights=_floats(model["weights"]),
        joint_names=names,
        **_uv(texture or _beside(path, _TEXTURE)),
        keypoint_names=(*names, *SURFACE_POINTS),
        keypoints=_floats(_points(model["J_regressor"])),
        families=families.names,
        family_betas=_floats(families.means - base),
        shape_std=_floats(families.std),
        limb_scales=LIMB_SCALES,
        limb_axes=limb_axes(names),
        left_right=twins,
        licence="the user's own file, under its publisher's licence",
        name=path.stem,
        kind="smal",
    )
    check_animal(body, path)
    return body


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model with SMAL's mesh, in float64 or as integers."""
    found = read_pickle(path)
    model = {}
    for name in _NEEDED:
        if name not in found:
            raise InputError(f"{path}: this model has no array named {name}.", _HINT)
        model[name] = np.asarray(found[name])
        if model[name].dtype.kind not in "iuf":
            raise InputError(f"{path}: {name} is not an array of numbers.", _HINT)
    vertices = len(model["v_template"])
    if vertices != VERTEX_COUNT:
        raise InputError(
            f"{path}: its mesh has {vertices} vertices, SMAL's has {VERTEX_COUNT}: this is another "
            "model.",
            _HINT,
        )
    columns = {"v_template": 3, "shapedirs": 3, "J_regressor": vertices}
    for name, wanted in columns.items():
        shape = model[name].shape
        if len(shape) != 2 + (name == "shapedirs") or shape[1] != wanted:
            raise InputError(f"{path}: {name} has shape {shape}, which is not SMAL's.", _HINT)
    return model


def _skeleton(path: Path, model: dict[str, np.ndarray]) -> tuple[str, ...]:
    joints = model["kintree_table"].shape[-1]
    if joints not in _SKELETONS:
        counts = ", ".join(map(str, _SKELETONS))
        raise InputError(
            f"{path}: a skeleton of {joints} joints is none of SMAL's ({counts}).", _HINT
        )
    return _SKELETONS[joints]


def _beside(path: Path, name: str) -> Path | None:
    """The file `name` in the folder of the model, where there is one."""
    there = path.with_name(name)
    return there if there.is_file() else None


def _families(path: Path, data: str | os.PathLike | None, components: int) -> Families:
    """The families for the model `path`, over all its shape components; none without a file."""
    if data is None and _MODEL in path.name:
        data = _beside(path, path.name.replace(_MODEL, _DATA))
    if data is None:
        empty = np.zeros((0, components))
        return Families((), empty, np.zeros((0, components, components)), np.ones(components), path)
    families = read_families(data)
    missing = components - families.means.shape[1]
    if missing < 0:
        raise InputError(
            f"{data}: its families have {families.means.shape[1]} shape components, the model "
            f"{path} has {components}.",
            "Give the data file that belongs to this model.",
        )
    means = np.pad(families.means, ((0, 0), (0, missing)))
    std = np.pad(families.std, (0, missing), constant_values=1.0)
    return replace(families, means=means, std=std)


def _twins(path: str | os.PathLike | None) -> np.ndarray | None:
    """Each vertex's twin (V,), as symIdx.pkl tells."""
    if path is None:
        return None
    twins = np.asarray(read_any_pickle(path, "a list of vertices"))
    every = np.arange(VERTEX_COUNT)
    if (
        twins.shape != every.shape
        or twins.dtype.kind not in "iu"
        or not 0 <= twins.min() <= twins.max() < VERTEX_COUNT
        or (twins[twins] != every).any()
    ):
        raise InputError(
            f"{path}: this is no list that pairs {VERTEX_COUNT} vertices.",
            f"Give {_SYMMETRY} as SMALify and WLDO ship it.",
        )
    return twins.astype(np.int32)


def _symmetric(path: Path, template: np.ndarray, twins: np.ndarray | None) -> np.ndarray:
    """The template (V, 3) centred, its mid line on y = 0, its right side the left one mirrored."""
    if twins is None:
        raise InputError(
            f"{path}: there is no {_SYMMETRY} beside it, which pairs left and right.",
            "Put it there (SMALify and WLDO ship it), or take the template as it is.",
        )
    centred = template - template.mean()  # of all coordinates: the originals' centre
    centred[:, 1] -= centred[_MIDLINE, 1].mean()
    centred[_MIDLINE, 1] = 0
    left = centred[:, 1] < 0
    right = left[twins]  # whose twin is left
    if right.sum() != (centred[:, 1] > 0).sum():
        raise InputError(
            f"{path}: its template has not as many vertices on the left as on the right.", _HINT
        )
    centred[right] = centred[left] * [1, -1, 1]  # both in the order of their numbers
    return centred


def _points(regressor: np.ndarray) -> np.ndarray:
    """The weights (J + 6, V) of the joints and the surface points."""
    surface = np.zeros((len(SURFACE_POINTS), VERTEX_COUNT))
    surface[np.arange(len(surface)), list(SURFACE_POINTS.values())] = 1
    return np.concatenate([regressor / regressor.sum(1, keepdims=True), surface])


def _uv(path: str | os.PathLike | None) -> dict[str, Any]:
    if path is None:
        return {"vt": None, "ft": None}
    found = read_pickle(path)
    if not {"vt", "ft"} <= set(found):
        raise InputError(f"{path}: it has no vt and ft.", f"Give {_TEXTURE}.")
    return {"vt": _floats(found["vt"]), "ft": np.asarray(found["ft"]).astype(np.int32)}


def _floats(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
