"""Which joint of a BVH file is which of ours: by name for limbs, by the tree for the trunk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..formats.errors import InputError
from .bvh import Bvh

# Our joint of a side -> what others call it, the surest first. A word can mean two joints (foot,
# shoulder); the joint that stands first here takes it.
_LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "hip"),
    "knee": ("knee", "lowerleg", "lowleg", "shin", "calf", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toes", "ball", "toe0", "foot"),
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "collarbone", "shoulder"),
}
_NEEDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_FINGER = re.compile(r"(?:hand|finger)?(index|middle|pinky|little|ring|thumb)(?:finger)?0?([123])")
_SIDES = {"l": "left", "r": "right"}
_SIDED = (
    re.compile(r"(?P<side>left|right)[ _.-]*(?P<stem>.+)", re.I),
    re.compile(r"(?P<side>l|r)[ _.-]+(?P<stem>.+)", re.I),
    re.compile(r"(?P<stem>.+?)[ _.-]+(?P<side>left|right|l|r)", re.I),
    re.compile(r"(?P<stem>.+)(?P<side>Left|Right)"),
    re.compile(r"(?P<side>[lLrR])(?P<stem>[A-Z].*)"),
    re.compile(r"(?P<side>l|r)(?P<stem>hand|thumb|fingers)"),
)
_PREFIX = re.compile(r"^(?:.*:|bip\d*[ _]|character\d*_|mixamorig\d*_?|def[-_.]|b_)", re.I)


def find_joints(path: object, bvh: Bvh) -> dict[str, int]:
    """Our joint name -> joint of `bvh`: limbs, fingers, head and neck, and the pelvis.

    Raises InputError that names the joints which are missing and those that the file has.
    """
    sided = {key: j for j, key in _sided(bvh.names)}
    found: dict[str, int] = {}
    for side in ("left", "right"):
        for joint, words in _LIMBS.items():
            for word in words:
                place = sided.get((side, word))
                if place is not None and place not in found.values():
                    found[f"{side}_{joint}"] = place
                    break
        for (other, stem), place in sided.items():
            finger = _FINGER.fullmatch(stem)
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
    head = next((j for j, n in enumerate(bvh.names) if _bare(n).lower() == "head"), None)
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


def _sided(names: list[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    """(joint, (side, stem)) of those joints whose names tell a side."""
    for j, name in enumerate(names):
        for pattern in _SIDED:
            match = pattern.fullmatch(_bare(name))
            if match:
                stem = re.sub(r"[^a-z0-9]", "", match["stem"].lower())
                yield j, (_SIDES[match["side"][0].lower()], stem)
                break


def _bare(name: str) -> str:
    return _PREFIX.sub("", name.strip())


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
