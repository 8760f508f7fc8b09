"""Something cut out of a picture by its colours (GrabCut)."""

from __future__ import annotations

import cv2
import numpy as np

_ROUND = 24  # px of background round what is looked for, from which the background is learnt


def cut_out(rgb: np.ndarray, labels: np.ndarray, rounds: int) -> np.ndarray:
    """(H, W) bool: what GrabCut makes of `labels` (H, W) uint8 in `rgb` (H, W, 3) uint8.

    Empty where the labels leave nothing to find, or no background.
    """
    found = np.zeros(labels.shape, bool)
    window = _window(labels)
    if window is not None:
        found[window] = _cut(rgb[window], labels[window], rounds)
    return found


def pixels(ends: tuple[float, float], limit: int) -> slice:
    """The rows or columns between two places, px, as far as they lie in a picture."""
    low, high = (int(np.clip(round(end), 0, limit)) for end in ends)
    return slice(low, high)


def _window(labels: np.ndarray) -> tuple[slice, slice] | None:
    """The part of the picture worth looking at; None where all is background or none is."""
    open_ = labels != cv2.GC_BGD
    if not open_.any() or not (labels % 2 == 0).any():
        return None
    rows, columns = np.flatnonzero(open_.any(1)), np.flatnonzero(open_.any(0))
    return (
        pixels((rows[0] - _ROUND, rows[-1] + 1 + _ROUND), labels.shape[0]),
        pixels((columns[0] - _ROUND, columns[-1] + 1 + _ROUND), labels.shape[1]),
    )


def _cut(rgb: np.ndarray, labels: np.ndarray, rounds: int) -> np.ndarray:
    """(h, w) bool. GrabCut needs both kinds of pixels to learn from."""
    both = (labels % 2 == 0).any() and (labels % 2 == 1).any()
    if both:
        cv2.setRNGSeed(0)  # it starts its colour models from a random draw
        behind, found = np.zeros((1, 65)), np.zeros((1, 65))
        rgb, labels = np.ascontiguousarray(rgb), np.ascontiguousarray(labels)
        cv2.grabCut(rgb, labels, (0, 0, 0, 0), behind, found, rounds, cv2.GC_INIT_WITH_MASK)
    return labels % 2 == 1
