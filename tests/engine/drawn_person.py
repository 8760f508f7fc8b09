"""A drawn person in plain clothes whose mask and keypoints are known."""

from __future__ import annotations

import cv2
import numpy as np

from layfigure.engine.formats.keypoints import BODY_25, BODY_EDGES

SIZE = (200, 240)  # width, height px
_PLACES = {
    **{"Nose": (100, 40), "Neck": (100, 60), "MidHip": (100, 120)},
    **{"RShoulder": (82, 62), "RElbow": (60, 60), "RWrist": (45, 40)},
    **{"LShoulder": (118, 62), "LElbow": (140, 60), "LWrist": (155, 40)},
    **{"RHip": (90, 120), "RKnee": (86, 165), "RAnkle": (84, 210)},
    **{"LHip": (110, 120), "LKnee": (114, 165), "LAnkle": (116, 210)},
}
_WIDE = 16  # px, of the limbs


def drawn_person(corner: tuple[int, int] = (0, 0)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture (H, W, 3) uint8, mask (H, W) bool and keypoints (25, 3), moved by `corner` px."""
    keypoints = np.zeros((25, 3), np.float32)
    for name, place in _PLACES.items():
        keypoints[BODY_25.index(name)] = (*np.add(place, corner), 0.9)
    mask = np.zeros(SIZE[::-1], np.uint8)
    places = keypoints[:, :2].astype(int)
    for a, b in BODY_EDGES:
        if keypoints[a, 2] and keypoints[b, 2]:
            cv2.line(mask, tuple(places[a].tolist()), tuple(places[b].tolist()), 1, _WIDE)
    trunk = [BODY_25.index(name) for name in ("RShoulder", "LShoulder", "LHip", "RHip")]
    cv2.fillConvexPoly(mask, places[trunk], 1)
    cv2.circle(mask, tuple(places[0].tolist()), 16, 1, -1)
    noise = np.random.default_rng(0).normal(0, 6, (*SIZE[::-1], 3))
    picture = np.where(mask[..., None] > 0, (190, 70, 50), (90, 110, 130)) + noise
    return np.clip(picture, 0, 255).astype(np.uint8), mask > 0, keypoints


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
