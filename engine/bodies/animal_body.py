"""An animal as a body like the others: y up, facing +z, left side +x, the limb scales built in.

At pose zero the limb scales stretch the mesh linearly, so that stretched template, shape space and
pose correctives are again a body of plain linear blend skinning. What plays bodies plays animals.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..formats.animal_file import AnimalData
from ..formats.body_file import BodyData
from .animal_posing import AnimalPosing

_AXES = np.array([1, 2, 0])  # an animal's y, z, x are a body's x, y, z
_TURN = Rotation.from_matrix(np.eye(3)[_AXES])


def as_body(data: AnimalData, limb_logscale: np.ndarray) -> BodyData:
    """The body of kind "animal" whose limbs have the logs (L,) of their scales.

    Its keypoints are those of the animal that lie on at most three vertices.
    """
    template, shapedirs, stretch = _stretched(data, limb_logscale)
    posedirs = None
    if data.posedirs is not None:
        posedirs = _turned_features(data.posedirs * stretch[..., None])[:, _AXES]
    names, corners, bary = _surface_points(data)
    count = len(data.v_template)
    return BodyData(
        v_template=template[:, _AXES],
        faces=data.faces,
        shapedirs=shapedirs[:, _AXES],
        exprdirs=np.zeros((count, 3, 0), np.float32),
        posedirs=posedirs,
        J_regressor=data.J_regressor,
        parents=data.parents,
        weights=data.weights,
        joint_names=data.joint_names,
        expression_names=(),
        vt=data.vt,
        ft=data.ft,
        keypoint_names=names,
        keypoint_joint=np.full(len(names), -1, np.int32),
        keypoint_verts=corners,
        keypoint_bary=bary,
        kind="animal",
        licence=data.licence,
        name=data.name,
    )


def body_pose(
    pose: np.ndarray, transl: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An animal's pose (T, J, 3), axis-angle, and transl (T, 3) as those of its `as_body`.

    root (3,): the root joint at rest in the animal's axes, about which it turns.
    """
    turned = pose[..., _AXES]
    first = Rotation.from_rotvec(pose[:, 0]) * _TURN.inv()
    turned[:, 0] = first.as_rotvec()
    return turned, transl + root - root[_AXES]


def _stretched(
    data: AnimalData, limb_logscale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Template (V, 3), shape directions (V, 3, B) and stretch of every vertex (V, 3)."""
    count = data.shapedirs.shape[-1]
    shapes = torch.cat([torch.zeros(1, count), torch.eye(count)]).double()
    limbs = torch.as_tensor(limb_logscale, dtype=torch.float64)[None]
    rest = AnimalPosing(data, torch.float64).rest(shapes, limbs.expand(count + 1, -1))
    template, *others = rest.vertices.numpy()
    directions = [shape - template for shape in others]
    empty = np.zeros((*template.shape, 0))
    shapedirs = np.stack(directions, -1) if directions else empty
    stretch = rest.stretch[0].numpy().astype(np.float32)
    return template.astype(np.float32), shapedirs.astype(np.float32), stretch


def _turned_features(posedirs: np.ndarray) -> np.ndarray:
    """Pose correctives (V, 3, 9 (J - 1)) for matrices whose rows and columns are in a body's
    order of axes."""
    cells = posedirs.reshape(*posedirs.shape[:2], -1, 3, 3)
    return cells[..., _AXES[:, None], _AXES].reshape(posedirs.shape)


def _surface_points(data: AnimalData) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names (K), vertices (K, 3) and weights (K, 3) of the keypoints on at most three vertices."""
    few = np.flatnonzero((data.keypoints != 0).sum(1) <= 3)
    names = tuple(data.keypoint_names[row] for row in few)
    corners = np.argsort(-np.abs(data.keypoints[few]), axis=1, kind="stable")[:, :3]
    bary = np.take_along_axis(data.keypoints[few], corners, axis=1)
    return names, corners.astype(np.int32).reshape(-1, 3), bary.reshape(-1, 3)
