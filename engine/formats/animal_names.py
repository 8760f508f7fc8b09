"""The names of an animal's keypoints, and the orders that data sets have them in.

One vocabulary names a point in every order. The front leg has a paw, a knee (its middle joint) and
an elbow, the hind leg a paw, a hock (its middle joint) and a stifle. A rig of the user may have any
other names.
"""

from __future__ import annotations

from collections.abc import Iterable


def _both(*points: str) -> tuple[str, ...]:
    """Left and right of each point in turn."""
    return tuple(f"{side}_{point}" for point in points for side in ("left", "right"))


def _chain(leg: str, *points: str) -> tuple[str, ...]:
    return tuple(f"{leg}_{point}" for point in points)


_FRONT, _BACK = ("paw", "knee", "elbow"), ("paw", "hock", "stifle")
_LEGS = (
    *_chain("left_front", *_FRONT),
    *_chain("left_back", *_BACK),
    *_chain("right_front", *_FRONT),
    *_chain("right_back", *_BACK),
)
_DOG = (
    *(*_LEGS, "tail_start", "tail_end", *_both("ear_base"), "nose", "chin"),
    *(*_both("ear_tip", "eye"), "withers", "throat"),
)
# TigDog and SMALST agree on the first 19; the upper points of the legs lie where they meet the
# trunk in TigDog and are called ankles by SMALST.
_TRUNK = (
    *(*_both("eye"), "chin", *_both("front_paw", "back_paw"), "tail_start"),
    *_both("front_knee", "back_hock", "shoulder"),
)
_COW_FRONT = ("paw", "pastern", "knee", "elbow", "shoulder_blade")
_COW_BACK = ("paw", "pastern", "hock", "stifle", "pin_bone", "hip_bone")

# SMAL's joints 0-32 by the sides that BADJA gives them: its left foreleg is SMAL's RLeg1 .. RFoot.
_BADJA = (
    *("pelvis", "pelvis_top", "spine", "spine_low", "spine_middle", "spine_high", "chest"),
    *_chain("right_front", "shoulder", "elbow", "knee", "paw"),
    *_chain("left_front", "shoulder", "elbow", "knee", "paw"),
    *("throat", "head"),
    *_chain("right_back", "hip", "stifle", "hock", "paw"),
    *_chain("left_back", "hip", "stifle", "hock", "paw"),
    *("tail_start", "tail_2", "tail_3", "tail_middle", "tail_5", "tail_6", "tail_end"),
    *("mouth", "nose", "chin", "right_ear_tip", "left_ear_tip"),
)

ORDERS: dict[str, tuple[str, ...]] = {
    "stanfordextra": _DOG,  # Animal Pose as WLDO gives it has the same 24
    "smalify": (*_DOG, "tail_middle"),
    "badja": _BADJA,
    "tigdog": (*_TRUNK, *_both("front_top", "back_top"), "neck"),
    "grevyzebra": (
        *(*_TRUNK, *_both("front_ankle", "back_ankle"), "neck", "tail_end"),
        *_both("ear_tip", "nostril", "mouth_corner", "cheek"),
    ),
    "animalkey": (
        *(*_chain("left_front", *_COW_FRONT), *_chain("right_front", *_COW_FRONT)),
        *(*_chain("left_back", *_COW_BACK), *_chain("right_back", *_COW_BACK)),
        *("tail_start", "udder", "ribs_start", "neck", *_both("eye"), "nose", "chin"),
    ),
}

# What a drawn skeleton joins, from point to point; a list jumps over those that it lacks.
_LINES = (
    *(_chain(f"{side}_front", *_COW_FRONT) for side in ("left", "right")),
    *((*_chain(f"{side}_back", *_COW_BACK), "tail_start") for side in ("left", "right")),
    *((f"{side}_ear_tip", f"{side}_ear_base", f"{side}_eye", "nose") for side in ("left", "right")),
    ("left_front_shoulder_blade", "withers", "right_front_shoulder_blade"),
    ("nose", "chin", "throat", "neck", "withers", "tail_start", "tail_middle", "tail_end"),
)


def skeleton(names: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs of these keypoints that a drawing joins."""
    there = set(names)
    pairs = []
    for line in _LINES:
        left = [name for name in line if name in there]
        pairs += list(zip(left[:-1], left[1:], strict=True))
    return list(dict.fromkeys(pairs))
