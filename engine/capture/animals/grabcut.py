"""The outline of an animal found by its colours, from a rough mask or a box (GrabCut)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...formats.errors import InputError
from ..grabcut import cut_out, pixels

_NARROW, _WIDE = 2.0, 10.0  # px: half the band that is searched, where the mask is sure and not
_ROUNDS = 2  # of GrabCut from a mask; from a box more
_BOX_ROUNDS = 6
_TRUST = 0.7  # IoU with the rough mask below which the search has gone astray
_SPOIL = 3  # px by which a mask is spoilt to see whether it can be mended
_LOOSE = 0.05  # of the box: an animal may stick out of it by this much
_POINT = 2  # px: radius round a visible keypoint that is surely the animal


@dataclass
class Hints:
    """What else is known of the animal in a frame, in px."""

    box: np.ndarray | None = None  # (4,) left, top, width, height
    points: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))  # (N, 2) on the animal


# From a frame, a rough mask of it, how sure that is, and hints: a better mask.
Refine = Callable[[np.ndarray, np.ndarray, np.ndarray, Hints], np.ndarray]


def refine(rgb: np.ndarray, mask: np.ndarray, sure: np.ndarray, hints: Hints) -> np.ndarray:
    """The mask (H, W) bool with its outline moved to where the colours of `rgb` change.

    `sure` (H, W) 0..1 says how far the outline may move: 2 px where it is 1, 10 px where it is 0.
    """
    labels = _band(mask, sure)
    apply_hints(labels, hints)
    found = cut_out(rgb, labels, _ROUNDS)
    return found if _agreement(found, mask) >= _TRUST else mask


def mending(rgb: np.ndarray, mask: np.ndarray, by: Refine = refine) -> tuple[float, float]:
    """Mean IoU of spoilt copies with a mask (H, W) bool that is known to be right, and of what they
    become `by` a way of refining them.

    The latter is less where it does harm, as `refine` does where the animal has the colours of what
    is behind it.
    """
    spoilt = [np.roll(mask, shift, axis) for axis in (0, 1) for shift in (-_SPOIL, _SPOIL)]
    kernel = np.ones((2 * _SPOIL - 1,) * 2, np.uint8)
    spoilt += [change(mask.astype(np.uint8), kernel) > 0 for change in (cv2.erode, cv2.dilate)]
    sure = np.full(mask.shape, 0.5, np.float32)
    mended = [by(rgb, copy, sure, Hints()) for copy in spoilt]
    before, after = ([_agreement(copy, mask) for copy in copies] for copies in (spoilt, mended))
    return float(np.mean(before)), float(np.mean(after))


def mask_from_box(rgb: np.ndarray, hints: Hints) -> np.ndarray:
    """(H, W) bool: the animal in a picture (H, W, 3) uint8 RGB, of which a box is known.

    Raises InputError where there is no box or nothing is found in it.
    """
    if hints.box is None:
        raise InputError("There is no box to look for the animal in.", "Draw a box around it.")
    labels = np.full(rgb.shape[:2], cv2.GC_BGD, np.uint8)
    labels[inside_box(hints.box, rgb.shape[:2], 0)] = cv2.GC_PR_FGD
    apply_hints(labels, hints)
    found = cut_out(rgb, labels, _BOX_ROUNDS)
    if not found.any():
        raise InputError(
            "Nothing in the box stands out from what is around it.",
            "Draw the box tightly around the whole animal, with some background beside it.",
        )
    return found


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union; 0 for two empty masks."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def _band(mask: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """GrabCut's labels: certain away from the outline, open near it."""
    solid = mask.astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    reach = _NARROW + (_WIDE - _NARROW) * (1 - np.clip(sure, 0, 1))
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inside > reach] = cv2.GC_FGD
    labels[outside > reach] = cv2.GC_BGD
    return labels


def apply_hints(labels: np.ndarray, hints: Hints) -> None:
    """Set in GrabCut's labels (H, W) what is certain by the hints."""
    if hints.box is not None:
        beyond = np.ones(labels.shape, bool)
        beyond[inside_box(hints.box, labels.shape)] = False
        labels[beyond] = cv2.GC_BGD
    for x, y in np.rint(hints.points).astype(int).tolist():
        cv2.circle(labels, (x, y), _POINT, (cv2.GC_FGD,), -1)


def inside_box(
    box: np.ndarray, shape: tuple[int, ...], grown: float = _LOOSE
) -> tuple[slice, slice]:
    """Rows and columns of a picture of `shape` in a box grown by a share of its size."""
    left, top, width, height = box.astype(float)
    rows = top - grown * height, top + (1 + grown) * height
    columns = left - grown * width, left + (1 + grown) * width
    return pixels(rows, shape[0]), pixels(columns, shape[1])
