"""The body that the scans are learnt on: 24 joints, canonical pose, hands and feet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from layfigure.engine.avatars.scanimate.body import CanonicalBody, vertex_normals
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import SMPL24_NAMES, pose_from_smpl24, smpl24_body
from layfigure.engine.formats.body_file import BodyData, check_body


@pytest.fixture(scope="module")
def full() -> BodyData:
    body = load_shipped()
    rng = np.random.default_rng(0)
    posedirs = rng.normal(0, 1e-3, (*body.v_template.shape, 9 * 54)).astype(np.float32)
    posedirs[..., 9 * 21 :] = 0  # as in SMPL-X's body: fingers and face correct nothing here
    return replace(body, posedirs=posedirs)


@pytest.fixture(scope="module")
def body(full: BodyData) -> CanonicalBody:
    return CanonicalBody(smpl24_body(full))


@pytest.fixture
def pose() -> torch.Tensor:
    pose = 0.3 * torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
    pose[22:] = 0
    return pose


def test_the_reduced_body_is_a_body(full: BodyData) -> None:
    small = smpl24_body(full)
    check_body(small, "small")
    assert small.joint_names == SMPL24_NAMES and smpl24_body(small) is small
    assert np.allclose(small.weights.sum(1), full.weights.sum(1), atol=1e-6)
    head, hand = SMPL24_NAMES.index("head"), SMPL24_NAMES.index("left_hand")
    face = [full.joint_names.index(n) for n in ("head", "jaw", "left_eye", "right_eye")]
    assert np.allclose(small.weights[:, head], full.weights[:, face].sum(1), atol=1e-6)
    assert np.allclose(small.weights[:, hand], full.weights[:, 25:40].sum(1), atol=1e-6)


def test_it_poses_like_the_full_body(
    full: BodyData, body: CanonicalBody, pose: torch.Tensor
) -> None:
    whole = torch.from_numpy(pose_from_smpl24(pose.reshape(1, 72).numpy())).reshape(1, -1, 3)
    wanted, _ = Body(full)(torch.zeros(1, 1), whole, torch.zeros(1, 3))
    assert torch.allclose(body.posed(pose), wanted[0], atol=2e-5)


def test_bones_lead_from_the_canonical_body_to_the_pose(
    body: CanonicalBody, pose: torch.Tensor
) -> None:
    """Each vertex on one bone alone goes exactly where it belongs, whatever root and batch."""
    one = body.weights.max(1).values > 0.99999
    bones = body.bones(torch.stack([pose, 0.5 * pose]))
    joint = body.weights.argmax(1)
    canonical = body.canonical(pose)
    moved = torch.einsum("vab,vb->va", bones[0, joint, :3, :3], canonical) + bones[0, joint, :3, 3]
    assert one.sum() > 1000
    assert torch.allclose(moved[one], body.posed(pose)[one], atol=1e-5)
    assert torch.allclose(bones[1], body.bones(0.5 * pose), atol=1e-6)


def test_canonical_pose_and_box(body: CanonicalBody) -> None:
    ankles = [SMPL24_NAMES.index(f"{side}_ankle") for side in ("left", "right")]
    hips = [SMPL24_NAMES.index(f"{side}_hip") for side in ("left", "right")]
    joints = torch.linalg.inv(body.to_rest)[:, :3] @ torch.cat(
        [body.joints, torch.ones(24, 1)], 1
    ).unsqueeze(-1)
    turned = [
        torch.rad2deg(torch.atan2(leg[:, 0], -leg[:, 1]))
        for leg in (x[ankles] - x[hips] for x in (joints.squeeze(-1), body.joints))
    ]
    assert torch.allclose(turned[0] - turned[1], torch.tensor([25.0, -25.0]), atol=1e-2)
    least, most = body.box
    size = body.vertices.amax(0) - body.vertices.amin(0)
    assert torch.allclose(most - least, size * torch.tensor([1.1, 1.2, 3.0]), atol=1e-5)


def test_hands_and_feet_are_hands_and_feet(body: CanonicalBody) -> None:
    rows = body.hands_and_feet()
    part = [SMPL24_NAMES[j] for j in body.weights[rows].argmax(1)]
    ends = ("wrist", "hand", "ankle", "foot")
    assert sum(name.endswith(ends) for name in part) > 0.9 * len(part)
    for name in ("left_hand", "right_hand", "left_foot", "right_foot"):
        own = (body.weights[:, SMPL24_NAMES.index(name)] > 0.9).nonzero().squeeze(-1)
        assert set(own.tolist()) <= set(rows.tolist()), name


def test_normals_look_outward(body: CanonicalBody) -> None:
    corners = body.vertices[body.faces]
    volume = torch.linalg.det(corners.double()).sum() / 6
    assert volume > 0.03
    moved = body.vertices + 0.01 * vertex_normals(body.vertices, body.faces)
    assert torch.linalg.det(moved[body.faces].double()).sum() / 6 > volume
