"""The shipped body: two paths that agree, its file, its skeleton of 24, what its shapes mean."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from layfigure.engine.bodies import smpl24
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import SHIPPED, load_body_file, load_shipped
from layfigure.engine.formats.body_file import BodyData, load_body, save_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES
from layfigure.engine.formats.skeleton import JOINT_NAMES, PARENTS


def _arguments(frames: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((1, 20), (frames, 55, 3), (frames, 3), (frames, 52))
    betas, pose, transl, expression = (
        torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes
    )
    return tuple(t.to(dtype) for t in (betas, 0.5 * pose, transl, expression.sigmoid()))


def test_shipped_body_is_whole():
    body = load_shipped()
    assert body.keypoint_names == KEYPOINT_NAMES
    assert body.joint_names == JOINT_NAMES
    assert tuple(body.parents) == PARENTS
    assert body.kind == "layfigure" and "CC0" in body.licence
    assert len(body.expression_names) == 52 and body.shapedirs.shape[-1] >= 10
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)
    assert body.weights.min() >= 0 and (body.weights > 0).sum(1).max() <= 8
    np.testing.assert_allclose(body.J_regressor.sum(1), 1, atol=1e-4)
    assert SHIPPED.stat().st_size < 6e6


def test_shipped_body_stands_as_promised():
    body = load_shipped()
    joints = dict(zip(body.joint_names, body.joints(body.v_template), strict=True))
    assert np.abs(joints["pelvis"]).max() < 0.05
    arm = joints["left_wrist"] - joints["left_shoulder"]
    assert arm[0] / np.linalg.norm(arm) > 0.99  # left is +x, arms level
    assert joints["head"][1] > joints["pelvis"][1] > joints["left_ankle"][1]
    assert joints["left_foot"][2] > joints["left_ankle"][2]  # toes towards +z
    height = np.ptp(body.v_template[:, 1])
    assert 1.6 < height < 1.8


def test_statures_of_random_betas_are_those_of_people():
    body = load_shipped()
    betas = np.random.default_rng(0).normal(size=(300, body.shapedirs.shape[-1]))
    tall = [np.ptp(body.shaped(b)[:, 1]) for b in betas]
    assert abs(np.mean(tall) - 1.70) < 0.04
    assert 0.08 < np.std(tall) < 0.13


def test_faces_move_no_joints():
    body = load_shipped()
    moved = np.tensordot(body.J_regressor, body.exprdirs, axes=1)
    assert np.abs(moved).max() < 1e-4


def test_keypoint_path_agrees_with_the_mesh():
    data = load_shipped()
    body = Body(data, torch.float64)
    given = _arguments(5)
    vertices, joints = body(*given)
    points, same = body.keypoint_body()(*given)
    corners = vertices[:, torch.from_numpy(data.keypoint_verts).long()]
    surface = (corners * torch.from_numpy(data.keypoint_bary).double()[..., None]).sum(-2)
    joint = torch.from_numpy(data.keypoint_joint).long()
    expected = torch.where(joint[:, None] < 0, surface, joints[:, joint.clamp(min=0)])
    assert (points - expected).abs().max() < 1e-6
    assert (same - joints).abs().max() < 1e-6
    few = body.keypoint_body(["RWrist", "Nose"])
    chosen, _ = few(*given)
    rows = [KEYPOINT_NAMES.index("RWrist"), KEYPOINT_NAMES.index("Nose")]
    assert (chosen - points[:, rows]).abs().max() < 1e-12
    only_joints, _ = body.keypoint_body(["RWrist"])(*given)
    assert (only_joints - points[:, rows[:1]]).abs().max() < 1e-12


def test_numpy_shape_and_float32_agree_with_torch():
    data = load_shipped()
    betas, pose, transl, expression = _arguments(1)
    rest, joints = Body(data, torch.float64)(betas, 0 * pose, 0 * transl, expression)
    shaped = data.shaped(betas[0].numpy(), expression[0].numpy())
    np.testing.assert_allclose(shaped, rest[0], atol=1e-6)
    np.testing.assert_allclose(data.joints(shaped), joints[0], atol=1e-5)
    fast, _ = Body(data)(*_arguments(1, torch.float32))
    exact, _ = Body(data, torch.float64)(*_arguments(1))
    assert (fast - exact).abs().max() < 1e-5


def test_root_turns_about_its_own_joint_and_few_betas_do():
    body = Body(load_shipped(), torch.float64)
    pose = torch.zeros(1, 55, 3, dtype=torch.float64)
    pose[0, 0] = torch.tensor([0.3, 2.0, -0.4])
    move = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    betas = torch.ones(1, 3, dtype=torch.float64)
    _, still = body(betas, 0 * pose, 0 * move)
    _, turned = body(betas, pose, move)
    assert (turned[0, 0] - still[0, 0] - move[0]).abs().max() < 1e-12


def test_the_body_moves_to_another_device():
    body = Body(load_shipped()).keypoint_body()
    devices = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    if not devices:
        pytest.skip("no CUDA or MPS device here")
    given = _arguments(3, torch.float32)
    here, _ = body(*given)
    for device in devices:
        there, _ = body.to(device)(*(t.to(device) for t in given))
        assert (there.cpu() - here).abs().max() < 1e-5


def test_body_file_round_trip(tmp_path):
    body = load_shipped()
    save_body(tmp_path / "body.npz", body)
    again = load_body_file(tmp_path / "body.npz")
    for field in dataclasses.fields(BodyData):
        ours, theirs = getattr(body, field.name), getattr(again, field.name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(theirs, ours, atol=1e-5, err_msg=field.name)
        else:
            assert ours == theirs


def test_a_posemap_stands_for_full_pose_correctives(tmp_path):
    data, random = load_shipped(), np.random.default_rng(0)
    few = random.normal(size=(len(data.v_template), 3, 5)) * 1e-3
    posemap = random.normal(size=(5, 9 * 54))
    mapped = dataclasses.replace(data, posedirs=few, posemap=posemap)
    dense = dataclasses.replace(data, posedirs=few @ posemap)
    given = _arguments(2)
    ours, theirs = (Body(body, torch.float64)(*given)[0] for body in (mapped, dense))
    plain, _ = Body(data, torch.float64)(*given)
    assert (ours - theirs).abs().max() < 1e-12 and (ours - plain).abs().max() > 1e-3
    points, _ = Body(mapped, torch.float64).keypoint_body()(*given)
    same, _ = Body(dense, torch.float64).keypoint_body()(*given)
    assert (points - same).abs().max() < 1e-12
    save_body(tmp_path / "body.npz", mapped)
    again = load_body(tmp_path / "body.npz")
    assert again.posemap is not None and again.posedirs is not None
    np.testing.assert_allclose(again.posemap, posemap, atol=1e-6)
    np.testing.assert_allclose(again.posedirs, few, atol=1e-6)
    for change in ({"posedirs": None}, {"posemap": posemap[:4]}, {"posemap": posemap[:, :9]}):
        save_body(tmp_path / "bad.npz", dataclasses.replace(mapped, **change))
        with pytest.raises(InputError, match="bad.npz"):
            load_body(tmp_path / "bad.npz")


def test_bad_body_files(tmp_path):
    path = tmp_path / "bad.npz"
    with pytest.raises(InputError, match="no such file"):
        load_body(path)
    with np.load(SHIPPED) as archive:
        good = {name: archive[name] for name in archive.files}
    for change in (
        {"weights_count": None},
        {"v_template": None},
        {"v_template": good["v_template"][:100]},
        {"shapedirs_q": good["shapedirs_q"][..., :3]},
        {"faces": good["faces"] + 1},
        {"parents": good["parents"][::-1]},
        {"J_regressor_column": good["J_regressor_column"][:-1]},
        {"kind": np.asarray("horse")},
    ):
        arrays = {k: v for k, v in (good | change).items() if v is not None}
        np.savez(path, **arrays)
        with pytest.raises(InputError, match="bad.npz"):
            load_body(path)
    path.write_bytes(SHIPPED.read_bytes()[:5000])
    with pytest.raises(InputError, match="bad.npz"):
        load_body(path)


def test_as_a_skeleton_of_24_joints():
    data = load_shipped()
    joints = data.joints(data.v_template)
    seen = smpl24.joints_to_smpl24(joints, data.joint_names)
    assert seen.shape == (24, 3)
    np.testing.assert_array_equal(seen[22], joints[JOINT_NAMES.index("left_middle1")])
    np.testing.assert_array_equal(seen[:22], joints[:22])
    pose = np.random.default_rng(0).normal(size=(4, 72)).astype(np.float32)
    full = smpl24.pose_from_smpl24(pose)
    assert full.shape == (4, 165)
    np.testing.assert_array_equal(full[:, 66:75], 0)
    np.testing.assert_array_equal(full[:, 3 * 28 : 3 * 29], pose[:, 66:69])
    np.testing.assert_array_equal(smpl24.pose_to_smpl24(full)[:, :66], pose[:, :66])
    with pytest.raises(InputError, match="left_middle1"):
        smpl24.smpl24_indices(JOINT_NAMES[:22])
