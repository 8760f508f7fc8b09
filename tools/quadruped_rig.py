"""What makes a mesh a body: skinning weights, a joint regressor, keypoints."""

from __future__ import annotations

import numpy as np
from quadruped_field import Field
from quadruped_parts import Anatomy
from scipy.optimize import nnls
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import splu

from layfigure.engine.formats.animal_file import SMAL_JOINTS

PARENTS = np.array(
    [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 11, 12, 13, 6, 15, 0, 17, 18, 19, 0, 21, 22, 23]
    + [0, 25, 26, 27, 28, 29, 30, 16, 16, 16],
    dtype=np.int32,
)
# StanfordExtra's 24 points.
KEYPOINTS = (
    *("left_front_paw", "left_front_knee", "left_front_elbow"),
    *("left_back_paw", "left_back_hock", "left_back_stifle"),
    *("right_front_paw", "right_front_knee", "right_front_elbow"),
    *("right_back_paw", "right_back_hock", "right_back_stifle"),
    *("tail_start", "tail_end", "left_ear_base", "right_ear_base", "nose", "chin"),
    *("left_ear_tip", "right_ear_tip", "left_eye", "right_eye", "withers", "throat"),
)
_MARKS = {
    **{"front_paw": "foretoe", "front_knee": "LLeg3", "front_elbow": "LLeg2"},
    **{"back_paw": "hindtoe", "back_hock": "LLegBack3", "back_stifle": "LLegBack2"},
    **{"ear_base": "ear base", "ear_tip": "ear tip"},
}
_SPREAD = 0.4  # how far weights run along the skin, in radii of the limb
MOST_WEIGHTS = 5


def other_side(name: str) -> str:
    """The joint or keypoint across: LEar and REar, left_eye and right_eye."""
    if name.startswith(("left_", "right_")):
        return name.replace("left", "right") if name[0] == "l" else name.replace("right", "left")
    swaps = {"LL": "RL", "RL": "LL", "LF": "RF", "RF": "LF", "LE": "RE", "RE": "LE"}
    return swaps.get(name[:2], name[:2]) + name[2:]


def skin_weights(
    field: Field, vertices: np.ndarray, faces: np.ndarray, left_right: np.ndarray
) -> np.ndarray:
    """(V, J): each vertex hangs on the bones of its part, then that spreads like heat."""
    half = vertices * np.where(vertices[:, 1:2] < 0, (1, -1, 1), 1)
    belonging = field.belonging(half)
    weights = np.zeros((len(vertices), len(SMAL_JOINTS)))
    swap = np.array([SMAL_JOINTS.index(other_side(name)) for name in SMAL_JOINTS])
    for segment, bone in enumerate(field.bones):
        weights[:, SMAL_JOINTS.index(bone)] += belonging[:, segment]
    right = vertices[:, 1] < 0
    weights[right] = weights[right][:, swap]
    thick = belonging @ field.radii.numpy().mean((1, 2))
    heat = identity(len(vertices)) + diags((_SPREAD * thick) ** 2) @ _flow(vertices, faces)
    weights = splu(heat.tocsc()).solve(weights)
    weights = (weights + weights[left_right][:, swap]) / 2
    least = np.sort(weights, axis=1)[:, -MOST_WEIGHTS, None]
    weights[(weights < least) | (weights < 2e-3)] = 0
    return weights / weights.sum(1, keepdims=True)


