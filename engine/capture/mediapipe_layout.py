"""MediaPipe Holistic's landmarks as rows of the 137-point table."""

from __future__ import annotations

import numpy as np

from ..formats.keypoints import BODY, BODY_25, FACE, LEFT_HAND, RIGHT_HAND, empty_points, midpoint

# BODY_25 name -> MediaPipe pose landmark. Small toes have none; Neck and MidHip are mid points.
_POSE = {
    **{"Nose": 0, "LEye": 2, "REye": 5, "LEar": 7, "REar": 8},
    **{"LShoulder": 11, "RShoulder": 12, "LElbow": 13, "RElbow": 14, "LWrist": 15, "RWrist": 16},
    **{"LHip": 23, "RHip": 24, "LKnee": 25, "RKnee": 26, "LAnkle": 27, "RAnkle": 28},
    **{"LHeel": 29, "RHeel": 30, "LBigToe": 31, "RBigToe": 32},
}
_POSE_ROWS = np.array([BODY_25.index(name) for name in _POSE])
_POSE_MARKS = np.array(list(_POSE.values()))

# Face mesh vertex of each iBUG landmark, then the middles of the right and left iris.
FACE_MARKS = np.array(
    [
        *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),
        *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
        *(78, 82, 13, 312, 308, 317, 14, 87),
        *(468, 473),
    ]
)

# What MediaPipe's visibility is worth. Compared with the true points of four rendered clips, this
# follows the share of points within 3 % of the person's height (0.98: 90 %, 0.8: 70 %, 0.3: 55 %),
# lower at the low end because the misses there are long.
_VISIBILITY = (0.0, 0.2, 0.4, 0.6, 0.85, 0.95, 1.0)
_CONFIDENCE = (0.05, 0.25, 0.3, 0.55, 0.65, 0.8, 0.9)
# Hands and face come without a figure. A hand off the arm's wrist by 3 % of the person's size was
# wrong by five times as much as one within 2 %, and so was a face off the nose: a false find.
_HAND_CONFIDENCE, _HAND_OFF = 0.7, (0.02, 0.04)
_FACE_CONFIDENCE, _FACE_OFF = 0.8, (0.03, 0.05)


def to_points(results: object, width: int, height: int) -> np.ndarray:
    """(137, 3) from Holistic's results on a width x height picture; zeros where nobody was seen."""
    points = empty_points(1, 1)[0, 0]
    pose = _pixels(results.pose_landmarks, width, height)  # type: ignore[attr-defined]
    if pose is None:
        return points
    points[BODY] = body_points(pose)
    wrists = {"left": "LWrist", "right": "RWrist"}
    for side, rows in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
        hand = _pixels(getattr(results, f"{side}_hand_landmarks"), width, height)
        if hand is not None:
            points[rows, :2] = hand[:, :2]
            points[rows, 2] = hand_confidence(hand, points[BODY], wrists[side])
    face = _pixels(results.face_landmarks, width, height)  # type: ignore[attr-defined]
    if face is not None and len(face) > FACE_MARKS.max():
        points[FACE, :2] = face[FACE_MARKS, :2]
        points[FACE, 2] = face_confidence(points[FACE], points[BODY])
    inside = (points[:, :2] >= 0).all(1) & (points[:, 0] < width) & (points[:, 1] < height)
    points[~inside | (points[:, 2] <= 0)] = 0
    return points


def body_points(pose: np.ndarray) -> np.ndarray:
    """(33, 3) x, y, visibility to BODY_25 (25, 3) with confidence."""
    body = np.zeros((25, 3), np.float32)
    body[_POSE_ROWS] = pose[_POSE_MARKS]
    for name, side in (("Neck", "Shoulder"), ("MidHip", "Hip")):
        ends = (body[BODY_25.index(f"{s}{side}")] for s in "RL")
        body[BODY_25.index(name)] = midpoint(*ends)
    body[:, 2] = body_confidence(body[:, 2])
    return body


def body_confidence(visibility: np.ndarray) -> np.ndarray:
    """MediaPipe's visibility to the confidence of a body point, 0 for 0 (no such point)."""
    return np.where(visibility > 0, np.interp(visibility, _VISIBILITY, _CONFIDENCE), 0)


def hand_confidence(hand: np.ndarray, body: np.ndarray, wrist: str) -> float:
    """Confidence of all points of a hand (21, 3) on the arm that ends in BODY_25's `wrist`."""
    arm = body[BODY_25.index(wrist)]
    off = float(np.linalg.norm(hand[0, :2] - arm[:2])) / _size(body)
    return _HAND_CONFIDENCE * float(arm[2]) / _CONFIDENCE[-1] * _fade(off, _HAND_OFF)


def face_confidence(face: np.ndarray, body: np.ndarray) -> float:
    """Confidence of all points of a face (70, 3) on a body (25, 3)."""
    tip, nose = face[30, :2], body[BODY_25.index("Nose"), :2]
    off = float(np.linalg.norm(tip - nose)) / _size(body)
    return _FACE_CONFIDENCE * _fade(off, _FACE_OFF)


def _fade(value: float, limits: tuple[float, float]) -> float:
    """1 up to the first limit, 0 from the second on."""
    return float(np.interp(value, limits, (1, 0)))


def _size(body: np.ndarray) -> float:
    """The longer side of the box round a body's points, px; also those outside the picture."""
    seen = body[body[:, 2] > 0][:, :2]
    return max(float(np.ptp(seen, axis=0).max()), 1.0)


def _pixels(landmarks: object, width: int, height: int) -> np.ndarray | None:
    """(L, 3) x, y in px and visibility, or None."""
    if landmarks is None:
        return None
    marks = landmarks.landmark  # type: ignore[attr-defined]
    return np.array([(m.x * width, m.y * height, m.visibility) for m in marks], np.float32)
