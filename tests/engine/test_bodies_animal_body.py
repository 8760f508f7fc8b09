"""An animal as a body of plain skinning shows what the animal shows, its axes turned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from animal_files import tiny_animal, write_smal
from layfigure.engine.bodies.animal_body import as_body, body_pose
from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_animal_file, load_quadruped
from layfigure.engine.formats.animal_file import AnimalData
from layfigure.engine.formats.body_file import load_body, save_body

FRAMES = 3


def rig() -> AnimalData:
    """A rig without a shape space and without limb scales."""
    tiny = tiny_animal()
    count, joints = len(tiny.v_template), len(tiny.parents)
    return replace(
        tiny,
        shapedirs=np.zeros((count, 3, 0), np.float32),
        posedirs=None,
        families=(),
        family_betas=np.zeros((0, 0), np.float32),
        shape_std=np.zeros(0, np.float32),
        limb_scales=(),
        limb_axes=np.zeros((0, joints, 3), np.float32),
        kind="rig",
    )


@pytest.fixture(params=["quadruped", "smal", "rig", "tiny"])
def animal(request: pytest.FixtureRequest, tmp_path: Path) -> AnimalData:
    if request.param == "quadruped":
        return load_quadruped()
    if request.param == "smal":
        smal = load_animal_file(write_smal(tmp_path))
        shape = (*smal.v_template.shape, 9 * (len(smal.parents) - 1))
        some = np.random.default_rng(0).normal(size=shape) * 0.01
        return replace(smal, posedirs=some.astype(np.float32))
    return rig() if request.param == "rig" else tiny_animal()


def test_the_body_shows_what_the_animal_shows(animal: AnimalData) -> None:
    rng = np.random.default_rng(1)
    betas = rng.normal(size=animal.shapedirs.shape[-1]) * 0.3
    limbs = rng.normal(size=len(animal.limb_scales)) * 0.2
    pose = rng.normal(size=(FRAMES, len(animal.parents), 3)) * 0.4
    transl = rng.normal(size=(FRAMES, 3))

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float64)

    posing = AnimalPosing(animal, torch.float64)
    rest = posing.rest(tensor(betas)[None], tensor(limbs)[None])
    wanted = posing(rest, tensor(pose), tensor(transl)).numpy()

    body = as_body(animal, limbs)
    turned, moved = body_pose(pose, transl, rest.joints[0, 0].numpy())
    shown, joints = Body(body, torch.float64)(tensor(betas)[None], tensor(turned), tensor(moved))
    assert np.abs(shown.numpy() - wanted).max() < 1e-5 * max(1, np.abs(wanted).max())
    roots = rest.joints[0, 0].numpy() + transl
    assert np.abs(joints[:, 0].numpy() - roots).max() < 1e-5


def test_at_rest_it_stands_upright_and_faces_forward() -> None:
    quadruped = load_quadruped()
    body = as_body(quadruped, np.zeros(len(quadruped.limb_scales)))
    assert np.abs(body.v_template - quadruped.v_template[:, [1, 2, 0]]).max() < 1e-6
    places = dict(zip(body.joint_names, body.joints(body.v_template), strict=True))
    assert places["Head"][2] > places["root"][2] > places["Tail7"][2]
    assert places["Head"][1] > places["LFoot"][1]


def test_its_points_are_those_of_few_vertices(animal: AnimalData) -> None:
    body = as_body(animal, np.zeros(len(animal.limb_scales)))
    for row, name in enumerate(body.keypoint_names):
        found = body.keypoint_bary[row] @ body.v_template[body.keypoint_verts[row]]
        wanted = animal.keypoints[animal.keypoint_names.index(name)] @ animal.v_template
        assert np.abs(found - wanted[[1, 2, 0]]).max() < 1e-5


def test_it_is_kept_in_a_body_file(animal: AnimalData, tmp_path: Path) -> None:
    body = as_body(animal, np.full(len(animal.limb_scales), 0.1))
    save_body(tmp_path / "body.npz", body)
    again = load_body(tmp_path / "body.npz")
    assert again.kind == "animal" and again.joint_names == body.joint_names
    assert np.abs(again.v_template - body.v_template).max() < 1e-6
    assert again.shapedirs.shape == body.shapedirs.shape
