"""Pose filters: what training covered passes, what lies far beyond it is held back."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import SMPL24_NAMES
from layfigure.engine.motion.filters import clamp, scanimate_filter, training_range

RANDOM = np.random.default_rng(0)


def test_what_training_covered_is_not_changed():
    poses = RANDOM.normal(0, 0.5, (40, 24, 3))
    limits = training_range(poses)
    np.testing.assert_array_equal(clamp(poses, limits), poses)
    assert clamp(poses.astype(np.float32), limits).dtype == np.float32


def test_what_lies_beyond_comes_back_to_the_edge():
    poses = np.zeros((10, 2, 3))
    poses[:, 1, 0] = np.linspace(0, 1, 10)
    limits = training_range(poses, margin=0.2, floor=0.1)
    asked = np.zeros((3, 2, 3))
    asked[:, 1, 0] = (3.0, 1.25, -2.0)
    asked[:, 0, 1] = 0.5
    kept = clamp(asked, limits)
    np.testing.assert_allclose(kept[:, 1, 0], (1.3, 1.25, -0.3), atol=1e-9)
    np.testing.assert_allclose(kept[:, 0, 1], 0.1, atol=1e-9)
    np.testing.assert_allclose(clamp(kept, limits), kept, atol=1e-9)


def test_the_same_rotation_written_otherwise_stays_within():
    axis = np.array([0.0, 1.0, 0.0])
    poses = np.stack([(np.pi - 0.1) * axis, (-np.pi + 0.1) * axis])[:, None]
    kept = clamp((np.pi * axis)[None, None], training_range(poses))
    turn = Rotation.from_rotvec(kept[0, 0]) * Rotation.from_rotvec(-np.pi * axis)
    assert turn.magnitude() < 1e-6


def test_one_pose_leaves_a_little_room_everywhere():
    one = RANDOM.normal(0, 0.5, (1, 24, 3))
    kept = clamp(RANDOM.normal(0, 1, (30, 24, 3)), training_range(one, floor=0.1))
    back = Rotation.from_rotvec(one[0]).inv()
    for pose in kept:
        assert np.abs((back * Rotation.from_rotvec(pose)).as_rotvec()).max() <= 0.1 + 1e-6


def test_as_scanimate_tests():
    poses = np.full((2, 24, 3), 0.5)
    flat = scanimate_filter(poses, SMPL24_NAMES).reshape(2, 72)
    np.testing.assert_array_equal(flat[:, 66:72], 0)
    np.testing.assert_array_equal(flat[:, 30:36], 0)
    np.testing.assert_array_equal(flat[:, 60:66], 0.1)
    np.testing.assert_array_equal(flat[:, 21:27], 0.2)
    np.testing.assert_array_equal(flat[:, :21], 0.5)
    assert (poses == 0.5).all()
    names = load_shipped().joint_names
    full = scanimate_filter(np.full((1, 55, 3), -0.5), names)
    for joint, name in enumerate(names):
        fingers = name[-1] in "123" and not name.startswith("spine")
        wanted = {"foot": 0, "wrist": -0.1, "ankle": -0.2}.get(name.split("_")[-1], -0.5)
        assert (full[0, joint] == (0 if fingers else wanted)).all(), name
