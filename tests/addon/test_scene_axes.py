"""Axes and rotations, against scipy."""

import numpy as np
from scipy.spatial.transform import Rotation

from layfigure.addon.scene.axes import (
    axis_angle_to_quaternion,
    camera_poses,
    continuous,
    matrix_to_quaternion,
    to_blender,
)


def test_up_is_up_and_the_front_faces_blenders_front_view():
    up, front, left = to_blender(np.eye(3)[[1, 2, 0]])
    assert up.tolist() == [0, 0, 1]
    assert front.tolist() == [0, -1, 0]
    assert left.tolist() == [1, 0, 0]


def test_quaternions_agree_with_scipy():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 3)) * rng.choice([1e-9, 1e-3, 1, 3], size=(200, 1))
    expected = Rotation.from_rotvec(vectors)
    for found in (axis_angle_to_quaternion(vectors), matrix_to_quaternion(expected.as_matrix())):
        turned = Rotation.from_quat(found[:, [1, 2, 3, 0]])
        assert (turned * expected.inv()).magnitude().max() < 1e-9


def test_half_turns_have_quaternions():
    matrices = np.array([np.diag(d) for d in ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))], float)
    found = np.abs(matrix_to_quaternion(matrices))
    np.testing.assert_allclose(found, np.eye(4)[1:], atol=1e-12)


def test_signs_never_jump():
    angles = np.linspace(0, 6 * np.pi, 100)
    wrapped = (angles + np.pi) % (2 * np.pi) - np.pi
    quaternions = axis_angle_to_quaternion(wrapped[:, None, None] * [[0.0, 1.0, 0.0]])
    assert (np.abs(np.diff(quaternions, axis=0)).max()) > 1
    assert (np.abs(np.diff(continuous(quaternions), axis=0)).max()) < 0.2


def test_a_level_camera_in_front_looks_along_blenders_y():
    pose = np.array([[[1.0, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, -1, 4]]])
    places, turns = camera_poses(pose)
    np.testing.assert_allclose(places[0], [0, -4, 1.5], atol=1e-6)
    turn = Rotation.from_quat(turns[0][[1, 2, 3, 0]])
    np.testing.assert_allclose(turn.apply([0, 0, -1]), [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(turn.apply([0, 1, 0]), [0, 0, 1], atol=1e-6)
