"""Rotations against scipy, in float64, with the angles where formulas break."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from layfigure.engine.geometry import rotations

ANGLES = (0.0, 1e-12, 1e-8, 1e-5, 0.0099, 0.0101, 0.3, 2.0, 3.0, np.pi - 1e-5, np.pi - 1e-9, np.pi)


def _vectors(angles=ANGLES) -> torch.Tensor:
    axes = np.random.default_rng(0).normal(size=(40, 3))
    axes[:3], axes[3:6] = np.eye(3), -np.eye(3)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return torch.from_numpy(np.concatenate([axes * angle for angle in angles]))


def test_axis_angle_to_matrix():
    vectors = _vectors((*ANGLES, 5.0, 9.0))
    expected = Rotation.from_rotvec(vectors.numpy()).as_matrix()
    np.testing.assert_allclose(rotations.axis_angle_to_matrix(vectors), expected, atol=1e-14)


def test_matrix_to_axis_angle_and_back():
    vectors = _vectors()
    matrices = torch.from_numpy(Rotation.from_rotvec(vectors.numpy()).as_matrix())
    found = rotations.matrix_to_axis_angle(matrices)
    np.testing.assert_allclose(rotations.axis_angle_to_matrix(found), matrices, atol=1e-14)
    below = vectors.norm(dim=-1) < np.pi - 1e-4  # at pi the axis has two signs
    np.testing.assert_allclose(found[below], vectors[below], atol=1e-13)


def test_left_jacobian_is_the_derivative_and_its_inverse():
    vectors = _vectors((0.0, 1e-9, 1e-3, 0.0099, 0.0101, 1.0, 3.0, 4.5))
    jacobian = rotations.left_jacobian(vectors)
    step = 1e-6
    base = Rotation.from_rotvec(vectors.numpy()).inv()
    for axis in range(3):
        delta = np.zeros(3)
        delta[axis] = step
        ahead = Rotation.from_rotvec(vectors.numpy() + delta) * base
        behind = Rotation.from_rotvec(vectors.numpy() - delta) * base
        numeric = (ahead.as_rotvec() - behind.as_rotvec()) / (2 * step)
        np.testing.assert_allclose(jacobian[..., axis], numeric, atol=1e-8)
    product = jacobian @ rotations.left_jacobian_inverse(vectors)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-11)


def test_rotation_6d():
    matrices = rotations.axis_angle_to_matrix(_vectors())
    numbers = rotations.matrix_to_rotation_6d(matrices)
    np.testing.assert_allclose(rotations.rotation_6d_to_matrix(numbers), matrices, atol=1e-14)
    skewed = torch.randn(50, 6, dtype=torch.float64)
    made = rotations.rotation_6d_to_matrix(skewed)
    eye = np.broadcast_to(np.eye(3), made.shape)
    np.testing.assert_allclose(made @ made.transpose(-1, -2), eye, atol=1e-12)
    np.testing.assert_allclose(torch.linalg.det(made), 1, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.01, 1.0, 3.1])
def test_derivatives_are_finite_and_right(angle):
    vector = torch.tensor([[0.36, -0.48, 0.8]], dtype=torch.float64) * angle
    vector.requires_grad_()
    assert torch.autograd.gradcheck(rotations.axis_angle_to_matrix, vector, eps=1e-7, atol=1e-6)
    there_and_back = rotations.matrix_to_axis_angle(rotations.axis_angle_to_matrix(vector))
    (slope,) = torch.autograd.grad(there_and_back.sum(), vector)
    np.testing.assert_allclose(slope, 1, atol=1e-6)
