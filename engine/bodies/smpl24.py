"""The shipped body, or any SMPL-X-like body, seen as a 24-joint SMPL skeleton and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..formats.body_file import BodyData
from ..formats.errors import InputError

# SMPL's hand joint is the hand as a whole; its nearest joint here is the middle knuckle.
SMPL24_NAMES: tuple[str, ...] = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar"),
    *("right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hand", "right_hand"),
)
SMPL24_PARENTS: tuple[int, ...] = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
)
_STANDS_FOR = {"left_hand": "left_middle1", "right_hand": "right_middle1"}
_BODY_JOINTS = 22


def smpl24_indices(joint_names: tuple[str, ...]) -> np.ndarray:
    """For each of SMPL's 24 joints the index (24,) of the joint of a body that stands for it.

    Raises InputError where the body has no such joint.
    """
    places = {name: index for index, name in enumerate(joint_names)}
    wanted = [name if name in places else _STANDS_FOR.get(name, name) for name in SMPL24_NAMES]
    missing = [name for name in wanted if name not in places]
    if missing:
        raise InputError(
            f"This body has no joint named {', '.join(missing)}.",
            "Use a body of the SMPL family or the shipped one.",
        )
    return np.array([places[name] for name in wanted])


def joints_to_smpl24(joints: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
    """SMPL's joints (..., 24, 3) out of all joints (..., J, 3), metres."""
    return joints[..., smpl24_indices(joint_names), :]


def pose_to_smpl24(pose: np.ndarray) -> np.ndarray:
    """SMPL pose (..., 72) of an SMPL-X pose (..., 165), radians. Fingers, jaw and eyes are lost."""
    pose = np.asarray(pose)
    hands = np.zeros((*pose.shape[:-1], 6), dtype=pose.dtype)
    return np.concatenate([pose[..., : 3 * _BODY_JOINTS], hands], axis=-1)


def pose_from_smpl24(pose: np.ndarray) -> np.ndarray:
    """SMPL-X pose (..., 165) of an SMPL pose (..., 72), radians: flat hands, face at rest.

    The turn of SMPL's hand joint moves the fingers as one, so it becomes the turn of all five
    first knuckles.
    """
    pose = np.asarray(pose)
    full = np.zeros((*pose.shape[:-1], 165), dtype=pose.dtype)
    full[..., : 3 * _BODY_JOINTS] = pose[..., : 3 * _BODY_JOINTS]
    for hand, first in ((22, 25), (23, 40)):
        for knuckle in range(first, first + 15, 3):
            full[..., 3 * knuckle : 3 * knuckle + 3] = pose[..., 3 * hand : 3 * hand + 3]
    return full


def smpl24_body(body: BodyData) -> BodyData:
    """`body` with SMPL's 24 joints: the same mesh, bound to fewer bones.

    Fingers move with the hand joints, jaw and eyes with the head. A body of 24 joints comes back as
    it is. Raises InputError where a joint of SMPL has no counterpart.
    """
    if body.joint_names == SMPL24_NAMES:
        return body
    kept = smpl24_indices(body.joint_names)
    home = _homes(body, kept)
    weights = np.zeros((len(body.weights), len(SMPL24_NAMES)), dtype=body.weights.dtype)
    np.add.at(weights.T, home, body.weights.T)
    correctives: dict[str, Any] = {}  # the columns of joints stand in posemap, where there is one
    if body.posemap is not None:
        correctives = {"posemap": _for_24(body.posemap, kept)}
    elif body.posedirs is not None:
        correctives = {"posedirs": _for_24(body.posedirs, kept)}
    points = np.flatnonzero((body.keypoint_joint < 0) | np.isin(body.keypoint_joint, kept))
    joint = body.keypoint_joint[points]
    return replace(
        body,
        **correctives,
        J_regressor=body.J_regressor[kept],
        parents=np.array(SMPL24_PARENTS, dtype=np.int32),
        weights=weights,
        joint_names=SMPL24_NAMES,
        keypoint_names=tuple(body.keypoint_names[k] for k in points),
        keypoint_joint=np.where(joint < 0, -1, home[joint]).astype(np.int32),
        keypoint_verts=body.keypoint_verts[points],
        keypoint_bary=body.keypoint_bary[points],
        kind="smpl",
        hand_components=None,
        hand_mean=None,
    )


def _homes(body: BodyData, kept: np.ndarray) -> np.ndarray:
    """For each joint of `body` the SMPL joint (J,) whose bone takes over its weights."""
    place = {int(joint): row for row, joint in enumerate(kept)}
    home = np.zeros(len(body.parents), dtype=np.int64)
    for joint, parent in enumerate(body.parents):
        above = home[max(parent, 0)]
        if joint in place:
            above = place[joint]
        elif SMPL24_NAMES[above].endswith("_wrist"):
            above += 2  # a finger: SMPL's hands follow its wrists
        home[joint] = above
    return home


def _for_24(columns: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Of (..., 9 (J - 1)) the (..., 9 * 23) of SMPL's joints; a hand as a whole has none."""
    chosen = (9 * (kept[1:_BODY_JOINTS, None] - 1) + np.arange(9)).ravel()
    hands = np.zeros((*columns.shape[:-1], 18), dtype=columns.dtype)
    return np.concatenate([columns[..., chosen], hands], axis=-1)
