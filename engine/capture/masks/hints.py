"""A mask put right by what the user points at, without Segment Anything."""

from __future__ import annotations

import cv2
import numpy as np

from ..grabcut import cut_out

_ROUNDS = 3
_DOT = 0.01  # of the picture's longer side: what a click says about its surroundings
_REACH = 0.1  # of the mask's size: how far its outline may move, and what a click may add


def with_hints(
    picture: np.ndarray, mask: np.ndarray, on: np.ndarray, beside: np.ndarray
) -> np.ndarray:
    """The mask (H, W) bool as GrabCut changes it; `on` and `beside` (N, 2) px are sure."""
    if not len(on) and not len(beside):
        return mask
    reach = max(round(_REACH * float(np.sqrt(mask.sum()))), 1)
    near = cv2.distanceTransform(1 - mask.astype(np.uint8), cv2.DIST_L2, 3) <= reach
    labels = np.where(near, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    _dots(labels, on, 2 * reach, cv2.GC_PR_FGD)
    labels[mask] = cv2.GC_PR_FGD
    dot = max(round(_DOT * max(mask.shape)), 1)
    _dots(labels, on, dot, cv2.GC_FGD)
    _dots(labels, beside, dot, cv2.GC_BGD)
    return cut_out(picture, labels, _ROUNDS)


def _dots(labels: np.ndarray, places: np.ndarray, radius: int, label: int) -> None:
    for x, y in np.rint(places).astype(int).tolist():
        cv2.circle(labels, (x, y), radius, (label,), -1)
