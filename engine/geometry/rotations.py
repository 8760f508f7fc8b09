"""Rotations in torch: axis-angle, matrices, the left Jacobian of SO(3), the 6-number form.

All functions take any leading shape, keep dtype and device, and have derivatives that stay finite
at the zero rotation, where optimisers start.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Below this squared angle the series are exact to rounding; the closed forms cancel there.
_SMALL_SQUARED = 1e-4


def hat(vector: Tensor) -> Tensor:
    """Cross-product matrix (..., 3, 3) of vectors (..., 3): hat(a) @ b = a x b."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, dim=-1).reshape(*vector.shape[:-1], 3, 3)


def _coefficients(squared: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sin(a)/a, (1 - cos(a))/a^2 and (a - sin(a))/a^3 of the squared angle, smooth at zero."""
    small = squared < _SMALL_SQUARED
    t = torch.where(small, squared, torch.zeros_like(squared))
    series = (
        1 - t / 6 * (1 - t / 20 * (1 - t / 42)),
        0.5 * (1 - t / 12 * (1 - t / 30 * (1 - t / 56))),
        (1 - t / 20 * (1 - t / 42 * (1 - t / 72))) / 6,
    )
    # The branch not taken must not divide by zero, or its derivative turns to NaN.
    square = torch.where(small, torch.ones_like(squared), squared)
    angle = square.sqrt()
    closed = (
        angle.sin() / angle,
        2 * (angle / 2).sin() ** 2 / square,
        (angle - angle.sin()) / (square * angle),
    )
    a, b, c = (torch.where(small, s, f) for s, f in zip(series, closed, strict=True))
    return a, b, c


def _polynomial(rotation: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """I + first * K + second * K^2 with K = hat(rotation)."""
    cross = hat(rotation)
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return identity + first[..., None, None] * cross + second[..., None, None] * (cross @ cross)


def axis_angle_to_matrix(rotation: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), radians."""
    sine, cosine, _ = _coefficients((rotation**2).sum(-1))
    return _polynomial(rotation, sine, cosine)


def left_jacobian(rotation: Tensor) -> Tensor:
    """Left Jacobian of SO(3), (..., 3, 3), at axis-angle vectors (..., 3), radians.

    exp(r + d) = exp(J(r) d) exp(r) to first order in d.
    """
    _, cosine, cubic = _coefficients((rotation**2).sum(-1))
    return _polynomial(rotation, cosine, cubic)


def left_jacobian_inverse(rotation: Tensor) -> Tensor:
    """Inverse of `left_jacobian`, (..., 3, 3); it has none at an angle of a full turn."""
    squared = (rotation**2).sum(-1)
    small = squared < _SMALL_SQUARED
    t = torch.where(small, squared, torch.zeros_like(squared))
    series = 1 / 12 + t / 720 + t**2 / 30240
    square = torch.where(small, torch.ones_like(squared), squared)
    half = square.sqrt() / 2
    closed = (1 - half * half.cos() / half.sin()) / square
    second = torch.where(small, series, closed)
    return _polynomial(rotation, torch.full_like(second, -0.5), second)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternions (..., 4) w, x, y, z with w >= 0 of rotation matrices (..., 3, 3)."""
    m = matrix.flatten(-2).unbind(-1)
    trace = m[0] + m[4] + m[8]
    # Four scaled copies of the same quaternion; the one with the largest pivot is well conditioned.
    pivots = torch.stack(
        [1 + trace, 1 + 2 * m[0] - trace, 1 + 2 * m[4] - trace, 1 + 2 * m[8] - trace], -1
    )
    w = torch.stack([pivots[..., 0], m[7] - m[5], m[2] - m[6], m[3] - m[1]], -1)
    x = torch.stack([m[7] - m[5], pivots[..., 1], m[3] + m[1], m[2] + m[6]], -1)
    y = torch.stack([m[2] - m[6], m[3] + m[1], pivots[..., 2], m[7] + m[5]], -1)
    z = torch.stack([m[3] - m[1], m[2] + m[6], m[7] + m[5], pivots[..., 3]], -1)
    copies = torch.stack([w, x, y, z], -2)
    best = pivots.argmax(-1)[..., None, None].expand(*pivots.shape[:-1], 1, 4)
    quaternion = copies.gather(-2, best).squeeze(-2)
    quaternion = torch.nn.functional.normalize(quaternion, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Axis-angle vectors (..., 3), angle 0..pi, of rotation matrices (..., 3, 3)."""
    quaternion = matrix_to_quaternion(matrix)
    cosine, vector = quaternion[..., :1], quaternion[..., 1:]
    squared = (vector**2).sum(-1, keepdim=True)
    small = squared < 1e-12
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    factor = 2 * torch.atan2(sine, cosine) / sine
    return vector * torch.where(small, torch.full_like(factor, 2.0), factor)


def rotation_6d_to_matrix(numbers: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) whose first two columns are the Gram-Schmidt of (..., 6).

    The six numbers are the first column, then the second (they need not be orthonormal).
    """
    first = torch.nn.functional.normalize(numbers[..., :3], dim=-1)
    second = numbers[..., 3:] - (first * numbers[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """The first column, then the second, (..., 6) of rotation matrices (..., 3, 3)."""
    return torch.cat([matrix[..., 0], matrix[..., 1]], dim=-1)


def turn_to_ray(middle: Tensor) -> Tensor:
    """The smallest turn (N, 3, 3) that brings the ray (x, y, 1) of `middle` (N, 2) to (0, 0, 1)."""
    ray = torch.nn.functional.normalize(torch.cat([middle, torch.ones_like(middle[:, :1])], 1))
    x, y, z = ray.unbind(1)
    share = 1 / (1 + z)
    rows = [1 - x * x * share, -x * y * share, -x, -x * y * share, 1 - y * y * share, -y, x, y, z]
    return torch.stack(rows, 1).unflatten(1, (3, 3))
