"""A tiny animal, and files in the layout of SMAL's official ones with made-up numbers."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from scipy import sparse

from layfigure.engine.bodies.smal import _MIDLINE, VERTEX_COUNT
from layfigure.engine.formats.animal_file import LIMB_SCALES, SMAL_JOINTS, AnimalData, limb_axes

_PARENTS = np.array(
    [
        *(-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 11, 12, 13, 6, 15, 0, 17, 18, 19, 0, 21, 22, 23),
        *(0, 25, 26, 27, 28, 29, 30, 16, 16, 16),
    ]
)
_COMPONENTS = 5
_FACES, _UVS = 100, 70


def tiny_animal() -> AnimalData:
    """SMAL's skeleton in 90 vertices that lie anywhere: 50 faces, 4 shape components."""
    rng = np.random.default_rng(0)
    v, j, f, b = 90, 35, 50, 4

    def floats(*shape: int, size: float = 1.0) -> np.ndarray:
        return (size * rng.normal(size=shape)).astype(np.float32)

    def shares(rows: int, columns: int, used: int) -> np.ndarray:
        """Rows that sum to 1, with `used` columns in each."""
        table = np.zeros((rows, columns))
        for row in table:
            row[rng.choice(columns, used, replace=False)] = rng.dirichlet(np.ones(used))
        return table.astype(np.float32)

    return AnimalData(
        v_template=floats(v, 3),
        faces=rng.integers(0, v, (f, 3)).astype(np.int32),
        shapedirs=floats(v, 3, b, size=0.1),
        posedirs=floats(v, 3, 9 * (j - 1), size=0.01),
        J_regressor=shares(j, v, 4),
        parents=_PARENTS.astype(np.int32),
        weights=shares(v, j, 3),
        joint_names=SMAL_JOINTS,
        vt=rng.random((60, 2)).astype(np.float32),
        ft=rng.integers(0, 60, (f, 3)).astype(np.int32),
        keypoint_names=("nose", "chin"),
        keypoints=shares(2, v, 3),
        families=("cat", "dog"),
        family_betas=floats(2, b),
        shape_std=np.ones(b, np.float32),
        limb_scales=LIMB_SCALES,
        limb_axes=limb_axes(SMAL_JOINTS),
        left_right=np.arange(v, dtype=np.int32)[::-1].copy(),
        licence="CC0-1.0",
        name="tiny",
        kind="quadruped",
    )


def symmetry() -> np.ndarray:
    """(3889,) int64: each vertex's twin; left and right ones follow in the same order."""
    left, right = _sides()
    twins = np.arange(VERTEX_COUNT)
    twins[left], twins[right] = right, left
    return twins


def _sides() -> tuple[np.ndarray, np.ndarray]:
    others = np.setdiff1d(np.arange(VERTEX_COUNT), _MIDLINE)
    half = len(others) // 2
    return others[:half], others[half:]


def smal_model(joints: int = 35) -> dict[str, object]:
    """The dictionary of a model file: not quite symmetric, as the real one."""
    rng = np.random.default_rng(1)
    left, right = _sides()
    template = rng.normal(0, 0.4, (VERTEX_COUNT, 3))
    template[_MIDLINE, 1] = rng.normal(0, 1e-3, len(_MIDLINE))
    template[left, 1] = -rng.uniform(0.1, 0.5, len(left))
    template[right] = template[left] * [1, -1, 1] + rng.normal(0, 1e-3, (len(right), 3))
    parents = _PARENTS[:joints] if joints > 31 else np.arange(-1, joints - 1)
    tree = np.stack([parents, np.arange(joints)]).astype(np.uint32)  # the root's is 2 ** 32 - 1
    regressor = sparse.random(joints, VERTEX_COUNT, 0.01, "csc", random_state=2)
    return {
        "v_template": template,
        "f": rng.integers(0, VERTEX_COUNT, (_FACES, 3)).astype(np.uint32),
        "shapedirs": rng.normal(0, 0.05, (VERTEX_COUNT, 3, _COMPONENTS)),
        "posedirs": np.zeros((VERTEX_COUNT, 3, 9 * (joints - 1)), np.float32),
        "J_regressor": regressor.multiply(1 / regressor.sum(1)).tocsc(),
        "kintree_table": tree,
        "weights": rng.dirichlet(np.ones(joints), VERTEX_COUNT),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }


def smal_data(components: int = _COMPONENTS) -> dict[str, object]:
    """The dictionary of a data file: five families over shape components."""
    rng = np.random.default_rng(3)
    spread = rng.normal(size=(5, components, components))
    return {
        "eigenvalues": np.ones(components),
        "cluster_means": rng.normal(size=(5, components)),
        "cluster_cov": [a @ a.T + np.eye(components) for a in spread],
        "shape_space_std": np.ones(components),
    }


def write_smal(folder: Path, joints: int = 35) -> Path:
    """The model with the files that lie beside it, under their publisher's names."""
    rng = np.random.default_rng(4)
    texture = {
        "vt": rng.random((_UVS, 2)),
        "ft": rng.integers(0, _UVS, (_FACES, 3)).astype(np.uint32),
    }
    write_pickle(folder / "my_smpl_data_00781_4_all.pkl", smal_data())
    write_pickle(folder / "symIdx.pkl", symmetry())
    write_pickle(folder / "my_smpl_00781_4_all_template_w_tex_uv_001.pkl", texture)
    return write_pickle(folder / "my_smpl_00781_4_all.pkl", smal_model(joints))


def write_pickle(path: Path, content: object) -> Path:
    """As the oldest Python that still reads it would have written it."""
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path
