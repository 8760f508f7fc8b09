"""Random models in the layout of official SMPL, SMPL-H and SMPL-X files, for the tests."""

from __future__ import annotations

import types

import numpy as np
from scipy import sparse

VERTICES = {"smpl": 6890, "smplh": 6890, "smplx": 10475}
BODY = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)


def _fingers(wrist: int, first: int) -> list[int]:
    return [wrist if k == 0 else first + 3 * f + k - 1 for f in range(5) for k in range(3)]


PARENTS = {
    "smpl": (*BODY, 20, 21),
    "smplh": (*BODY, *_fingers(20, 22), *_fingers(21, 37)),
    "smplx": (*BODY, 15, 15, 15, *_fingers(20, 25), *_fingers(21, 40)),
}


def model(kind: str, seed: int = 0) -> dict[str, np.ndarray]:
    """All arrays of a file of `kind`; metre-sized, dense pose correctives, sparse skinning."""
    rng = np.random.default_rng(seed)
    vertices, joints = VERTICES[kind], len(PARENTS[kind])
    blends = {"smpl": 10, "smplh": 16, "smplx": 400}[kind]
    regressor = np.zeros((joints, vertices))
    weights = np.zeros((vertices, joints))
    for j in range(joints):
        regressor[j, rng.choice(vertices, 12, replace=False)] = rng.dirichlet(np.ones(12))
    for k in range(4):
        rows = np.arange(vertices)
        weights[rows, rng.integers(0, joints, vertices)] += rng.random(vertices) + (k == 0)
    weights /= weights.sum(1, keepdims=True)
    parents = np.array(PARENTS[kind], dtype=np.int64)
    tree = np.stack([parents, np.arange(joints)]).astype(np.uint32)
    faces = rng.integers(0, vertices, (2 * vertices - 42, 3)).astype(np.uint32)
    pose_blends = rng.standard_normal((vertices, 3, 9 * (joints - 1)), dtype=np.float32)
    arrays = {
        "v_template": rng.normal(0, 0.5, (vertices, 3)),
        "f": faces,
        "shapedirs": rng.normal(0, 0.01, (vertices, 3, blends)),
        "posedirs": pose_blends * np.float32(1e-3),
        "J_regressor": regressor,
        "kintree_table": tree,
        "weights": weights,
    }
    if kind != "smpl":
        for side in "lr":
            arrays[f"hands_components{side}"] = np.eye(45)
            arrays[f"hands_mean{side}"] = rng.normal(0, 0.1, 45)
    if kind == "smplx":
        arrays["lmk_faces_idx"] = rng.integers(0, len(faces), 51)
        arrays["lmk_bary_coords"] = rng.dirichlet(np.ones(3), 51)
        arrays["dynamic_lmk_faces_idx"] = rng.integers(0, len(faces), (79, 17))
        arrays["dynamic_lmk_bary_coords"] = rng.dirichlet(np.ones(3), (79, 17))
    return arrays


def with_objects(arrays: dict[str, np.ndarray]) -> tuple[dict, dict[str, types.ModuleType]]:
    """The same model as chumpy and scipy objects, and the modules to have while pickling it."""
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch")}
    modules["chumpy.reordering"] = types.ModuleType("chumpy.reordering")

    class Ch:
        def __init__(self, **fields: object) -> None:
            self.__dict__.update(fields)

    class Select(Ch):
        pass

    Ch.__module__, Select.__module__ = "chumpy.ch", "chumpy.reordering"
    Ch.__qualname__, Select.__qualname__ = "Ch", "Select"
    modules["chumpy.ch"].Ch, modules["chumpy.reordering"].Select = Ch, Select
    posed = arrays["posedirs"]
    order = np.arange(posed.size)
    objects = dict(arrays)
    objects["shapedirs"] = Ch(x=arrays["shapedirs"])
    objects["posedirs"] = Select(a=Ch(x=posed), idxs=order, preferred_shape=posed.shape)
    objects["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
    objects["bs_style"] = "lbs"
    objects["vert_sym_idxs"] = np.arange(5)[::-1]
    objects["names"] = np.array(["a", None], dtype=object)
    return objects, modules
