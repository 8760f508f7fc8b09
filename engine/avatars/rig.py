"""An avatar as an ordinary rigged body: rest pose, weights, joints and corrective shapes.

Pure numbers: nothing here knows a network.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..bodies.skinning import Chain
from ..formats.body_file import BodyData
from ..geometry.rotations import axis_angle_to_matrix

MOST_WEIGHTS = 8  # joints that a vertex may follow; games and FBX take no more
_NEIGHBOURS = 512  # vertices that a joint is regressed from: all round it, for an inner joint
_REACH = 1e-4  # metres; how much farther than the nearest a vertex must be to weigh less at all


def trim_weights(weights: np.ndarray, most: int = MOST_WEIGHTS) -> np.ndarray:
    """Skin weights (V, J) with the `most` largest of every vertex alone, rows summing to 1."""
    kept = np.maximum(np.asarray(weights, np.float64), 0)
    if kept.shape[1] > most:
        small = np.argpartition(kept, -most, axis=1)[:, :-most]
        np.put_along_axis(kept, small, 0, axis=1)
    return (kept / kept.sum(1, keepdims=True)).astype(np.float32)


def rest_vertices(canonical: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """T-pose vertices (V, 3) of a canonical mesh (V, 3), metres.

    `transforms` (J, 4, 4) carry the joints from the T-pose to the canonical pose, `weights` (V, J)
    blend them. Skinning the result with the same weights gives `canonical` again; so trim first.
    """
    blended = np.tensordot(np.asarray(weights, np.float64), transforms, axes=1)
    away = canonical - blended[:, :3, 3]
    return np.linalg.solve(blended[:, :3, :3], away[..., None])[..., 0].astype(np.float32)


def rig_body(
    person: BodyData,
    vertices_rest: np.ndarray,
    faces: np.ndarray,
    vt: np.ndarray,
    ft: np.ndarray,
    weights: np.ndarray,
    name: str = "avatar",
) -> BodyData:
    """The body of `person` dressed in a T-pose mesh (V, 3), with exactly the person's joints.

    `faces` (F, 3), UVs `vt` (U, 2) and `ft` (F, 3), skin `weights` (V, J). It has no shapes of its
    own; of the person's keypoints those on joints stay.
    """
    joints = person.joints(person.v_template)
    on_joint = np.flatnonzero(person.keypoint_joint >= 0)
    count = len(vertices_rest)
    return BodyData(
        v_template=vertices_rest.astype(np.float32),
        faces=faces.astype(np.int32),
        shapedirs=np.zeros((count, 3, 0), np.float32),
        exprdirs=np.zeros((count, 3, 0), np.float32),
        posedirs=None,
        J_regressor=joint_regressor(vertices_rest, joints),
        parents=person.parents,
        weights=weights.astype(np.float32),
        joint_names=person.joint_names,
        expression_names=(),
        vt=vt.astype(np.float32),
        ft=ft.astype(np.int32),
        keypoint_names=tuple(person.keypoint_names[k] for k in on_joint),
        keypoint_joint=person.keypoint_joint[on_joint],
        keypoint_verts=np.zeros((len(on_joint), 3), np.int32),
        keypoint_bary=np.zeros((len(on_joint), 3), np.float32),
        kind="avatar",
        licence=person.licence,
        name=name,
        hand_components=person.hand_components,
        hand_mean=person.hand_mean,
    )


def rest_offsets(rig: BodyData, pose: np.ndarray, posed: np.ndarray) -> np.ndarray:
    """(V, 3) metres that the T-pose must change so that skinning gives `posed` (V, 3).

    `pose` (J, 3) axis-angle; the root turns about its own joint, and there is no translation.
    """
    joints = torch.from_numpy(rig.joints(rig.v_template)).double()[None]
    turns = axis_angle_to_matrix(torch.from_numpy(np.asarray(pose, np.float64)))[None]
    turns, places = Chain(rig.parents)(turns, joints)
    shift = places - (turns @ joints[..., None]).squeeze(-1)
    bones = torch.cat([turns, shift[..., None]], -1)[0].numpy()
    blended = np.tensordot(rig.weights.astype(np.float64), bones, axes=1)
    away = posed - blended[..., 3]
    rest = np.linalg.solve(blended[..., :3], away[..., None])[..., 0]
    return (rest - rig.v_template).astype(np.float32)


def joint_regressor(vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(J, V) rows that sum to 1 and take `vertices` (V, 3) exactly to `joints` (J, 3).

    Of all such rows on the vertices near a joint the least, nearer ones counting more.
    """
    count = min(_NEIGHBOURS, len(vertices))
    distance, near = cKDTree(vertices).query(joints, count)
    regressor = np.zeros((len(joints), len(vertices)))
    for joint, place in enumerate(joints.astype(np.float64)):
        around = vertices[near[joint]].astype(np.float64) - place
        system = np.column_stack([around, np.ones(count)]).T
        trust = ((distance[joint, 0] + _REACH) / (distance[joint] + _REACH)) ** 2
        weighted = np.linalg.lstsq(system * trust, (0.0, 0.0, 0.0, 1.0), rcond=None)[0]
        regressor[joint, near[joint]] = trust * weighted
    return regressor.astype(np.float32)
