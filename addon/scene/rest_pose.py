"""Where the bones of a body lie at rest: heads, tails, rolls. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.formats.body_file import BodyData
from ...engine.formats.skeleton import BONE_NAMES
from .axes import to_blender

_UP, _FRONT = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
_SHORTEST = 0.01  # m; Blender removes bones of no length

# The joint that a bone points to where several hang on it.
_NEXT = {
    "pelvis": "spine1",
    "spine3": "neck",
    "root": "pelvis0",  # an animal's; its neck hangs on spine3, too, and is called Neck
    **{f"{side}_wrist": f"{side}_middle1" for side in ("left", "right")},
}
# The way that a bone without a joint after it points.
_ENDS = {
    "head": _UP,
    "jaw": np.array([0.0, -0.9, -0.44]),
    **{f"{side}_eye": _FRONT for side in ("left", "right")},
    **{f"{side}_foot": _FRONT for side in ("left", "right")},
}


@dataclass
class RestBone:
    """One bone at rest, Blender's axes, metres."""

    name: str
    parent: int  # -1: root
    head: np.ndarray  # (3,)
    tail: np.ndarray  # (3,)
    z_axis: np.ndarray  # (3,) the direction that the bone's z axis turns to as far as it can


def rest_bones(body: BodyData, vertices: np.ndarray, joints: np.ndarray) -> list[RestBone]:
    """The bones of `body` for rest `vertices` (V, 3) and `joints` (J, 3), engine axes, metres.

    Rolls mirror each other, and fingers, elbows and knees bend about one local axis.
    """
    heads, surface = to_blender(joints.astype(np.float64)), to_blender(vertices)
    names = bone_names(body)
    owner = body.weights.argmax(axis=1)
    bones: list[RestBone] = []
    for j, joint in enumerate(body.joint_names):
        child = _child(body, j)
        if child is not None and np.linalg.norm(heads[child] - heads[j]) > _SHORTEST:
            tail = heads[child]
        else:
            way = _end_direction(joint, int(body.parents[j]), j, heads)
            reach = ((surface[owner == j] - heads[j]) @ way).max(initial=_SHORTEST)
            tail = heads[j] + way * reach
        bones.append(
            RestBone(names[j], int(body.parents[j]), heads[j], tail, _z_axis(tail - heads[j]))
        )
    return bones


def bone_names(body: BodyData) -> list[str]:
    """Bone names in joint order: our table's, and for joints that it lacks the joint's own name.

    An animal's are its joints': its file or its user named them, whatever people's are called.
    """
    if body.kind == "animal":
        return list(body.joint_names)
    names: list[str] = []
    for joint in body.joint_names:
        side, _, stem = joint.partition("_")
        other = f"{stem}_{side[0].upper()}" if side in ("left", "right") else joint
        name = BONE_NAMES.get(joint, other)
        while name in names:
            name = f"{joint}_joint" if name != f"{joint}_joint" else f"{name}_2"
        names.append(name)
    return names


def _child(body: BodyData, j: int) -> int | None:
    children = [c for c, parent in enumerate(body.parents) if parent == j]
    wanted = _NEXT.get(body.joint_names[j])
    for c in children:
        if body.joint_names[c].lower() == wanted:
            return c
    return children[0] if len(children) == 1 else None


def _end_direction(joint: str, parent: int, j: int, heads: np.ndarray) -> np.ndarray:
    if joint in _ENDS:
        return _ENDS[joint]
    way = heads[j] - heads[parent] if parent >= 0 else _UP
    length = np.linalg.norm(way)
    return way / length if length > 1e-6 else _UP


def _z_axis(along: np.ndarray) -> np.ndarray:
    """Front for bones that stand, up for those that lie: both mirror onto themselves."""
    upright = abs(along[2]) > 0.7 * np.linalg.norm(along)
    return _FRONT if upright else _UP
