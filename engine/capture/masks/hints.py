"""A mask put right by what the user points at, without Segment Anything."""

from __future__ import annotations

import cv2
import numpy as np

from ..grabcut import cut_out

_ROUNDS = 3
_DOT = 0.01  # of the picture's longer side: what a click says about its surroundings


def with_hints(
    picture: np.ndarray, mask: np.ndarray, on: np.ndarray, beside: np.ndarray
) -> np.ndarray:
    """The mask (H, W) bool as GrabCut changes it; `on` and `beside` (N, 2) px are sure."""
    if not len(on) and not len(beside):
        return mask
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    radius = max(round(_DOT * max(mask.shape)), 1)
    for places, label in ((on, cv2.GC_FGD), (beside, cv2.GC_BGD)):
        for x, y in np.rint(places).astype(int).tolist():
            cv2.circle(labels, (x, y), radius, (label,), -1)
    return cut_out(picture, labels, _ROUNDS)
