"""What one would have of a generated clip if it were real: noisy masks and a few clicked points."""

from __future__ import annotations

import cv2
import numpy as np

from ...formats.animal_clip import AnimalClip
from .clip import SyntheticClip

_BORDER = 0.09  # part of the area that a mask's wandering border takes or gives
_LASTS = 5  # frames that a hole or a blob stays
_HOLE, _BLOB, _PAW = 0.008, 0.018, 0.05  # of the area, of the area, of the height


def annotated_clip(
    clip: SyntheticClip, every: int = 10, clicked_within: float = 1.0, seed: int = 0
) -> AnimalClip:
    """The clip as a person would hand it in: all visible keypoints on each `every`th frame.

    Points are `clicked_within` px (usual error) of the true ones; every frame has a noisy mask.
    """
    rng = np.random.default_rng(seed)
    count, high, wide = clip.masks.shape
    annotated = np.arange(count) % every == 0
    keypoints = clip.keypoints.copy()
    keypoints[..., :2] += rng.normal(0, clicked_within, keypoints[..., :2].shape)
    keypoints[~annotated] = 0
    keypoints[keypoints[..., 2] == 0] = 0
    return AnimalClip(
        size=(wide, high),
        fps=clip.fps,
        frame_ids=np.arange(count),
        keypoint_names=clip.keypoint_names,
        keypoints=keypoints,
        annotated=annotated,
        masks=list(noisy_masks(clip.masks, seed)),
        mask_confidence=np.ones(count, np.float32),
    )


def noisy_masks(masks: np.ndarray, seed: int = 0) -> np.ndarray:
    """Masks (T, H, W) bool as a segmentation gets them: an IoU of about 0.9 with these.

    Borders wander anew in each frame; holes, lost paws and blobs of the background stay for a few.
    """
    return np.stack([_noisy(mask, seed, frame) for frame, mask in enumerate(masks)])


def _noisy(mask: np.ndarray, seed: int, frame: int) -> np.ndarray:
    area = int(mask.sum())
    if not area:
        return mask.copy()
    rng = np.random.default_rng((seed, frame))
    lasting = np.random.default_rng((seed, frame // _LASTS, 1))
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    border = (mask & (inside < 1.2)).sum()
    wander = _smooth_noise(mask.shape, max(0.05 * np.sqrt(area), 1.5), rng) + rng.normal(0, 0.3)
    found = inside - outside + (_BORDER * area / (0.8 * border)) * wander > 0.5
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    if lasting.random() < 0.5:
        hole = lasting.integers(len(rows))
        found &= ~_ellipse(mask.shape, (columns[hole], rows[hole]), _HOLE * area, lasting)
    if lasting.random() < 0.5:
        low = np.flatnonzero(rows > top + 0.93 * height)
        paw = low[lasting.integers(len(low))] if len(low) else 0
        size = np.pi * (_PAW * height) ** 2
        found &= ~_ellipse(mask.shape, (columns[paw], rows[paw]), size, lasting)
    if lasting.random() < 0.5:
        centre = np.array([left, top]) + (width, height) * lasting.uniform(-0.1, 1.1, 2)
        found |= _ellipse(mask.shape, tuple(centre), _BLOB * area, lasting)
    return found


def _smooth_noise(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) of usual size 1, alike within about `size` px."""
    # Drawn small and blown up: the same, and quick for large pictures.
    coarse = [int(np.ceil(side / size)) + 3 for side in shape]
    grid = cv2.GaussianBlur(rng.standard_normal(coarse), (0, 0), 0.7)
    whole = cv2.resize(grid, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
    return whole[: shape[0], : shape[1]] / grid.std()


def _ellipse(
    shape: tuple[int, ...],
    centre: tuple[float, float],
    area: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """(H, W) bool, of about this area, of any proportion and turn."""
    ratio, radius = rng.uniform(0.5, 1.0), float(np.sqrt(area / np.pi))
    axes = (max(round(radius / ratio**0.5), 1), max(round(radius * ratio**0.5), 1))
    drawn = np.zeros(shape, np.uint8)
    middle = (int(centre[0]), int(centre[1]))
    cv2.ellipse(drawn, middle, axes, rng.uniform(0, 180), 0, 360, (1,), -1)
    return drawn > 0
