"""The keypoint orders of animal data sets, and how one becomes another.

One vocabulary names a point in every order: an order is a tuple of names, and left and right, parts
and the way into another order follow from them. The front leg has a paw, a knee (its middle joint)
and an elbow, the hind leg a paw, a hock (its middle joint) and a stifle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Layout:
    """One data set's K keypoints, in its order."""

    name: str
    names: tuple[str, ...]  # K of the vocabulary

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def mirror(self) -> np.ndarray:
        """(K,) row of each point's counterpart on the other side; its own for the middle."""
        return rows_of([_other_side(name) for name in self.names], self.names)

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Rows of each part that has any: legs, tail, ears, face, eyes, body.

        Eyes are apart from the face because WLDO's figures for the face do without them.
        """
        part = np.array([_part(name) for name in self.names])
        return {str(p): np.flatnonzero(part == p) for p in dict.fromkeys(part)}


def _both(*points: str) -> tuple[str, ...]:
    """Left and right of each point in turn."""
    return tuple(f"{side}_{point}" for point in points for side in ("left", "right"))


def _chain(leg: str, *points: str) -> tuple[str, ...]:
    return tuple(f"{leg}_{point}" for point in points)


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name[5:]
    return "left_" + name[6:] if name.startswith("right_") else name


_LEG_WORDS = ("_front_", "_back_")
_FACE = ("nose", "chin", "nostril", "mouth", "cheek")


def _part(name: str) -> str:
    if any(word in name for word in _LEG_WORDS):
        return "legs"
    if "_ear" in name:
        return "ears"
    if name.endswith("_eye"):
        return "eyes"
    if any(word in name for word in _FACE):
        return "face"
    return "tail" if name.startswith("tail") else "body"


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

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("stanfordextra", _DOG),  # Animal Pose as WLDO gives it has the same 24
        Layout("smalify", (*_DOG, "tail_middle")),
        Layout("badja", _BADJA),
        Layout("tigdog", (*_TRUNK, *_both("front_top", "back_top"), "neck")),
        Layout(
            "grevyzebra",
            (
                *(*_TRUNK, *_both("front_ankle", "back_ankle"), "neck", "tail_end"),
                *_both("ear_tip", "nostril", "mouth_corner", "cheek"),
            ),
        ),
        Layout(
            "animalkey",
            (
                *(*_chain("left_front", *_COW_FRONT), *_chain("right_front", *_COW_FRONT)),
                *(*_chain("left_back", *_COW_BACK), *_chain("right_back", *_COW_BACK)),
                *("tail_start", "udder", "ribs_start", "neck", *_both("eye"), "nose", "chin"),
            ),
        ),
    )
}

# Where SMALify sees the points of its layout on a SMAL model: 0-34 joints, 35 tip of the nose,
# 36 chin, 37 and 38 tips of the right and left ear, 39 and 40 left and right eye.
SMALIFY_POINTS = dict(
    zip(
        LAYOUTS["smalify"].names,
        (
            *(10, 9, 8, 20, 19, 18, 14, 13, 12, 24, 23, 22, 25, 31),
            *(33, 34, 35, 36, 38, 37, 39, 40, 15, 15, 28),
        ),
        strict=True,
    )
)
# The 20 points that WLDO measures. Its picture is the mirror image of SMALify's: left is the
# model's right here.
WLDO_POINTS = dict(
    zip(
        LAYOUTS["stanfordextra"].names[:20],
        (14, 13, 12, 24, 23, 22, 10, 9, 8, 20, 19, 18, 25, 31, 34, 33, 35, 36, 37, 38),
        strict=True,
    )
)


def rows_of(wanted: tuple[str, ...] | list[str], names: tuple[str, ...] | list[str]) -> np.ndarray:
    """(len(wanted),) row of each wanted name in `names`, -1 where it is not there."""
    place = {name: row for row, name in enumerate(names)}
    return np.array([place.get(name, -1) for name in wanted], int)


def convert(points: np.ndarray, source: Layout, target: Layout) -> np.ndarray:
    """Points (..., K, 3) of `source` in the order of `target` (..., L, 3).

    Points that the source lacks are 0, 0, 0.
    """
    rows = rows_of(target.names, source.names)
    return np.where(rows[:, None] >= 0, points[..., rows, :], 0).astype(points.dtype)


def model_points(layout: Layout, table: dict[str, int]) -> np.ndarray:
    """(K,) point of a model for each keypoint, by a table as SMALIFY_POINTS; -1 for none."""
    return np.array([table.get(name, -1) for name in layout.names], int)


def mirrored(points: np.ndarray, layout: Layout, width: float) -> np.ndarray:
    """Points (..., K, 3) of the picture's mirror image, which is `width` px wide.

    Left and right change places; unseen points stay 0, 0, 0.
    """
    other = points[..., layout.mirror, :].copy()
    other[..., 0] = np.where(other[..., 2] > 0, width - 1 - other[..., 0], 0)
    return other
