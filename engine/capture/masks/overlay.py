"""A picture with the masks that were found in it, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..overlay import COLOURS

_TINT, _DARK = 0.45, 0.6
_ON, _BESIDE = (60, 220, 60), (230, 50, 50)


def draw_masks(
    picture: np.ndarray,
    masks: Sequence[np.ndarray],
    boxes: Sequence[np.ndarray | None] = (),
    on: np.ndarray | None = None,
    beside: np.ndarray | None = None,
) -> np.ndarray:
    """A darker copy of `picture` (H, W, 3) uint8 RGB with masks (H, W) bool in colours over it.

    boxes (4,) x0, y0, x1, y1 px in the colours of their masks; points (N, 2) px on a person green,
    beside it red.
    """
    drawn = (picture * _DARK).astype(np.float32)
    thick = max(round(max(picture.shape) / 500), 1)
    for i, mask in enumerate(masks):
        drawn[mask] = (1 - _TINT) * picture[mask] + _TINT * COLOURS[i % len(COLOURS)]
    result = drawn.astype(np.uint8)
    for mask in masks:
        edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(result, edges, -1, (255, 255, 255), thick)
    for i, box in enumerate(boxes):
        if box is not None:
            x0, y0, x1, y1 = np.rint(box).astype(int).tolist()
            colour = COLOURS[i % len(COLOURS)].tolist()
            cv2.rectangle(result, (x0, y0), (x1, y1), colour, thick)
    for points, colour in ((on, _ON), (beside, _BESIDE)):
        for x, y in np.rint(points if points is not None else []).astype(int).tolist():
            cv2.circle(result, (x, y), 3 * thick, colour, -1, cv2.LINE_AA)
    return result
