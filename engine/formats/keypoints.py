"""2D keypoints of people through a clip, in one table of 137 named points.

The table is OpenPose's: BODY_25, left hand 21, right hand 21, face 70. Other layouts are mapped
into it, and points that they lack stay missing (0, 0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BODY_25 = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip"),
    *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
    *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
)
COCO_18 = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
    *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
)
# From the wrist on, each finger from its root to its tip.
HAND_21 = (
    "wrist",
    *(f"{f}{p}" for f in ("thumb", "index", "middle", "ring", "pinky") for p in (1, 2, 3, "_tip")),
)
# iBUG's 68 (0-16 jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 mouth), right and left pupil.
FACE_70 = tuple(f"face_{i}" for i in range(70))

KEYPOINT_NAMES = (
    *BODY_25,
    *(f"left_hand_{name}" for name in HAND_21),
    *(f"right_hand_{name}" for name in HAND_21),
    *FACE_70,
)
BODY = slice(0, 25)
LEFT_HAND = slice(25, 46)
RIGHT_HAND = slice(46, 67)
FACE = slice(67, 137)

# For each BODY_25 point its row in COCO_18, -1 where COCO_18 has none.
COCO18_TO_BODY25 = np.array([COCO_18.index(n) if n in COCO_18 else -1 for n in BODY_25])

# Pairs of BODY_25 rows that a drawn skeleton joins.
BODY_EDGES = tuple(
    (BODY_25.index(a), BODY_25.index(b))
    for a, b in (
        *(("Nose", "Neck"), ("Neck", "MidHip"), ("Nose", "REye"), ("Nose", "LEye")),
        *(("REye", "REar"), ("LEye", "LEar")),
        *(("Neck", "RShoulder"), ("RShoulder", "RElbow"), ("RElbow", "RWrist")),
        *(("Neck", "LShoulder"), ("LShoulder", "LElbow"), ("LElbow", "LWrist")),
        *(("MidHip", "RHip"), ("RHip", "RKnee"), ("RKnee", "RAnkle")),
        *(("MidHip", "LHip"), ("LHip", "LKnee"), ("LKnee", "LAnkle")),
        *(("LAnkle", "LHeel"), ("LAnkle", "LBigToe"), ("LBigToe", "LSmallToe")),
        *(("RAnkle", "RHeel"), ("RAnkle", "RBigToe"), ("RBigToe", "RSmallToe")),
    )
)


@dataclass
class KeypointClip:
    """The keypoints of F frames with room for P people in each.

    A frame's slots are people in no set order until `engine.capture.people.track_people` has made
    slot p the same person everywhere.
    """

    points: np.ndarray  # (F, P, 137, 3) float32: x, y in px from the top left, confidence 0..1
    width: int  # px
    height: int
    fps: float
    focal: float | np.ndarray | None  # px; one a frame (F,) with NaN for unknown; None: not known
    frame_names: tuple[str, ...]
    source: str  # the file or folder that the points were seen in
    notes: list[str] = field(default_factory=list)  # what the reader should be told

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.points)

    @property
    def people_count(self) -> int:
        """P, the number of slots; not every slot is filled in every frame."""
        return self.points.shape[1]

    def present(self) -> np.ndarray:
        """(F, P) bool: where a slot holds any point."""
        return (self.points[..., 2] > 0).any(-1)


def empty_points(frames: int, people: int) -> np.ndarray:
    """(frames, people, 137, 3) float32 with every point missing."""
    return np.zeros((frames, people, len(KEYPOINT_NAMES), 3), np.float32)


def body25_from_coco18(coco: np.ndarray) -> np.ndarray:
    """(..., 18, 3) to (..., 25, 3): MidHip is the mid of the hips where both are seen, no feet."""
    body = np.where(COCO18_TO_BODY25[:, None] >= 0, coco[..., COCO18_TO_BODY25, :], 0)
    body[..., BODY_25.index("MidHip"), :] = midpoint(
        coco[..., COCO_18.index("RHip"), :], coco[..., COCO_18.index("LHip"), :]
    )
    return body


def midpoint(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean (..., 3) of two points with the lesser confidence; missing where either is."""
    confidence = np.minimum(a[..., 2:], b[..., 2:])
    mid = np.concatenate([(a[..., :2] + b[..., :2]) / 2, confidence], -1)
    return np.where(confidence > 0, mid, 0)


def clean_missing(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) with confidence held to 0..1 and every unseen point written as 0, 0, 0."""
    points = points.astype(np.float32)
    points[..., 2] = np.clip(points[..., 2], 0, 1)
    points[points[..., 2] <= 0] = 0
    return points
