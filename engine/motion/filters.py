"""What a pose may ask of a surface that learned from few poses. For its conditioning alone.

The skinning always follows the whole pose; these filters only keep the folds and bulges that depend
on the pose from being asked for where nothing was learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

_WRIST, _ANKLE = 0.1, 0.2  # radians, each component of the axis-angle vector
_MARGIN = 0.2  # of what a joint covered
_FLOOR = 0.1  # radians that every joint may turn beyond what it covered


@dataclass
class PoseRange:
    """What J joints covered: rotation vectors relative to a middle rotation, between two limits."""

    middle: np.ndarray  # (J, 3) axis-angle, radians
    low: np.ndarray  # (J, 3) radians, component by component
    high: np.ndarray  # (J, 3)


def training_range(poses: np.ndarray, margin: float = _MARGIN, floor: float = _FLOOR) -> PoseRange:
    """What poses (N, J, 3) covered, widened on all sides by `margin` of itself and `floor`, rad."""
    turns = [Rotation.from_rotvec(poses[:, j]) for j in range(poses.shape[1])]
    middle = [turn.mean() for turn in turns]
    apart = np.stack(
        [(m.inv() * turn).as_rotvec() for m, turn in zip(middle, turns, strict=True)], 1
    )
    low, high = np.minimum(apart.min(0), 0), np.maximum(apart.max(0), 0)
    wider = margin * (high - low) + floor
    return PoseRange(np.stack([m.as_rotvec() for m in middle]), low - wider, high + wider)


def clamp(poses: np.ndarray, limits: PoseRange) -> np.ndarray:
    """Poses (T, J, 3) brought within `limits`; what is within is not changed."""
    shape = (len(poses), *limits.middle.shape)
    middle = Rotation.from_rotvec(np.tile(limits.middle, (len(poses), 1)))
    apart = (middle.inv() * Rotation.from_rotvec(poses.reshape(-1, 3))).as_rotvec().reshape(shape)
    near = np.clip(apart, limits.low, limits.high)
    changed = (near != apart).any(-1, keepdims=True)
    clamped = (middle * Rotation.from_rotvec(near.reshape(-1, 3))).as_rotvec().reshape(shape)
    return np.where(changed, clamped, poses).astype(poses.dtype)


def scanimate_filter(poses: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
    """Poses (T, J, 3) as SCANimate tests them: hands and feet at rest, wrists and ankles nearly."""
    filtered = poses.copy()
    for joint, name in enumerate(joint_names):
        part = name.partition("_")[2]
        if part in ("foot", "hand") or part[-1:] in ("1", "2", "3"):
            filtered[:, joint] = 0
        elif part in ("wrist", "ankle"):
            limit = _WRIST if part == "wrist" else _ANKLE
            filtered[:, joint] = np.clip(poses[:, joint], -limit, limit)
    return filtered
