"""Smooth random fields over space and over the plane, the stuff of fur, ground and clouds."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

_SIDE = 64  # of the lattice in space, after which it repeats
_TILE = 512  # texels of the plane's


def solid(points: np.ndarray, frequency: float, place: np.ndarray) -> np.ndarray:
    """(N,) about -1..1 at points (N, 3), `frequency` knots a unit; another `place` (3,), another
    field.
    """
    at = points * frequency + place * _SIDE
    whole = np.floor(at)
    part = at - whole
    at = whole + part * part * (3 - 2 * part)
    return map_coordinates(_lattice(), at.T % _SIDE, order=1, mode="grid-wrap", prefilter=False)


def fractal(
    points: np.ndarray,
    frequency: float,
    place: np.ndarray,
    octaves: int,
    footprint: np.ndarray | float = 0.0,
) -> np.ndarray:
    """(N,) sum of `solid` at doubling frequencies, each of less weight.

    What is finer than a pixel's `footprint`, in units, is left out: it would flicker.
    """
    total = np.zeros(len(points), np.float32)
    for k in range(octaves):
        fine = frequency * 2**k
        seen = np.clip(1.6 - 1.6 * fine * np.asarray(footprint), 0, 1)
        if not np.any(seen):
            break
        total += seen * 0.7**k * solid(points, fine, place + 0.37 * k)
    return total


def plane(x: np.ndarray, y: np.ndarray, size: float, place: np.ndarray) -> np.ndarray:
    """(H, W) about -1..1 of a rough field that repeats after `size`; `place` (2,) as above."""
    # Wrapped by hand, since OpenCV's floats grow coarse far out.
    across, down = (
        ((axis * (1 / size) + start) % 1.0 * _TILE).astype(np.float32)
        for axis, start in ((x, place[0]), (y, place[1]))
    )
    return cv2.remap(_tile(), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


@lru_cache(maxsize=1)
def _lattice() -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (_SIDE,) * 3).astype(np.float32)


@lru_cache(maxsize=1)
def _tile() -> np.ndarray:
    """(_TILE, _TILE) noise of all frequencies, made by its spectrum: it repeats without a seam."""
    white = np.random.default_rng(2).normal(size=(_TILE, _TILE))
    u, v = np.meshgrid(np.fft.fftfreq(_TILE), np.fft.rfftfreq(_TILE), indexing="ij")
    radius = np.maximum(np.hypot(u, v), 3.0 / _TILE)
    field = np.fft.irfft2(np.fft.rfft2(white) / radius, s=(_TILE, _TILE))
    return (field / (2 * field.std())).astype(np.float32)
