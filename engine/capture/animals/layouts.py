"""The keypoint orders of animal data sets, and how one becomes another.

An order is a tuple of names (`formats.animal_names`); left and right, parts and the way into
another order follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...formats.animal_names import ORDERS


@dataclass(frozen=True)
class Layout:
    """The K keypoints of a data set or of a rig, in its order."""

    name: str
    names: tuple[str, ...]  # K, each once

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def mirror(self) -> np.ndarray:
        """(K,) row of each point's counterpart on the other side, its own where there is none."""
        rows = rows_of([_other_side(name) for name in self.names], self.names)
        return np.where(rows >= 0, rows, np.arange(len(rows)))

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Rows of each part that has any: legs, tail, ears, face, eyes, body.

        Eyes are apart from the face because WLDO's figures for the face do without them.
        """
        part = np.array([_part(name) for name in self.names])
        return {str(p): np.flatnonzero(part == p) for p in dict.fromkeys(part)}


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


LAYOUTS = {name: Layout(name, names) for name, names in ORDERS.items()}

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
