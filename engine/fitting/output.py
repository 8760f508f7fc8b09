"""A fit as numbers: joints, vertices and how well it agrees with the picture."""

from __future__ import annotations

import numpy as np
import torch

from ..bodies.model import Body
from ..formats.body_file import BodyData
from ..formats.keypoints import KEYPOINT_NAMES
from ..geometry.rotations import matrix_to_axis_angle
from .clip import Track


def full_pose(track: Track) -> np.ndarray:
    """(T, J, 3) axis-angle with the root's rotation (body to camera) in row 0."""
    pose = track.pose.copy()
    pose[:, 0] = matrix_to_axis_angle(torch.tensor(track.root)).numpy()
    return pose


def _tensors(track: Track, frames: slice) -> tuple[torch.Tensor, ...]:
    arrays = (track.betas[None], full_pose(track)[frames], track.transl[frames])
    return tuple(torch.tensor(a, dtype=torch.float32) for a in (*arrays, track.expression[frames]))


def posed_joints(body: BodyData, track: Track) -> np.ndarray:
    """(T, J, 3) metres, camera space."""
    model = Body(body).keypoint_body(names=[])
    with torch.no_grad():
        return model(*_tensors(track, slice(None)))[1].numpy()


def posed_vertices(model: Body, track: Track, frames: slice = slice(None)) -> np.ndarray:
    """(T, V, 3) metres, camera space. For many frames, ask for some at a time."""
    with torch.no_grad():
        return model(*_tensors(track, frames))[0].numpy()


def posed_keypoints(body: BodyData, track: Track) -> tuple[list[int], np.ndarray]:
    """Indices into the 137-point table and (T, K, 3) metres, camera space."""
    names = [name for name in KEYPOINT_NAMES if name in body.keypoint_names]
    model = Body(body).keypoint_body(names=names)
    with torch.no_grad():
        points = model(*_tensors(track, slice(None)))[0].numpy()
    return [KEYPOINT_NAMES.index(n) for n in names], points


def reprojection_error(
    body: BodyData, track: Track, focal: float, width: int, height: int, confident: float = 0.5
) -> float:
    """Mean distance in the picture of confident BODY_25 points, as a share of the person's size."""
    index, points = posed_keypoints(body, track)
    keep = [i for i, k in enumerate(index) if k < 25]
    pixels = points[:, keep, :2] / points[:, keep, 2:] * focal + (width / 2, height / 2)
    measured = track.points[:, [index[i] for i in keep]]
    gap = np.linalg.norm(pixels - measured[..., :2], axis=-1) / track.size[:, None]
    seen = measured[..., 2] > confident
    return float(gap[seen].mean()) if seen.any() else float("nan")
