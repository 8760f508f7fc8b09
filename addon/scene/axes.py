"""From the engine's axes to Blender's, and rotations as Blender keys them. numpy only."""

from __future__ import annotations

import numpy as np

# World (x left, y up, z front) to Blender (x left, y back, z up): (x, y, z) -> (x, -z, y).
TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
# Camera axes: OpenCV (x right, y down, z forward) to Blender (x right, y up, z backward).
_CAMERA_FLIP = np.diag([1.0, -1.0, -1.0])


def to_blender(points: np.ndarray) -> np.ndarray:
    """(..., 3) engine world to (..., 3) Blender world, metres."""
    return points @ TO_BLENDER.T


def axis_angle_to_quaternion(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) axis-angle in radians to (..., 4) unit quaternions, real part first."""
    half = np.linalg.norm(vectors, axis=-1, keepdims=True) / 2
    # np.sinc is sin(pi x)/(pi x): smooth through the zero angle
    return np.concatenate([np.cos(half), vectors / 2 * np.sinc(half / np.pi)], axis=-1)


def axis_angle_to_matrix(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) axis-angle in radians to (..., 3, 3) rotations."""
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    angle = np.sqrt(x**2 + y**2 + z**2)[..., None, None]
    # np.sinc(a / pi) is sin(a) / a: smooth through the zero angle
    half = np.sinc(angle / (2 * np.pi))
    return np.eye(3) + np.sinc(angle / np.pi) * cross + half**2 / 2 * cross @ cross


def matrix_to_quaternion(matrices: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations to (T, 4) unit quaternions, real part first."""
    m = np.asarray(matrices, np.float64)
    # the eigenvector of the greatest eigenvalue; no branches, no loss near half turns
    k = np.zeros((len(m), 4, 4))
    trace = np.trace(m, axis1=1, axis2=2)
    k[:, 0, 0] = trace
    skew = np.stack(
        [m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1
    )
    k[:, 0, 1:] = k[:, 1:, 0] = skew
    k[:, 1:, 1:] = m + m.transpose(0, 2, 1) - trace[:, None, None] * np.eye(3)
    return np.linalg.eigh(k)[1][:, :, -1]


def continuous(quaternions: np.ndarray) -> np.ndarray:
    """(T, ..., 4) with signs chosen so that no frame jumps to the other of the two names of a turn.

    Without this the linear curves between two frames would pass through a wrong rotation.
    """
    dots = (quaternions[1:] * quaternions[:-1]).sum(-1, keepdims=True)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
    result = quaternions.copy()
    result[1:] *= signs
    return result


def camera_poses(world_to_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3, 4) engine world to camera, as (T, 3) places and (T, 4) quaternions in Blender."""
    rotation = np.asarray(world_to_camera[:, :, :3], np.float64)
    backwards = rotation.transpose(0, 2, 1)
    places = -np.einsum("tij,tj->ti", backwards, world_to_camera[:, :, 3])
    axes = TO_BLENDER @ backwards @ _CAMERA_FLIP
    return to_blender(places), continuous(matrix_to_quaternion(axes))
