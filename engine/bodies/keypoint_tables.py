"""Where the keypoints of OpenPose (BODY_25, hands, face 70) lie on bodies of the SMPL family."""

from __future__ import annotations

import numpy as np

from ..formats.keypoints import BODY_25, HAND_21, KEYPOINT_NAMES
from ..formats.skeleton import JOINT_NAMES

# BODY_25 point -> joint; the points that are no joints are vertices (below).
_BODY_JOINTS: dict[str, str] = {
    "Neck": "neck",
    "MidHip": "pelvis",
    **{
        f"{letter}{point}": f"{side}_{joint}"
        for letter, side in (("R", "right"), ("L", "left"))
        for point, joint in (
            *(("Shoulder", "shoulder"), ("Elbow", "elbow"), ("Wrist", "wrist")),
            *(("Hip", "hip"), ("Knee", "knee"), ("Ankle", "ankle")),
        )
    },
}
_VERTEX_POINTS = (
    *("Nose", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel"),
    *("RBigToe", "RSmallToe", "RHeel"),
)
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_TIPS = tuple(f"{side}_hand_{f}_tip" for side in ("left", "right") for f in _FINGERS)


def _vertices(body: tuple[int, ...], tips: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(_VERTEX_POINTS + _TIPS, body + tips, strict=True))


_SMPL = _vertices(
    (332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787),
    (2746, 2319, 2445, 2556, 2673, 6191, 5782, 5905, 6016, 6133),
)
_SMPLX = _vertices(
    (9120, 9929, 9448, 616, 6, 5770, 5780, 8846, 8463, 8474, 8635),
    (5361, 4933, 5058, 5169, 5286, 8079, 7669, 7794, 7905, 8022),
)
VERTEX_COUNT = {"smpl": 6890, "smplh": 6890, "smplx": 10475}

# SMPL-X's own order: MANO's fingers (index, middle, pinky, ring, thumb), joint 1 nearest the palm.
JOINTS = {
    "smplx": JOINT_NAMES,
    "smplh": JOINT_NAMES[:22] + JOINT_NAMES[25:],
    "smpl": JOINT_NAMES[:22] + ("left_hand", "right_hand"),
}


def family_keypoints(
    kind: str, faces: np.ndarray, model: dict[str, np.ndarray]
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Names (K), joint (K,), vertices (K, 3), barycentric weights (K, 3) for a SMPL, SMPL-H or
    SMPL-X model; points that the model cannot name are left out (SMPL: fingers and face).

    `model` holds the file's landmark arrays (`lmk_*`, `dynamic_lmk_*`), if it has them.
    """
    places = {name: index for index, name in enumerate(JOINTS[kind])}
    vertices = dict(_SMPLX if kind == "smplx" else _SMPL)
    if kind == "smplx":
        vertices |= {"face_68": vertices["REye"], "face_69": vertices["LEye"]}
    rows: dict[str, tuple[int, tuple, tuple]] = {}
    for point in BODY_25:
        if point in _BODY_JOINTS:
            rows[point] = (places[_BODY_JOINTS[point]], (0, 0, 0), (1, 0, 0))
        else:
            rows[point] = _at_vertex(vertices[point])
    if kind != "smpl":
        for side in ("left", "right"):
            rows |= _hand(side, places, vertices)
    if kind == "smplx":
        rows |= _face(faces, model)
        for pupil in ("face_68", "face_69"):
            rows[pupil] = _at_vertex(vertices[pupil])
    names = tuple(name for name in KEYPOINT_NAMES if name in rows)
    joint, corner, bary = zip(*(rows[name] for name in names), strict=True)
    return (
        names,
        np.array(joint, dtype=np.int32),
        np.array(corner, dtype=np.int32),
        np.array(bary, dtype=np.float32),
    )


def joint_keypoints(
    joint_names: tuple[str, ...],
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """The part of `family_keypoints` that needs no known mesh: points that are joints."""
    places = {name: index for index, name in enumerate(joint_names)}
    known = {point: places.get(joint) for point, joint in _BODY_JOINTS.items()}
    named = {point: known[point] for point in BODY_25 if known.get(point) is not None}
    count = len(named)
    bary = np.tile(np.array([1, 0, 0], dtype=np.float32), (count, 1))
    joint = np.array(list(named.values()), dtype=np.int32)
    return tuple(named), joint, np.zeros((count, 3), dtype=np.int32), bary


def _at_vertex(vertex: int) -> tuple[int, tuple, tuple]:
    return -1, (vertex, vertex, vertex), (1, 0, 0)


def _hand(side: str, places: dict[str, int], vertices: dict[str, int]) -> dict:
    rows = {}
    for point in HAND_21:
        name = f"{side}_hand_{point}"
        if name in vertices:
            rows[name] = _at_vertex(vertices[name])
        else:
            rows[name] = (places[f"{side}_{point}"], (0, 0, 0), (1, 0, 0))
    return rows


def _face(faces: np.ndarray, model: dict[str, np.ndarray]) -> dict:
    """Jaw line 0..16 (the fixed choice of a face seen from the front), then 17..67."""
    rows = {}
    for first, triangles, bary in (
        (0, "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"),
        (17, "lmk_faces_idx", "lmk_bary_coords"),
    ):
        if triangles not in model or bary not in model:
            continue
        fixed = model[triangles].ndim == 2
        index = model[triangles][0] if fixed else model[triangles]
        weight = model[bary][0] if fixed else model[bary]
        for k, (triangle, corner_weights) in enumerate(zip(index, weight, strict=True)):
            rows[f"face_{first + k}"] = (-1, tuple(faces[int(triangle)]), tuple(corner_weights))
    return rows
