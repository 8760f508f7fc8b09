"""How well points and silhouettes of animals agree with annotations, as the publications measure.

    PCK         share of visible points that lie within a part of the animal's or picture's size
    IoU         common area over joint area of two masks
    overlap     common area over the sum of both areas (SMALST, SMAL4V)

Every measure is taken in each picture and then averaged over the pictures that have it; a picture
without visible points or without any mask has none (NaN).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

THRESHOLDS = (0.01, 0.02, 0.05, 0.10, 0.15)
# What the publications of each data set measure distances by.
OWN_SIZE = {
    **{"stanfordextra": "mask", "smalify": "mask", "badja": "mask"},
    **{"tigdog": "picture", "grevyzebra": "picture", "animalkey": "picture"},
}
WHITE = 1.0  # level of the border that WLDO's crops are filled up with


def size_of_picture(side: float, count: int) -> np.ndarray:
    """(count,) SMALST's and SMAL4V's normalisation: the side of the square picture, px."""
    return np.full(count, side, np.float64)


def size_of_mask(masks: np.ndarray) -> np.ndarray:
    """(N,) WLDO's normalisation: the square root of the area of each mask (N, H, W), px."""
    return np.sqrt((masks > 0).sum((-2, -1), dtype=np.float64))


def size_of_box(boxes: np.ndarray) -> np.ndarray:
    """(N,) the longer side of each box (N, 4) left, top, width, height, px."""
    return np.asarray(boxes, np.float64)[:, 2:].max(-1)


def own_sizes(layout: str, masks: np.ndarray) -> np.ndarray:
    """(N,) px: the normalisation of a data set by its layout, for true masks (N, H, W)."""
    if OWN_SIZE[layout] == "mask":
        return size_of_mask(masks)
    return size_of_picture(max(masks.shape[1:]), len(masks))


def pck(
    predicted: np.ndarray,
    truth: np.ndarray,
    sizes: np.ndarray,
    thresholds: tuple[float, ...] = THRESHOLDS,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """(N, thresholds) share of the visible points nearer than threshold times size.

    `predicted` (N, K, 2) and `truth` (N, K, 3: x, y, visible) px, `sizes` (N,) px of what measures
    the pictures. `rows`: of these keypoints alone. NaN for a picture where none is visible or whose
    size is 0.
    """
    some = slice(None) if rows is None else rows
    seen = (truth[:, some, 2] > 0) & (np.asarray(sizes) > 0)[:, None]
    off = np.linalg.norm(predicted[:, some, :2] - truth[:, some, :2], axis=-1)
    limits = np.multiply.outer(np.asarray(sizes, np.float64), thresholds)  # (N, thresholds)
    near = (off[:, None] < limits[..., None]) & seen[:, None]
    count = seen.sum(-1)[:, None]
    return np.where(count > 0, near.sum(-1) / np.maximum(count, 1), np.nan)


def white_border(crops: np.ndarray) -> np.ndarray:
    """(N, H, W) bool: what of crops (N, H, W, 3), levels 0..1, lies beyond the picture.

    WLDO fills it up with white and knows it again by its colour.
    """
    return (crops >= WHITE).all(-1)


def iou(predicted: np.ndarray, truth: np.ndarray, border: np.ndarray | None = None) -> np.ndarray:
    """(N,) intersection over union of masks (N, H, W) bool; NaN where both are empty.

    In the `border` (N, H, W) nothing is known and every prediction counts as right (WLDO's rule).
    """
    common, either, _ = _areas(predicted, truth, border)
    return np.where(either > 0, common / np.maximum(either, 1), np.nan)


def overlap(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) common area over the sum of both, 0.5 at best; NaN where both are empty."""
    common, _, total = _areas(predicted, truth, None)
    return np.where(total > 0, common / np.maximum(total, 1), np.nan)


def _areas(
    predicted: np.ndarray, truth: np.ndarray, border: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) common, joint and summed areas, px."""
    ours, theirs = np.asarray(predicted) > 0, np.asarray(truth) > 0
    if border is not None:
        theirs = np.where(border, ours, theirs)
    common = (ours & theirs).sum((-2, -1))
    total = ours.sum((-2, -1)) + theirs.sum((-2, -1))
    return common, total - common, total


@dataclass
class AnimalScore:
    """Means over the pictures that have the measure; NaN where none has it."""

    pictures: int
    thresholds: tuple[float, ...]
    pck: np.ndarray  # (thresholds,)
    parts: dict[str, np.ndarray] = field(default_factory=dict)  # part -> (thresholds,)
    iou: float = float("nan")
    overlap: float = float("nan")

    def table(self) -> str:
        """A few lines for people."""
        width = max(map(len, self.parts), default=3) + 2
        lines = ["PCK".ljust(width) + "".join(f"@{t:<6.2f}" for t in self.thresholds)]
        for name, values in {"all": self.pck, **self.parts}.items():
            lines.append(name.ljust(width) + "".join(f"{100 * v:<7.1f}" for v in values))
        lines.append(
            f"IoU {100 * self.iou:.1f}, overlap {self.overlap:.3f}, {self.pictures} pictures"
        )
        return "\n".join(lines)


def score(
    predicted: np.ndarray,
    truth: np.ndarray,
    sizes: np.ndarray,
    parts: Mapping[str, np.ndarray] | None = None,
    masks: tuple[np.ndarray, np.ndarray] | None = None,
    border: np.ndarray | None = None,
    thresholds: tuple[float, ...] = THRESHOLDS,
) -> AnimalScore:
    """All measures of N pictures.

    Points and `sizes` as in `pck`; `parts`: rows of each part, as `Layout.parts`; `masks`:
    predicted and true (N, H, W) bool, `border` as in `iou`.
    """
    found = AnimalScore(
        pictures=len(predicted),
        thresholds=tuple(thresholds),
        pck=_mean(pck(predicted, truth, sizes, thresholds)),
        parts={
            name: _mean(pck(predicted, truth, sizes, thresholds, rows))
            for name, rows in (parts or {}).items()
        },
    )
    if masks is not None:
        found.iou = float(_mean(iou(*masks, border)))
        found.overlap = float(_mean(overlap(*masks)))
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the pictures (first axis), NaN left out."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return np.nanmean(values, axis=0)
