"""The motion of a BVH skeleton on a body of other bone lengths, rest pose and axes.

Both skeletons are brought into one pose, in which each joint of the body learns how it stands to
the joint that leads it; from there they turn alike. That pose is the file's rest pose where one
stands upright in it, else its most upright frame.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.motion import Motion
from .bvh import Bvh, read_bvh
from .bvh_names import find_joints, spine
from .layouts import check_joints
from .place import Z_UP_TO_Y_UP, on_floor, turn_world

_SIDES = ("left", "right")
# Bones that are laid along those of the file: joint, where its bone ends, what it hangs on.
_LIMBS = (
    *(("hip", "knee", ""), ("knee", "ankle", "hip")),
    *(("shoulder", "elbow", ""), ("elbow", "wrist", "shoulder")),
)
_SNAP = np.cos(np.radians(15))  # an axis of a rest pose so near to one of the file's is that one


def read_bvh_motion(path: str | os.PathLike, body: BodyData) -> Motion:
    """The motion of a BVH file on `body`, standing on the floor.

    Raises InputError for a damaged file, unknown joint names and a body that is no person's.
    """
    check_joints(body)
    bvh = read_bvh(path)
    found = find_joints(path, bvh)
    turns, places = bvh.world()
    joints = body.joints(body.v_template).astype(np.float64)
    ours = {name: joints[j] for j, name in enumerate(body.joint_names)}
    stance = _stance(bvh, found, turns, places)
    leading = _leading(bvh, found, turns, stance, ours)
    poses = _relative(leading, body)
    trans = _trans(path, found, places, ours, leading["pelvis"])
    if _z_is_up(found, places):
        poses, trans = turn_world(poses, trans, Z_UP_TO_Y_UP, joints[0])
    motion = Motion(
        poses=poses.reshape(len(poses), -1).astype(np.float32),
        trans=trans.astype(np.float32),
        betas=np.zeros(0, np.float32),
        expression=np.zeros((len(poses), 0), np.float32),
        fps=bvh.fps,
        body=body.name if body.kind in ("layfigure", "avatar") else body.kind,
    )
    return on_floor(motion, body)


@dataclass
class _Stance:
    """The pose in which the two skeletons are compared."""

    turns: np.ndarray  # (J, 3, 3) world rotations of the file's joints
    places: np.ndarray  # (J, 3)
    axes: np.ndarray  # (3, 3) left, up and forward as columns


def _stance(bvh: Bvh, found: dict[str, int], turns: np.ndarray, places: np.ndarray) -> _Stance:
    """The rest pose, or the most upright frame."""
    rest = bvh.rest()
    if _upright(_named(found, rest)) > 0.7:
        still = np.tile(np.eye(3), (len(rest), 1, 1))
        return _Stance(still, rest, _axes(_named(found, rest)))
    best = int(np.argmax([_upright(_named(found, frame)) for frame in places]))
    return _Stance(turns[best], places[best], _axes(_named(found, places[best])))


def _named(found: dict[str, int], places: np.ndarray) -> dict[str, np.ndarray]:
    return {name: places[joint] for name, joint in found.items()}


def _upright(at: dict[str, np.ndarray]) -> float:
    """1 for a body that stands straight, less for one that does not: the worst of its bones."""
    trunk = _unit(_middle(at, "shoulder") - _middle(at, "hip"))
    worst = 1.0
    for side in _SIDES:
        for top, end in (("hip", "knee"), ("knee", "ankle")):
            bone = _unit(at[f"{side}_{top}"] - at[f"{side}_{end}"])
            worst = min(worst, float(bone @ trunk))
        for top, end in (("shoulder", "elbow"), ("elbow", "wrist")):
            bone = _unit(at[f"{side}_{top}"] - at[f"{side}_{end}"])
            worst = min(worst, 1.7 + float(bone @ trunk))  # arms anywhere but straight up
    return worst


def _axes(at: dict[str, np.ndarray]) -> np.ndarray:
    """(3, 3) left, up and forward, as columns, of somebody who stands."""
    up = _snapped(_unit(_middle(at, "shoulder") - _middle(at, "ankle")))
    across = at["left_hip"] - at["right_hip"]
    left = _snapped(_unit(across - (across @ up) * up))
    left = _unit(left - (left @ up) * up)
    return np.stack([left, up, np.cross(left, up)], 1)


def _snapped(axis: np.ndarray) -> np.ndarray:
    nearest = int(np.abs(axis).argmax())
    if abs(axis[nearest]) < _SNAP:
        return axis
    return np.sign(axis[nearest]) * np.eye(3)[nearest]


def _leading(
    bvh: Bvh,
    found: dict[str, int],
    turns: np.ndarray,
    stance: _Stance,
    ours: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """World rotations (T, 3, 3) of those of our joints that the file leads."""
    apart = _apart(bvh, found, stance, ours)
    since = turns @ stance.turns.transpose(0, 2, 1)  # how all joints have turned since the stance
    leading = {
        name: since[:, joint] @ apart.get(name, apart["pelvis"]) for name, joint in found.items()
    }
    line = spine(bvh, found)
    for k in (1, 2, 3):
        below, share = divmod(k * (len(line) - 1) / 3, 1)
        a, b = line[int(below)], line[min(int(below) + 1, len(line) - 1)]
        leading[f"spine{k}"] = _between(since[:, a], since[:, b], share) @ apart["pelvis"]
    for side in _SIDES:
        leading.setdefault(f"{side}_foot", leading[f"{side}_ankle"])
    return leading


def _apart(
    bvh: Bvh, found: dict[str, int], stance: _Stance, ours: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """How our joints (3, 3) must turn from our rest pose into the file's stance."""
    theirs = _named(found, stance.places)
    body = stance.axes @ _axes(ours).T
    apart = {"pelvis": body}
    for side in _SIDES:
        for joint, end, holder in _LIMBS:
            bone = ours[f"{side}_{end}"] - ours[f"{side}_{joint}"]
            wanted = theirs[f"{side}_{end}"] - theirs[f"{side}_{joint}"]
            start = apart[f"{side}_{holder}"] if holder else body
            apart[f"{side}_{joint}"] = _swing(start @ bone, wanted) @ start
        arm = apart[f"{side}_elbow"]
        apart |= {name: arm for name in found if name.startswith(side) and name[-1] in "123"}
        apart[f"{side}_wrist"] = arm  # hands are straight and feet flat in both
        foot = body
        toes = _toes(bvh, found, side)
        if toes is not None:
            ahead = body @ (ours[f"{side}_foot"] - ours[f"{side}_ankle"])
            wanted = stance.places[toes] - theirs[f"{side}_ankle"]
            foot = _swing(_level(ahead, stance.axes), _level(wanted, stance.axes)) @ body
        apart |= {f"{side}_ankle": foot, f"{side}_foot": foot}
    return apart