def _flow(vertices: np.ndarray, faces: np.ndarray) -> csr_matrix:
    """(V, V) how fast heat leaves a vertex towards its neighbours, 1 / area; rows sum to 0."""
    count = len(vertices)
    corners = vertices[faces]
    rows, columns, values = [], [], []
    for i in range(3):
        a, b, c = corners[:, i], corners[:, (i + 1) % 3], corners[:, (i + 2) % 3]
        slope = np.einsum("fi,fi->f", b - a, c - a)
        slope /= np.linalg.norm(np.cross(b - a, c - a), axis=1)
        slope = np.clip(slope, 0.02, 10) / 2
        one, two = faces[:, (i + 1) % 3], faces[:, (i + 2) % 3]
        rows += [one, two]
        columns += [two, one]
        values += [slope, slope]
    pair = (np.concatenate(rows), np.concatenate(columns))
    stiff = coo_matrix((np.concatenate(values), pair), (count, count)).tocsr()
    area = np.linalg.norm(np.cross(*np.diff(corners, axis=1).transpose(1, 0, 2)), axis=1) / 6
    area = np.bincount(faces.ravel(), np.repeat(area, 3), minlength=count)
    return diags(1 / area) @ (diags(np.asarray(stiff.sum(1)).ravel()) - stiff)


def joint_places(body: Anatomy) -> np.ndarray:
    """(J, 3) of an animal, both sides."""
    places = {**body.joints}
    places |= {other_side(n): p * (1, -1, 1) for n, p in body.joints.items() if other_side(n) != n}
    return np.stack([places[name] for name in SMAL_JOINTS])


def joint_regressor(
    shapes: np.ndarray, joints: np.ndarray, weights: np.ndarray, left_right: np.ndarray
) -> np.ndarray:
    """Rows (J, V) of sum 1, none negative, that follow the joints (N, J, 3) of shapes (N, V, 3).

    A joint hangs on skin around it that its bone, its parent's or a child's carry.
    """
    regressor = np.zeros((len(SMAL_JOINTS), shapes.shape[1]))
    mean, middle = shapes.mean(0), joints.mean(0)
    for j, name in enumerate(SMAL_JOINTS):
        twin = SMAL_JOINTS.index(other_side(name))
        if twin < j:
            continue
        family = [j, *np.flatnonzero(j == PARENTS), *([PARENTS[j]] if j else [])]
        apart = np.linalg.norm(mean - middle[j], axis=1)
        apart[weights[:, family].sum(1) < 0.4] = np.inf
        near = np.sort(apart)[5]
        chosen = np.flatnonzero(apart < 2.2 * near + 0.03)
        chosen = chosen[:: 1 + len(chosen) // 80]
        regressor[j, chosen] = _shares(shapes[:, chosen], joints[:, j])
        if twin == j:
            regressor[j] = (regressor[j] + regressor[j, left_right]) / 2
        else:
            regressor[twin, left_right] = regressor[j]
    return regressor


def _shares(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (K,) >= 0 of sum 1, evenly spread where free, that take (N, K, 3) to (N, 3)."""
    count = points.shape[1]
    rows = points.transpose(0, 2, 1).reshape(-1, count) - target.reshape(-1, 1)
    # Rows of the joint's own offset: the weighted mean of the points about it is to be zero.
    even = 0.01 * np.eye(count)
    total = 100 * np.ones((1, count))
    goal = np.concatenate([np.zeros(len(rows)), np.full(count, 0.01 / count), [100.0]])
    weights, _ = nnls(np.concatenate([rows, even, total]), goal)
    return weights / weights.sum()


def keypoint_rows(
    body: Anatomy, vertices: np.ndarray, regressor: np.ndarray, left_right: np.ndarray
) -> np.ndarray:
    """(24, V) of sum 1: a joint's row, or the mean of the skin nearest a mark."""
    rows = np.zeros((len(KEYPOINTS), len(vertices)))
    for k, name in enumerate(KEYPOINTS):
        side, _, rest = name.partition("_")
        if side == "right":
            rows[k] = rows[KEYPOINTS.index(other_side(name)), left_right]
            continue
        plain = rest if side == "left" else name
        mark = _MARKS.get(plain, plain.replace("_", " "))
        if mark in SMAL_JOINTS:
            rows[k] = regressor[SMAL_JOINTS.index(mark)]
            continue
        order = np.argsort(np.linalg.norm(vertices - body.marks[mark], axis=1), kind="stable")
        rows[k, order[:12] if mark.endswith("toe") else order[:4]] = 1
        if side != "left":
            rows[k] += rows[k, left_right]
        rows[k] /= rows[k].sum()
    return rows
