"""Which joint of a BVH file is which of ours: by name for limbs, by the tree for the trunk."""

from __future__ import annotations

from ..formats.errors import InputError
from ..formats.joint_words import FINGER, LIMBS, bare, sided
from .bvh import Bvh

_NEEDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")


def find_joints(path: object, bvh: Bvh) -> dict[str, int]:
    """Our joint name -> joint of `bvh`: limbs, fingers, head and neck, and the pelvis.

    Raises InputError that names the joints which are missing and those that the file has.
    """
    by_side = {key: j for j, key in sided(bvh.names)}
    found: dict[str, int] = {}
    for side in ("left", "right"):
        for joint, words in LIMBS.items():
            for word in words:
                place = by_side.get((side, word))
                if place is not None and place not in found.values():
                    found[f"{side}_{joint}"] = place
                    break
        for (other, stem), place in by_side.items():
            finger = FINGER.fullmatch(stem)
            if other == side and finger:
                name = finger[1].replace("little", "pinky")
                found[f"{side}_{name}{finger[2]}"] = place
    missing = [f"{s}_{j}" for j in _NEEDED for s in ("left", "right") if f"{s}_{j}" not in found]
    if missing:
        raise InputError(
            f"{path}: no joint in it is named like {', '.join(missing)}.",
            f"Its joints are {', '.join(n for n in bvh.names if n)}.",
        )
    found["pelvis"] = _meeting(bvh, found["left_hip"], found["right_hip"])
    chest = _meeting(bvh, found["left_shoulder"], found["right_shoulder"])
    if found["pelvis"] not in _ancestors(bvh, chest):
        raise InputError(f"{path}: its arms do not hang on its hips.", "Give a person's motion.")
    found["spine3"] = chest
    head = next((j for j, n in enumerate(bvh.names) if bare(n).lower() == "head"), None)
    if head is not None and chest in _ancestors(bvh, head)[1:]:
        found["head"] = head
        between = [j for j in reversed(_ancestors(bvh, head)[1:]) if j > chest]
        apart = [j for j in between if (abs(bvh.offsets[j]) > 1e-6).any()]
        if apart:
            found["neck"] = apart[0]
    return found


def spine(bvh: Bvh, found: dict[str, int]) -> list[int]:
    """The joints from the pelvis up to the one that bears the arms, both included."""
    up = _ancestors(bvh, found["spine3"])
    return up[: up.index(found["pelvis"]) + 1][::-1]


def _ancestors(bvh: Bvh, joint: int) -> list[int]:
    """The joint, its parent, and so on to the root."""
    line = [joint]
    while bvh.parents[line[-1]] >= 0:
        line.append(bvh.parents[line[-1]])
    return line


def _meeting(bvh: Bvh, a: int, b: int) -> int:
    """The nearest joint that both hang on."""
    other = set(_ancestors(bvh, b))
    return next(j for j in _ancestors(bvh, a) if j in other)