def _toes(bvh: Bvh, found: dict[str, int], side: str) -> int | None:
    """The joint or the tip that a foot points to."""
    ankle = found[f"{side}_ankle"]
    return found.get(
        f"{side}_foot", next((j for j, parent in enumerate(bvh.parents) if parent == ankle), None)
    )


def _level(bone: np.ndarray, axes: np.ndarray) -> np.ndarray:
    return bone - (bone @ axes[:, 1]) * axes[:, 1]


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The least rotation (3, 3) that lays the direction `start` along `end`."""
    a, b = _unit(start), _unit(end)
    axis, cosine = np.cross(a, b), float(a @ b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-8:
        if cosine >= 0:
            return np.eye(3)
        axis, sine = np.cross(a, np.eye(3)[np.abs(a).argmin()]), 0.0
    return Rotation.from_rotvec(_unit(axis) * np.arctan2(sine, cosine)).as_matrix()


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Rotations (T, 3, 3) on the way from `a` to `b`."""
    start = Rotation.from_matrix(a)
    step = (start.inv() * Rotation.from_matrix(b)).as_rotvec()
    return (start * Rotation.from_rotvec(share * step)).as_matrix()


def _relative(leading: dict[str, np.ndarray], body: BodyData) -> np.ndarray:
    """Poses (T, J, 3) of the body; a joint that nothing leads goes with its parent."""
    world: list[np.ndarray] = []
    poses = np.zeros((len(leading["pelvis"]), len(body.parents), 3))
    for joint, (name, parent) in enumerate(zip(body.joint_names, body.parents, strict=True)):
        if parent < 0:
            world.append(leading["pelvis"])
            own = world[joint]
        else:
            world.append(leading.get(name, world[parent]))
            own = world[parent].transpose(0, 2, 1) @ world[joint]
        poses[:, joint] = Rotation.from_matrix(own).as_rotvec()
    return poses


def _trans(
    path: str | os.PathLike,
    found: dict[str, int],
    places: np.ndarray,
    ours: dict[str, np.ndarray],
    root: np.ndarray,
) -> np.ndarray:
    """(T, 3) metres that lay our hips where theirs are, scaled as our legs to theirs."""
    theirs = _legs(_named(found, places[0]))
    if theirs < 1e-9:
        raise InputError(f"{path}: its legs have no length.", "Export the file again.")
    left, right = found["left_hip"], found["right_hip"]
    wanted = (places[:, left] + places[:, right]) * 0.5 * _legs(ours) / theirs
    pelvis = ours["pelvis"]
    hips = root @ (_middle(ours, "hip") - pelvis) + pelvis
    return wanted - hips


def _legs(at: dict[str, np.ndarray]) -> float:
    """Length of both legs."""
    bones = [(f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b, _ in _LIMBS[:2]]
    return float(sum(np.linalg.norm(at[a] - at[b]) for a, b in bones))


def _z_is_up(found: dict[str, int], places: np.ndarray) -> bool:
    """Whether people stand along z: BVH has y up, but not every program keeps to that."""
    up = np.mean([_middle(_named(found, p), "shoulder") for p in places], 0)
    up = up - np.mean([_middle(_named(found, p), "ankle") for p in places], 0)
    return bool(up[2] > 2 * abs(up[1]))


def _middle(at: dict[str, np.ndarray], joint: str) -> np.ndarray:
    return (at[f"left_{joint}"] + at[f"right_{joint}"]) / 2


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
