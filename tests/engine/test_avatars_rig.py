"""Avatars as rigged bodies: rest pose, weights, joints, corrective shapes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from layfigure.engine.avatars.correctives import Correctives, correctives, pose_feature
from layfigure.engine.avatars.rig import joint_regressor, rest_vertices, rig_body, trim_weights
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.skinning import Chain
from layfigure.engine.bodies.smpl24 import SMPL24_PARENTS
from layfigure.engine.formats.body_file import BodyData, check_body, load_body, save_body
from layfigure.engine.geometry.rotations import axis_angle_to_matrix

PERSON = load_shipped()
JOINTS = len(PERSON.joint_names)
RANDOM = np.random.default_rng(0)


def transforms_of(pose: np.ndarray) -> np.ndarray:
    """(J, 4, 4) that carry the shipped body's joints from the T-pose to `pose` (J, 3)."""
    joints = torch.from_numpy(PERSON.joints(PERSON.v_template)).double()
    turns, places = Chain(PERSON.parents)(
        axis_angle_to_matrix(torch.from_numpy(pose))[None], joints[None]
    )
    carried = torch.eye(4, dtype=torch.float64).repeat(JOINTS, 1, 1)
    carried[:, :3, :3] = turns[0]
    carried[:, :3, 3] = places[0] - (turns[0] @ joints[..., None])[..., 0]
    return carried.numpy()


@pytest.fixture(scope="module")
def dressed() -> BodyData:
    """The shipped body as its own clothes: vertices moved, every second face gone."""
    wide = PERSON.v_template + 0.01 * RANDOM.normal(size=PERSON.v_template.shape)
    assert PERSON.vt is not None and PERSON.ft is not None
    weights = trim_weights(PERSON.weights, 4)
    return rig_body(PERSON, wide, PERSON.faces[::2], PERSON.vt, PERSON.ft[::2], weights)


def test_trimmed_weights():
    weights = RANDOM.dirichlet(np.ones(20), 50)
    trimmed = trim_weights(weights, 8)
    np.testing.assert_allclose(trimmed.sum(1), 1, atol=1e-6)
    assert ((trimmed > 0).sum(1) == 8).all()
    for row, kept in zip(weights, trimmed, strict=True):
        assert set(np.flatnonzero(kept)) == set(np.argsort(row)[-8:])
    few = RANDOM.dirichlet(np.ones(5), 50)
    np.testing.assert_allclose(trim_weights(3 * few), few, atol=1e-6)


def test_the_rest_mesh_skinned_is_the_canonical_mesh():
    pose = np.zeros((JOINTS, 3))
    pose[1], pose[2], pose[16] = (0, 0, 0.44), (0, 0, -0.44), (0, 0, -0.3)
    model = Body(PERSON, torch.float64)
    none = torch.zeros(1, 3, dtype=torch.float64)
    canonical = model(none[:, :1], torch.from_numpy(pose)[None], none)[0][0].numpy()
    rest = rest_vertices(canonical, PERSON.weights, transforms_of(pose))
    np.testing.assert_allclose(rest, PERSON.v_template, atol=2e-6)


