"""Poses of the SMPL family's skeletons (22, 24, 52 or 55 joints) carried to another of them."""

from __future__ import annotations

import numpy as np

from ..bodies.keypoint_tables import JOINTS
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.skeleton import JOINT_NAMES

MAIN_JOINTS = JOINT_NAMES[:22]  # what every skeleton of the family has
_FINGERS = ("index1", "middle1", "pinky1", "ring1", "thumb1")


def names_of(count: int, body: BodyData) -> tuple[str, ...] | None:
    """Names of the joints of a skeleton of `count` joints, or None where there is no such one."""
    known = {len(names): tuple(names) for names in (MAIN_JOINTS, *JOINTS.values())}
    known.setdefault(len(body.joint_names), body.joint_names)
    return known.get(count)


def check_joints(body: BodyData) -> None:
    """Raise InputError for a body that lacks one of the family's main joints."""
    missing = [name for name in MAIN_JOINTS if name not in body.joint_names]
    if missing:
        raise InputError(
            f"The body {body.name} has no joint named {', '.join(missing)}.",
            "Motions need a body with the joints of the SMPL family.",
        )


def carry(poses: np.ndarray, names: tuple[str, ...], body: BodyData) -> np.ndarray:
    """Poses (T, J, 3) of `body` with the rotations that `poses` (T, S, 3) have for joints `names`.

    Axis-angle, radians, relative to the parent. Joints that the source lacks stay at rest; where
    it turns a hand as one, the five first knuckles do. Raises InputError for a body without the
    family's main joints.
    """
    if names == body.joint_names:
        return poses.astype(np.float32)
    check_joints(body)
    place = {name: index for index, name in enumerate(body.joint_names)}
    carried = np.zeros((len(poses), len(place), 3), np.float32)
    for index, name in enumerate(names):
        for stand_in in _stand_ins(name):
            if stand_in in place:
                carried[:, place[stand_in]] = poses[:, index]
    return carried


def _stand_ins(name: str) -> tuple[str, ...]:
    side, _, part = name.partition("_")
    return (name, *(f"{side}_{finger}" for finger in _FINGERS)) if part == "hand" else (name,)
