"""From keypoints to measurements: which points count, how much, and relative to what size."""

from __future__ import annotations

import numpy as np
import torch

from ..formats.keypoints import BODY_25
from .problem import Evidence

# Points of the whole-body stage: BODY_25, the palms, and the part of the face that does not move.
PALMS = tuple(25 + hand + k for hand in (0, 21) for k in (0, 5, 9, 13, 17))
RIGID_FACE = tuple(67 + k for k in (17, 21, 22, 26, *range(27, 36), 36, 39, 42, 45))
BODY_POINTS = (*range(25), *PALMS, *RIGID_FACE)
LEFT_HAND_POINTS, RIGHT_HAND_POINTS = tuple(range(25, 46)), tuple(range(46, 67))
FACE_POINTS = tuple(range(67, 137))

# Expected error of a confident point, as a share of the person's size in the picture.
_ERROR = 0.010
_HARDER = {
    **{"Nose": 0.6, "REye": 0.6, "LEye": 0.6, "Neck": 1.0, "MidHip": 1.5, "RHip": 1.5, "LHip": 1.5},
    **{f"{side}{part}": 1.3 for side in "LR" for part in ("BigToe", "SmallToe", "Heel", "Ear")},
}
_PALM, _FACE, _FINGER = 0.012, 0.008, 0.012
_TRUSTED = 3.0  # times a detected point's weight
LEAST = 0.05  # confidence under which a point is taken as not seen


def expected_errors(points: tuple[int, ...]) -> np.ndarray:
    """(K,) expected error of each keypoint of the 137-point table, in sizes of the person."""
    table = np.full(137, _FINGER)
    for i, name in enumerate(BODY_25):
        table[i] = _ERROR * _HARDER.get(name, 1.0)
    table[list(PALMS)] = _PALM
    table[67:] = _FACE
    return table[list(points)]


def person_size(points: np.ndarray) -> np.ndarray:
    """(T,) px: the larger side of the body's box, smoothed over the clip and filled where unseen.

    points (T, 137, 3). A body cut off by the picture has a small box, so three torso lengths count
    as well.
    """
    body = points[:, :25]
    seen = body[..., 2] > LEAST
    low = np.where(seen[..., None], body[..., :2], np.inf).min(1)
    high = np.where(seen[..., None], body[..., :2], -np.inf).max(1)
    size = np.where(seen.sum(1) >= 4, (high - low).max(1), np.nan)
    neck, hip = BODY_25.index("Neck"), BODY_25.index("MidHip")
    torso = np.linalg.norm(body[:, neck, :2] - body[:, hip, :2], axis=1)
    torso = np.where(seen[:, neck] & seen[:, hip], 3.0 * torso, 0.0)
    size = np.maximum(size, torso)
    known = np.flatnonzero(np.isfinite(size) & (size > 1.0))
    if not len(known):
        return np.full(len(points), 1.0)
    size = np.interp(np.arange(len(size)), known, size[known])
    return _median(size, 7)


def _median(values: np.ndarray, width: int) -> np.ndarray:
    if len(values) < width:
        return np.full_like(values, np.median(values))
    padded = np.pad(values, width // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)


def measure(
    clip: np.ndarray,
    points: tuple[int, ...],
    centre: np.ndarray,
    size: np.ndarray,
    like: torch.Tensor,
    trusted: np.ndarray | None = None,
) -> Evidence:
    """Evidence of B tracks: clip (B, T, 137, 3), centre (2,) px, size (B, T) px.

    trusted (B, T, 137) bool: what an artist put there counts for more than what was detected.
    """
    sure = np.zeros(clip.shape[:3], bool) if trusted is None else trusted
    sure = sure[:, :, list(points)]
    chosen = clip[:, :, list(points)]
    confidence = np.where(chosen[..., 2] > LEAST, chosen[..., 2].clip(0.0, 1.0), 0.0)
    weights = confidence / expected_errors(points) * np.where(sure, _TRUSTED, 1.0)
    place = np.where(confidence[..., None] > 0, chosen[..., :2] - centre, 0.0)
    return Evidence(
        points=torch.tensor(place).to(like),
        weights=torch.tensor(weights).to(like),
        size=torch.tensor(size).to(like),
        trusted=torch.tensor(sure, device=like.device),
    )