def test_a_rigged_body_is_whole_and_has_the_persons_joints(tmp_path, dressed):
    check_body(dressed, "rig")
    true = PERSON.joints(PERSON.v_template)
    np.testing.assert_allclose(dressed.joints(dressed.v_template), true, atol=1e-6)
    assert dressed.kind == "avatar" and dressed.keypoint_names and not dressed.expression_names
    assert (dressed.J_regressor != 0).sum(1).max() <= 512
    assert np.abs(dressed.J_regressor).sum(1).max() < 4
    np.testing.assert_allclose(dressed.J_regressor.sum(1), 1, atol=1e-5)
    save_body(tmp_path / "body.npz", dressed)
    again = load_body(tmp_path / "body.npz")
    np.testing.assert_allclose(again.joints(again.v_template), true, atol=1e-6)
    pose = torch.from_numpy(0.3 * RANDOM.normal(size=(2, JOINTS, 3)))
    none = torch.zeros(2, 0, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    ours = Body(again, torch.float64)(none[0], pose, none[1])[1]
    theirs = Body(PERSON, torch.float64)(none[0], pose, none[1])[1]
    assert (ours - theirs).abs().max() < 1e-5


def test_joints_of_few_vertices():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    places = np.array([[0.2, 0.2, 0.2], [1.0, 0, 0], [2, 2, 2]])
    np.testing.assert_allclose(joint_regressor(corners, places) @ corners, places, atol=1e-6)


def figure(count: int = 480) -> BodyData:
    """A skeleton of 24 joints whose vertices follow one joint each, or two that are neighbours."""
    weights = np.zeros((count, 24), np.float32)
    first = np.arange(count) % 24
    weights[np.arange(count), first] = 1
    shared = np.flatnonzero((np.arange(count) % 5 == 0) & (first > 0))
    weights[shared, first[shared]] = 0.5
    weights[shared, np.array(SMPL24_PARENTS)[first[shared]]] = 0.5
    return dataclasses.replace(PERSON, weights=weights, parents=np.array(SMPL24_PARENTS))


def local_offsets(poses: np.ndarray, body: BodyData, noise: float = 0.0) -> np.ndarray:
    """(N, V, 3) metres: two shapes of each of the joints 1 to 3 and one that stays."""
    make = np.random.default_rng(5)
    feature = pose_feature(poses).reshape(len(poses), 23, 9)
    offsets = np.tile(0.002 * make.normal(size=(len(body.weights), 3)), (len(poses), 1, 1))
    for joint in (1, 2, 3):
        drive = feature[:, joint - 1] @ make.normal(size=(9, 2))
        shapes = 0.01 * make.normal(size=(2, len(body.weights), 3))
        offsets += np.einsum("nk,kvc,v->nvc", drive, shapes, body.weights[:, joint])
    return (offsets + noise * make.normal(size=offsets.shape)).astype(np.float32)


def some_poses(count: int, joints: int = 24) -> np.ndarray:
    return 0.4 * np.random.default_rng(3).normal(size=(count, joints, 3))


def test_offsets_that_are_linear_in_the_pose_are_found():
    poses, body = some_poses(400), figure()
    offsets = local_offsets(poses, body)
    held = np.arange(400) >= 350
    found = correctives(offsets, poses, 6, held, body)
    assert found.dirs.shape == (480, 3, 6) and found.posemap.shape == (6, 9 * 23)
    # Vertices shared with a joint that knows nothing of the grandparent's children lose a little.
    assert found.before_mm[0] > 3 and found.after_mm[0] < 0.1 * found.before_mm[0]
    fewer = correctives(offsets, poses, 2, held, body)
    assert found.after_mm[0] < fewer.after_mm[0] < fewer.before_mm[0]
    rest = local_offsets(np.zeros((1, 24, 3)), body)[0]
    assert np.linalg.norm(found.base - rest, axis=1).mean() < 5e-4


def test_the_residual_is_what_the_shapes_leave():
    poses, body = some_poses(60), figure()
    offsets = local_offsets(poses, body, noise=0.001)
    held = np.arange(60) % 3 == 0
    found = correctives(offsets, poses, 4, held, body)
    made = found.base + np.einsum(
        "vck,nk->nvc", found.dirs, pose_feature(poses[held]) @ found.posemap.T
    )
    left = 1000 * np.linalg.norm(offsets[held] - made, axis=-1)
    np.testing.assert_allclose(found.after_mm, (left.mean(), left.max()), rtol=1e-3)


def test_few_noisy_poses_do_not_lead_astray():
    poses, body = some_poses(60), figure()
    offsets = local_offsets(poses, body, noise=0.001)
    held = np.arange(60) % 3 == 0
    found = correctives(offsets, poses, 8, held, body)
    assert found.after_mm[0] < 0.7 * found.before_mm[0]
    noise = np.random.default_rng(0).normal(0, 1e-3, offsets.shape)
    nothing = correctives(noise, poses, 8, held, body)
    assert nothing.after_mm[0] < 1.1 * nothing.before_mm[0]


def test_what_hangs_on_one_limb_does_not_answer_to_another():
    poses, body = some_poses(200), figure()
    found = correctives(local_offsets(poses, body), poses, 6, np.zeros(200, bool), body)
    changed = np.array(poses[:1])
    changed[:, 18:24] += 0.5
    step = (pose_feature(changed) - pose_feature(poses[:1])) @ found.posemap.T
    assert np.abs(found.dirs @ step[0]).max() < 1e-3


def test_one_pose_or_none_that_changes_anything():
    poses, body = some_poses(3), figure(48)
    still = correctives(np.zeros((3, 48, 3)), poses, 4, np.zeros(3, bool), body)
    assert still.dirs.shape == (48, 3, 0) and still.posemap.shape == (0, 9 * 23)
    assert still.after_mm == (0, 0)
    one = correctives(np.ones((1, 48, 3)), poses[:1], 4, np.zeros(1, bool), body)
    assert isinstance(one, Correctives) and one.after_mm[1] < 1e-3


def test_a_body_shows_its_correctives(tmp_path, dressed):
    count = 40
    poses = np.zeros((count, JOINTS, 3))
    poses[:, :22] = some_poses(count, 22)
    shoulder = PERSON.joint_names.index("left_shoulder")
    turned = pose_feature(poses)[:, None, 9 * shoulder - 9 : 9 * shoulder - 6]
    offsets = (0.01 * turned * dressed.weights[:, shoulder, None]).astype(np.float32)
    found = correctives(offsets, poses, 3, np.zeros(count, bool), dressed)
    assert found.after_mm[0] < 0.1 * found.before_mm[0]
    save_body(tmp_path / "body.npz", found.apply(dressed))
    body = load_body(tmp_path / "body.npz")
    given = (torch.zeros(count, 0), torch.from_numpy(poses).float(), torch.zeros(count, 3))
    assert body.posedirs is not None and body.posedirs.shape[-1] == 3
    with_shapes = Body(body)(*given)[0].numpy()
    plain = Body(dressed)(*given)[0].numpy()
    pushed = np.linalg.norm(with_shapes - plain, axis=-1)
    # Where joints fold, blending shortens what is pushed.
    assert np.abs(pushed - np.linalg.norm(offsets, axis=-1)).mean() < 1e-4
    np.testing.assert_allclose(
        body.joints(body.v_template), dressed.joints(dressed.v_template), atol=1e-6
    )
