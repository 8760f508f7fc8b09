"""The body as capsules: they fit the mesh, their derivatives are right, crossed arms come apart."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.bodies.capsules import body_capsules
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.banded import System
from layfigure.engine.fitting.collision import Collision
from layfigure.engine.fitting.kinematics import Kinematics, Parameters

LIKE = torch.zeros(0, dtype=torch.float64)
FREE = Parameters(tuple(range(1, 22)), root=True, expressions=0)


@pytest.fixture(scope="module")
def crossed() -> ModuleType:
    """The benchmark of the crossed arms."""
    path = Path(__file__).parents[2] / "benchmarks" / "collision.py"
    spec = importlib.util.spec_from_file_location("collision_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def collision() -> Collision:
    return Collision(load_shipped(), LIKE)


@pytest.fixture(scope="module")
def kinematics() -> Kinematics:
    return Kinematics(load_shipped(), list(range(25)), FREE, LIKE)


def tangled(crossed: ModuleType, frames: int = 3) -> tuple[Tensor, Tensor]:
    """Poses (1, T, 55, 3) whose arms and legs are in the body, and a shape (1, 20)."""
    names = load_shipped().joint_names
    pose = 0.05 * torch.randn(
        1, frames, len(names), 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    for joint, turn in crossed.CROSSED.items():
        pose[..., names.index(joint), :] += torch.tensor(turn)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[..., names.index(f"{side}_elbow"), 1] -= 0.5 * sign
        pose[..., names.index(f"{side}_shoulder"), 1] += 0.3 * sign
        pose[..., names.index(f"{side}_hip"), 0] -= 1.9
    betas = torch.zeros(1, load_shipped().shapedirs.shape[2], dtype=torch.float64)
    betas[0, :2] = torch.tensor([0.8, -0.6])
    return pose, betas


def nothing(frames: int) -> System:
    """Normal equations of one clip without any term."""
    size = FREE.size

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape, dtype=torch.float64)

    return System(
        zeros(1, frames, size, size), zeros(1, frames, size, size), zeros(1, frames, size),
        zeros(1, frames, size), zeros(1, frames, size, 0), zeros(1, 0, 0), zeros(1, 0), zeros(1),
    )  # fmt: skip


def test_capsules_cover_the_body_and_follow_its_shape() -> None:
    body = load_shipped()
    capsules = body_capsules(body)
    regions = set(capsules.regions)
    for side in ("left", "right"):
        parts = ("upper arm", "outer upper arm", "forearm", "hand", "thigh", "outer thigh")
        assert {f"{side} {part}" for part in (*parts, "shin", "foot")} <= regions
    assert {"torso", "head"} <= regions
    betas = np.zeros(body.shapedirs.shape[2])
    betas[0] = 1.5
    mesh = body.shaped(betas)
    ends = capsules.ends + capsules.ends_betas @ betas + body.joints(mesh)[capsules.joint][:, None]
    radii = capsules.radii + capsules.radii_betas @ betas
    share = np.linspace(0, 1, 20)[:, None]
    balls = ends[:, :1] * (1 - share) + ends[:, 1:] * share
    thick = radii[:, :1] * (1 - share.T) + radii[:, 1:] * share.T
    gap = np.linalg.norm(mesh[:, None] - balls.reshape(1, -1, 3), axis=-1) - thick.reshape(-1)
    gap = gap.min(1)  # of each vertex from the surface of all capsules
    assert np.abs(gap).mean() < 0.012 and np.percentile(gap, 99) < 0.025


def test_rest_pose_is_free_of_contacts(collision: Collision, kinematics: Kinematics) -> None:
    pose = torch.zeros(1, 55, 3, dtype=torch.float64)
    betas = torch.zeros(1, load_shipped().shapedirs.shape[2], dtype=torch.float64)
    assert not len(collision.contacts(*kinematics.chain(pose, betas), betas).depth)


def test_derivatives(collision: Collision, kinematics: Kinematics, crossed: ModuleType) -> None:
    """Against finite differences, and against autograd through the depths."""
    pose, betas = tangled(crossed)
    weight, step = 30.0, 1e-6
    system = nothing(3)
    collision.add(kinematics, pose, betas, weight, system)
    assert float(system.cost) > 1
    assert not system.gradient[..., :6].any()  # neither turn nor place of the root matters

    def cost(moved: Tensor) -> float:
        other = nothing(3)
        collision.add(kinematics, moved, betas, weight, other)
        return float(other.cost)

    generator = torch.Generator().manual_seed(1)
    for _ in range(6):
        change = torch.zeros_like(pose)
        turns = torch.randn(1, 3, 21, 3, generator=generator, dtype=torch.float64)
        change[:, :, 1:22] = turns
        slope = (cost(pose + step * change) - cost(pose - step * change)) / (2 * step)
        expected = 2 * float((system.gradient[..., 6:] * turns.flatten(2)).sum())
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-3)
    free = pose[0].clone().requires_grad_()
    shapes = betas.expand(3, -1)
    found = collision.contacts(*kinematics.chain(free, shapes), shapes)
    (weight * found.depth).square().sum().backward()
    assert free.grad is not None
    by_hand = 2 * system.gradient[0, :, 6:]
    torch.testing.assert_close(free.grad[:, 1:22].flatten(1), by_hand, rtol=1e-4, atol=1e-3)


def test_curvature_is_that_of_squares(
    collision: Collision, kinematics: Kinematics, crossed: ModuleType
) -> None:
    pose, betas = tangled(crossed, 1)
    system = nothing(1)
    collision.add(kinematics, pose, betas, 10.0, system)
    matrix = system.diagonal[0, 0]
    assert float(system.cost) > 0
    torch.testing.assert_close(matrix, matrix.T)
    assert float(torch.linalg.eigvalsh(matrix).min()) > -1e-8 * float(matrix.abs().max())


def test_crossed_arms_come_apart(crossed: ModuleType) -> None:
    """Measured on the mesh: before, the arms cut into each other and the body."""
    scene = crossed.crossed_scene(12)
    body = load_shipped()
    depth, model = crossed.MeshDepth(body), crossed.Body(body)
    assert crossed.summary(depth, scene.vertices)["deepest mm"] < 1.0
    found = {}
    for collisions in (False, True):
        track, _ = crossed.fit_crossed(scene, collisions)
        found[collisions] = crossed.summary(depth, crossed.posed_vertices(model, track))
        joints = crossed.posed_joints(body, track)
        found[collisions]["error"] = crossed.aligned_error(joints, scene.joints)
    assert found[False]["deepest mm"] > 10.0
    assert found[True]["deepest mm"] < found[False]["deepest mm"] / 3
    assert found[True]["sum cm"] < found[False]["sum cm"] / 5
    assert found[True]["error"] < found[False]["error"] + 3.0
