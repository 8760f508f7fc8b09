"""From camera space to a world that stands upright on a floor.

The camera is taken as level sideways (no roll); its pitch is read off the people, who are upright
on the whole, and the floor lies under the lowest standing feet.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .clip import Track

_STEEPEST = np.radians(50.0)


def world_to_camera(tracks: list[Track], feet: list[np.ndarray]) -> np.ndarray:
    """(3, 4) [R | t] of a camera that does not move; world y up, floor at y = 0.

    feet: per track (T, N, 3) metres in camera space, the points that can touch the floor.
    """
    rotation = level(np.concatenate([t.root[t.observed][:, :, 1] for t in tracks]))
    lowest = []
    for track, points in zip(tracks, feet, strict=True):
        heights = (points @ rotation)[..., 1].min(1)
        lowest.append(heights[track.observed])
    return on_floor(rotation, np.concatenate(lowest))


def level(ups: np.ndarray) -> np.ndarray:
    """(3, 3) world to camera of a camera without roll, from what is up (N, 3) in its space."""
    up = np.median(ups, axis=0)
    pitch = np.clip(np.arctan2(-up[2], -up[1]), -_STEEPEST, _STEEPEST)
    # Columns are the world's axes seen by the camera: x stays, y and z tilt with the pitch.
    cos, sin = np.cos(pitch), np.sin(pitch)
    return np.array([[1.0, 0.0, 0.0], [0.0, -cos, sin], [0.0, -sin, -cos]])


def on_floor(rotation: np.ndarray, lowest: np.ndarray) -> np.ndarray:
    """(3, 4) world to camera of a `level` camera; `lowest` (N,) heights above it, metres, of what
    touches the floor in most frames."""
    origin = np.array([0.0, np.percentile(lowest, 10), 0.0])
    return np.concatenate([rotation, (rotation @ origin)[:, None]], 1)


def stand_at(matrix: np.ndarray, root: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    """`matrix` (3, 4) with the world moved along the floor so that `root` is above `place` (x, z).

    root (3,) metres, camera space.
    """
    here = matrix[:, :3].T @ (root - matrix[:, 3])
    shift = np.array([place[0] - here[0], 0.0, place[1] - here[2]])
    return np.concatenate([matrix[:, :3], (matrix[:, 3] - matrix[:, :3] @ shift)[:, None]], 1)


def to_world(
    matrix: np.ndarray, pose: np.ndarray, transl: np.ndarray, root_rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pose (T, J, 3) and transl (T, 3) of camera space, moved to the world of `matrix` (3, 4).

    root_rest (3,) is the root joint of the shaped body at rest: the root turns about it.
    """
    back = Rotation.from_matrix(matrix[:, :3].T)
    pose = pose.copy()
    pose[:, 0] = (back * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    return pose, back.apply(root_rest + transl - matrix[:, 3]) - root_rest
