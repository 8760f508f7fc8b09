"""Cameras, rotations, losses and augmentation around PyMAF give the numbers of the original."""

from __future__ import annotations

import torch
from torch import Tensor

from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from layfigure.engine.regression.crops import crop_matrix
from layfigure.engine.regression.pymaf import augment, camera, losses
from layfigure.engine.regression.pymaf.dense_maps import dense_maps
from layfigure.engine.regression.pymaf.estimate import Estimate
from layfigure.engine.regression.pymaf.metrics import aligned, joint_error
from layfigure.engine.regression.pymaf.network import Dense
from pymaf_vectors import function, needed

pytestmark = needed


def same(found: Tensor, wanted: Tensor, atol: float = 2e-6) -> None:
    """To some roundings of float32; `wanted` has no more digits."""
    torch.testing.assert_close(found, wanted.to(found), rtol=2e-6, atol=atol)


def test_rotations() -> None:
    given, (wanted,) = function("rot6d_to_rotmat")
    pose = given["x"].repeat(1, 6).flatten()[None].reshape(1, 144)
    found = Estimate(pose, torch.zeros(1, 10), torch.zeros(1, 3)).rotations
    same(found[0, ::6], wanted)
    given, (wanted,) = function("rotation_matrix_to_angle_axis")
    same(matrix_to_axis_angle(given["R"]), wanted, 1e-5)
    given, (wanted,) = function("batch_rodrigues")
    same(axis_angle_to_matrix(given["theta"]), wanted)


def test_crop_camera() -> None:
    given, (wanted,) = function("projection")
    found = camera.project(given["joints"], given["cam"])
    same(found, wanted)


def test_picture_cameras() -> None:
    given, (wanted,) = function("convert_to_full_img_cam")
    size = (int(given["img_w"][0]), int(given["img_h"][0]))
    centre, side = given["bbox_center"], given["bbox_height"]
    found = camera.picture_translation(given["cam"], centre, side, size, given["focal"])
    same(found, wanted)
    given, (wanted,) = function("convert_crop_cam_to_orig_img")
    box = given["bbox"]
    size = (given["w"], given["h"])
    same(camera.picture_camera(given["cam"], box[:, :2], box[:, 2], size), wanted)


def test_translation() -> None:
    given, (wanted,) = function("estimate_translation")
    points, pixels = given["S"][:, 25:], given["joints_2d"][:, 25:]
    same(camera.translation_to(points, pixels[..., :2], pixels[..., 2]), wanted, 1e-5)


def test_crop() -> None:
    given, (wanted,) = function("get_transform")
    centre = tuple(given["center"].tolist())
    matrix = crop_matrix(centre, 200 * given["scale"], 224)
    same(torch.tensor(matrix), wanted)
    given, (wanted,) = function("transform_pt")
    assert augment.to_crop(given["pt"][None].numpy(), matrix).tolist() == [wanted.tolist()]


def test_mirror_and_turn() -> None:
    given, (wanted,) = function("flip_pose")
    same(augment.mirrored_pose(given["pose"]), wanted)
    given, (wanted,) = function("flip_kp49")
    same(augment.mirrored_joints(given["kp"]), wanted)
    given, (wanted,) = function("rot_aa")
    same(augment.turned_root(given["aa"], given["rot"]), wanted)


def test_aligned() -> None:
    given, (errors, wanted) = function("reconstruction_error")
    found = aligned(given["S1"], given["S2"])
    same(found, wanted)
    same(joint_error(found, given["S2"]), errors)


def test_losses_of_joints() -> None:
    given, (wanted,) = function("keypoint_loss")
    weights = given["openpose_weight"], given["gt_weight"]
    same(losses.joints_2d_loss(given["pred"], given["gt"], *weights), wanted)
    given, (wanted,) = function("keypoint_3d_loss")
    same(losses.joints_3d_loss(given["pred"], given["gt"], given["has"]), wanted)


def test_losses_of_the_body() -> None:
    given, wanted = function("smpl_losses")
    found = losses.body_losses(
        *(given[k] for k in ("rotmat", "betas", "gt_pose", "gt_betas", "has"))
    )
    same(torch.stack(found), torch.stack(wanted))
    given, (wanted_camera,) = function("loss_cam")
    same(losses.camera_loss(given["cam"]), wanted_camera)


def test_dense() -> None:
    given, (u, v, index, part) = function("iuv_img2map")
    maps = dense_maps(given["iuv"])
    same(maps.u, u)
    same(maps.v, v)
    same(maps.inside.float(), index)
    same(torch.nn.functional.one_hot(maps.part, 15).movedim(-1, 1).float(), part)
    given, wanted = function("body_uv_losses")
    said = Dense(*(given[name] for name in ("u", "v", "index", "ann")))
    known = given["has_iuv"]
    found = losses.dense_losses(said, dense_maps(given["iuv"]), known)
    weights = torch.tensor([given["POINT_REGRESSION_WEIGHTS"]] * 2 + [1, 1])
    same(torch.stack(found) * weights, torch.stack(wanted))
