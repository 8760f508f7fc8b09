"""Where a motion stands in the world: y up, feet on the floor, frames at the wanted rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..bodies.skinning import Chain, skin
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.motion import Motion

Z_UP_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_EVERY = 8  # of the vertices that are no foot's, one in so many tells how low the body is
_FEET = ("left_ankle", "right_ankle", "left_foot", "right_foot")
_SINKING = 5.0  # percent of the frames that may pass through the floor: those are noise


def pelvis(body: BodyData, betas: np.ndarray) -> np.ndarray:
    """The root joint (3,) of `body` at rest, metres."""
    return body.J_regressor[0] @ body.shaped(betas)


def turn_world(
    poses: np.ndarray, trans: np.ndarray, turn: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, J, 3) and trans (T, 3) after the world was turned by `turn` (3, 3).

    `root` (3,) is the rest place of the root joint, about which the root turns.
    """
    turned = poses.copy()
    turned[:, 0] = (Rotation.from_matrix(turn) * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    return turned, ((trans + root) @ turn.T - root).astype(np.float32)


def lowest(motion: Motion, body: BodyData) -> np.ndarray:
    """(T,) height in metres of the lowest point of the posed body in every frame."""
    foot = [i for i, name in enumerate(body.joint_names) if name in _FEET]
    chosen = body.weights[:, foot].sum(1) > 0.5
    chosen[::_EVERY] = True
    rest = body.shaped(motion.betas)
    joints = torch.as_tensor(body.joints(rest))[None].float()
    points, weights = torch.as_tensor(rest[chosen]).float(), torch.as_tensor(body.weights[chosen])
    turns = Rotation.from_rotvec(motion.poses.reshape(-1, 3)).as_matrix()
    rotations = torch.from_numpy(turns).float().reshape(len(motion.poses), -1, 3, 3)
    chain, heights = Chain(body.parents), []
    for part in rotations.split(256):
        there = joints.expand(len(part), -1, -1)
        world, places = chain(part, there)
        posed = skin(points, weights.float(), world, places, there)
        heights.append(posed[..., 1].amin(1))
    return torch.cat(heights).numpy() + motion.trans[:, 1]


def on_floor(motion: Motion, body: BodyData, tolerance: float = 0.0) -> Motion:
    """`motion` raised or lowered as a whole so that it stands on the floor, y = 0.

    Unless it does so already to within `tolerance`, metres.
    """
    height = float(np.percentile(lowest(motion, body), _SINKING))
    if abs(height) <= tolerance:
        return motion
    return replace(motion, trans=motion.trans - np.array([0, height, 0], np.float32))


def at_rate(motion: Motion, fps: float | None) -> Motion:
    """`motion` at `fps` frames a second, rotations and places interpolated; None: as it is.

    Raises InputError for a rate that is none.
    """
    if fps is None or abs(fps - motion.fps) < 1e-3:
        return motion
    if not (np.isfinite(fps) and fps > 0):
        raise InputError(f"{fps} frames a second: this is no rate.", "Give a number above 0.")
    last = len(motion.poses) - 1
    count = int(np.floor(last * fps / motion.fps + 1e-4)) + 1
    times = np.minimum(np.arange(count) * motion.fps / fps, last)
    before = np.minimum(times.astype(int), max(last - 1, 0))
    after, share = np.minimum(before + 1, last), times - before
    vectors = motion.pose_vectors
    start = Rotation.from_rotvec(vectors[before].reshape(-1, 3))
    step = (start.inv() * Rotation.from_rotvec(vectors[after].reshape(-1, 3))).as_rotvec()
    step *= np.repeat(share, vectors.shape[1])[:, None]
    poses = (start * Rotation.from_rotvec(step)).as_rotvec().reshape(count, -1)

    def between(values: np.ndarray) -> np.ndarray:
        mixed = (1 - share[:, None]) * values[before] + share[:, None] * values[after]
        return mixed.astype(np.float32)

    return replace(
        motion,
        poses=poses.astype(np.float32),
        trans=between(motion.trans),
        expression=between(motion.expression),
        fps=float(fps),
        joints=None,
        joint_names=(),
        frame_ids=np.arange(count),
        observed=motion.observed[np.rint(times).astype(int)],
    )
